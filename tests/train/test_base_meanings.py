"""What is counted before the base learns anything: which words of a question meet which answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from understudy.chat.scenarios.scenario import Scenario, Turn
from understudy.train.base.meanings import meanings

ANSWERS = {"creep": "stealth", "tiptoe": "stealth", "lift": "athletics", "heave": "athletics"}
WORDS = [*ANSWERS, "stealth", "athletics", "please", "never"]


class Words:
    """Each word is a piece."""

    def __len__(self) -> int:
        return len(WORDS)

    def encode(self, text: str, **_: Any) -> list[int]:
        return [WORDS.index(word) for word in text.split()]


def test_words_point_where_their_answers_point() -> None:
    chats = [
        Scenario(turns=(Turn("user", f"{said} please"), Turn("dm", answer)))
        for said, answer in ANSWERS.items()
        for _ in range(10)
    ]
    tokenizer: Any = Words()
    found = dict(zip(WORDS, meanings(tokenizer, chats, 3), strict=True))
    for said, answer in ANSWERS.items():
        other = "athletics" if answer == "stealth" else "stealth"
        assert found[said] @ found[answer] > found[said] @ found[other] + 0.5
    assert found["creep"] @ found["tiptoe"] > found["creep"] @ found["lift"] + 0.5
    assert not np.any(found["never"])
