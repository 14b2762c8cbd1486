"""Splits: by session, the same every time, and with what must stay together kept together."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.datasets.splits import SPLITS, Groups, Splits, parse_fractions
from understudy.errors import UsageError
from understudy.session.header import SessionHeader


def header(id: str, *, task: str | None = "open-bag", **metadata: Any) -> SessionHeader:
    told = {"task": {"id": task}, **metadata} if task else metadata
    return SessionHeader(id=id, directory=id, name="", started="", game="pocket", metadata=told)


@pytest.mark.slow
@given(st.lists(st.text(), unique=True, max_size=20), st.integers())
def test_a_group_falls_where_it_fell_whoever_else_is_there(groups: list[str], seed: int) -> None:
    splits = Splits(seed=seed)
    assert [splits.of(group) for group in groups] == [Splits(seed=seed).of(g) for g in groups]


def test_the_shares_are_about_those_asked_for() -> None:
    splits = Splits(fractions=(0.6, 0.3, 0.1))
    found = Counter(splits.of(f"group {n}") for n in range(5_000))
    for split, share in zip(SPLITS, splits.fractions, strict=True):
        assert found[split] / 5_000 == pytest.approx(share, abs=0.03)


def test_another_seed_splits_otherwise() -> None:
    groups = [f"group {n}" for n in range(100)]
    assert [Splits().of(g) for g in groups] != [Splits(seed=1).of(g) for g in groups]


@pytest.mark.parametrize("fractions", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.5, 0.5, 0.0)])
def test_a_split_with_no_share_gets_nothing(fractions: tuple[float, float, float]) -> None:
    splits = Splits(fractions=fractions)
    empty = {split for split, share in zip(SPLITS, fractions, strict=True) if not share}
    assert not empty & {splits.of(str(n)) for n in range(300)}


def test_episodes_of_one_task_and_seed_stay_together_whoever_played() -> None:
    groups = Groups()
    first = groups.of(header("a", seed=3))
    assert groups.of(header("b", seed=3)) == first
    assert groups.of(header("c", seed=4)) != first
    assert groups.of(header("d", task="other", seed=3)) != first


def test_without_a_seed_each_session_is_its_own() -> None:
    groups = Groups()
    assert groups.of(header("a")) == "a"
    assert groups.of(header("b", task=None, seed=3)) == "b"


def test_what_branched_off_stays_with_its_root_over_several_branches() -> None:
    groups = Groups()
    root = groups.of(header("a"))
    branch = groups.of(header("b", branch={"session": "a", "step": 2}))
    twig = groups.of(header("c", branch={"session": "b", "step": 3}))
    assert root == branch == twig
    assert groups.of(header("d", branch={"session": "elsewhere", "step": 1})) == "elsewhere"


def test_shares_are_read_from_text() -> None:
    assert parse_fractions("0.7, 0.2,0.1") == (0.7, 0.2, 0.1)
    assert parse_fractions("1,0,0") == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("text", ["", "1", "0.5,0.5", "0.8,0.1,0.2", "1,1,-1", "a,b,c", "nan,1,0"])
def test_shares_of_no_whole_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="add up to 1"):
        parse_fractions(text)
