"""Lines that run beside each other are told in one place, each stage where it ends."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from understudy.cli import _lines_beside
from understudy.cli._lines_beside import lines_beside
from understudy.pipeline.stages import StageResult
from understudy.train.watching import TrainProgress

TITLES = ("The one", "The other")


def result(stage: str) -> StageResult:
    return StageResult(stage=stage, facts={}, seconds=1.0, reused=False)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is told, whenever it happens."""
    monkeypatch.setattr(_lines_beside, "PLAIN_EVERY_S", 0.0)


class Terminal(io.StringIO):
    """What somebody watches."""

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let standard error be one; called in a test, since before it pytest has its own there."""
    found = Terminal()
    monkeypatch.setattr(sys, "stderr", found)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return found


def follow(ended: list[tuple[str, str]]) -> None:
    with lines_beside(TITLES, lambda title, one: ended.append((title, one.stage))) as (one, other):
        one.begin("collect")
        other.begin("train")
        one.progress("playing")(3, 10)
        with other.training("dm") as told:
            told(TrainProgress(step=5, steps=20, loss=0.5, seconds=1.0, remaining_s=63.0))
        one.end(result("collect"))
        one.begin("score")
        other.end(result("train"))
        one.progress("scoring")(7)


@pytest.mark.usefixtures("impatient")
def test_plain_lines_say_whose_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    ended: list[tuple[str, str]] = []
    follow(ended)
    assert ended == [("The one", "collect"), ("The other", "train")]
    assert capsys.readouterr().err.splitlines() == [
        "The one: collect: playing: 3 of 10",
        "The other: train: step 5 of 20, loss 0.500, 1:03 left",
        "The one: score: scoring: 7",
    ]


def test_of_short_work_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    follow([])
    assert capsys.readouterr().err == ""


def test_on_a_terminal_each_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    ended: list[tuple[str, str]] = []
    follow(ended)
    shown = screen.getvalue()
    assert ended == [("The one", "collect"), ("The other", "train")]
    for words in ("The one: collect", "The one: score", "scoring: 7"):
        assert words in shown


def test_what_a_stage_came_to_is_printed_while_no_bar_is_in_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = terminal(monkeypatch)
    at: list[tuple[int, int]] = []

    def ended(title: str, one: StageResult) -> None:
        begun = len(screen.getvalue())
        print("printed", file=sys.stderr)
        at.append((begun, len(screen.getvalue())))

    with lines_beside(TITLES, ended) as (one, other):
        lanes = [
            threading.Thread(target=lambda lane=lane: [_stage(lane, n) for n in range(20)])
            for lane in (one, other)
        ]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
    assert len(at) == 40
    assert all(screen.getvalue()[begun:end] == "printed\n" for begun, end in at)


def _stage(lane: _lines_beside.Lane, number: int) -> None:
    lane.begin(str(number))
    lane.progress("working")(1, 2)
    lane.end(result(str(number)))
