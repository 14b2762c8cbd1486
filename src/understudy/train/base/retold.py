"""The hand-written scenarios as the base reads them: with other heroes, and prose for every call.

What the generator writes is simple; people write of the wind and the innkeeper's dog first, and of
the deed in passing. Nothing of the scenarios that are set aside for validation is read here.
"""

from __future__ import annotations

import random
from functools import cache

from msgspec import structs

from understudy.chat.scenarios.generating.stakes import stake
from understudy.chat.scenarios.recasting import Naming, recast
from understudy.chat.scenarios.scenario import Scenario, Turn
from understudy.chat.tools.bracket import without_calls
from understudy.formats.scenario_markdown import TRAINING, read_scenarios

_PROSE = 0.5
"""How often the Dungeon Master's own prose stands before what is at stake."""
_MOST_EXCHANGES = 3


def retold(rng: random.Random, name: Naming) -> Scenario:
    """A few exchanges of one of the scenarios, its heroes called by ``name``."""
    scenario = recast(rng.choice(_scenarios()), rng, name)
    starts = [at for at, turn in enumerate(scenario.turns) if turn.speaker == "user"]
    first = rng.randrange(len(starts))
    after = first + rng.randint(1, _MOST_EXCHANGES)
    end = starts[after] if after < len(starts) else len(scenario.turns)
    heroes = {member.name for member in scenario.party}
    turns = tuple(_told(turn, rng, heroes) for turn in scenario.turns[starts[first] : end])
    return structs.replace(scenario, turns=tuple(turn for turn in turns if turn.text))


def _told(turn: Turn, rng: random.Random, heroes: set[str]) -> Turn:
    calls = turn.calls()
    if not calls:
        return turn
    stakes = [stake(call, rng, heroes) for call in calls]
    prose = [without_calls(turn.text)] if rng.random() < _PROSE else []
    return Turn(turn.speaker, " ".join((*prose, *stakes)).strip())


@cache
def _scenarios() -> tuple[Scenario, ...]:
    def refuse(error: Exception) -> None:
        raise error

    found = (file.scenario for file in read_scenarios([TRAINING], report=refuse))
    return tuple(one for one in found if any(turn.speaker == "user" for turn in one.turns))
