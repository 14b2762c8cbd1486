"""A model's reply as a decision: what it is asked to write, and what is made of what it wrote.

A reply is read, repaired where it can only be meant one way, or refused with a reason that the
model is told. An action that the game does not have never comes out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from understudy.games.game import REPORT, SAY, TEXT_ACTIONS, Action, only_spoken
from understudy.players.chat.actions import meant

LONGEST_SENTENCE = 2_000
"""Characters of a reasoning, an expectation or a report that are kept."""
LONGEST_NOTE = 300

_FIELDS = {
    "reasoning": "what you see on the screen, and why you choose this action",
    "action": "the name of the action, exactly as listed",
    "text": "with the action `report` your answer, with `say` your words, else an empty text",
    "expected_outcome": "what the screen will show after the action",
    "note": "something worth remembering later on, else an empty text",
}


@dataclass(frozen=True)
class Reply:
    """A reply that can be played."""

    action: Action
    reasoning: str | None
    expected_outcome: str | None
    note: str
    repaired: bool
    """Whether it was not to the letter what was asked for."""


@dataclass(frozen=True)
class Refusal:
    """Why a reply cannot be played, in words for the model."""

    reason: str


def reply_schema(names: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of a reply that chooses one of ``names``.

    Every field is required, because the strict mode of servers knows no other.
    """
    fields = _fields_for(names)
    properties: dict[str, Any] = {
        name: {"type": "string", "description": meaning} for name, meaning in fields.items()
    }
    properties["action"]["enum"] = list(names)
    return {
        "type": "object",
        "properties": properties,
        "required": list(fields),
        "additionalProperties": False,
    }


def reply_format(names: Sequence[str]) -> str:
    """The same in words, for servers that cannot be given a schema."""
    lines = [f'- "{name}": {meaning}' for name, meaning in _fields_for(names).items()]
    return "\n".join(["Answer with one JSON object and nothing else. Its keys, all texts:", *lines])


def read_reply(
    value: dict[str, Any], names: Sequence[str], *, repaired: bool = False
) -> Reply | Refusal:
    """The decision in ``value``; raises nothing, whatever it holds."""
    fields = {str(key).strip().lower(): field for key, field in value.items()}
    written = fields.get("action")
    if not isinstance(written, str) or not written.strip():
        return Refusal("the answer has no `action`")
    text = _text(fields.get("text"), LONGEST_SENTENCE)
    name = meant(written.strip(), names)
    if name is None and _have_texts(names):
        # Written as records write it: "report: three potions".
        before, colon, after = written.partition(":")
        said = meant(before.strip(), names) if colon else None
        if said in TEXT_ACTIONS:
            name, text = said, text or _text(after, LONGEST_SENTENCE)
        elif only_spoken(names):  # nothing else than words could be meant
            name, text = SAY, text or _text(written, LONGEST_SENTENCE)
    if name is None:
        return Refusal(f"`{_text(written, 60)}` is none of the actions: {', '.join(names)}")
    if name in TEXT_ACTIONS and not text:
        what = "its answer" if name == REPORT else "the words"
        return Refusal(f"the action `{name}` needs {what} in `text`")
    return Reply(
        action=Action(name, text if name in TEXT_ACTIONS else ""),
        reasoning=_text(fields.get("reasoning"), LONGEST_SENTENCE) or None,
        expected_outcome=_text(fields.get("expected_outcome"), LONGEST_SENTENCE) or None,
        note=_text(fields.get("note"), LONGEST_NOTE),
        repaired=repaired or written != name,
    )


def _fields_for(names: Sequence[str]) -> dict[str, str]:
    texts = _have_texts(names)
    return {name: meaning for name, meaning in _FIELDS.items() if name != "text" or texts}


def _have_texts(names: Sequence[str]) -> bool:
    return any(name in TEXT_ACTIONS for name in names)


def _text(value: Any, longest: int) -> str:
    """A text on one line; empty for what is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text if len(text) <= longest else text[: longest - 1] + "…"
