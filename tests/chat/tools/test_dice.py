"""Dice expressions: one spelling for each roll, and clear words for what is none."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.chat.tools.dice import Dice, Throw, normalise_dice, parse_dice


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("d20", "1d20"),
        ("d20 + 5", "1d20+5"),
        ("1D20+5", "1d20+5"),
        ("5+d20", "1d20+5"),
        ("2d6 +3 + 1", "2d6+4"),
        ("1d6+1d6", "2d6"),
        ("1d4+2d8", "2d8+1d4"),
        ("d20-1", "1d20-1"),
        ("d20 − 1", "1d20-1"),
        ("d20+2-2", "1d20"),
        ("8d6-1d4", "8d6-1d4"),
        ("d%", "1d100"),
        ("2d20kh", "2d20kh1"),
        ("2d20KL1+3", "2d20kl1+3"),
        ("2d20kh2", "2d20"),
        ("0020d006", "20d6"),
    ],
)
def test_a_roll_has_one_spelling(written, normal):
    assert normalise_dice(written) == normal


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "no dice"),
        ("5", "no dice"),
        ("stealth", "no dice expression"),
        ("d20+", "no dice expression"),
        ("d20++5", "no dice expression"),
        ("d20 5", "no dice expression"),
        ("d1", "out of bounds"),
        ("0d6", "out of bounds"),
        ("101d6", "out of bounds"),
        ("60d6+60d6", "more than 100 dice"),
        ("1d1001", "out of bounds"),
        ("2d20kh3", "keeps 3 of 2"),
        ("2d20kh0", "keeps 0 of 2"),
        ("1d6+20000", "adds more than"),
        ("1d6*2", "no dice expression"),
        ("d", "no dice expression"),
    ],
)
def test_what_is_no_roll_is_refused_in_words(written, reason):
    with pytest.raises(ValueError, match=reason):
        parse_dice(written)


@pytest.mark.parametrize(
    ("written", "least", "most"),
    [("2d6+3", 2, 12), ("2d20kh1", 1, 20), ("8d6-1d4", 4, 47), ("-1d6", -6, -1)],
)
def test_the_range_is_what_the_dice_can_show(written, least, most):
    assert parse_dice(written).range() == (least, most)


throws = st.builds(
    Throw,
    sides=st.integers(2, 100),
    count=st.integers(1, 20),
    sign=st.sampled_from((1, 1, 1, -1)),
)


@given(st.lists(throws, min_size=1, max_size=4), st.integers(-50, 50), st.randoms())
def test_any_way_of_writing_a_roll_means_the_same(parts, constant, rng: random.Random):
    """Given terms in any order, case and spacing, the normal spelling is one and stays."""
    terms = [f"{'-' if t.sign < 0 else '+'}{t}" for t in parts] + [f"{constant:+d}"]
    plain = normalise_dice("".join(terms))
    rng.shuffle(terms)
    spaced = re.sub(r"([+-])", lambda m: rng.choice(("", " ")) + m[1] + rng.choice(("", " ")),
                    "".join(terms))  # fmt: skip
    assert normalise_dice(rng.choice((spaced, spaced.upper()))) == plain
    assert normalise_dice(plain) == plain
    assert str(parse_dice(plain)) == plain


def test_dice_without_a_constant_are_written_without_one():
    assert str(Dice((Throw(sides=6, count=2),))) == "2d6"
