"""Chats with calls in brackets, as the table of the Dungeon Master has them."""

from __future__ import annotations

from typing import Any

from understudy.formats.preferences import Judgement, Preference

SYSTEM = {"role": "system", "content": "Role: Dungeon Master\nRules: [check: ability, name] sneak"}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def dm(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def bracket_chat() -> dict[str, Any]:
    """A call, its result without an id, and what comes of it."""
    return {
        "messages": [
            SYSTEM,
            user("I sneak in."),
            dm("Quietly. [check: stealth, Mira]"),
            {"role": "tool", "content": "stealth: 12 + 5(skill) = *17*"},
            dm("Nobody hears you."),
        ]
    }


def preference(**changes: Any) -> Preference:
    """The right check before the wrong one."""
    given: dict[str, Any] = {
        "prompt": [SYSTEM, user("I sneak in.")],
        "chosen": dm("Quietly. [check: stealth, Mira]"),
        "rejected": dm("You fall. [check: athletics, Mira]"),
    }
    return Preference(**{**given, **changes})


def judgement(*, label: bool = True, **changes: Any) -> Judgement:
    """A thumb for one answer."""
    given: dict[str, Any] = {
        "prompt": [SYSTEM, user("I sneak in.")],
        "completion": dm("Quietly. [check: stealth, Mira]"),
        "label": label,
    }
    return Judgement(**{**given, **changes})
