"""What a call is about, in prose: the words in which the generated Dungeon Master announces it."""

from __future__ import annotations

import random
from collections.abc import Collection

from understudy.chat.scenarios.generating import grammar
from understudy.chat.tools.registry import Call


def stake(call: Call, rng: random.Random, heroes: Collection[str]) -> str:
    """What ``call`` asks for; ``heroes`` are called by their names, everybody else "the …"."""
    told = {key: str(value) for key, value in call.arguments.items()}
    who = told.get("character", "player")
    you = who == "player"
    name = "you" if you else who if who in heroes else f"the {who}"
    own = "your" if you else f"{name}'s"
    change = told.get("modifier", "")
    fill = {
        "W": name, "Wp": own, "Wp_cap": own[0].upper() + own[1:],
        "skill": told.get("ability", ""), "Skill": told.get("ability", "").capitalize(),
        "save": told.get("type", ""), "dc": told.get("dc", ""),
        "dice": told.get("dice_expression", ""), "n": change.lstrip("+-"),
        "item": told.get("item", ""), "spell": told.get("spell", ""), "l": told.get("level", ""),
    }  # fmt: skip
    heading = {
        "health": "hurt" if change.startswith("-") else "healed",
        "inventory": told.get("action", ""),
    }.get(call.tool, call.tool)
    verb = grammar.second_person if you else grammar.third_person
    line = rng.choice(grammar.table("answers")[heading])
    return grammar.sentence(grammar.expand(line, rng, fill, verb))
