"""The validation sets: which cases a model is asked, and what each set is for.

Two sources: scenarios made by seed from the house rules, and the hand-written ones that nothing is
trained on. Of those, each turn is asked several times with other heroes in it, so that there are
enough; what repeats a turn is of its group, and the intervals know it.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path

import msgspec

from understudy.chat.scenarios import world
from understudy.chat.scenarios.generating import scenarios as generating
from understudy.chat.scenarios.recasting import recast
from understudy.chat.scenarios.scenario import Scenario
from understudy.chat.tools.bracket import write_call
from understudy.chat.tools.registry import Call, Value
from understudy.errors import FormatError, UsageError
from understudy.evaluate.cases import Case, ExpectedCall, digest, expect, table_of
from understudy.evaluate.context_questions import questions
from understudy.formats.scenario_markdown import TRAINING, VALIDATION, read_scenarios

DEFAULT_LIMIT = 500
"""Cases of a set, where nobody says another number."""
SET_ASIDE_WORDS = 8
"""No sequence of so many words is in both the set-aside scenarios and the training data."""
_GENERATED: dict[str, generating.SetName] = {
    "combinations": "combinations",
    "values": "values",
    "made_up_names": "made_up_names",
    "no_call": "no_call",
}
_MOST_TRIED = 20
"""Of so many cases that could be asked, one at least is in no hand-written scenario."""
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


class SetSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One validation set: what it asks, in words."""

    name: str
    title: str
    asks: str
    calls: bool = True
    """Whether its cases call for tools, so that its accuracy is one of calls."""


SETS: tuple[SetSpec, ...] = (
    SetSpec(
        name="combinations",
        title="combinations never seen",
        asks="known wordings and values in combinations of arguments that no training uses",
    ),
    SetSpec(
        name="values",
        title="values never seen",
        asks="names, items and spells that no scenario for training uses",
    ),
    SetSpec(
        name="wordings",
        title="wordings never seen",
        asks="turns of the hand-written scenarios that are set aside",
    ),
    SetSpec(
        name="made_up_names",
        title="made-up names",
        asks="heroes whose names are put together of syllables that are set aside",
    ),
    SetSpec(
        name="no_call",
        title="no call needed",
        asks="talk and questions that need no tool, in known wordings",
    ),
    SetSpec(
        name="no_call_wordings",
        title="no call needed, wordings never seen",
        asks="turns of the hand-written scenarios that are set aside in which no call is due",
    ),
    SetSpec(
        name="context",
        title="told facts",
        asks="questions about what the system prompt or an earlier turn has told",
        calls=False,
    ),
)
SET_NAMES = tuple(one.name for one in SETS)
TITLES = {one.name: one.title for one in SETS}


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """The cases of some sets, in the order of `SETS`."""

    sets: dict[str, list[Case]]
    seed: int
    digest: str
    """Two results can be compared case by case when they have the same."""

    def __iter__(self) -> Iterator[Case]:
        for cases in self.sets.values():
            yield from cases


def build_suite(
    names: Iterable[str] = SET_NAMES,
    *,
    seed: int = 1,
    limit: int = DEFAULT_LIMIT,
    folder: Path = VALIDATION,
    report: Callable[[FormatError], None] | None = None,
) -> Suite:
    """At most ``limit`` cases of each set. UsageError for a set that there is not.

    ``folder`` holds the set-aside scenarios; a file in it that cannot be understood goes to
    ``report``, else is raised.
    """
    wanted = set(names)
    unknown = wanted - set(SET_NAMES)
    if unknown:
        raise UsageError(
            f"there is no validation set {min(unknown)!r}; choose of {', '.join(SET_NAMES)}"
        )
    if limit < 1:
        raise UsageError(f"a limit of {limit} cases leaves nothing to ask; give 1 or more")
    sets: dict[str, list[Case]] = {}
    for name in (one for one in SET_NAMES if one in wanted):
        if name in _GENERATED:
            cases = [*generated(name, seed, limit)]
        elif name == "context":
            cases = questions(name, seed, limit)
        else:
            cases = written(name, seed, limit, _read(folder, report))
        sets[name] = cases
    return Suite(sets=sets, seed=seed, digest=digest(case for one in sets.values() for case in one))


