"""A stand-in for models of any quality: it knows a suite's answers, each with a certain chance."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from understudy.chat.tools.bracket import write_turn
from understudy.evaluate.cases import Case
from understudy.evaluate.suites import Suite
from understudy.players.backends.chat_model import Answer


class KnowingModel:
    """Knows the suite's answers by heart and gives each with a certain chance, else a wrong one."""

    def __init__(self, suite: Suite, knows: float, name: str) -> None:
        self.name = name
        self.closed = False
        self._by_words = {json.dumps(case.messages): case for case in suite}
        self._knows = knows

    def answer(self, conversations: Sequence[list[dict[str, Any]]], **how: Any) -> list[Answer]:
        answers = []
        for messages in conversations:
            case = self._by_words[json.dumps(messages)]
            lucky = random.Random(f"{self._knows} {case.id} {how['seed']}").random() < self._knows
            text = _right(case) if lucky else "Hm. [check: luck, nobody]"
            answers.append(Answer(text, 20, 0.01))
        if how["progress"]:
            how["progress"](len(answers), len(answers))
        return answers

    def close(self) -> None:
        self.closed = True


def _right(case: Case) -> str:
    words = f"So be it: {', '.join(case.tells)}." if case.tells else "So be it."
    return write_turn(words, [call.canonical() for call in case.expected])
