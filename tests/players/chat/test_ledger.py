"""The ledger and the cache of answers: bounded, and shared by processes without losing count."""

from __future__ import annotations

import multiprocessing
from contextlib import closing
from pathlib import Path

import pytest

from understudy.errors import PlayerError
from understudy.players.backends.answer_cache import AnswerCache
from understudy.players.backends.ledger import FILE_NAME, Ledger


def _spend_and_reserve(folder: Path, ready: object, waits: object) -> None:
    with closing(Ledger(folder)) as ledger:
        ready.wait()  # type: ignore[attr-defined]
        for _ in range(50):
            ledger.spend("batch 1", 0.5, now=1_000.0)
            waits.put(ledger.reserve("server", 2.0, now=1_000.0))  # type: ignore[attr-defined]


@pytest.mark.slow
def test_two_processes_count_into_one_account_and_never_take_the_same_turn(
    tmp_path: Path,
) -> None:
    context = multiprocessing.get_context("spawn")
    ready, waits = context.Barrier(2), context.Queue()
    workers = [
        context.Process(target=_spend_and_reserve, args=(tmp_path, ready, waits)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    taken = sorted(waits.get() for _ in range(100))
    for worker in workers:
        worker.join()
    with closing(Ledger(tmp_path)) as ledger:
        assert ledger.spent("batch 1") == pytest.approx(50.0)
    assert taken == [2.0 * turn for turn in range(100)]


def test_accounts_do_not_mix_and_a_new_one_is_empty(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path)) as ledger:
        ledger.spend("one", 1.5, now=0.0)
        assert (ledger.spent("one"), ledger.spent("other")) == (1.5, 0.0)
    with closing(Ledger(tmp_path)) as later:
        assert later.spent("one") == 1.5


def test_an_account_of_years_ago_is_forgotten(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path)) as ledger:
        ledger.spend("old", 1.0, now=0.0)
        ledger.spend("new", 1.0, now=3 * 365 * 86_400.0)
        assert (ledger.spent("old"), ledger.spent("new")) == (0.0, 1.0)


def test_a_ledger_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database" * 100)
    with pytest.raises(PlayerError, match=r"chat_ledger\.sqlite, which counts what calls cost"):
        Ledger(tmp_path)


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    with closing(AnswerCache(tmp_path, most_bytes=5 * 1_200)) as cache:
        for number in range(5):
            cache.put(f"key {number}", "x" * 1_000, now=float(number))
        assert cache.get("key 0", now=10.0) is not None
        cache.put("key 5", "x" * 1_000, now=11.0)
        assert cache.get("key 1", now=12.0) is None
        assert cache.get("key 0", now=12.0) is not None
        assert cache.get("key 5", now=12.0) is not None


def test_an_answer_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    with closing(AnswerCache(tmp_path, most_bytes=1_000)) as cache:
        cache.put("key", "x" * 2_000, now=0.0)
        assert cache.get("key", now=1.0) is None


def test_the_later_answer_to_a_question_takes_the_place_of_the_earlier(tmp_path: Path) -> None:
    with closing(AnswerCache(tmp_path)) as cache:
        cache.put("key", "one", now=0.0)
        cache.put("key", "two", now=1.0)
        assert cache.get("key", now=2.0) == "two"
