"""How the calls of an answer are judged: what counts as right, and which fault is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.chat.tools.bracket import write_call, write_turn
from understudy.chat.tools.json_schema import to_tool_calls
from understudy.chat.tools.registry import SKILLS, TOOLS, Call
from understudy.errors import UsageError
from understudy.evaluate.cases import Case, ExpectedCall, digest, expect
from understudy.evaluate.given_calls import FAILURE_TYPES
from understudy.evaluate.tool_calls import score_calls

ASKED = [{"role": "user", "content": "Mira creeps past the guard."}]


def case(*calls: Call | ExpectedCall, ordered: bool = False, **also: Any) -> Case:
    expected = tuple(one if isinstance(one, ExpectedCall) else expect(one, also) for one in calls)
    return Case(id="c", set="s", messages=ASKED, expected=expected, ordered=ordered)


def faults(wanted: Case, answer: Any) -> list[str]:
    return [failure.type for failure in score_calls(wanted, answer).failures]


SNEAK = TOOLS.call("check", "stealth", "Mira")
HURT = TOOLS.call("health", "Mira", -4)
ATTACK = TOOLS.call("roll", "1d20+5")


@pytest.mark.parametrize(
    "answer",
    [
        "Softly. [check: stealth, Mira]",
        "[check: stealth, Mira] Softly, softly.",
        "[CHECK:stealth,Mira]",
        "[ check :  Stealth ,  MIRA ]",
    ],
)
def test_words_case_and_spaces_around_a_right_call_do_not_matter(answer: str) -> None:
    assert score_calls(case(SNEAK), answer).right


@pytest.mark.parametrize("written", ["1d20+5", "d20+5", "D20 + 5", "5+1d20", "+1d20+5"])
def test_all_spellings_of_the_same_dice_are_the_same_roll(written: str) -> None:
    assert score_calls(case(ATTACK), f"[roll: {written}]").right


@pytest.mark.parametrize("written", ["1d20", "2d20+5", "1d20+6", "1d12+5", "1d20-5"])
def test_other_dice_are_a_wrong_value(written: str) -> None:
    assert faults(case(ATTACK), f"[roll: {written}]") == ["wrong_value"]


def test_the_player_stands_for_the_hero_only_where_the_case_says_so() -> None:
    strict, open_to_both = case(SNEAK), case(SNEAK, character=["player"])
    assert faults(strict, "[check: stealth, player]") == ["wrong_value"]
    assert score_calls(open_to_both, "[check: stealth, player]").right
    assert score_calls(open_to_both, "[check: stealth, Mira]").right


@pytest.mark.parametrize(
    ("answer", "types"),
    [
        ("Softly.", ["wrong_count"]),
        ("[check: stealth, Mira] [check: stealth, Mira]", ["wrong_count"]),
        ("[save: dexterity, Mira, 12]", ["wrong_name"]),
        ("[sneak: Mira]", ["wrong_name"]),
        ("[check: stealth]", ["missing_argument"]),
        ("[check: , Mira]", ["missing_argument"]),
        ("[check: stealth, Mira, 15]", ["unexpected_argument"]),
        ("[check: perception, Mira]", ["wrong_value"]),
        ("[check: sneaking, Mira]", ["wrong_value"]),
        ("[check: stealth, Borin]", ["wrong_value"]),
        ("[check: perception, Borin]", ["wrong_value", "wrong_value"]),
        ("[check: stealth, Mira", ["malformed"]),
        ("[check stealth, Mira]", ["malformed"]),
    ],
)
def test_each_fault_of_a_check_is_named(answer: str, types: list[str]) -> None:
    assert faults(case(SNEAK), answer) == types


@pytest.mark.parametrize(
    ("answer", "types"),
    [
        ("[health: Mira, four]", ["wrong_type"]),
        ("[health: Mira, -4.5]", ["wrong_type"]),
        ("[health: Mira, -5000]", ["wrong_value"]),
        ("[health: Mira, 4]", ["wrong_value"]),
        ("[health: Borin, four]", ["wrong_type", "wrong_value"]),
    ],
)
def test_a_number_that_is_none_is_of_the_wrong_type_and_another_number_a_wrong_value(
    answer: str, types: list[str]
) -> None:
    assert faults(case(HURT), answer) == types


def test_dice_that_are_none_are_of_the_wrong_type() -> None:
    assert faults(case(ATTACK), "[roll: a handful]") == ["wrong_type"]


def test_several_calls_may_come_in_any_order_unless_the_case_has_one() -> None:
    turned_round = write_turn("", [HURT, SNEAK])
    assert score_calls(case(SNEAK, HURT), turned_round).right
    assert faults(case(SNEAK, HURT, ordered=True), turned_round) == ["wrong_order"]
    assert score_calls(case(HURT, SNEAK, ordered=True), turned_round).right


def test_each_given_call_can_fulfil_one_expectation_only() -> None:
    either = expect(TOOLS.call("check", "stealth", "Mira"), {"character": ["Borin"]})
    mira_only = expect(SNEAK)
    wanted = case(either, mira_only)
    assert score_calls(wanted, "[check: stealth, Mira] [check: stealth, Borin]").right
    assert not score_calls(wanted, "[check: stealth, Borin] [check: stealth, Borin]").right


def test_a_missing_call_beside_a_right_one_is_one_fault() -> None:
    assert faults(case(SNEAK, HURT), "[health: Mira, -4]") == ["wrong_count"]


def test_where_no_call_is_due_every_attempt_is_one_too_many() -> None:
    quiet = case()
    assert score_calls(quiet, "He nods. [laughs]").right
    assert (
        faults(quiet, "[check: stealth, Mira] [health: Mira, x] [dance: Mira]")
        == ["called_without_need"] * 3
    )


def test_what_a_schema_accepts_is_counted_beside_what_was_attempted() -> None:
    score = score_calls(case(SNEAK), "[check: stealth, Mira] [health: Mira, x] [check: stealth")
    assert (score.given, score.readable) == (3, 1)


def test_calls_apart_from_the_words_are_judged_alike() -> None:
    def message(name: str, **arguments: Any) -> dict[str, Any]:
        function = {"name": name, "arguments": json.dumps(arguments)}
        return {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}

    assert score_calls(case(SNEAK), message("check", ability="stealth", character="Mira")).right
    assert faults(case(SNEAK), message("check", ability="stealth")) == ["missing_argument"]
    assert faults(case(SNEAK), message("check", ability="stealth", character=["Mira"])) == [
        "wrong_type"
    ]
    assert faults(case(SNEAK), message("check", ability="stealth", character="Mira", dc=12)) == [
        "unexpected_argument"
    ]
    assert faults(case(SNEAK), message("sneak", character="Mira")) == ["wrong_name"]
    broken = {"tool_calls": [{"function": {"name": "check", "arguments": "{"}}]}
    assert faults(case(SNEAK), broken) == ["malformed"]
    assert faults(case(SNEAK), {"tool_calls": [None]}) == ["malformed"]


def test_a_case_that_nobody_could_pass_is_refused() -> None:
    with pytest.raises(UsageError, match="no argument 'dc'"):
        expect(SNEAK, {"dc": [12]})
    with pytest.raises(UsageError, match="can be like that"):
        expect(Call("save", {"type": "luck", "character": "Mira", "dc": 12}))


def test_the_digest_tells_other_expectations_apart() -> None:
    assert digest([case(SNEAK)]) == digest([case(SNEAK)])
    assert digest([case(SNEAK)]) != digest([case(SNEAK, character=["player"])])


def hit_points(known: Any, calls: Any) -> dict[str, int]:
    table = {name: hero["hp"] for name, hero in known["party"].items()}
    for call in calls:
        if call.tool == "health":
            table[call.arguments["character"]] += call.arguments["modifier"]
    return table


@pytest.mark.parametrize(
    ("answer", "right", "state"),
    [
        ("[health: Mira, -4]", True, True),
        ("[health: Mira, -1] [health: Mira, -3]", False, True),
        ("[health: Mira, -3]", False, False),
        ("[health: Mira, -4] [health: Mira, x]", False, True),
        ("nothing", False, False),
    ],
)
def test_the_state_is_judged_by_what_the_calls_come_to(
    answer: str, right: bool, state: bool
) -> None:
    known = {"party": {"Mira": {"hp": 9}}}
    wanted = Case(id="c", set="s", messages=ASKED, expected=(expect(HURT),), known=known)
    score = score_calls(wanted, answer, execute=hit_points)
    assert (score.right, score.state) == (right, state)


NAMES = st.sampled_from(["Mira", "Borin", "player", "Grikka the Small", "Åse"])
CALLS = st.one_of(
    st.builds(lambda s, n: TOOLS.call("check", s, n), st.sampled_from(SKILLS), NAMES),
    st.builds(lambda n, c: TOOLS.call("health", n, c), NAMES, st.integers(-999, 999)),
    st.builds(lambda n, d: TOOLS.call("save", "wisdom", n, d), NAMES, st.integers(1, 30)),
    st.builds(lambda c, s, p: TOOLS.call("roll", f"{c}d{s}+{p}"),
              st.integers(1, 9), st.integers(2, 20), st.integers(1, 9)),
    st.builds(lambda n, a: TOOLS.call("inventory", n, a, "iron key"),
              NAMES, st.sampled_from(["add", "remove"])),
)  # fmt: skip
WORDS = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"]), max_size=30)


@pytest.mark.slow
@given(st.lists(CALLS, max_size=4), WORDS, st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=200)
def test_a_perfect_answer_scores_in_any_order_case_and_spacing(
    calls: list[Call], words: str, chance: Any, shout: bool
) -> None:
    wanted = case(*calls)
    shuffled = list(calls)
    chance.shuffle(shuffled)
    written = [write_call(call) for call in shuffled]
    if shout:
        written = [text.upper().replace(",", " , ") for text in written]
    assert score_calls(wanted, " ".join([words, *written])).right
    assert score_calls(case(*calls, ordered=True), write_turn("", calls)).right


@pytest.mark.slow
@given(st.lists(CALLS, min_size=1, max_size=3))
def test_a_perfect_answer_with_json_calls_scores_too(calls: list[Call]) -> None:
    turn = {"role": "assistant", "content": write_turn("So.", calls)}
    message = to_tool_calls([turn])[0]
    assert score_calls(case(*calls), message).right


@pytest.mark.slow
@given(st.lists(CALLS, max_size=3), st.text(max_size=300))
@settings(max_examples=300)
def test_no_text_breaks_the_scorer(calls: list[Call], answer: str) -> None:
    score = score_calls(case(*calls), answer, execute=lambda known, made: len(made))
    assert score.right == (not score.failures)
    assert all(failure.type in FAILURE_TYPES for failure in score.failures)


PIECES = st.sampled_from(
    ["[", "]", ":", ",", "check", "health", "roll", "dance", "Mira", "-4", "d20", "1e9", "\n", " "]
)


@pytest.mark.slow
@given(st.lists(PIECES, max_size=40).map("".join), st.lists(CALLS, max_size=2))
@settings(max_examples=300)
def test_no_broken_bracket_breaks_the_scorer(answer: str, calls: list[Call]) -> None:
    score = score_calls(case(*calls), answer)
    assert score.readable <= score.given


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.slow
@given(JSON, JSON)
def test_no_message_breaks_the_scorer(content: Any, tool_calls: Any) -> None:
    message = {"role": "assistant", "content": content, "tool_calls": tool_calls}
    assert score_calls(case(SNEAK), message).given >= 0


@pytest.mark.slow
def test_a_flood_of_calls_is_judged_in_no_time() -> None:
    answer = "[check: perception, Mira] " * 20_000
    assert not score_calls(case(SNEAK, HURT), answer).right
