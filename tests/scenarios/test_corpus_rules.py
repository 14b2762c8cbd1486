"""The checks of the corpus find what they are there to find."""

from __future__ import annotations

import pytest
from tests.scenarios.corpus_rules import faults, unfounded

from understudy.formats.scenario_markdown import parse_scenario

GOOD = """\
# SYSTEM
Role: Dungeon Master
World: Vale of Ash
Location: Crypt
Party:
- Mira (Halfling Rogue, Level 3, HP: 20/24)
- Osric (Elf Wizard, Level 3, HP: 17/17)

# USER
Mira sneaks past the guard.

# DM
Softly. [check: stealth, Mira]

# TOOLCALL
stealth: 12 + 7(skill) = *19*

# DM
Nineteen. He yawns, and a dart flies from the wall, DC 13. [save: dexterity, Mira, 13]

# TOOLCALL
dexterity: 4 + 5(save) = *9*

# DM
Nine. It deals 5 damage. [health: Mira, -5]

# TOOLCALL
Mira: 20 - 5(damage) = *15*

# DM
She pulls it out.

# USER
Osric casts magic missile at level 2: 4d4+4. Then he gives Mira his rope.

# DM
Blue sparks. [spellcast: Osric, magic missile, 2] [roll: 4d4+4] [inventory: Osric, remove, rope]

# TOOLCALL
Osric: magic missile, level 2
4d4+4: 9 + 4(bonus) = *13*
Osric: rope removed

# DM
The guard sits down.
"""


def check(text: str) -> str:
    return "\n".join(faults(parse_scenario(text)))


def test_a_good_scenario_has_no_fault():
    assert check(GOOD) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("= *19*", "= *20*", "adds up"),
        ("12 + 7(skill)", "24 - 5(skill)", "dice from 1 to 20"),
        ("9 + 4(bonus)", "10 + 3(bonus)", "should be"),
        ("20 - 5(damage) = *15*", "19 - 5(damage) = *14*", "should be"),
        ("20 - 5(damage) = *15*", "20 - 4(damage) = *16*", "should be"),
        ("Osric: rope removed", "Osric: rope added", "should be"),
        ("Nineteen. He", "Eighteen. He", "follows the results"),
        ("[check: stealth, Mira]", "[check: arcana, Mira]", "where ['stealth'] are told"),
        ("[check: stealth, Mira]", "[check: stealth, Vex]", "was never introduced"),
        ("[check: stealth, Mira]", "[check: stealth, player]", "the party has names"),
        ("[check: stealth, Mira]", "[ check: stealth, Mira]", "canonical spelling"),
        ("[check: stealth, Mira]", "[check: stealth]", "brackets that are no calls"),
        ("wall, DC 13", "wall", "DC 13 was never told"),
        ("[save: dexterity, Mira, 13]", "[save: wisdom, Mira, 13]", "threaten"),
        ("deals 5 damage", "hurts", "-5 was never told"),
        (": 4d4+4. Then", ". Then", "4d4+4 was never told"),
        ("missile at level 2", "missile", "the level 2 of magic missile was not told"),
        ("[spellcast: Osric, magic missile, 2]", "[spellcast: Osric, magic missile, 4]", "no slot"),
        ("[spellcast: Osric, magic missile, 2]", "[spellcast: Mira, magic missile, 2]", "no slot"),
        ("HP: 20/24", "HP: 20/60", "implausible"),
        ("# DM\nThe guard sits down.\n", "", "does not end in words"),
    ],
)  # fmt: skip
def test_a_fault_is_found(right, wrong, fault):
    assert right in GOOD
    assert fault in check(GOOD.replace(right, wrong))


def test_a_call_that_only_the_dungeon_master_told_is_unfounded():
    found = unfounded(parse_scenario(GOOD))
    assert len(found) == 2
    assert "DC 12" in found[0] or "DC 13" in found[0] or "not 13" in found[0]
    assert "-5" in found[1]
