"""The quality of what was played, as ``stats`` prints it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from understudy._util.counting import counted
from understudy.cli._agreement import print_agreement
from understudy.cli._output import print_facts, print_table

if TYPE_CHECKING:
    from understudy.curate.play_report import PlayReport, Scoring
    from understudy.curate.quality import Mean, Quality, Share, Target

_BAR_WIDTH = 24


def print_play_report(report: PlayReport) -> None:
    """Metrics, targets, how collecting went, how far those who score agree, and the groups."""
    quality, collection = report.quality, report.collection
    click.echo(f"\nquality of {counted(quality.sessions, 'played session')}")
    print_facts(
        [
            ("completion", _share(quality.completion)),
            ("efficiency", _mean(quality.efficiency, "completed session")),
            ("consistency", _mean(quality.consistency, "task")),
            ("coverage", _coverage(quality)),
            ("human approval", _mean(quality.human_approval, "session")),
            ("automatic score", _mean(quality.automatic, "session")),
        ]
    )
    click.echo("\ntargets")
    _print_targets(report.targets)
    click.echo("\ncollecting")
    print_facts(
        [
            ("sessions an hour", _number(collection.sessions_per_hour)),
            ("examples", f"{collection.examples:,}"),
            ("MB an example", _number(collection.mb_per_example)),
            ("minutes a scoring", _minutes(report.scoring)),
            ("sealed sessions", _share(collection.completed)),
        ]
    )
    if report.agreement.raters.raters:
        click.echo("\nagreement")
        print_agreement(report.agreement)
    for name, groups in report.quality_by.items():
        _print_groups(name.upper(), groups)


def _print_groups(head: str, groups: dict[str, Quality]) -> None:
    """A line for each group."""
    click.echo()
    print_table(
        (head, "SESSIONS", "COMPLETED", "95 %", "EFFICIENCY", "CONSISTENCY", "STEPS", "NEEDLESS",
         "HUMAN", "AUTOMATIC"),
        [
            (
                name or "(none)",
                quality.sessions,
                _percent(quality.completion.value),
                _interval(quality.completion),
                quality.efficiency.value,
                quality.consistency.value,
                quality.steps.value,
                _percent(quality.needless.value),
                quality.human_approval.value,
                quality.automatic.value,
            )
            for name, quality in groups.items()
        ],
    )  # fmt: skip


def _print_targets(targets: list[Target]) -> None:
    wide = max(len(target.name) for target in targets)
    for target in targets:
        share = min(1.0, target.value / target.goal)
        reached = " reached" if target.reached else ""
        so_far = f"{target.value:,.1f}" if target.value % 1 else f"{target.value:,.0f}"
        click.echo(f"{target.name:<{wide}}  {_bar(share)} {so_far} of {target.goal:,.0f}{reached}")


def _bar(share: float) -> str:
    done = int(share * _BAR_WIDTH)
    full, empty = ("█", "░") if _can_draw() else ("#", ".")
    return full * done + empty * (_BAR_WIDTH - done)


def _can_draw() -> bool:
    try:
        "█░".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _share(share: Share) -> str | None:
    if share.value is None:
        return None
    return f"{_percent(share.value)} of {share.of:,} (95 %: {_interval(share)})"


def _interval(share: Share) -> str | None:
    if share.low is None or share.high is None:
        return None
    return f"{share.low:.1%}–{share.high:.1%}".replace("%–", "–")


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"


def _mean(mean: Mean, noun: str) -> str | None:
    return None if mean.value is None else f"{mean.value:.2f} ({counted(mean.of, noun)})"


def _coverage(quality: Quality) -> str:
    coverage = quality.coverage
    of = "" if coverage.known is None else f" of {coverage.known}"
    parts = [f"{coverage.tasks}{of} task types", counted(coverage.groups, "group")]
    if coverage.screens.value is not None:
        parts.append(f"{coverage.screens.value:.1f} screens a session")
    return ", ".join(parts)


def _number(value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _minutes(scoring: Scoring) -> str | None:
    if scoring.minutes is None:
        return None
    return f"{scoring.minutes:.2f} (median of {counted(scoring.timed, 'scoring')})"
