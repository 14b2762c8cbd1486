"""One decision of a player as a chat: the task and the actions, the screen, and the answer in JSON.

Formats of chats take the rows of players in this form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from understudy.chat.decisions import Asked, answer_keys, answer_text, system_text, user_text
from understudy.formats.dataset_rows import AgentRow
from understudy.formats.pictures import data_url, rgb_png
from understudy.session.instruction import InstructionRow

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


def instruction_chat(
    row: AgentRow, *, actions: Actions | None = None, reasoning: bool = True
) -> dict[str, Any]:
    """The example, in the shape of OpenAI's format, in the words of `chat.decisions`.

    ``actions`` are told to models that do not know them. Without ``reasoning`` the answer is the
    action alone.
    """
    keys = answer_keys(reasoning=reasoning)
    asked = _asked(row.row, (actions or {}).get(row.row.game, ()))
    content: list[dict[str, Any]] = [{"type": "text", "text": user_text(asked)}]
    if row.picture is not None:
        picture = {"url": data_url(rgb_png(row.picture))}
        content.append({"type": "image_url", "image_url": picture})
    answer = {key: getattr(row.row, key) for key in keys}
    return {
        "messages": [
            {"role": "system", "content": system_text(asked, keys)},
            {"role": "user", "content": content},
            {"role": "assistant", "content": answer_text(answer, keys)},
        ]
    }


def _asked(row: InstructionRow, actions: Sequence[str]) -> Asked:
    return Asked(
        game=row.game,
        task=row.instruction,
        state=row.memory_context,
        previous_actions=row.previous_actions,
        step=row.step_number,
        limit=row.total_steps,
        actions=actions,
    )
