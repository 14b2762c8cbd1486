"""``understudy score``: people score sessions in a queue, or one by its name; rules and judges do
it by themselves.
"""

from __future__ import annotations

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
from understudy.cli._output import print_json, print_table, progress
from understudy.cli._rater import default_rater
from understudy.errors import UsageError

if TYPE_CHECKING:
    from understudy.pipeline.scoring import ScoringReport
    from understudy.session.workspace import Workspace
    from understudy.store.catalog import SessionRow

_SHOWN_FAILURES = 5


@click.command(cls=Command)
@click.argument("name", metavar="[SESSION]", required=False)
@click.option(
    "--set", "given", type=click.IntRange(1, 10), metavar="SCORE", help="Give SESSION this score."
)
@click.option("--feedback", metavar="TEXT", help="What is to be said about it, with --set.")
@click.option("--justification", metavar="TEXT", help="Why it has this score, with --set.")
@click.option(
    "--rater",
    metavar="NAME",
    help="Who scores. Default: the user.name of git, else the name of the account.",
)
@click.option(
    "--auto", is_flag=True, help="Score by rule what the rule has not scored yet, asking nobody."
)
@click.option(
    "--judge", is_flag=True, help="With --auto: ask the chat model of the settings as well."
)
@click.option(
    "--judge-model", metavar="NAME", help="The model that judges. Default: that of the settings."
)
@click.option("--agreement", is_flag=True, help="Show how far those who scored agree.")
@click.option("--all", "unplayed", is_flag=True, help="Queue sessions that nobody played, too.")
@filter_options
@json_option
@workspace_option
def score(
    name: str | None,
    given: int | None,
    feedback: str | None,
    justification: str | None,
    rater: str | None,
    auto: bool,
    judge: bool,
    judge_model: str | None,
    agreement: bool,
    unplayed: bool,
    as_json: bool,
    workspace_path: Path | None,
    **filters: Any,
) -> None:
    """Score sessions, by hand or automatically.

    Without options: a queue of the played sessions that you have not scored yet, oldest first. A
    sitting can end at any point; what was scored is kept, and the next one goes on there. With
    SESSION: that one alone, also when you have scored it before; the later score counts.
    """
    _refuse_combinations(
        name=name, given=given, said=feedback or justification, auto=auto, judge=judge,
        judge_model=judge_model, agreement=agreement,
    )  # fmt: skip
    with open_workspace(workspace_path) as workspace:
        if agreement:
            _show_agreement(workspace, filters, as_json=as_json)
        elif auto:
            rows = [workspace.find(name)] if name else _rows(workspace, filters)
            reports = _score_automatically(workspace, rows, judge=judge, model=judge_model)
            _print_reports(reports, as_json=as_json)
            click.get_current_context().exit(1 if any(report.failed for report in reports) else 0)
        elif name is not None and given is not None:
            _set(workspace, name, given, feedback, justification, rater, as_json=as_json)
        else:
            _ask(workspace, name, rater, filters, unplayed=unplayed, as_json=as_json)


def _refuse_combinations(
    *,
    name: str | None,
    given: int | None,
    said: str | None,
    auto: bool,
    judge: bool,
    judge_model: str | None,
    agreement: bool,
) -> None:
    if sum((given is not None, auto, agreement)) > 1:
        raise UsageError("--set, --auto and --agreement are three ways to go; give one of them")
    if given is not None and name is None:
        raise UsageError(
            "--set needs the session that it scores; `understudy session list` shows them"
        )
    if said and given is None:
        raise UsageError(
            "--feedback and --justification go with --set; in the queue they are asked"
        )
    if judge and not auto:
        raise UsageError("--judge goes with --auto: the rule scores first, then the judge")
    if judge_model and not judge:
        raise UsageError("--judge-model goes with --judge")


def _rows(workspace: Workspace, filters: dict[str, Any]) -> list[SessionRow]:
    return workspace.rows(newest_first=False, **filters)


# By hand ------------------------------------------------------------------------------------------


