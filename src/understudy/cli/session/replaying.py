"""Playing a recorded session again: to watch it, to check it, or to go on from one of its steps."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from understudy._util.counting import counted
from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import print_json, printable
from understudy.cli._playing import Told, exit_status, tell

if TYPE_CHECKING:
    from understudy.pipeline.play import PlayedSession
    from understudy.pipeline.replay import ReplayedStep, ReplayReport
    from understudy.session.workspace import Workspace

_CAPTION_LINES = 2


@click.command("replay", cls=Command)
@click.argument("name", metavar="SESSION")
@click.option("--verify", is_flag=True, help="Compare every screen with what was recorded.")
@click.option(
    "--from", "first", type=click.IntRange(min=1), metavar="STEP",
    help="Play again up to this step without it, and let --player go on from there.",
)  # fmt: skip
@click.option("--player", metavar="NAME", help="Who goes on, with --from.")
@click.option("--model", metavar="NAME", help="The model that a chat player asks, with --from.")
@click.option(
    "--steps", type=click.IntRange(min=1), metavar="N",
    help="The step limit of who goes on. Default: that of the whole task.",
)  # fmt: skip
@click.option(
    "--speed", type=click.FloatRange(min=0.1, max=1000), default=4.0, show_default=True,
    metavar="N", help="Steps a second, where the pictures are shown.",
)  # fmt: skip
@json_option
@workspace_option
@click.pass_context
def replay_session(
    context: click.Context,
    name: str,
    verify: bool,
    first: int | None,
    player: str | None,
    model: str | None,
    steps: int | None,
    speed: float,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Play a session again.

    Its game is reset to the same start and seed and given the same actions. A terminal shows the
    pictures. With --verify every screen is compared with what was recorded, and the exit status is
    1 when one differs. With --from another player goes on from just before STEP, in a new session
    that says where it came from; the exit status is then that of `understudy play`.
    """
    if (first is None) != (player is None):
        raise click.UsageError("--from and --player belong together.")
    if first is None and (model is not None or steps is not None):
        raise click.UsageError("--model and --steps belong to --from.")
    if verify and first is not None:
        raise click.UsageError("Give --verify or --from, not both.")
    with open_workspace(workspace_path) as workspace:
        if first is not None and player is not None:
            session = _go_on(workspace, name, first, player, model, steps, as_json)
            tell(session, as_json=as_json)
            context.exit(exit_status(session))
        report = _replay(workspace, name, verify=verify, speed=speed, as_json=as_json)
    context.exit(1 if verify and not report.same else 0)


def _go_on(
    workspace: Workspace,
    name: str,
    step: int,
    player: str,
    model: str | None,
    steps: int | None,
    as_json: bool,
) -> PlayedSession:
    from understudy.pipeline.play import Players, PlayRequest
    from understudy.pipeline.replay import branch

    told = Told(quiet=as_json, show=False)
    request = PlayRequest(game="", asked="", player=player, model=model, steps=steps)
    with Players(workspace) as players:
        return branch(
            workspace, players, name, step, request, on_begin=told.begin, on_step=told.step
        )


def _replay(
    workspace: Workspace, name: str, *, verify: bool, speed: float, as_json: bool
) -> ReplayReport:
    import msgspec

    from understudy.pipeline.replay import replay

    if verify or as_json:
        report = replay(workspace, name)
    elif sys.stdout.isatty():
        report = replay(workspace, name, on_step=_Film(speed).show)
    else:
        report = replay(workspace, name, on_step=_print_step)
    if as_json:
        print_json({"ok": report.same, **msgspec.to_builtins(report)})
    else:
        _print_report(report)
    return report


class _Film:
    """Shows one picture after the other in the same place."""

    def __init__(self, speed: float) -> None:
        self._pause_s = 1 / speed
        self._begun = False

    def show(self, replayed: ReplayedStep) -> None:
        """What a step led to, and before the first one where it began."""
        import shutil

        from understudy._util.terminal_picture import draw, wants_colour

        rows = shutil.get_terminal_size().lines - _CAPTION_LINES
        scenes = [(replayed.after, f"{replayed.step:>4}  {printable(str(replayed.action))}")]
        if not self._begun:
            click.clear()
            scenes.insert(0, (replayed.before, ""))
        self._begun = True
        for picture, caption in scenes:
            columns = shutil.get_terminal_size().columns
            drawn = draw(picture, columns=columns, rows=rows, colour=wants_colour(sys.stdout))
            lines = [*drawn.split("\n"), caption]
            click.echo("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J", nl=False)
            time.sleep(self._pause_s)


def _print_step(replayed: ReplayedStep) -> None:
    other = "  (another screen than was recorded)" if replayed.same is False else ""
    click.echo(f"{replayed.step:>4}  {printable(str(replayed.action))}{other}")


def _print_report(report: ReplayReport) -> None:
    for other in report.other_identity:
        click.echo(
            f"Note: {other.name} was {other.recorded or 'not recorded'} and is "
            f"{other.now or 'not known'} now.",
            err=True,
        )
    played = f"{counted(report.steps, 'step')} played again"
    unknown = report.steps - report.compared
    if report.first_different is not None:
        click.echo(
            f"{played}; {counted(report.different, 'step')} with another screen than was recorded, "
            f"the first is step {report.first_different}."
        )
    elif unknown:
        click.echo(f"{played}; the screens of {counted(unknown, 'step')} were not recorded.")
    else:
        click.echo(f"{played}; every screen is the same.")
