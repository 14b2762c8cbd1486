"""The commands that look at sessions: list, show, verify. None changes what was recorded."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy._util.counting import counted
from understudy.cli._commands import (
    Command,
    filter_options,
    json_option,
    open_workspace,
    workspace_option,
)
from understudy.cli._output import (
    human_bytes,
    human_seconds,
    print_facts,
    print_json,
    print_table,
    progress,
)

if TYPE_CHECKING:
    from understudy.session.reader import RecordedSession
    from understudy.session.steps import Step
    from understudy.store.catalog import SessionRow

SHORT_ID = 13
"""As much of an id as tells two sessions apart that began in the same millisecond."""
_SHOWN_LINES = 12
_SHOWN_WIDTH = 88


def _at_least_zero() -> click.IntRange:
    return click.IntRange(min=0)


@click.command("list", cls=Command)
@filter_options
@click.option("--tag", metavar="TAG", help="Only sessions with this tag.")
@click.option(
    "--status",
    type=click.Choice(["recording", "sealed", "incomplete", "killed"]),
    help="Only sessions in this state.",
)
@click.option("--archived/--not-archived", default=None, help="Only (un)archived sessions.")
@click.option(
    "--limit", type=_at_least_zero(), metavar="N", help="At most this many, newest first."
)
@json_option
@workspace_option
def list_sessions(as_json: bool, workspace_path: Path | None, **filters: Any) -> None:
    """List sessions, newest first."""
    with open_workspace(workspace_path) as workspace:
        rows = workspace.rows(**filters)
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("No sessions fit.", err=True)
        return
    columns = ("ID", "STARTED", "NAME", "GAME", "PLAYER", "STATUS", "LENGTH", "STEPS", "CHATS",
               "FRAMES", "DROPPED", "SCORE", "SIZE")  # fmt: skip
    print_table(columns, [_listed(row) for row in rows])


def _listed(row: SessionRow) -> tuple[object, ...]:
    return (
        row.id[:SHORT_ID],
        row.started[:16].replace("T", " "),
        row.name,
        row.game,
        row.player,
        "archived" if row.archived else row.status,
        human_seconds(row.duration_s),
        row.steps,
        row.chats,
        row.frames,
        row.dropped,
        row.human_score if row.human_score is not None else row.auto_score,
        human_bytes(row.bytes),
    )


@click.command("show", cls=Command)
@click.argument("name", metavar="SESSION")
@click.option("--trace", "whole_trace", is_flag=True, help="Show every line of the trace.")
@json_option
@workspace_option
def show_session(name: str, whole_trace: bool, as_json: bool, workspace_path: Path | None) -> None:
    """Show what one session holds.

    Opening a session whose recorder was killed repairs it; what had to be cut off is said.
    """
    with open_workspace(workspace_path) as workspace:
        recorded = workspace.session(name)
        if as_json:
            print_json(_facts(recorded, whole_trace=whole_trace))
            return
        for cut in recorded.repaired:
            click.echo(f"repaired: cut off {cut}", err=True)
        _print_session(recorded, whole_trace=whole_trace)


def _facts(recorded: RecordedSession, *, whole_trace: bool) -> dict[str, Any]:
    import msgspec

    facts = {
        **msgspec.to_builtins(recorded.metadata),
        "path": recorded.path,
        "counters": recorded.counters,
        "repaired": recorded.repaired,
        "feedback": recorded.feedback(),
        "scores": recorded.current_feedback.scores,
    }
    if whole_trace:
        facts["trace"] = list(recorded.trace())
    return facts


def _print_session(recorded: RecordedSession, *, whole_trace: bool) -> None:
    row = recorded.metadata
    counters = recorded.counters
    facts = recorded.manifest.facts if recorded.manifest else {}
    current = recorded.current_feedback
    print_facts(
        [
            ("session", row.id),
            ("name", row.name),
            ("directory", recorded.path),
            ("game", row.game),
            ("task", row.task),
            ("player", row.player),
            ("model", row.model),
            ("status", f"{row.status}: {row.reason}" if row.reason else row.status),
            ("started", row.started),
            ("length", human_seconds(row.duration_s)),
            ("holds", _holdings(row)),
            ("size", human_bytes(row.bytes)),
            ("counted", _counters(recorded)),
            ("dropped for", _counts(counters.get("reasons"))),
            ("masked", _counts(counters.get("masked"))),
            ("missed", _missed(facts)),
            *(("sealed although", disagreement) for disagreement in facts.get("disagreements", [])),
            *(("note", note) for note in facts.get("notes", [])),
            ("success", row.success),
            ("score", row.human_score),
            ("automatic score", row.auto_score),
            ("scores", _counts(current.scores) if len(current.scores) > 1 else None),
            ("tags", row.tags),
            ("license", row.license),
            ("consent", row.consent),
            *(("comment", f"{entry.author}: {entry.comment}") for entry in current.comments),
        ]
    )
    shown: deque[Step] = deque(recorded.trace(), maxlen=None if whole_trace else _SHOWN_LINES)
    if shown:
        click.echo()
        print_table(
            ("LINE", "TIME", "WHAT", ""),
            [(step.n, step.time[11:19], *_in_short(step)) for step in shown],
        )
        earlier = shown[0].n - 1
        if earlier > 0:
            click.echo(f"{counted(earlier, 'earlier line')} not shown; --trace shows all.")


def _counters(recorded: RecordedSession) -> str:
    if not recorded.sealed:
        return "what was seen and dropped is known when the session is sealed"
    row = recorded.metadata
    return f"{row.seen:,} seen, {row.stored:,} stored, {row.dropped:,} dropped"


def _missed(facts: dict[str, Any]) -> str | None:
    """Frames that the game meant to play and did not hand over, or that were dropped."""
    missed, gaps = facts.get("missed_ticks", 0), facts.get("gaps", 0)
    return f"{counted(missed, 'frame')} in {counted(gaps, 'gap')}" if missed else None


def _holdings(row: SessionRow) -> str:
    counts = (
        (row.steps, "step"),
        (row.chats, "chat"),
        (row.frames, "frame"),
        (row.images, "image"),
    )
    return ", ".join(counted(count, what) for count, what in counts if count) or "nothing"


def _counts(counts: dict[str, Any] | None) -> str | None:
    return ", ".join(f"{what}: {count}" for what, count in counts.items()) if counts else None


def _in_short(step: Step) -> tuple[str, str]:
    """What kind of line it is, and the beginning of what it says."""
    from understudy.session.steps import AgentStep, ChatStep

    if isinstance(step, AgentStep):
        return "step", _cut(step.action)
    if isinstance(step, ChatStep):
        asked = step.messages[-1].get("content") if step.messages else None
        answer = step.response or {}
        said = answer.get("content") or _called(answer) or None
        half = _SHOWN_WIDTH // 2 - 2
        ending = "" if step.status == "complete" else f" ({step.status})"
        return "chat", f"{_cut(asked, half)} → {_cut(said, half)}{ending}"
    return step.kind, _cut(step.facts or None)


def _called(answer: dict[str, Any]) -> str:
    """The tools that an answer calls, in brackets."""
    calls = answer.get("tool_calls")
    functions = [call.get("function") for call in calls or () if isinstance(call, dict)]
    names = [str(function.get("name")) for function in functions if isinstance(function, dict)]
    return f"(calls {', '.join(names)})" if names else ""


def _cut(value: object, width: int = _SHOWN_WIDTH) -> str:
    if value is None:
        return "–"
    text = " ".join(str(value).split())
    return text if len(text) <= width else text[: width - 1] + "…"


@click.command("verify", cls=Command)
@click.argument("names", metavar="[SESSION]...", nargs=-1)
@click.option("--seal", is_flag=True, help="Seal sessions whose recorder was killed, first.")
@json_option
@workspace_option
@click.pass_context
def verify_sessions(
    context: click.Context,
    names: tuple[str, ...],
    seal: bool,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Check sessions to the last bit.

    Without SESSION: all that are not being recorded, archived ones included. Changes nothing but
    what --seal asks for. The exit status is 1 when anything is damaged, missing or does not add up.
    """
    problems: list[dict[str, str]] = []
    with open_workspace(workspace_path) as workspace:
        if names:
            rows = [workspace.find(name) for name in names]
        else:
            rows = [
                row
                for row in workspace.rows(newest_first=False)
                if row.status != "recording" or not workspace.is_being_recorded(row.id)
            ]
            problems += [
                {"session": "", "file": problem.file, "reason": problem.reason}
                for problem in workspace.unlisted()
            ]
        with progress("verifying sessions") as report:
            for number, row in enumerate(rows, start=1):
                if seal and row.status == "killed" and not row.archived:
                    workspace.seal_killed(row.id).close()
                problems += [
                    {"session": row.id, "file": problem.file, "reason": problem.reason}
                    for problem in workspace.verify(row.id)
                ]
                report(number, len(rows))
    if as_json:
        print_json({"ok": not problems, "sessions": len(rows), "problems": problems})
    else:
        for problem in problems:
            where = f"{problem['session']}  " if problem["session"] else ""
            click.echo(f"{where}{problem['file']}: {problem['reason']}")
        click.echo(
            f"{counted(len(rows), 'session')} checked, {counted(len(problems), 'problem')} found."
        )
    context.exit(1 if problems else 0)
