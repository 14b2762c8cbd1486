"""The demonstration as a whole: its stages in turn, its two trainings beside each other.

What has not changed is reused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from understudy.curate.play_report import PlayReport, report_on
from understudy.curate.played import played_rows
from understudy.datasets.versions import find_version
from understudy.errors import ModelError
from understudy.games.registry import open_game
from understudy.models.registry import VALIDATION, find_model
from understudy.pipeline.demo import agent_runs, conversation, tables
from understudy.pipeline.demo.agent_runs import Runs
from understudy.pipeline.demo.conversation import Conversation
from understudy.pipeline.demo.plan import PLACE, Plan, whole_plan
from understudy.pipeline.demo.report_page import NAME, report_page
from understudy.pipeline.demo.scoreboard import Line, agent_lines, master_lines
from understudy.pipeline.demo.tavern import ANSWERS, TURNS
from understudy.pipeline.recipes.beside import agent_line_beside
from understudy.pipeline.recipes.line import Line as MasterLine
from understudy.pipeline.recipes.stage_line import Watcher
from understudy.pipeline.stages import Facts, StageResult, Stages
from understudy.session.workspace import Workspace
from understudy.store.atomic import write_atomic
from understudy.store.catalog.schema import SessionRow
from understudy.train.libraries import check_libraries


class Stage(conversation.Stage, Watcher, Protocol):
    """Where the demonstration is shown while it runs; its stages begin with their titles."""

    def beside(self, *titles: str) -> AbstractContextManager[Sequence[Watcher]]:
        """Where lines that run beside each other are shown, by their titles, from any thread."""


class FirstTurn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn at the table with the model that was deployed."""

    session: str
    said: str
    answers: list[str]


class Demonstration(msgspec.Struct, frozen=True, kw_only=True):
    """What a demonstration has left behind."""

    workspace: Path
    conversation: Conversation
    chat_sessions: list[SessionRow]
    runs: list[SessionRow]
    """The sessions of the ten tasks, in the order in which they were played."""
    dataset: str
    """Of them, as ``NAME@vNNNN``."""
    dataset_path: Path
    report: PlayReport
    contact_sheet: Path
    master: dict[str, Facts]
    """By stage, what the line of the Dungeon Master came to."""
    agent: dict[str, Facts]
    lines: list[Line]
    first_turn: FirstTurn
    stages: list[StageResult]
    seconds: float
    """How long all of it took this time, on the clock."""

    @property
    def page(self) -> Path:
        """The report."""
        return self.workspace / NAME


def demonstrate(directory: Path, stage: Stage, plan: Plan | None = None) -> Demonstration:
    """Run every stage in a workspace at ``directory``, which may be there already.

    Raises as the parts do; TrainingError before anything is played where no model can be trained.
    """
    check_libraries()
    began = time.monotonic()
    with Workspace(directory) as workspace:
        line = _Line(workspace, stage, plan or whole_plan())
        talk = line.converse()
        runs = line.play()
        line.score(runs)
        dataset = line.build(runs)
        sheet = line.draw(runs)
        line.play_tables()
        master, agent = line.train_both()
        turn = line.first_turn(master["deploy"]["bundle"])
        rows = runs.rows(workspace)
        known = {agent_runs.GAME: line.known_tasks}
        done = Demonstration(
            workspace=workspace.path,
            conversation=talk,
            chat_sessions=[workspace.find(id) for id in talk.sessions],
            runs=rows,
            dataset=dataset["ref"],
            dataset_path=Path(dataset["path"]),
            report=report_on(played_rows(rows), workspace.runs, known_tasks=known),
            contact_sheet=Path(sheet["path"]),
            master=master,
            agent=agent,
            lines=[
                *master_lines(_validation(workspace, master["train"]["model"])),
                *agent_lines(agent["evaluate"]["compared"]),
            ],
            first_turn=turn,
            stages=line.results,
            seconds=time.monotonic() - began,
        )
        write_atomic(done.page, report_page(done).encode())
        return done


def _validation(workspace: Workspace, model: str) -> dict[str, Any]:
    found = find_model(workspace, model).result(VALIDATION)
    if found is None:
        raise ModelError(
            f"the validation of {model} is gone; run `understudy validate {model}` there"
        )
    return found


class _Line:
    """The stages of one demonstration."""

    def __init__(self, workspace: Workspace, stage: Stage, plan: Plan) -> None:
        self._workspace = workspace
        self._stage = stage
        self._plan = plan
        self._stages = Stages(workspace.internal / "demo")
        self.results: list[StageResult] = []
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
        def work() -> Facts:
            told = self._stage.progress("playing")
            return msgspec.to_builtins(agent_runs.play_tasks(self._workspace, told))  # type: ignore[no-any-return]

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

    def build(self, runs: Runs) -> Facts:
        return self._run(
            f"A dataset of those that scored {agent_runs.SCORE:g} or more, without their mistakes",
            "dataset",
            {"sessions": runs.sessions, "score": agent_runs.SCORE, "format": agent_runs.FORMAT},
            lambda: agent_runs.build(self._workspace, runs),
            lambda facts: find_version(self._workspace, facts["ref"]).folder.is_dir(),
        )

    def draw(self, runs: Runs) -> Facts:
        return self._run(
            "A contact sheet",
            "sheet",
            {"sessions": runs.sessions},
            lambda: agent_runs.draw_sheet(self._workspace, runs),
            agent_runs.sheet_stands,
        )

    def play_tables(self) -> None:
        def work() -> Facts:
            told = self._stage.progress("playing")
            return tables.play_tables(self._workspace, self._plan.tables, agent_runs.TAG, told)

        self._run(
            f"Evenings at the {tables.GAME}, with a script as the Dungeon Master",
            "tables",
            {"tables": self._plan.tables},
            work,
            lambda facts: all(self._workspace.find(id) for id in facts["sessions"]),
        )

    def train_both(self) -> tuple[dict[str, Facts], dict[str, Facts]]:
        """The Dungeon Master and, beside it, the agent."""
        place, plan = self._workspace.path, self._plan
        with (
            self._stage.beside("The Dungeon Master", "The agent") as (masters, agents),
            agent_line_beside(place, plan.agent, agents) as agent_results,
        ):
            master = MasterLine(self._workspace, plan.master, PLACE, masters).run()
            agent = agent_results()
        return self._kept(plan.master.name, master), self._kept(plan.agent.name, agent)

    def first_turn(self, bundle: str) -> FirstTurn:
        facts = self._run(
            "One turn with the model that was deployed",
            "first turn",
            {"bundle": bundle},
            lambda: tables.first_turn(self._workspace, bundle),
            lambda facts: bool(self._workspace.find(facts["session"])),
        )
        return msgspec.convert(facts, FirstTurn)

    def _kept(self, name: str, results: Sequence[StageResult]) -> dict[str, Facts]:
        self.results += [
            msgspec.structs.replace(one, stage=f"{name}: {one.stage}") for one in results
        ]
        return {one.stage: one.facts for one in results}

    def _run(
        self,
        title: str,
        name: str,
        inputs: dict[str, Any],
        work: Callable[[], Facts],
        stands: Callable[[Facts], bool],
    ) -> Facts:
        self._stage.begin(title)
        result = self._stages.run(name, inputs, work, stands=stands)
        self._stage.end(result)
        self.results.append(result)
        return result.facts