def _set(
    workspace: Workspace,
    name: str,
    given: int,
    feedback: str | None,
    justification: str | None,
    rater: str | None,
    *,
    as_json: bool,
) -> None:
    from understudy.pipeline.scoring import rater_author

    author = rater_author(workspace, rater or default_rater())
    session = workspace.session(name)
    entry = session.add_feedback(author=author, score=given, comment=feedback, reason=justification)
    current = session.current_feedback
    session.close()
    if as_json:
        print_json(
            {
                "session": session.id,
                "entry": entry,
                "human_score": current.human_score,
                "scores": current.scores,
            }
        )
    else:
        click.echo(
            f"{session.id}: {given} by {author}; the human score is now {current.human_score:g}."
        )


def _ask(
    workspace: Workspace,
    name: str | None,
    rater: str | None,
    filters: dict[str, Any],
    *,
    unplayed: bool,
    as_json: bool,
) -> None:
    import msgspec

    from understudy.cli._scoring_desk import TerminalDesk
    from understudy.cli._scoring_queue import ScoringQueue
    from understudy.curate.played import played_rows
    from understudy.pipeline.scoring import rater_author, to_score

    author = rater_author(workspace, rater or default_rater())
    if name is not None:
        sessions = [workspace.session(name).id]
    else:
        rows = _rows(workspace, filters)
        chosen = to_score(workspace, author, rows if unplayed else played_rows(rows))
        sessions = [row.id for row in chosen]
    desk = TerminalDesk(workspace, author, on_error=as_json)
    if sessions:
        tally = ScoringQueue(desk, sessions).run()
        desk.say(_told(tally.scored, tally.skipped, tally.left, desk.seconds))
    else:
        desk.say(f"{author} has nothing to score here.")
        tally = ScoringQueue(desk, []).tally
    if as_json:
        print_json({"author": author, **msgspec.to_builtins(tally)})


def _told(scored: int, skipped: int, left: int, seconds: list[float]) -> str:
    pace = f", {sum(seconds) / len(seconds) / 60:.1f} minutes a session" if seconds else ""
    return f"\n{scored} scored{pace}; {skipped} skipped, {left} left."


# Automatically ------------------------------------------------------------------------------------


def _score_automatically(
    workspace: Workspace, rows: list[SessionRow], *, judge: bool, model: str | None
) -> list[ScoringReport]:
    from understudy.pipeline.scoring import open_judge, score_by_judge, score_by_rule

    reports = []
    with progress("scoring by rule") as report:
        reports.append(score_by_rule(workspace, rows, progress=report))
    if judge:
        with open_judge(workspace, model) as asked, progress(f"asking {asked.model}") as report:
            reports.append(score_by_judge(workspace, rows, asked, progress=report))
    return reports


def _print_reports(reports: list[ScoringReport], *, as_json: bool) -> None:
    if as_json:
        print_json({"reports": reports})
        return
    for report in reports:
        had = f", {report.already:,} had one" if report.already else ""
        cost = f", for {report.cost:.4g}" if report.cost else ""
        click.echo(f"{report.author}: {counted(report.scored, 'session')} scored{had}{cost}")
        if report.by_score:
            columns = ("SCORE", "SESSIONS")
            print_table(columns, list(reversed(report.by_score.items())))
        for reason, count in report.left_out.items():
            click.echo(f"left out: {counted(count, 'session')} ({reason})")
        for failure in report.failed[:_SHOWN_FAILURES]:
            click.echo(f"failed: {failure.session}: {failure.reason}", err=True)
        more = len(report.failed) - _SHOWN_FAILURES
        if more > 0:
            click.echo(f"and {more} more failed; --json lists them all", err=True)
        if report.gave_up:
            click.echo(f"given up: {report.gave_up}", err=True)


def _show_agreement(workspace: Workspace, filters: dict[str, Any], *, as_json: bool) -> None:
    from understudy.cli._agreement import print_agreement
    from understudy.curate.agreement import agreement
    from understudy.curate.opinions import gather_opinions

    opinions = gather_opinions(_rows(workspace, filters), workspace.runs)
    found = agreement(opinions.scores)
    if as_json:
        print_json(found)
    elif opinions.scores:
        print_agreement(found)
    else:
        click.echo("Nobody has scored a session that fits; there is nothing to compare.", err=True)