def generated(name: str, seed: int, count: int) -> Iterator[Case]:
    """COUNT cases of one of the sets that are made from the house rules.

    What the hand-written scenarios for training call is left out of it, as the generator leaves out
    what it makes for training.
    """
    number = 0
    for made in generating.validation(_GENERATED[name], seed, _MOST_TRIED * count):
        if number == count:
            return
        if name in ("combinations", "values") and _trained(name, made.calls):
            continue
        scenario = made.scenario
        yield Case(
            id=f"{name}/{seed}/{number:04}",
            set=name,
            messages=scenario.messages(),
            expected=_expected(scenario, made.calls),
            known=table_of(scenario, _speaker(scenario)),
        )
        number += 1


def _trained(name: str, calls: Iterable[Call]) -> bool:
    """Whether the hand-written scenarios train these calls, or their held-out values."""
    trained_calls, trained_values = _written_for_training()
    if name == "combinations":
        return any(write_call(call) in trained_calls for call in calls)
    return any(value in trained_values for call in calls for value in call.arguments.values())


@cache
def _written_for_training() -> tuple[frozenset[str], frozenset[Value]]:
    """Every call in the hand-written scenarios, and the held-out values among their arguments."""
    calls = [call for _, scenario in _read(TRAINING, None) for _, call in scenario.calls()]
    held_out = {*world.HELD_OUT_NAMES, *world.HELD_OUT_ITEMS, *world.HELD_OUT_SPELLS}
    values = (value for call in calls for value in call.arguments.values() if value in held_out)
    return frozenset(map(write_call, calls)), frozenset(values)


def written(
    name: str, seed: int, limit: int, scenarios: Sequence[tuple[str, Scenario]]
) -> list[Case]:
    """Cases of the hand-written ``scenarios`` (by name): turns with calls, or those without.

    The first round has them as they were written, each further one with other heroes; only turns
    with calls are asked more than once.
    """
    quiet = name == "no_call_wordings"
    places = [
        (title, scenario, number)
        for title, scenario in scenarios
        for number, turn in enumerate(scenario.turns)
        if turn.speaker == "dm" and number and bool(turn.calls()) != quiet
    ]
    random.Random(f"written/{seed}").shuffle(places)
    rounds = 1 if quiet or not places else math.ceil(limit / len(places))
    cases = (
        _written_case(name, title, scenario, number, again, seed)
        for again in range(rounds)
        for title, scenario, number in places
    )
    return [*islice(cases, limit)]


def sequences(texts: Iterable[str], words: int = SET_ASIDE_WORDS) -> set[tuple[str, ...]]:
    """Every sequence of so many words in ``texts``, in small letters and without marks."""
    found: set[tuple[str, ...]] = set()
    for text in texts:
        told = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
        found.update(tuple(told[at : at + words]) for at in range(len(told) - words + 1))
    return found


def _written_case(
    name: str, title: str, scenario: Scenario, number: int, again: int, seed: int
) -> Case:
    group = f"{name}/{title}/{number}"
    played = recast(scenario, random.Random(f"{seed}/{group}/{again}")) if again else scenario
    until = msgspec.structs.replace(played, turns=played.turns[:number])
    calls = tuple(played.turns[number].calls())
    return Case(
        id=f"{group}/{again}",
        set=name,
        messages=until.messages(),
        expected=_expected(until, calls),
        known=table_of(played, _speaker(played)),
        reference=played.turns[number].text,
        group=group,
    )


def _expected(scenario: Scenario, calls: Iterable[Call]) -> tuple[ExpectedCall, ...]:
    """Where one hero is alone and the words do not say the name, ``player`` means the same."""
    speaker = _speaker(scenario)
    said = scenario.turns[-1].text if scenario.turns else ""
    unnamed = bool(speaker) and speaker not in said
    return tuple(
        expect(
            call,
            {"character": ["player"]}
            if unnamed and call.arguments.get("character") == speaker
            else None,
        )
        for call in calls
    )


def _speaker(scenario: Scenario) -> str:
    """The hero that "I" is; empty where that could be several."""
    return scenario.party[0].name if len(scenario.party) == 1 else ""


def _read(folder: Path, report: Callable[[FormatError], None] | None) -> list[tuple[str, Scenario]]:
    def refuse(error: FormatError) -> None:
        raise error

    return [
        (file.path.relative_to(folder).with_suffix("").as_posix(), file.scenario)
        for file in read_scenarios([folder], report=report or refuse)
        if file.path is not None
    ]
