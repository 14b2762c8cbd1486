"""The line of an agent runs in a process of its own: told, waited for, interrupted, never lost."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import understudy
from understudy._util.cores import cores
from understudy.errors import ModelError, UnderstudyError
from understudy.pipeline.recipes.agent_line import AgentLine
from understudy.pipeline.recipes.agent_recipe import AgentRecipe
from understudy.pipeline.recipes.beside import agent_line_beside
from understudy.pipeline.stages import StageResult

pytestmark = pytest.mark.slow  # a process of its own for each

NO_BASE = "no-such-base"


def recipe(sessions: int = 1) -> AgentRecipe:
    """A line that plays, scores, builds, and has nothing to train."""
    return AgentRecipe.model_validate(
        {
            "schema": 1,
            "name": "agent",
            "collect": {
                "game": "pocket",
                "tasks": ["open-start-menu"],
                "rounds": [{"sessions": sessions}],
            },
            "train": {"base": f"./{NO_BASE}"},
        }
    )


class Listening:
    """A watcher that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.playing = threading.Event()

    def begin(self, stage: str) -> None:
        self.told.append(("begin", stage))

    def end(self, result: StageResult) -> None:
        self.told.append(("end", result.stage))

    def progress(self, label: str) -> Callable[[int, int], None]:
        def done(number: int, total: int) -> None:
            self.told.append((label, (number, total)))
            if label == "playing" and number:
                self.playing.set()

        return done

    @contextmanager
    def training(self, name: str) -> Iterator[Callable[[Any], None]]:
        yield lambda told: None


class Deaf(Listening):
    """A watcher that cannot be told."""

    def begin(self, stage: str) -> None:
        raise ValueError("deaf")


def test_what_happens_there_is_told_here_in_its_order_and_what_it_raises_is_raised(
    ws: understudy.Workspace,
) -> None:
    heard = Listening()
    with (
        agent_line_beside(ws.path, recipe(), heard) as wait,
        pytest.raises(ModelError, match=NO_BASE),
    ):
        wait()
    assert [one for one in heard.told if one[0] in ("begin", "end", "playing")] == [
        ("begin", "collect"),
        ("playing", (0, 1)),
        ("playing", (1, 1)),
        ("end", "collect"),
        ("begin", "score"),
        ("end", "score"),
        ("begin", "data"),
        ("end", "data"),
        ("begin", "train"),
    ]
    assert [row.task_id for row in ws.rows(game="pocket")] == ["open-start-menu"]


def test_both_have_half_of_the_cores_for_as_long_as_it_runs(
    ws: understudy.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    with agent_line_beside(ws.path, recipe(), Listening()):
        assert cores() == 2
    assert cores() == 4


def test_one_that_is_not_waited_for_is_interrupted_and_goes_on_later(
    ws: understudy.Workspace,
) -> None:
    heard = Listening()
    with agent_line_beside(ws.path, recipe(sessions=2000), heard):
        assert heard.playing.wait(60)
    assert not multiprocessing.active_children()
    rows = list(ws.rows(game="pocket"))
    assert 0 < len(rows) < 2000
    assert all(row.status in ("sealed", "incomplete") for row in rows)
    again = AgentLine(ws, recipe(), Listening()).run(until="score")
    assert [one.reused for one in again] == [False, False]


def test_one_that_is_killed_is_missed_in_a_sentence(ws: understudy.Workspace) -> None:
    heard = Listening()
    with agent_line_beside(ws.path, recipe(sessions=2000), heard) as wait:
        assert heard.playing.wait(60)
        [process] = multiprocessing.active_children()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(UnderstudyError, match=r"was killed by signal 9; .* run the same again"):
            wait()


def test_what_a_watcher_raises_is_raised_to_who_waits(ws: understudy.Workspace) -> None:
    with (
        agent_line_beside(ws.path, recipe(sessions=2000), Deaf()) as wait,
        pytest.raises(ValueError, match="deaf"),
    ):
        wait()
    assert not multiprocessing.active_children()
