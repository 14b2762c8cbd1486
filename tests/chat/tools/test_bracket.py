"""Calls in brackets: found anywhere, judged with a reason, and written in one spelling."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.chat.tools.bracket import (
    canonical_turn,
    find_calls,
    parse_call,
    read_brackets,
    without_calls,
    write_call,
    write_turn,
)
from understudy.chat.tools.registry import SKILLS, TOOLS, Argument, Call, ToolRegistry, ToolSpec
from understudy.errors import FormatError

names = st.text(
    st.characters(categories=("L", "Nd"), include_characters=" '-"), min_size=1, max_size=20
).filter(lambda text: text.strip() and text == " ".join(text.split()))
dice = st.builds("{}d{}{:+d}".format, st.integers(1, 20), st.integers(2, 20), st.integers(1, 9))


def call(tool, *values):
    return st.builds(lambda *v: TOOLS.call(tool, *v), *values)


calls = st.one_of(
    call("roll", st.one_of(dice, st.sampled_from(SKILLS))),
    call("health", names, st.integers(-999, 999)),
    call("inventory", names, st.sampled_from(("add", "remove")), names),
    call("spellcast", names, names, st.integers(0, 9)),
    call("check", st.sampled_from(SKILLS), names),
    call("save", st.sampled_from(("strength", "wisdom")), names, st.integers(1, 30)),
)
prose = st.text(st.characters(exclude_characters="[]", codec="utf-8"), max_size=60)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("[roll: d20+5]", "[roll: 1d20+5]"),
        ("[roll: perception]", "[roll: perception]"),
        ("[health: player, -5]", "[health: player, -5]"),
        ("[health: player, 8]", "[health: player, +8]"),
        ("[inventory: Sara, add, sword]", "[inventory: Sara, add, sword]"),
        ("[spellcast: Elara, fireball, 3]", "[spellcast: Elara, fireball, 3]"),
        ("[check: stealth, player]", "[check: stealth, player]"),
        ("[save: dexterity, player, 15]", "[save: dexterity, player, 15]"),
        ("[ Roll :5 + D20 ]", "[roll: 1d20+5]"),
        ("[CHECK:Sleight_of_Hand ,Mira]", "[check: sleight of hand, Mira]"),
        ("[save: DEX, Old  Tom, 12]", "[save: dexterity, Old Tom, 12]"),
        ("[health: Bo, − 3]", "[health: Bo, -3]"),
        ("  [check: arcana, Elara]\n", "[check: arcana, Elara]"),
    ],
)
def test_a_call_is_read_however_it_is_written(text, canonical):
    assert write_call(parse_call(text)) == canonical


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[roll: d20", "never closed"),
        ("[roll: d20\n]", "never closed"),
        ("[roll: [d20]]", "never closed"),
        ("[roll:]", "dice_expression is missing"),
        ("[check: stealth]", "character is missing"),
        ("[check: stealth, Mira, 12]", "'12' is one argument too many"),
        ("[inventory: Sara, add, rope, long]", "one argument too many"),
        ("[check: cooking, Mira]", "'cooking', which is none of"),
        ("[inventory: Sara, juggle, rope]", "'juggle', which is none of add, remove"),
        ("[roll: a lot]", "no dice expression"),
        ("[health: Mira, some]", "no whole number"),
        ("[health: , -5]", "character is empty"),
        ("[save: wisdom, Mira, 99]", "99, more than 30"),
        ("[spellcast: Mira, light, -1]", "-1, less than 0"),
        ("[roll d20]", "no colon follows roll"),
    ],
)
def test_a_malformed_call_is_refused_with_its_place_and_reason(text, reason):
    reading = read_brackets(f"Well. {text}")
    assert reading.calls == ()
    assert [bad.start for bad in reading.malformed] == [6]
    assert reason in reading.malformed[0].reason
    with pytest.raises(FormatError, match="character 1: the call of"):
        parse_call(text)


def test_an_unknown_tool_is_reported_and_is_no_error_of_the_text():
    reading = read_brackets("He drinks. [drink: Bo, ale, 2]")
    assert [(u.name, u.values, u.start) for u in reading.unknown] == [
        ("drink", ("Bo", "ale", "2"), 11)
    ]
    assert reading.malformed == ()
    with pytest.raises(FormatError, match="there is no tool 'drink'; known are roll, health"):
        parse_call("[drink: Bo, ale, 2]")


@pytest.mark.parametrize(
    "aside",
    ["[laughs]", "[12:30]", "[save the princess]", "[https://example.org]", "[1]", "[]", "[ ]"],
)
def test_ordinary_brackets_are_asides(aside):
    reading = read_brackets(f"So {aside} it was.")
    assert reading.asides == (aside,)
    assert (reading.calls, reading.unknown, reading.malformed) == ((), (), ())


def test_a_bracket_that_opens_and_never_closes_is_prose():
    assert read_brackets("Note [see below: it rained").asides == ()


def test_several_calls_in_one_turn_come_in_order_with_their_places():
    text = "Go [check: stealth, Mira] on. [laughs] [check: stealth, Bo][roll: d6]"
    reading = read_brackets(text)
    assert [text[c.start : c.end] for c in reading.calls] == [
        "[check: stealth, Mira]", "[check: stealth, Bo]", "[roll: d6]",
    ]  # fmt: skip
    assert without_calls(text) == "Go on. [laughs]"


def test_a_text_that_is_more_than_one_call_is_not_one():
    for text in ("", "hello", "[laughs]", "[roll: d6] [roll: d6]", "hm [roll: d6]"):
        with pytest.raises(FormatError, match="is not one call"):
            parse_call(text)


def test_only_the_calls_of_a_turn_are_rewritten():
    text = "A  [ROLL:d6]\n[hm]  [drink:x] [check: x]"
    assert canonical_turn(text) == "A  [roll: 1d6]\n[hm]  [drink:x] [check: x]"


@pytest.mark.parametrize("value", ["a, b", "a]b", "[a", "a\nb"])
def test_what_would_break_a_bracket_is_not_written(value):
    with pytest.raises(FormatError, match=r"cannot be written: item is .* breaks it"):
        write_call(Call("inventory", {"character": "Bo", "action": "add", "item": value}))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"ability": "stealth"}, "character is missing"),
        ({"ability": "stealth", "character": "Bo", "dc": 3}, "has no argument 'dc'"),
        ({"ability": "cooking", "character": "Bo"}, "none of"),
    ],
)
def test_a_call_that_does_not_fit_its_tool_is_not_written(arguments, reason):
    with pytest.raises(FormatError, match=reason):
        write_call(Call("check", arguments))


def test_arguments_that_may_be_left_out_may_be_left_out():
    bell = ToolSpec(
        name="bell",
        arguments=(Argument(name="times", kind="integer", required=False), Argument(
            name="tone", required=False)),
    )  # fmt: skip
    registry = ToolRegistry((bell,))
    for text in ("[bell:]", "[bell: 3]", "[bell: 3, low]"):
        assert write_call(parse_call(text, registry), registry) == text
    with pytest.raises(FormatError, match="tone is given and the argument before it is not"):
        write_call(Call("bell", {"tone": "low"}), registry)


@pytest.mark.slow
@given(calls)
def test_a_written_call_is_read_as_it_was(made):
    assert parse_call(write_call(made)) == made


@pytest.mark.slow
@given(prose, st.lists(calls, max_size=4))
def test_a_written_turn_gives_back_its_words_and_its_calls(words, made):
    turn = write_turn(words, made)
    assert find_calls(turn) == made
    assert without_calls(turn) == words.strip()
    assert canonical_turn(turn) == turn


@given(calls, st.randoms())
def test_spaces_and_letter_case_of_the_frame_do_not_matter(made, rng: random.Random):
    text = write_call(made)
    name, _, rest = text[1:-1].partition(": ")
    loose = rest.replace(", ", rng.choice((",", " , ", ",   ")))
    name = "".join(rng.choice((letter, letter.upper())) for letter in name)
    assert find_calls(f"[ {name}{rng.choice(('', ' '))}:{loose} ]") == [made]


@given(st.text(st.sampled_from("[]:, \nrolcheksav+-d6é"), max_size=80))
def test_any_text_is_read_without_an_error(text):
    reading = read_brackets(text)
    for placed in reading.calls:
        assert text[placed.start] == "["
        assert text[placed.end - 1] == "]"
    assert find_calls(canonical_turn(text)) == [placed.call for placed in reading.calls]
