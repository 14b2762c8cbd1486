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
    from understudy.curate.statistics import ChatStatistics, Scores, Statistics, Tally

_SHOWN_GROUPS = 12
_SHOWN_DAYS = 14


@click.command(cls=Command)
@filter_options
@click.option(
    "--chats", "with_chats", is_flag=True, help="Read the traces too: how chats ended, and tokens."
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
    with_chats: bool, plots: Path | None, as_json: bool, workspace_path: Path | None, **filters: Any
) -> None:
    """Count what the workspace holds.

    Days are those of UTC. Sizes are in thousands, as disks are sold.
    """
    from understudy.curate.statistics import gather, gather_chats

    chats: ChatStatistics | None = None
    written: list[Path] = []
    with open_workspace(workspace_path) as workspace:
        path = workspace.path
        rows = workspace.rows(**filters)
        found = gather(rows)
        if with_chats or plots is not None:
            with progress("reading traces") as report:
                chats = gather_chats(rows, workspace.runs, progress=report)
        if plots is not None and chats is not None:
            from understudy.curate.plots import write_plots

            written = write_plots(found, chats, plots)
    if as_json:
        print_json(_facts(path, found, chats, written))
    else:
        _print(path, found, chats)
        for file in written:
            click.echo(f"wrote {file}")


def _facts(
    path: Path, found: Statistics, chats: ChatStatistics | None, plots: list[Path]
) -> dict[str, Any]:
    import msgspec

    facts = msgspec.to_builtins(found)
    facts = {"workspace": path, **facts.pop("total"), **facts}
    facts["mb_per_hour"] = found.total.mb_per_hour
    if chats is not None:
        facts["chat_calls"] = chats
    if plots:
        facts["plots"] = plots
    return facts


def _print(path: Path, found: Statistics, chats: ChatStatistics | None) -> None:
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
