"""Scenarios for training and validation, made from the house rules by seed.

What belongs to which set is decided by the values alone, so that no list has to be kept: a share of
all calls is set aside for validation by their hash, some names, items and spells by `world`, and
made-up names by their syllables.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from msgspec import structs

from understudy.chat.scenarios import world
from understudy.chat.scenarios.generating import cast, grammar
from understudy.chat.scenarios.generating.deeds import Deed, Scene, any_deed, talk
from understudy.chat.scenarios.generating.even import EvenRandom
from understudy.chat.scenarios.generating.flows import flow
from understudy.chat.scenarios.generating.stakes import stake
from understudy.chat.scenarios.recasting import recast
from understudy.chat.scenarios.scenario import Scenario, Turn
from understudy.chat.tools.bracket import read_brackets, write_call, write_turn
from understudy.chat.tools.registry import Call

SetName = Literal["combinations", "values", "made_up_names", "no_call"]
SETS: tuple[SetName, ...] = ("combinations", "values", "made_up_names", "no_call")
NO_CALL = 0.18
"""The share of exchanges in training that need no tool."""
FACTS = 0.4
"""The share of those that ask for what the Dungeon Master was told of the party and the place."""
SET_ASIDE = 10
"""One in this many calls is never trained on."""
FLOWS = 0.15
"""The share of exchanges in training in which one call leads to the next."""
RESULTS = 0.15
"""The share of checks, saves and rolls in training whose result is told and answered."""
_MOST_CASTS = 1000
"""So many casts are tried before a scenario stays as it was written."""


@dataclass(frozen=True)
class Case:
    """A scenario that ends with the player's words, and the calls that are due."""

    scenario: Scenario
    calls: tuple[Call, ...]
    kind: str


def training(seed: int, count: int, exchanges: int = 8) -> Iterator[Scenario]:
    """The first COUNT scenarios of this seed for training, of up to this many exchanges each."""
    rng = EvenRandom(f"training/{seed}")
    for _ in range(count):
        yield _training(rng, exchanges)


def _training(rng: random.Random, exchanges: int) -> Scenario:
    scene, empty = _scene(rng, cast.TRAINING)
    turns: list[Turn] = []
    for _ in range(rng.randint(1, exchanges)):
        if rng.random() < NO_CALL:
            about = "facts" if rng.random() < FACTS else ""
            turns.extend(_turns(talk(rng, scene, cast.TRAINING, about)))
            scene = replace(scene, last="")
            continue
        if rng.random() < FLOWS:
            played = flow(rng, replace(scene, last=""), cast.TRAINING)
            while any(is_set_aside(turn.calls()) for turn in played):
                played = flow(rng, replace(scene, last=""), cast.TRAINING)
            turns.extend(played)
            scene = replace(scene, last="")
            continue
        deed = any_deed(rng, scene, cast.TRAINING)
        while is_set_aside(deed.calls):
            deed = any_deed(rng, scene, cast.TRAINING)
        scene = replace(scene, last=str(deed.calls[0].arguments.get("character", "")))
        turns.extend(_turns(deed))
        if deed.kind in ("check", "save", "roll") and rng.random() < RESULTS:
            turns.extend(_result(rng, deed))
    return _with_turns(empty, turns)


def with_other_heroes(scenario: Scenario, seed: str) -> Scenario:
    """A written scenario for training with another cast, some of its names made up.

    The Dungeon Master announces its calls as it does in generated scenarios, so that a small model
    has one way to go about them. Calls that are set aside for validation are not made, but for
    those it was written with.
    """
    rng = random.Random(f"cast/{seed}")
    written = [call for _, call in scenario.calls()]
    for _ in range(_MOST_CASTS):
        played = recast(scenario, rng, lambda rng: cast.TRAINING.name(rng, set()))
        calls = (call for _, call in played.calls())
        if not any(is_set_aside([call]) for call in calls if call not in written):
            break
    else:
        played = scenario
    heroes = {member.name for member in played.party}
    return _with_turns(played, [_announced(turn, rng, heroes) for turn in played.turns])


def _announced(turn: Turn, rng: random.Random, heroes: Collection[str]) -> Turn:
    """A turn whose brackets are calls of the table alone; any other stays as it was written."""
    reading = read_brackets(turn.text)
    calls = turn.calls()
    if not calls or reading.unknown or reading.malformed or reading.asides:
        return turn
    return Turn("dm", write_turn(" ".join(stake(call, rng, heroes) for call in calls), calls))


def validation(name: SetName, seed: int, count: int) -> Iterator[Case]:
    """COUNT cases of a set, each one exchange."""
    values = {"values": cast.HELD_OUT, "made_up_names": cast.MADE_UP}.get(name, cast.SEEN)
    rng = random.Random(f"validation/{name}/{seed}")
    made = 0
    while made < count:
        scene, empty = _scene(rng, values)
        deed = (talk if name == "no_call" else any_deed)(rng, scene, values)
        if belongs(name, deed):
            made += 1
            yield Case(_with_turns(empty, [Turn("user", deed.words)]), deed.calls, deed.kind)


def belongs(name: SetName, deed: Deed) -> bool:
    """Whether a deed made of a set's values tests what the set is for."""
    if name == "combinations":
        return is_set_aside(deed.calls)
    told = {str(value) for call in deed.calls for value in call.arguments.values()}
    if name == "values":
        held_out = {*world.HELD_OUT_NAMES, *world.HELD_OUT_ITEMS, *world.HELD_OUT_SPELLS}
        return not held_out.isdisjoint(told)
    if name == "made_up_names":
        return any(world.is_held_out(text) for text in told)
    return True


def is_set_aside(calls: Sequence[Call]) -> bool:
    """Whether training leaves one of these calls out, and with it the turn that makes it."""
    return any(_is_set_aside(call) for call in calls)


def _is_set_aside(call: Call) -> bool:
    # Checks of "player" are too few to spare any.
    if call.tool == "check" and call.arguments["character"] == "player":
        return False
    return hashlib.sha256(write_call(call).encode()).digest()[0] % SET_ASIDE == 0


def _scene(rng: random.Random, values: cast.Values) -> tuple[Scene, Scenario]:
    heroes = cast.party(rng, values, rng.choice((1, 2, 2, 3, 3, 4)))
    sheet = rng.random() < 0.9
    scene = Scene(heroes, rng.choice(world.WORLDS), rng.choice(world.LOCATIONS), sheet)
    shown = heroes if sheet else ()
    return scene, Scenario(world=scene.world, location=scene.location, party=shown)


def _with_turns(scenario: Scenario, turns: Sequence[Turn]) -> Scenario:
    return structs.replace(scenario, turns=tuple(turns))


def _turns(deed: Deed) -> list[Turn]:
    said = write_turn(deed.answer, deed.calls) if deed.calls else deed.answer
    return [Turn("user", deed.words), Turn("dm", said)]


def _result(rng: random.Random, deed: Deed) -> list[Turn]:
    """What the tool says, and how the story goes on."""
    call = deed.calls[0]
    label = str(next(value for name, value in call.arguments.items() if name != "character"))
    die, bonus = rng.randint(1, 20), rng.randint(0, 9)
    line = f"{label}: {die} + {bonus}(skill) = *{die + bonus}*"
    told = grammar.expand(
        rng.choice(grammar.table("answers")["after"]), rng, {"n": str(die + bonus)}
    )
    return [Turn("tool", line), Turn("dm", told)]
