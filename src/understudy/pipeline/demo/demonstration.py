"""The demonstration as a whole: its stages one after another; what has not changed is reused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from understudy.curate.play_report import PlayReport, report_on
from understudy.curate.played import played_rows
from understudy.datasets.versions import find_version
from understudy.games.registry import open_game
from understudy.pipeline.demo import agent_runs, conversation
from understudy.pipeline.demo.agent_runs import Runs
from understudy.pipeline.demo.conversation import Conversation
from understudy.pipeline.demo.tavern import ANSWERS, TURNS
from understudy.pipeline.stages import Stages
from understudy.session.workspace import Workspace
from understudy.store.catalog.schema import SessionRow

Progress = Callable[[int, int], None]


class Stage(conversation.Stage, Protocol):
    """Where the demonstration is shown while it runs."""

    def begin(self, title: str) -> None:
        """The stage of this title begins."""

    def end(self, seconds: float, *, reused: bool) -> None:
        """It is done; ``seconds`` are what it took, or had taken when it was reused."""

    def progress(self, label: str) -> AbstractContextManager[Progress]:
        """Where long work tells how far it has come."""


class Demonstration(msgspec.Struct, frozen=True, kw_only=True):
    """What a demonstration has left behind."""

    workspace: Path
    conversation: Conversation
    chat_sessions: list[SessionRow]
    runs: list[SessionRow]
    """The sessions of the agent, in the order in which they were played."""
    dataset: str
    """Of them, as ``NAME@vNNNN``."""
    dataset_path: Path
    dataset_facts: dict[str, Any]
    report: PlayReport
    contact_sheet: Path


def demonstrate(directory: Path, stage: Stage) -> Demonstration:
    """Run every stage in a workspace at ``directory``, which may be there already.

    Raises as the parts do.
    """
    with Workspace(directory) as workspace:
        line = _Line(workspace, stage)
        talk = line.converse()
        runs = line.play()
        line.score(runs)
        dataset = line.build(runs)
        sheet = line.draw(runs)
        rows = runs.rows(workspace)
        known = {agent_runs.GAME: line.known_tasks}
        return Demonstration(
            workspace=workspace.path,
            conversation=talk,
            chat_sessions=[workspace.find(id) for id in talk.sessions],
            runs=rows,
            dataset=dataset["ref"],
            dataset_path=Path(dataset["path"]),
            dataset_facts=dataset["facts"],
            report=report_on(played_rows(rows), workspace.runs, known_tasks=known),
            contact_sheet=Path(sheet["path"]),
        )


class _Line:
    """The stages of one demonstration."""

    def __init__(self, workspace: Workspace, stage: Stage) -> None:
        self._workspace = workspace
        self._stage = stage
        self._stages = Stages(workspace.internal / "demo")
        game = open_game(agent_runs.GAME, settings=workspace.settings.games)
        self._identity = game.identity()
        self.known_tasks = len(game.tasks)
        game.close()

    def converse(self) -> Conversation:
        facts = self._run(
            "A conversation, captured three ways at once",
            "conversation",
            {"turns": TURNS, "answers": [answer.text for answer in ANSWERS]},
            lambda: msgspec.to_builtins(conversation.converse(self._workspace, self._stage)),
            lambda facts: msgspec.convert(facts, Conversation).stands(self._workspace),
        )
        return msgspec.convert(facts, Conversation)

    def play(self) -> Runs:
        def work() -> dict[str, Any]:
            with self._stage.progress("playing") as report:
                return msgspec.to_builtins(agent_runs.play_tasks(self._workspace, report))  # type: ignore[no-any-return]

        facts = self._run(
            f"Ten tasks of the game {agent_runs.GAME}, played by its script, some with mistakes",
            "play",
            {"tasks": agent_runs.TASKS, "game": self._identity},
            work,
            lambda facts: msgspec.convert(facts, Runs).stands(self._workspace),
        )
        return msgspec.convert(facts, Runs)

    def score(self, runs: Runs) -> None:
        self._run(
            "Scored by the rule",
            "score",
            {"sessions": runs.sessions},
            lambda: agent_runs.score(self._workspace, runs),
            lambda _: all(row.auto_score is not None for row in runs.rows(self._workspace)),
        )

    def build(self, runs: Runs) -> dict[str, Any]:
        scores = [row.auto_score for row in runs.rows(self._workspace)]
        return self._run(
            f"A dataset of what scored {agent_runs.SCORE:g} or more",
            "dataset",
            {"sessions": runs.sessions, "scores": scores},
            lambda: agent_runs.build(self._workspace, runs),
            lambda facts: find_version(self._workspace, facts["ref"]).folder.is_dir(),
        )

    def draw(self, runs: Runs) -> dict[str, Any]:
        return self._run(
            "A contact sheet",
            "sheet",
            {"sessions": runs.sessions},
            lambda: agent_runs.draw_sheet(self._workspace, runs),
            agent_runs.sheet_stands,
        )

    def _run(
        self,
        title: str,
        name: str,
        inputs: dict[str, Any],
        work: Callable[[], dict[str, Any]],
        stands: Callable[[dict[str, Any]], bool],
    ) -> dict[str, Any]:
        self._stage.begin(title)
        result = self._stages.run(name, inputs, work, stands=stands)
        self._stage.end(result.seconds, reused=result.reused)
        return result.facts
