"""A judge sees what a person sees, and what it answers is a whole score from 1 to 10 or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.curate.exhibit import Exhibit, KeyPicture
from understudy.curate.guide import guide
from understudy.curate.judging import SCHEMA, questions, read_verdict
from understudy.errors import FormatError

SHOWN = Exhibit(
    id="01",
    name="n",
    game="pocket",
    player="chat",
    model="",
    task="open the bag",
    result="step limit: not done",
    steps=15,
    max_steps=15,
    reference_steps=3,
    check="failed: the bag is not open",
    pictures=(
        KeyPicture(caption="before step 1", path=Path("a.png")),
        KeyPicture(caption="after step 15", path=Path("b.png")),
    ),
)


def test_the_judge_is_given_the_guide_the_facts_and_the_pictures():
    system, user = questions(SHOWN, lambda path: f"data:{path}")
    assert guide() in system["content"]
    text = user["content"][0]["text"]
    for words in ("open the bag", "step limit: not done", "15/15", "the bag is not open"):
        assert words in text
    assert [part["image_url"]["url"] for part in user["content"] if "image_url" in part] == [
        "data:a.png", "data:b.png",
    ]  # fmt: skip


def test_a_picture_that_is_gone_is_left_out():
    def url(path):
        if path.name == "a.png":
            raise FileNotFoundError(path)
        return "data:b"

    _, user = questions(SHOWN, url)
    assert [part["type"] for part in user["content"]] == ["text", "text", "image_url"]


def test_a_verdict_is_taken_as_it_is():
    found = read_verdict({"score": 4, "feedback": "lost", "justification": "significant errors"})
    assert (found.score, found.feedback, found.justification) == (4, "lost", "significant errors")


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "8",
        {},
        {"score": None},
        {"score": "8"},
        {"score": True},
        {"score": 0},
        {"score": 11},
        {"score": 7.5},
        {"score": float("nan")},
        {"score": float("inf")},
        {"score": [8]},
    ],
)
def test_a_score_that_is_none_or_off_the_scale_is_refused_never_moved(answer):
    with pytest.raises(FormatError):
        read_verdict(answer)


def test_the_schema_allows_every_score_of_the_scale_and_no_other():
    assert SCHEMA["properties"]["score"]["enum"] == list(range(1, 11))
    assert sorted(SCHEMA["required"]) == sorted(SCHEMA["properties"])
