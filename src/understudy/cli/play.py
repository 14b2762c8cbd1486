"""``understudy play``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from understudy._util.counting import counted
from understudy.cli._commands import Command, json_option, workspace_option
from understudy.cli._output import print_json, print_table
from understudy.cli._playing import Told, exit_status, tell

EXTENSION_STEPS = 10


@click.command(cls=Command)
@click.argument("game")
@click.argument("task", required=False)
@click.option(
    "--player", metavar="NAME",
    help="Who plays: script, random, human, chat or a plug-in's. Default: the script where the "
    "game has one and a task is given, else human.",
)  # fmt: skip
@click.option(
    "--model", metavar="NAME",
    help="The model that a chat player asks; in the tavern, the Dungeon Master: a model or bundle "
    "of the workspace, a .gguf file, a folder, or a model of the server in [chat].",
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(min=1), metavar="N",
    help="The step limit. Default: by the task's reference steps and difficulty.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True, metavar="N",
    help="Seed of the game's chances.",
)  # fmt: skip
@click.option(
    "--save-training-data", is_flag=True, help="Write training_data.jsonl into the session too."
)
@click.option("--training-session", metavar="NAME", help="Name the session.")
@click.option(
    "--collect-screenshots", is_flag=True,
    help="Keep the pictures after the actions too, not only those before.",
)  # fmt: skip
@click.option(
    "--allow-extension", type=click.IntRange(min=1), metavar="N", is_flag=False,
    flag_value=EXTENSION_STEPS,
    help=f"Add N steps once ({EXTENSION_STEPS} without N) when the limit is reached and the task "
    "is not done; recorded as such.",
)  # fmt: skip
@click.option(
    "--mistakes", type=click.FloatRange(0, 1), default=0.0, metavar="RATE",
    help="How often the script does something else than it should, from 0 to 1.",
)  # fmt: skip
@click.option(
    "--show/--no-show", default=None,
    help="Draw the screen after each step. Default: not, except where a person plays.",
)  # fmt: skip
@click.option("--tasks", "list_tasks", is_flag=True, help="List the game's tasks.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag the session.")
@click.option("--license", default="", metavar="NAME", help="Licence of what is recorded.")
@click.option("--consent", default="", metavar="TEXT", help="Note of the player's consent.")
@json_option
@workspace_option
@click.pass_context
def play(
    context: click.Context,
    /,
    game: str,
    task: str | None,
    as_json: bool,
    list_tasks: bool,
    show: bool | None,
    workspace_path: Path | None,
    **given: Any,
) -> None:
    """Play a game step by step, and record it.

    GAME is a game's name, or the path of the TOML file of a ROM of your own. TASK is a task's id
    or what you want done, in your own words; without it the game's tasks are listed, but the
    tavern is played as one likes (--tasks lists its tasks). Every session is recorded, whatever
    becomes of it. The exit status is 0 when the task is done, also when it is for a person to say,
    and 1 when it is not.
    """
    if list_tasks or (task is None and not _is_open(game)):
        _list_tasks(game, workspace_path, as_json)
        return
    from understudy.pipeline.play import Players, PlayRequest, play_session
    from understudy.session.workspace import Workspace

    request = PlayRequest(
        game=game,
        asked=task or "",
        player=given.pop("player") or "",
        extension=given.pop("allow_extension") or 0,
        name=given.pop("training_session"),
        **given,
    )
    told = Told(quiet=as_json, show=bool(show))
    with Workspace(workspace_path) as workspace, Players(workspace) as players:
        session = play_session(workspace, players, request, on_begin=told.begin, on_step=told.step)
    tell(session, as_json=as_json)
    context.exit(exit_status(session))


def _is_open(game: str) -> bool:
    """Whether the game can be played without a task."""
    from understudy.games.registry import is_open

    return is_open(game)


def _list_tasks(game: str, workspace_path: Path | None, as_json: bool) -> None:
    from understudy.config import Settings
    from understudy.errors import WorkspaceError
    from understudy.games.registry import open_game
    from understudy.session.workspace import Workspace

    try:
        with Workspace(workspace_path, create=False) as workspace:
            settings = workspace.settings
    except WorkspaceError:  # looking at tasks makes no workspace
        settings = Settings()
    opened = open_game(game, settings=settings.games)
    try:
        tasks = opened.tasks
    finally:
        opened.close()
    if as_json:
        names = ("id", "words", "group", "goal", "kind", "difficulty", "reference_steps")
        print_json([{name: getattr(task, name) for name in names} for task in tasks])
        return
    if not tasks:
        click.echo(f"{game} has no tasks; ask for anything: understudy play {game} WORDS")
        return
    print_table(
        ("TASK", "GROUP", "STEPS", "DIFFICULTY", "WORDS"),
        [(t.id, t.group, t.reference_steps, t.difficulty, t.words) for t in tasks],
    )
    click.echo(f"\n{counted(len(tasks), 'task')}; play one with: understudy play {game} TASK")
