"""Turns written by hand, in words that no table of the generator has; never trained on.

Each line of ``own_words.txt``:
the player's words => the call that is due, or nothing. The party is Mira, Borin, Tamsin.
"""

from __future__ import annotations

from pathlib import Path

from understudy.chat.scenarios.generating.scenarios import Case
from understudy.chat.scenarios.scenario import PartyMember, Scenario, Turn
from understudy.chat.tools.bracket import find_calls

PARTY = (
    PartyMember(name="Mira", race="Halfling", class_name="Rogue", level=3, hit_points=21,
                most_hit_points=24),
    PartyMember(name="Borin", race="Dwarf", class_name="Fighter", level=4, hit_points=30,
                most_hit_points=38),
    PartyMember(name="Tamsin", race="Human", class_name="Wizard", level=5, hit_points=20,
                most_hit_points=26),
)  # fmt: skip


def cases() -> list[Case]:
    """The lines as cases, each a scenario of its own."""
    found = []
    lines = Path(__file__).with_name("own_words.txt").read_text("utf-8")
    for line in lines.splitlines():
        words, _, due = line.partition("=>")
        calls = tuple(find_calls(due))
        scenario = Scenario(
            world="Northern Marches",
            location="Castle Gate",
            party=PARTY,
            turns=(Turn("user", words.strip()),),
        )
        found.append(Case(scenario, calls, calls[0].tool if calls else "talk"))
    return found
