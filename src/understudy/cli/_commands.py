"""What all commands share: groups that load lazily, and options that mean the same everywhere."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])


class _Switch:
    """On once anybody said so; read where an error is printed, far from where options are."""

    def __init__(self) -> None:
        self._on = False

    def set(self, value: bool) -> None:
        self._on = self._on or value

    def is_set(self) -> bool:
        return self._on


DEBUG = _Switch()


def _set_debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    DEBUG.set(value)


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_set_debug,
    envvar="UNDERSTUDY_DEBUG",
    help="Show the traceback of an error.",
)

workspace_option = click.option(
    "-w",
    "--workspace",
    "workspace_path",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The workspace. Default: $UNDERSTUDY_WORKSPACE, else the current directory when it "
    "holds understudy.toml, else ./understudy.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")


def filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filters that choose sessions, alike for every command that takes several."""
    for option in reversed(
        (
            click.option("--game", metavar="NAME", help="Only sessions of this game."),
            click.option("--player", metavar="NAME", help="Only sessions of this player."),
            click.option(
                "--task",
                metavar="TEXT",
                help="Only sessions of this task: what was asked, or the task's id.",
            ),
            click.option("--model", metavar="NAME", help="Only sessions of this model."),
            click.option(
                "--success/--failed",
                "success",
                default=None,
                help="Only sessions whose task was (not) completed.",
            ),
            click.option(
                "--min-score",
                type=float,
                metavar="SCORE",
                help="Only sessions with at least this score; those without one are left out.",
            ),
            click.option(
                "--score-source",
                type=click.Choice(["human", "auto", "any"]),
                default="human",
                show_default=True,
                help="Whose score --min-score looks at.",
            ),
            click.option(
                "--since",
                metavar="TIME",
                help="Only sessions begun at this day or time (UTC) or later.",
            ),
            click.option(
                "--until",
                metavar="TIME",
                help="Only sessions begun at this day or time (UTC) or earlier.",
            ),
        )
    ):
        function = option(function)
    return function


class Command(click.Command):
    """A command of Understudy: it knows ``--debug``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        debug_option(self)


class Group(click.Group):
    """A noun: its verbs stand in its file."""

    command_class = Command


class LazyGroup(click.Group):
    """A group that knows its commands by place and short help, and imports none before its use."""

    def __init__(
        self, *args: Any, commands_at: Mapping[str, tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands_at:
            return None
        module, _, attribute = self.commands_at[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{attribute} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.commands_at.items()])


def open_workspace(path: Path | None) -> Workspace:
    """The existing workspace a command was pointed at: looking at things makes none."""
    from understudy.session.workspace import Workspace

    return Workspace(path, create=False)
