"""Questions whose answer has been told: in the system prompt, or in an earlier turn.

A model that is aware of the context says the number, name or place that was told. The wordings of
those about the system prompt are known from training, their facts are not; those about an earlier
turn are in nobody's training.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from itertools import cycle, islice

from understudy.chat.scenarios import world
from understudy.chat.scenarios.generating import cast, grammar
from understudy.chat.scenarios.scenario import PartyMember, Scenario, Turn
from understudy.chat.tools.bracket import write_turn
from understudy.chat.tools.registry import TOOLS
from understudy.chat.tools.results import inventory_changed
from understudy.evaluate.cases import Case, table_of

_SLOT = re.compile(r"\{([\w ]+)\}")
_ORDINARY = ("name", "maxhp")
"""Places of an answer that are no news: the question has named them, or they stand by the news."""
_EARLIER = (
    "What did {name} just get?",
    "Which thing is new in {name}'s pack?",
    "What has {name} put away a moment ago?",
)


def questions(name: str, seed: int, count: int) -> list[Case]:
    """COUNT cases for the set ``name``: three about the system prompt, then one about earlier."""
    rng = random.Random(f"{name}/{seed}")
    ways: list[Callable[[random.Random], tuple[Scenario, tuple[str, ...]]]] = [
        *(3 * [_of_the_prompt]),
        _of_a_turn,
    ]
    cases = []
    for number, ask in enumerate(islice(cycle(ways), count)):
        scenario, tells = ask(rng)
        cases.append(
            Case(
                id=f"{name}/{seed}/{number:04}",
                set=name,
                messages=scenario.messages(),
                known=table_of(scenario),
                tells=tells,
            )
        )
    return cases


def _of_the_prompt(rng: random.Random) -> tuple[Scenario, tuple[str, ...]]:
    scenario = _table(rng)
    hero = rng.choice(scenario.party)
    line = rng.choice(grammar.table("talk")["facts"])
    asked, _, answered = line.partition(" => ")
    facts = _facts(hero, scenario)
    slots = [slot for slot in _SLOT.findall(answered) if slot not in _ORDINARY]
    tells = tuple(fact for slot in slots for fact in facts[slot])
    words = grammar.expand(asked, rng, {"name": hero.name})
    return _with_turns(scenario, Turn("user", words)), tells


def _of_a_turn(rng: random.Random) -> tuple[Scenario, tuple[str, ...]]:
    scenario = _table(rng)
    hero = rng.choice(scenario.party)
    item = rng.choice(world.ITEMS)
    call = TOOLS.call("inventory", hero.name, "add", item)
    turns = (
        Turn("user", f"{hero.name} takes the {item}."),
        Turn("dm", write_turn("Into the pack it goes.", [call])),
        Turn("tool", str(inventory_changed(call))),
        Turn("dm", "It is safe there."),
        Turn("user", rng.choice(_EARLIER).format(name=hero.name)),
    )
    return _with_turns(scenario, *turns), (item,)


def _table(rng: random.Random) -> Scenario:
    return Scenario(
        world=rng.choice(world.WORLDS),
        location=rng.choice(world.LOCATIONS),
        party=cast.party(rng, cast.SEEN, rng.randint(1, 4)),
    )


def _facts(hero: PartyMember, scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """What an answer has to say for each place that it can have."""
    return {
        "hp": (str(hero.hit_points),),
        "level": (str(hero.level),),
        "class": (hero.class_name,),
        "a race": (hero.race,),
        "location": (scenario.location,),
        "world": (scenario.world,),
        "partylist": tuple(member.name for member in scenario.party),
    }


def _with_turns(scenario: Scenario, *turns: Turn) -> Scenario:
    return Scenario(
        world=scenario.world, location=scenario.location, party=scenario.party, turns=turns
    )
