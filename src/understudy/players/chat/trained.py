"""The prompt `trained`: asks a model in the words in which it was trained on a dataset of sessions.

It is no file like other prompts, because those words belong to `chat.decisions`, from which the
training's examples are written too. Pictures go as they were recorded, without enlargement.
"""

from __future__ import annotations

from typing import Any

from understudy.chat.decisions import (
    VERSION,
    Asked,
    answer_keys,
    answer_schema,
    system_text,
    user_text,
    words_sha256,
)
from understudy.games.game import TEXT_ACTIONS
from understudy.players.chat.templates import TRAINED
from understudy.players.player import Situation, View
from understudy.session.instruction import as_instruction, latest

UPSCALE = 1


class TrainedPrompt:
    """What the settings may name ``trained``, or ``trained.vN`` of the version that is spoken."""

    name = TRAINED
    version = VERSION

    def __init__(self, *, reasoning: bool) -> None:
        """Without ``reasoning`` the action alone is asked for, as the model was trained."""
        self._keys = answer_keys(reasoning=reasoning)
        self.sha256 = words_sha256(self._keys)

    def __str__(self) -> str:
        return f"{self.name}.v{self.version}"

    def schema(self, names: tuple[str, ...]) -> dict[str, Any]:
        """What an answer has to be. An action with a text is written as one, so any text may be."""
        spoken = any(name in TEXT_ACTIONS for name in names)
        return answer_schema(() if spoken else names, self._keys)

    def messages(
        self, situation: Situation, view: View, picture: str | None
    ) -> list[dict[str, Any]]:
        """The chat that the model is to go on with."""
        asked = Asked(
            game=situation.game.name,
            task=as_instruction(situation.words),
            state=view.observation,
            previous_actions=latest(view.previous_actions),
            step=view.step,
            limit=view.max_steps,
        )
        content: Any = user_text(asked)
        if picture is not None:
            content = [
                {"type": "text", "text": content},
                {"type": "image_url", "image_url": {"url": picture}},
            ]
        return [
            {"role": "system", "content": system_text(asked, self._keys)},
            {"role": "user", "content": content},
        ]


def is_trained(asked: str) -> bool:
    """Whether a name in the settings means this prompt."""
    return asked in (TRAINED, f"{TRAINED}.v{VERSION}")
