"""One decision of a player as a chat: the task and the actions, the screen, and the answer in JSON.

Formats of chats take the rows of players in this form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from understudy.formats.dataset_rows import AgentRow
from understudy.formats.pictures import data_url, rgb_png
from understudy.session.instruction import InstructionRow

ANSWER_KEYS = ("action", "reasoning", "expected_outcome")
MOST_ACTIONS = 64
"""A game with more actions than that is not told them: they are no list to choose from."""
_ACTION = re.compile(r"([A-Za-z_][\w.-]*)(?:(:).*)?", re.DOTALL)

Actions = Mapping[str, Sequence[str]]
"""By game, the actions to choose from."""


class ActionNames:
    """Collects which actions occur, by game: ``press_a``, or ``report: TEXT`` for one with a text.

    What is no name (an action of numbers, say) is passed over.
    """

    def __init__(self) -> None:
        self._games: dict[str, dict[str, bool]] = {}

    def add(self, row: InstructionRow) -> None:
        named = _ACTION.fullmatch(row.action)
        if named is not None:
            names = self._games.setdefault(row.game, {})
            names[named[1]] = names.get(named[1], False) or named[2] is not None

    def add_all(self, rows: Iterable[InstructionRow]) -> ActionNames:
        for row in rows:
            self.add(row)
        return self

    @property
    def by_game(self) -> dict[str, list[str]]:
        return {
            game: sorted(f"{name}: TEXT" if has_text else name for name, has_text in names.items())
            for game, names in sorted(self._games.items())
        }


def action_name(action: str) -> str:
    """The name of an action without its text; the action itself where it has no name."""
    named = _ACTION.fullmatch(action)
    return named[1] if named is not None else action


def instruction_chat(row: AgentRow, *, actions: Actions | None = None) -> dict[str, Any]:
    """The example, in the shape of OpenAI's format."""
    known = (actions or {}).get(row.row.game, ())
    text = {"type": "text", "text": _seen(row.row)}
    content: list[dict[str, Any]] = [text]
    if row.picture is not None:
        picture = {"url": data_url(rgb_png(row.picture))}
        content.append({"type": "image_url", "image_url": picture})
    return {
        "messages": [
            {"role": "system", "content": _asked(row.row, known)},
            {"role": "user", "content": content},
            {"role": "assistant", "content": _answer(row.row)},
        ]
    }


def _asked(row: InstructionRow, actions: Sequence[str]) -> str:
    lines = [f"You play {row.game or 'a game'}, one action at a time.", f"Task: {row.instruction}"]
    if row.goal and row.goal != row.instruction:
        lines.append(f"Goal: {row.goal}")
    if 0 < len(actions) <= MOST_ACTIONS:
        lines.append(f"Actions: {', '.join(actions)}")
    keys = ", ".join(f'"{key}"' for key in ANSWER_KEYS)
    lines.append(f"Answer with a JSON object that has the keys {keys}.")
    return "\n".join(lines)


def _seen(row: InstructionRow) -> str:
    previous = ", ".join(row.previous_actions) or "none"
    lines = [f"Step {row.step_number} of {row.total_steps}", f"Previous actions: {previous}"]
    if row.memory_context:
        lines.append(f"State:\n{row.memory_context}")
    return "\n".join(lines)


def _answer(row: InstructionRow) -> str:
    answer = {key: getattr(row, key) for key in ANSWER_KEYS}
    return json.dumps(answer, ensure_ascii=False)
