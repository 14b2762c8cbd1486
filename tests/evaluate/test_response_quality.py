"""What is told of an answer beside its calls, and what the written answers score."""

from __future__ import annotations

import random
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.evaluate.quality import PARTS, Quality, measure, tells
from understudy.evaluate.suites import build_suite

SYSTEM = (
    "Role: Dungeon Master\nRules: Call a tool only by rule. [check: ability, name] stealth sneak.\n"
    "Location: Tavern\nParty:\n- Theron (Elf Rogue, Level 3, HP: 14/20)"
)


def turn(said: str) -> list[dict[str, Any]]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": said}]


SNEAKS = turn("Theron creeps past the guards.")


def missing(answer: str, messages: Any = SNEAKS) -> list[str]:
    found = measure(messages, answer)
    return [part for part in PARTS if not getattr(found, part)]


@pytest.mark.parametrize(
    "answer",
    [
        "The guard yawns. [check: stealth, Theron]",
        "[check: stealth, Theron]",
        "He is smoke; the guards look elsewhere. [laughs]",
        "Theron's boots make no sound.",
    ],
)
def test_a_plain_answer_has_nothing_wrong(answer: str) -> None:
    assert measure(SNEAKS, answer).good, missing(answer)


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ("Bread is sold on Mondays.", "on_topic"),
        ("Sela creeps past the guards.", "names_kept"),
        ("Softly, Therun creeps on.", "names_kept"),
        ("Theron stands at 15 hit points.", "numbers_kept"),
        ("The guard yawns. [check: stealth", "format_kept"),
        ("The guard yawns. [dance: Theron]", "format_kept"),
        ("The guard yawns.<|end|>", "format_kept"),
        ("The guard yawns.\nUser: I wait.", "format_kept"),
        ("The guard yawns. ]", "format_kept"),
        ("", "length_kept"),
        ("guard " + "walks on and on " * 30, "length_kept"),
        ("The guard the guard walks past the guard the guard walks past.", "not_repeated"),
        ("The guard guard guard yawns.", "not_repeated"),
    ],
)
def test_each_fault_is_seen(answer: str, part: str) -> None:
    assert part in missing(answer)


def test_numbers_of_the_own_calls_and_of_dice_are_no_invention() -> None:
    assert "numbers_kept" not in missing("Twelve, or 12 will do. [save: wisdom, Theron, 12]")
    assert "numbers_kept" not in missing("The axe does 1d8+3 to the guards.")


def test_a_number_of_the_last_result_is_on_topic() -> None:
    results = [*SNEAKS, {"role": "tool", "content": "stealth: 9 + 5(skill) = *14*"}]
    assert "on_topic" not in missing("Fourteen, and nobody stirs.", results)
    assert "on_topic" in missing("Nobody stirs.", results)


@pytest.mark.parametrize(
    ("answer", "facts", "told"),
    [
        ("Theron has 14 of 20 hit points.", ("14",), True),
        ("Fourteen, he says.", ("14",), True),
        ("Theron has 140 hit points.", ("14",), False),
        ("You are in the old mill, here.", ("Old Mill",), True),
        ("Mira and Borin.", ("Mira", "Borin"), True),
        ("Mira alone.", ("Mira", "Borin"), False),
        ("[check: stealth, Mira]", ("Mira",), False),
    ],
)
def test_a_told_fact_has_to_stand_in_the_words(
    answer: str, facts: tuple[str, ...], told: bool
) -> None:
    assert tells(answer, facts) is told


@pytest.mark.slow
def test_hand_written_answers_are_good_and_those_dealt_at_random_are_not_on_topic() -> None:
    cases = [
        case for case in build_suite(["wordings", "no_call_wordings"], limit=500) if case.reference
    ]
    own = [measure(case.messages, case.reference) for case in cases]
    dealt = [case.reference for case in cases]
    random.Random(1).shuffle(dealt)
    others = [measure(case.messages, answer) for case, answer in zip(cases, dealt, strict=True)]
    assert share(own, "good") > 0.85
    assert all(share(own, part) > 0.98 for part in PARTS if part != "on_topic")
    assert share(others, "on_topic") < 0.6 < share(own, "on_topic")


def share(found: list[Quality], part: str) -> float:
    return fmean(getattr(one, part) for one in found)


@given(st.text(max_size=300), st.text(max_size=60))
def test_no_text_breaks_the_measure(answer: str, said: str) -> None:
    assert measure(turn(said), answer).good in (True, False)
    assert tells(answer, [said]) in (True, False)
