"""Stages: what has not changed is not done again, and what has, is."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.errors import UsageError
from understudy.pipeline.stages import Stages


class Work:
    def __init__(self, made: Path) -> None:
        self.made = made
        self.done = 0

    def __call__(self) -> dict[str, object]:
        self.done += 1
        self.made.write_text("here")
        return {"path": self.made, "times": self.done}


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path / "made.txt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "stages"


def stands(facts: dict[str, object]) -> bool:
    return Path(str(facts["path"])).exists()


def test_a_stage_with_the_same_inputs_is_reused_with_its_facts(folder: Path, work: Work) -> None:
    first = Stages(folder).run("play", {"tasks": ("a", "b")}, work, stands=stands)
    second = Stages(folder).run("play", {"tasks": ("a", "b")}, work, stands=stands)
    assert work.done == 1
    assert (first.reused, second.reused) == (False, True)
    assert second.facts == first.facts == {"path": str(work.made), "times": 1}


@pytest.mark.parametrize("inputs", [{"tasks": ["a"]}, {"tasks": ["b", "a"]}, {}])
def test_a_stage_with_other_inputs_is_done_again(
    folder: Path, work: Work, inputs: dict[str, object]
) -> None:
    Stages(folder).run("play", {"tasks": ["a", "b"]}, work)
    assert not Stages(folder).run("play", inputs, work).reused
    assert work.done == 2


def test_a_stage_whose_product_is_gone_is_done_again(folder: Path, work: Work) -> None:
    Stages(folder).run("play", {}, work, stands=stands)
    work.made.unlink()
    assert not Stages(folder).run("play", {}, work, stands=stands).reused


def test_force_does_it_again(folder: Path, work: Work) -> None:
    Stages(folder).run("play", {}, work)
    assert not Stages(folder).run("play", {}, work, force=True).reused


def test_a_note_that_cannot_be_read_counts_for_nothing(folder: Path, work: Work) -> None:
    Stages(folder).run("play", {}, work)
    (folder / "play.json").write_bytes(b"\xff{")
    assert not Stages(folder).run("play", {}, work).reused


def test_work_that_fails_leaves_the_note_of_the_last_time(folder: Path, work: Work) -> None:
    def fail() -> dict[str, object]:
        raise UsageError("it cannot be done")

    Stages(folder).run("play", {"seed": 1}, work)
    with pytest.raises(UsageError):
        Stages(folder).run("play", {"seed": 2}, fail)
    assert Stages(folder).run("play", {"seed": 1}, work).reused
