"""The commands that make datasets, and array files, from sessions and scenarios."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy._util.counting import counted
from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import print_json, print_table, progress
from understudy.cli.dataset._options import (
    calls_option,
    print_reasons,
    print_warnings,
    selection_options,
    source_options,
)

if TYPE_CHECKING:
    from understudy.datasets.build import BuildRequest, Built
    from understudy.formats.hf_parquet import Kind
    from understudy.formats.tool_spelling import Calls


@click.command("build", cls=Command)
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(["agent", "chat", "preference"]),
    default="agent",
    show_default=True,
    help="agent: the steps of players; chat: the calls to chat models; preference: those of them "
    "whose answer somebody corrected or gave a thumb up or down.",
)
@click.option(
    "--scenarios",
    "scenario_paths",
    multiple=True,
    metavar="PATH",
    help="Take these scenarios too: a Markdown file, a folder of them, or `packaged` for those "
    "that come with Understudy. May be given several times.",
)
@click.option(
    "--generated",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Take N scenarios too that are made from the house rules by --seed.",
)
@click.option(
    "--casts",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Take each of --scenarios N times, from the second time on with other heroes and calls "
    "that are announced in plain words.",
)
@click.option(
    "--as-written/--not-as-written",
    default=True,
    help="Take --scenarios as they were written the first time, or with other heroes then too.",
)
@click.option(
    "--scenario-turns",
    type=click.IntRange(min=2),
    metavar="N",
    help="Cut scenarios of more than N turns into rows of whole exchanges.",
)
@click.option(
    "--scenario-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="Cut scenarios of more than about N tokens (four characters each) likewise.",
)
@click.option("--no-sessions", is_flag=True, help="Take scenarios alone.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    metavar="FORMAT",
    help="Write this format into the version too; may be given several times.",
)
@click.option(
    "--all-scores", is_flag=True, help="Take sessions whatever their score, also without one."
)
@click.option(
    "--splits",
    default="0.8,0.1,0.1",
    show_default=True,
    metavar="SHARES",
    help="The shares of train, validation and test.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="Decides what falls into which split, and which scenarios are made.",
)
@click.option(
    "--near",
    type=click.FloatRange(min=0, max=1, max_open=True),
    default=0.001,
    show_default=True,
    metavar="SHARE",
    help="Drop a step that is like one before, with at most this share of its pixels different.",
)
@click.option("--keep-near", is_flag=True, help="Drop exact copies only.")
@calls_option
@source_options
@selection_options
@json_option
@workspace_option
def build_version(name: str, as_json: bool, workspace_path: Path | None, **given: Any) -> None:
    """Build the next version of a dataset from sessions, and from scenarios.

    Steps of players are taken from sessions with a human score of 6 or more (--min-score,
    --score-source, --all-scores), chats whatever the score. Copies are taken once. Sessions
    and scenarios fall into train, validation and test as a whole, and stay there when others are
    added. A version never changes; the same content as the latest one makes no new version.
    """
    from understudy.datasets.build import build_dataset

    request = _request(**given)
    with open_workspace(workspace_path) as workspace, ExitStack() as shown:

        def told(what: str) -> Callable[[int, int], None]:
            shown.close()
            return shown.enter_context(progress(what))

        built = build_dataset(workspace, name, request, progress=told)
    if as_json:
        print_json(
            {
                "dataset": built.ref,
                "name": built.name,
                "version": built.version,
                "path": built.path,
                "unchanged": built.unchanged,
                **built.facts,
                "warnings": built.warnings,
            }
        )
    else:
        _print_built(built)


def _request(
    *,
    kind: Kind,
    formats: tuple[str, ...],
    all_scores: bool,
    splits: str,
    seed: int,
    near: float,
    keep_near: bool,
    with_mistakes: bool,
    statuses: tuple[str, ...],
    calls: Calls,
    no_sessions: bool,
    scenario_paths: tuple[str, ...],
    generated: int,
    casts: int,
    as_written: bool,
    scenario_turns: int | None,
    scenario_tokens: int | None,
    **filters: Any,
) -> BuildRequest:
    from understudy.datasets.build import FILTER_SCORE, BuildRequest
    from understudy.datasets.rows import Source
    from understudy.datasets.scenario_rows import ScenarioSource
    from understudy.datasets.scenario_windows import Window
    from understudy.datasets.selection import Selection
    from understudy.datasets.splits import Splits, parse_fractions

    if all_scores and filters["min_score"] is not None:
        raise click.UsageError("--all-scores and --min-score say the opposite: give one of them.")
    if filters["min_score"] is None and not all_scores and kind == "agent":
        filters["min_score"] = FILTER_SCORE
    scenarios = None
    if scenario_paths or generated:
        scenarios = ScenarioSource(
            paths=scenario_paths,
            casts=casts,
            as_written=as_written,
            generated=generated,
            seed=seed,
            window=Window(turns=scenario_turns, tokens=scenario_tokens),
        )
    elif no_sessions or scenario_turns or scenario_tokens:
        raise click.UsageError("No scenarios are named: give --scenarios or --generated.")
    source = (
        Source(with_mistakes=with_mistakes)
        if kind == "agent"
        else Source(kind=kind, statuses=statuses, calls=calls, from_sessions=not no_sessions)
    )
    return BuildRequest(
        selection=Selection(**filters),
        source=source,
        scenarios=scenarios,
        splits=Splits(fractions=parse_fractions(splits), seed=seed),
        near_share=None if keep_near else near,
        formats=formats,
    )


def _print_built(built: Built) -> None:
    if built.unchanged:
        click.echo(f"unchanged: {built.ref}")
    counts, copies = built.facts["counts"], built.facts["duplicates"]
    origins = counted(counts["sessions"], "session")
    if counts.get("scenarios"):
        origins = f"{origins} and {counted(counts['scenarios'], 'scenario')}"
    click.echo(f"{built.ref}: {counted(counts['rows'], 'row')} from {origins}")
    scenarios = built.facts["scenarios"]
    print_table(
        ("  SPLIT", "SESSIONS", "SCENARIOS", "ROWS"),
        [
            (
                f"  {s}",
                sum(one["split"] == s for one in built.facts["sessions"]),
                sum(file["split"] == s for file in scenarios["files"])
                + sum(made["splits"].get(s, 0) for made in scenarios["generated"]),
                counts[s],
            )
            for s in ("train", "validation", "test")
            if counts.get(s)
        ],
    )
    print_reasons(list(built.facts["left_out"].items()))
    if any(copies.values()):
        told = f"{copies['exact']:,} exact and {copies['near']:,} near"
        click.echo(f"Copies dropped: {told}; left_out.jsonl names each.")
    for format, written in built.facts["formats"].items():
        click.echo(f"{format}: {counted(written['examples'], 'example')}")
    click.echo(f"In {built.path}")
    print_warnings(built.warnings)


@click.command("rebuild-array", cls=Command)
@click.argument(
    "path", default="training/training_data.json", type=click.Path(path_type=Path, dir_okay=False)
)
@selection_options
@json_option
@workspace_option
def rebuild_array_file(
    path: Path, as_json: bool, workspace_path: Path | None, **filters: Any
) -> None:
    """Write a collector's array file anew from the sessions.

    PATH is training/training_data.json unless given. A file that is there is kept beside it under
    another name. Programs may go on logging meanwhile.
    """
    from understudy.datasets.rebuild import rebuild_array
    from understudy.datasets.selection import Selection

    with open_workspace(workspace_path) as workspace, progress("reading sessions") as report:
        rebuilt = rebuild_array(workspace, path, selection=Selection(**filters), progress=report)
    if as_json:
        print_json(rebuilt)
        return
    examples = counted(rebuilt.examples, "example")
    click.echo(f"{examples} in {rebuilt.path}, {len(rebuilt.left_out)} left out.")
