"""The same scenario with other heroes, so that a turn can be asked or learned more than once."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable

import msgspec

from understudy.chat.scenarios import world
from understudy.chat.scenarios.scenario import Scenario

Naming = Callable[[random.Random], str]
"""Gives a name at each call."""
_MOST_DRAWN = 10_000


def recast(scenario: Scenario, rng: random.Random, name: Naming | None = None) -> Scenario:
    """The scenario with other heroes: each name of the party, wherever it stands, another one.

    The names are those that training knows, where ``name`` gives no others.
    """
    told = " ".join((scenario.prompt(), *(turn.text for turn in scenario.turns)))
    chosen: list[str] = []
    draw = name or (lambda rng: rng.choice(world.NAMES))
    for tried in itertools.count():
        if len(chosen) == len(scenario.party):
            break
        # A party so large that the names run out is called by made-up ones.
        candidate = draw(rng) if tried < _MOST_DRAWN else world.made_up_name(rng)
        if candidate not in told and candidate not in chosen:
            chosen.append(candidate)
    new = {member.name: name for member, name in zip(scenario.party, chosen, strict=True)}
    if not new:
        return scenario
    names = re.compile(rf"\b({'|'.join(map(re.escape, sorted(new, key=len, reverse=True)))})\b")

    def changed(text: str) -> str:
        return names.sub(lambda found: new[found[1]], text)

    replace = msgspec.structs.replace
    return replace(
        scenario,
        party=tuple(replace(member, name=new[member.name]) for member in scenario.party),
        facts=tuple(replace(fact, value=changed(fact.value)) for fact in scenario.facts),
        turns=tuple(replace(turn, text=changed(turn.text)) for turn in scenario.turns),
    )
