"""Cores are counted as the environment and the system allow, and shared while it lasts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from understudy._util.cores import cores, share_of_the_cores

TOLD = "OMP_NUM_THREADS"


def test_the_environment_has_the_first_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOLD, "3")
    assert cores() == 3


@pytest.mark.parametrize("told", ["", "0", "-2", "many", "4,2"])
def test_what_is_no_number_of_cores_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.delenv(TOLD, raising=False)
    usual = cores()
    assert usual >= 1
    monkeypatch.setenv(TOLD, told)
    assert cores() == usual


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system pins no process")
def test_only_those_count_that_the_process_may_use() -> None:
    told = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    told += "from understudy._util.cores import cores; print(cores())"
    unsaid = {name: value for name, value in os.environ.items() if name != TOLD}
    done = subprocess.run(
        [sys.executable, "-c", told], env=unsaid, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize(("all_of_them", "share"), [("4", 2), ("3", 1), ("1", 1)])
def test_a_share_is_one_core_at_least_and_ends_with_the_block(
    monkeypatch: pytest.MonkeyPatch, all_of_them: str, share: int
) -> None:
    monkeypatch.setenv(TOLD, all_of_them)
    with share_of_the_cores(2):
        assert cores() == share
        assert os.environ[TOLD] == str(share)
    assert os.environ[TOLD] == all_of_them


def test_where_nothing_was_said_nothing_is_said_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOLD, raising=False)
    with pytest.raises(KeyError), share_of_the_cores(2):
        raise KeyError
    assert TOLD not in os.environ


def test_what_computes_here_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    before = torch.get_num_threads()
    monkeypatch.setenv(TOLD, "6")
    try:
        with share_of_the_cores(2):
            assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 6
    finally:
        torch.set_num_threads(before)
