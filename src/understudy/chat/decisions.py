"""One decision of a player as a chat: the words in which it is asked for, and those of the answer.

Datasets are written in them to train a model, and the chat player asks a model that was trained so
in the very same ones. A model is at home only in what it has learned, the smallest ones to the
letter: nobody else writes these words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

VERSION = 1
"""Of the words: another one where they change, since models that were trained before know these."""
ANSWER_KEYS = ("action", "reasoning", "expected_outcome")
ACTION_ALONE = ("action",)
MOST_ACTIONS = 64
"""A game with more actions than that is not told them: they are no list to choose from."""
_MARK = "\x00"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision is made from, beside the picture of the screen."""

    game: str
    task: str
    """What is asked of the player, in words."""
    state: str
    """The state in words, the letters of the screen among them where the game tells them."""
    previous_actions: Sequence[str]
    """The last ones, oldest first."""
    step: int
    limit: int
    actions: Sequence[str] = ()
    """What to choose from, for models that do not know it yet."""


def answer_keys(*, reasoning: bool) -> tuple[str, ...]:
    """What an answer has: the action, and unless it is left out, why and what is to come of it."""
    return ANSWER_KEYS if reasoning else ACTION_ALONE


def system_text(asked: Asked, keys: Sequence[str] = ANSWER_KEYS) -> str:
    """What is said before anything is asked."""
    lines = [f"You play {asked.game or 'a game'}."]
    if 0 < len(asked.actions) <= MOST_ACTIONS:
        lines.append(f"Actions: {', '.join(asked.actions)}")
    lines.append(f"Answer in JSON: {', '.join(keys)}.")
    return "\n".join(lines)


def user_text(asked: Asked) -> str:
    """What is asked and what is seen. A picture, where there is one, stands behind it."""
    lines = [
        f"Task: {asked.task}",
        f"Step {asked.step} of {asked.limit}",
        f"Previous actions: {', '.join(asked.previous_actions) or 'none'}",
    ]
    if asked.state:
        lines.append(f"State:\n{asked.state}")
    return "\n".join(lines)


def answer_text(answer: Mapping[str, Any], keys: Sequence[str] = ANSWER_KEYS) -> str:
    """The answer: one JSON object, the action before what explains it."""
    told = {key: answer[key] for key in keys}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def answer_schema(actions: Sequence[str], keys: Sequence[str] = ANSWER_KEYS) -> dict[str, Any]:
    """The JSON schema of an answer; without ``actions`` any text may be one."""
    text = {"type": "string"}
    properties: dict[str, Any] = dict.fromkeys(keys, text)
    if actions:
        properties["action"] = {**text, "enum": list(actions)}
    return {
        "type": "object",
        "properties": properties,
        "required": list(keys),
        "additionalProperties": False,
    }


def words_sha256(keys: Sequence[str]) -> str:
    """A hash of the words around what is filled in: two that are equal ask in the same ones."""
    asked = Asked(
        game=_MARK, task=_MARK, state=_MARK, previous_actions=(_MARK, _MARK), step=1, limit=2
    )
    answer = answer_text(dict.fromkeys(keys, _MARK), keys)
    told = _MARK.join((system_text(asked, keys), user_text(asked), answer))
    return hashlib.sha256(told.encode()).hexdigest()
