"""Ids are unique and in order, whatever the clock, threads and forks do."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.store.ulids import is_ulid, new_ulid, ulid_time


@pytest.mark.slow
def test_ids_of_one_process_are_unique_and_sorted_by_making() -> None:
    made = [new_ulid() for _ in range(20_000)]
    assert made == sorted(set(made))
    assert all(is_ulid(one) for one in made)


@pytest.mark.slow
def test_threads_at_once_never_get_the_same_id() -> None:
    made: list[list[str]] = [[] for _ in range(8)]

    def make(own: list[str]) -> None:
        own.extend(new_ulid() for _ in range(2_000))

    threads = [threading.Thread(target=make, args=(own,)) for own in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for own in made for one in own}) == 16_000
    assert all(own == sorted(own) for own in made)


def test_an_id_tells_when_it_was_made() -> None:
    made = ulid_time(new_ulid())
    assert abs(made - datetime.now(UTC)) < timedelta(minutes=1)
    assert ulid_time("01ARYZ6S41" + "0" * 16) == datetime(2016, 7, 30, 22, 36, 16, 385000, UTC)


def test_a_clock_that_is_set_back_does_not_break_the_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = new_ulid()
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 3_600_000_000_000)
    assert before < new_ulid() < new_ulid()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_does_not_repeat_the_ids_of_its_parent() -> None:
    new_ulid()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, "".join(new_ulid() for _ in range(100)).encode())
        os._exit(0)
    own = {new_ulid() for _ in range(100)}
    os.waitpid(child, 0)
    text = os.read(reading, 10_000).decode()
    os.close(reading)
    os.close(writing)
    theirs = {text[at : at + 26] for at in range(0, len(text), 26)}
    assert len(theirs) == 100
    assert not own & theirs


@given(st.text(max_size=30))
def test_anything_else_is_no_id_and_has_no_time(text: str) -> None:
    assert not is_ulid(text) or len(text) == 26
    if not is_ulid(text):
        with pytest.raises(ValueError, match="is not a ULID"):
            ulid_time(text)


@pytest.mark.parametrize("text", ["", "8" + "0" * 25, "I" * 26, "0" * 25, "0" * 27, "a" * 26])
def test_near_misses_are_no_ids(text: str) -> None:
    assert not is_ulid(text)
