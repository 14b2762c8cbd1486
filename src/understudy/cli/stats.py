"""``understudy stats``."""

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
from understudy.cli._output import (
    human_bytes,
    human_seconds,
    print_facts,
    print_json,
    print_table,
    progress,
)

if TYPE_CHECKING:
    from understudy.curate.play_report import PlayReport
    from understudy.curate.screens import Screens
    from understudy.curate.statistics import ChatStatistics, Scores, Statistics, Tally
    from understudy.store.catalog import SessionRow

_SHOWN_GROUPS = 12
_SHOWN_DAYS = 14
_GROUPINGS = ("task", "group", "player", "model")


@click.command(cls=Command)
@filter_options
@click.option(
    "--by",
    type=click.Choice(_GROUPINGS),
    help="A line of quality metrics for each task, group of tasks, player or model.",
)
@click.option(
    "--chats", "with_chats", is_flag=True, help="Read the traces too: how chats ended, and tokens."
)
@click.option(
    "--screens",
    "with_screens",
    is_flag=True,
    help="Read the traces too: how many distinct screens were seen of each game.",
)
@click.option(
    "--plots",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write charts into this folder, as SVG files that any browser shows.",
)
@json_option
@workspace_option
def stats(
    by: str | None,
    with_chats: bool,
    with_screens: bool,
    plots: Path | None,
    as_json: bool,
    workspace_path: Path | None,
    **filters: Any,
) -> None:
    """Count what the workspace holds.

    Days are those of UTC. Sizes are in thousands, as disks are sold. Where games were played step
    by step, the quality of what was played follows.
    """
    from understudy.curate.statistics import gather

    chats: ChatStatistics | None = None
    screens: Screens | None = None
    written: list[Path] = []
    with open_workspace(workspace_path) as workspace:
        path = workspace.path
        rows = workspace.rows(**filters)
        found = gather(rows)
        groupings = _GROUPINGS if as_json else (by,) if by else ()
        played = _report(rows, workspace.runs, groupings)
        if with_chats or plots is not None:
            chats = _read_chats(rows, workspace.runs)
        if with_screens or plots is not None:
            screens = _read_screens(rows, workspace.runs)
        if plots is not None and chats is not None and screens is not None:
            from understudy.curate.plots import write_plots

            written = write_plots(rows, found, chats, screens, plots)
    if as_json:
        print_json(_facts(path, found, played, chats, screens, written))
        return
    _print(path, found, chats, screens)
    if played is not None:
        from understudy.cli._quality import print_play_report

        print_play_report(played)
    for file in written:
        click.echo(f"wrote {file}")


def _read_chats(rows: list[SessionRow], runs: Path) -> ChatStatistics:
    from understudy.curate.statistics import gather_chats

    with progress("reading chats") as report:
        return gather_chats(rows, runs, progress=report)


def _read_screens(rows: list[SessionRow], runs: Path) -> Screens:
    from understudy.curate.screens import gather_screens

    with progress("reading screens") as report:
        return gather_screens(rows, runs, progress=report)


def _report(rows: list[SessionRow], runs: Path, groupings: tuple[str, ...]) -> PlayReport | None:
    """What there is to say of the played ones among ``rows``; None when nobody played."""
    from understudy.curate.played import played_rows

    played = played_rows(rows)
    if not played:
        return None
    from understudy.curate.play_report import report_on
    from understudy.pipeline.task_counts import known_tasks

    known = known_tasks({row.game for row in played})
    return report_on(played, runs, known_tasks=known, by=groupings)


def _facts(
    path: Path,
    found: Statistics,
    played: PlayReport | None,
    chats: ChatStatistics | None,
    screens: Screens | None,
    plots: list[Path],
) -> dict[str, Any]:
    import msgspec

    facts = msgspec.to_builtins(found)
    facts = {"workspace": path, **facts.pop("total"), **facts}
    facts["mb_per_hour"] = found.total.mb_per_hour
    if played is not None:
        facts |= msgspec.to_builtins(played)
    if chats is not None:
        facts["chat_calls"] = chats
    if screens is not None:
        facts["screens"] = screens
    if plots:
        facts["plots"] = plots
    return facts


def _print(
    path: Path, found: Statistics, chats: ChatStatistics | None, screens: Screens | None
) -> None:
    total = found.total
    print_facts(
        [
            ("workspace", path),
            ("sessions", f"{total.sessions:,}{_in_brackets(total.by_status)}"),
            ("archived", total.archived or None),
            ("length", human_seconds(total.duration_s)),
            ("steps", f"{total.steps:,}"),
            ("chats", f"{total.chats:,}"),
            ("frames", f"{total.frames:,}"),
            ("images", f"{total.images:,}"),
            ("size", _size(total)),
            ("counted", f"{total.seen:,} seen, {total.stored:,} stored, {total.dropped:,} dropped"),
            ("masked", f"{total.masked:,}"),
            ("human scores", _scored(found.human_scores)),
            ("automatic scores", _scored(found.auto_scores)),
        ]
    )
    if chats is not None:
        click.echo()
        print_facts(
            [
                ("chats read", f"{chats.chats:,}{_in_brackets(chats.by_status)}"),
                ("of models", _listed(chats.by_model)),
                ("tokens", _listed(chats.tokens)),
                ("not read", counted(chats.unread, "session") if chats.unread else None),
            ]
        )
    if screens is not None:
        click.echo()
        print_facts(
            [
                ("distinct screens", _listed(screens.by_game)),
                ("not read", counted(screens.unread, "session") if screens.unread else None),
            ]
        )
    _print_groups("GAME", found.by_game)
    _print_groups("PLAYER", found.by_player)
    _print_groups("MODEL", found.by_model)
    days = list(found.by_day.items())
    _print_groups("DAY", dict(reversed(days[-_SHOWN_DAYS:])), left_out=len(days) - _SHOWN_DAYS)


def _print_groups(head: str, groups: dict[str, Tally], left_out: int = 0) -> None:
    """A line for each group; one without names has nothing to say."""
    if not any(groups):
        return
    columns = (
        head, "SESSIONS", "STEPS", "CHATS", "FRAMES", "LENGTH", "SIZE", "MB/HOUR", "DROPPED",
    )  # fmt: skip
    shown = list(groups.items())[:_SHOWN_GROUPS] if head != "DAY" else list(groups.items())
    click.echo()
    print_table(
        columns,
        [
            (
                name or "(none)",
                tally.sessions,
                tally.steps,
                tally.chats,
                tally.frames,
                human_seconds(tally.duration_s),
                human_bytes(tally.bytes),
                tally.mb_per_hour,
                tally.dropped,
            )
            for name, tally in shown
        ],
    )
    more = max(left_out, len(groups) - len(shown))
    if more > 0:
        click.echo(f"and {more} more")


def _size(total: Tally) -> str:
    rate = total.mb_per_hour
    return human_bytes(total.bytes) + ("" if rate is None else f" ({rate:,.1f} MB an hour)")


def _scored(scores: Scores) -> str | None:
    if not scores.sessions:
        return None
    return f"{counted(scores.sessions, 'session')}, median {scores.median:g}"


def _in_brackets(counts: dict[str, int]) -> str:
    return f" ({_listed(counts)})" if counts else ""


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name or '(none)'}" for name, count in counts.items())
