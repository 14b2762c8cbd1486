"""What the command line says of a session while it is played, and when it has ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from understudy._util.counting import counted
from understudy.cli._output import print_facts, print_json

if TYPE_CHECKING:
    from understudy.games.finding import FoundTask
    from understudy.pipeline.play import PlayedSession
    from understudy.players.loop import PlayedStep
    from understudy.players.player import Player

_INTERRUPTED = 130


class Told:
    """Says on the terminal what happens while somebody plays."""

    def __init__(self, *, quiet: bool, show: bool) -> None:
        self._quiet = quiet
        self._show = show
        self._human = False
        self._warned = False

    def begin(self, found: FoundTask, player: Player, max_steps: int) -> None:
        """Say what is played, by whom."""
        self._human = player.name == "human"
        if self._quiet:
            return
        limit = f"at most {counted(max_steps, 'step')}"
        if found.task is not None:
            click.echo(f"{player.name} plays {found.task.id}: {found.task.words} ({limit})")
            return
        click.echo(
            f"{player.name} plays, {limit}; the game has no task for this, so nothing is checked"
        )
        for task in found.near[:3]:
            click.echo(f"  near: {task.id} ({task.words})")

    def step(self, played: PlayedStep) -> None:
        """Say what was done; a person has seen it."""
        if self._quiet or self._human:
            return
        if self._show:
            from understudy._util.terminal_picture import draw, wants_colour

            click.echo(draw(played.screenshot, colour=wants_colour(sys.stdout)))
        if played.view.warning and not self._warned:
            click.echo(f"      {played.view.warning}", err=True)
            self._warned = True
        decision, outcome = played.decision, played.outcome
        why = f"  {decision.reasoning}" if decision.reasoning else ""
        vain = "" if outcome.effect or outcome.done else "  (no effect)"
        click.echo(f"{outcome.step:>4}/{played.view.max_steps}  {outcome.action!s:<14}{vain}{why}")


def tell(session: PlayedSession, *, as_json: bool) -> None:
    """Say how a session ended and where it lies."""
    played = session.played
    if as_json:
        print_json(
            {
                "session": session.id,
                "path": session.path,
                "task": session.task.id if session.task else None,
                "completion": played.completion,
                "success": played.success,
                "outcome": played.outcome,
                "steps": played.steps,
                "max_steps": session.max_steps,
                "extended_by": played.extended_by,
                "reason": played.reason,
                "sealed": session.sealed,
                "stored": session.stored,
                "dropped": session.dropped,
                "problems": session.problems,
            }
        )
        return
    success = {True: "done", False: "not done", None: None}[played.success]
    added = f", {played.extended_by} of them added" if played.extended_by else ""
    click.echo()
    print_facts(
        [
            ("task", success),
            ("result", played.outcome),
            ("ended", _ENDS[played.completion]),
            ("because", played.reason if played.completion == "error" else None),
            ("steps", f"{played.steps} of {session.max_steps}{added}"),
            ("session", session.id),
            ("in", session.path),
            ("dropped", session.dropped or None),
        ]
    )
    for problem in session.problems:
        click.echo(f"Note: {problem}", err=True)


_ENDS = {
    "success": None,
    "failure": "the game ended it without success",
    "step_limit": "the step limit was reached",
    "quit": "the player stopped",
    "interrupted": "it was interrupted; what was played is kept",
    "error": "an error; what was played is kept",
}


def exit_status(session: PlayedSession) -> int:
    """0 when the task is done, also when it is for a person to say, and all of it is recorded."""
    if session.played.completion == "interrupted":
        return _INTERRUPTED
    failed = session.played.completion == "error" or session.played.success is False
    return 1 if failed or not session.sealed else 0
