"""The hand-written scenarios as the base reads them: with other heroes, and prose for every call.

What the generator writes is simple; people write of the wind and the innkeeper's dog first, and of
the deed in passing. Now and then some words are missing, so that no sentence is known by heart.
Nothing of the scenarios that are set aside for validation is read here.
"""

from __future__ import annotations

import random
import re
from functools import cache

from msgspec import structs

from understudy.chat.scenarios.generating.stakes import stake
from understudy.chat.scenarios.recasting import Naming, recast
from understudy.chat.scenarios.scenario import Scenario, Turn
from understudy.chat.tools.bracket import without_calls
from understudy.chat.tools.registry import Call
from understudy.formats.scenario_markdown import TRAINING, read_scenarios

_PROSE = 0.5
"""How often the Dungeon Master's own prose stands before what is at stake."""
_BARE = 0.6
"""How often the sheet is left out, so that most of what is read is play."""
_MOST_EXCHANGES = 3
_WORD = re.compile(r"[^\W_]+")
_THINNED = 0.4
"""How often some of the player's words are missing."""
_MISSING = 0.12
"""The share of words that are missing then."""


def retold(rng: random.Random, name: Naming) -> Scenario:
    """A few exchanges of one of the scenarios, its heroes called by ``name``."""
    scenario = recast(rng.choice(_scenarios()), rng, name)
    starts = [at for at, turn in enumerate(scenario.turns) if turn.speaker == "user"]
    first = rng.randrange(len(starts))
    after = first + rng.randint(1, _MOST_EXCHANGES)
    end = starts[after] if after < len(starts) else len(scenario.turns)
    heroes = {member.name for member in scenario.party}
    kept = {word for turn in scenario.turns for call in turn.calls() for word in _words_of(call)}
    kept |= {hero.lower() for hero in heroes}
    turns = (
        _thinned(turn, rng, kept) if turn.speaker == "user" else _told(turn, rng, heroes)
        for turn in scenario.turns[starts[first] : end]
    )
    told = structs.replace(scenario, turns=tuple(turn for turn in turns if turn.text))
    # Of several heroes, who acts is said; whoever plays alone may stand on the sheet only.
    if len(heroes) > 1 and rng.random() < _BARE:
        return structs.replace(told, world="", location="", party=(), facts=())
    return told


def _words_of(call: Call) -> list[str]:
    return _WORD.findall(" ".join(str(value) for value in call.arguments.values()).lower())


def _thinned(turn: Turn, rng: random.Random, kept: set[str]) -> Turn:
    """The player's words, some missing; what calls are about, and numbers, never is."""
    if rng.random() >= _THINNED:
        return turn
    words = [
        word
        for word in turn.text.split(" ")
        if kept.intersection(_WORD.findall(word.lower()))
        or any(letter.isdigit() for letter in word)
        or rng.random() >= _MISSING
    ]
    return Turn("user", " ".join(words))


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
