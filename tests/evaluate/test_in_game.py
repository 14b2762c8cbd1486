"""A file as it runs in a game: asked anew only where the grammar changes what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from understudy.chat.tools.call_grammar import call_grammar, for_each_chat
from understudy.chat.tools.registry import TOOLS
from understudy.evaluate.in_game import Heard, InGame, Overheard
from understudy.players.backends.chat_model import Answer

GRAMMAR = for_each_chat(call_grammar(TOOLS))


class Said:
    """Answers each chat with what it is told to say, and notes what it was asked."""

    name = "said"

    def __init__(self, answers: dict[str, str]) -> None:
        self._answers = answers
        self.asked: list[str] = []
        self.closed = False

    def answer(self, conversations: Sequence[Any], **how: Any) -> list[Answer]:
        self.asked += [chat[-1]["content"] for chat in conversations]
        if how["progress"]:
            for done in range(len(conversations)):
                how["progress"](done + 1, len(conversations))
        return [Answer(self._answers[chat[-1]["content"]], 5, 0.1) for chat in conversations]

    def close(self) -> None:
        self.closed = True


def chat(word: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": word}]


def held(free: dict[str, str], anew: dict[str, str]) -> tuple[InGame, Said]:
    heard: Heard = {}
    Overheard(Said(free), heard).answer([chat(word) for word in free])
    model = Said(anew)
    assert GRAMMAR is not None
    return InGame(model, GRAMMAR, heard), model


def test_only_what_the_grammar_refuses_is_asked_again() -> None:
    free = {
        "right": "She leaps. [check: athletics, Mira]",
        "silent": "Nothing stirs.",
        "unknown": "Well. [juggle: Mira]",
        "cut off": "Well. [check: athl",
    }
    model, asked = held(free, {"unknown": "Well.", "cut off": "[check: athletics, Mira]"})
    heard: list[tuple[int, int]] = []
    answers = model.answer(
        [chat(word) for word in free], progress=lambda done, total: heard.append((done, total))
    )
    assert [one.text for one in answers] == [
        free["right"], free["silent"], "Well.", "[check: athletics, Mira]",
    ]  # fmt: skip
    assert asked.asked == ["unknown", "cut off"]
    assert heard == [(3, 4), (4, 4)]
    model.close()
    assert asked.closed


def test_what_was_asked_otherwise_is_asked_again() -> None:
    model, asked = held({"a": "Fine."}, {"a": "Good.", "b": "New."})
    assert [one.text for one in model.answer([chat("a"), chat("b")], seed=2)] == ["Good.", "New."]
    assert asked.asked == ["a", "b"]
