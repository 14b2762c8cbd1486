"""Scenarios as rows of a dataset: from files, and made by seed from the house rules.

A scenario is one chat in which every turn of the Dungeon Master is learned, with its calls in
brackets; one that is too long becomes several rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from understudy.chat.scenarios.scenario import Scenario
from understudy.datasets.found import Found
from understudy.datasets.scenario_windows import Window, parts_of
from understudy.datasets.selection import LeftOut
from understudy.errors import FormatError, UsageError
from understudy.formats.dataset_rows import ChatRow, ScenarioPart
from understudy.formats.scenario_markdown import TRAINING, read_scenario, scenario_paths
from understudy.store.hashes import sha256_file

PACKAGED = "packaged"
"""Stands for the scenarios that come with Understudy."""
GENERATED = "generated"
_TOLD_EVERY = 64

Progress = Callable[[int, int], None]


class ScenarioSource(msgspec.Struct, frozen=True, kw_only=True):
    """Which scenarios are taken."""

    paths: tuple[str, ...] = ()
    """Files, folders, or ``packaged``."""
    casts: int = 1
    """How many times each one of a file is taken, from the second time on with other heroes."""
    as_written: bool = True
    """Whether the first time is as it was written; else that has other heroes too."""
    generated: int = 0
    """How many are made."""
    seed: int = 0
    """Of those that are made."""
    window: Window = Window()
    """How much of one a row may hold."""


def check_source(source: ScenarioSource) -> ScenarioSource:
    """``source`` with absolute paths; UsageError for one that cannot be."""
    if source.generated < 0:
        raise UsageError(f"{source.generated} scenarios cannot be made; give 0 or more")
    if source.casts < 1:
        raise UsageError(f"scenarios with {source.casts} casts are none; give 1 or more")
    for what, most in (("turns", source.window.turns), ("tokens", source.window.tokens)):
        if most is not None and most < 1:
            raise UsageError(f"a part of a scenario of at most {most} {what} holds nothing")
    paths = []
    for path in source.paths:
        if path != PACKAGED and not Path(path).exists():
            raise UsageError(
                f"there is no {path}; name a scenario, a folder of them, or {PACKAGED} for those "
                "that come with Understudy"
            )
        paths.append(path if path == PACKAGED else str(Path(path).absolute()))
    return msgspec.structs.replace(source, paths=tuple(paths))


def scenario_rows(
    source: ScenarioSource,
    leave_out: Callable[[LeftOut], None],
    *,
    progress: Progress | None = None,
) -> Iterator[Found]:
    """The rows of all scenarios, those of files first.

    ``leave_out`` hears of files that cannot be read and of what is in no row. ``progress`` is
    called with how many of how many scenarios are done.
    """
    files = _files(source)
    total = len(files) + source.generated
    told = progress or (lambda done, total: None)
    for done, (name, path) in enumerate(files.items()):
        told(done, total)
        try:
            scenario = read_scenario(path).scenario
        except FormatError as error:
            reason = f"it is no scenario; {error}"
            leave_out(LeftOut(session="", directory="", scenario=name, reason=reason))
            continue
        part = ScenarioPart(name=name, sha256=sha256_file(path))
        yield from _cast_rows(scenario, part, source, leave_out)
    for number, scenario in enumerate(_made(source)):
        if number % _TOLD_EVERY == 0:
            told(len(files) + number, total)
        part = ScenarioPart(name=f"{GENERATED}/{source.seed}/{number}", seed=source.seed)
        yield from _rows(scenario, part, source.window, leave_out)
    told(total, total)


def _cast_rows(
    scenario: Scenario,
    part: ScenarioPart,
    source: ScenarioSource,
    leave_out: Callable[[LeftOut], None],
) -> Iterator[Found]:
    """The rows of a scenario with each of its casts, numbered on."""
    last = 0
    for cast in range(source.casts):
        played = scenario
        if cast or not source.as_written:
            played = _with_other_heroes(scenario, f"{source.seed}/{part.name}/{cast}")
        # What is in no row is said of the first cast alone.
        told = (lambda _: None) if cast else leave_out
        for found in _rows(played, part, source.window, told, first=last + 1):
            yield found
            last = found.row.n


def _rows(
    scenario: Scenario,
    part: ScenarioPart,
    window: Window,
    leave_out: Callable[[LeftOut], None],
    first: int = 1,
) -> Iterator[Found]:
    parts, reasons = parts_of(scenario, window)
    for reason in reasons:
        leave_out(LeftOut(session="", directory="", scenario=part.name, reason=reason))
    for number, piece in enumerate(parts, start=first):
        yield Found(row=_row(piece.messages(), part, number), session=None)


def _row(messages: list[dict[str, Any]], part: ScenarioPart, number: int) -> ChatRow:
    return ChatRow(
        example={"messages": messages},
        session="",
        n=number,
        game="",
        player="",
        timestamp="",
        model_used="",
        success=None,
        human_score=None,
        auto_score=None,
        scenario=part,
    )


def _files(source: ScenarioSource) -> dict[str, Path]:
    """Each file once, by a name that no other one has."""
    files: dict[str, Path] = {}
    seen: set[Path] = set()
    for named in source.paths:
        place = TRAINING if named == PACKAGED else Path(named)
        for path in scenario_paths(place):
            if path.resolve() in seen:
                continue
            seen.add(path.resolve())
            name = path.relative_to(place.parent).as_posix()
            files[name if name not in files else path.as_posix()] = path
    return files


def _with_other_heroes(scenario: Scenario, seed: str) -> Scenario:
    # Imported here: its tables take a while to read.
    from understudy.chat.scenarios.generating.scenarios import with_other_heroes

    return with_other_heroes(scenario, seed)


def _made(source: ScenarioSource) -> Iterator[Scenario]:
    if source.generated:
        # Imported here: its tables take a while to read.
        from understudy.chat.scenarios.generating.scenarios import training

        yield from training(source.seed, source.generated)
