"""Running the recipe of an agent: play, score, learn, and measure against what it was before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.curate.duplicates import NEAR_SHARE
from understudy.datasets.build import BuildRequest, build_dataset
from understudy.datasets.selection import Selection
from understudy.datasets.splits import Splits
from understudy.datasets.versions import find_version
from understudy.errors import SessionError
from understudy.evaluate.playing import PlayResult, difference, facts, score
from understudy.games.registry import open_game
from understudy.models.registry import promote
from understudy.pipeline.agent_evaluation import (
    LEARNED,
    NOT_LEARNED,
    PlayPlan,
    evaluate_players,
    keep_results,
)
from understudy.pipeline.play import Players, PlayRequest, play_session
from understudy.pipeline.recipes.agent_recipe import AgentRecipe
from understudy.pipeline.recipes.stage_line import StageLine, Watcher
from understudy.pipeline.scoring import score_by_rule
from understudy.pipeline.stages import Facts, StageResult

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace


class AgentLine(StageLine):
    """The line of an agent."""

    def __init__(self, workspace: Workspace, recipe: AgentRecipe, watcher: Watcher) -> None:
        super().__init__(workspace, recipe.name, watcher)
        self._recipe = recipe

    @property
    def works(self) -> Mapping[str, Callable[[bool], StageResult]]:
        return {
            "collect": self._collect,
            "score": self._score,
            "data": self._data,
            "train": self._train,
            "evaluate": self._evaluate,
        }

    def _collect(self, force: bool) -> StageResult:
        wanted = self._recipe.collect
        game = open_game(wanted.game, settings=self._workspace.settings.games)
        identity = game.identity()
        game.close()

        def work() -> Facts:
            requests = self.requests()
            told = self._watcher.progress("playing")
            sessions = []
            with Players(self._workspace) as players:
                for number, request in enumerate(requests):
                    told(number, len(requests))
                    session = play_session(self._workspace, players, request)
                    if session.played.completion == "interrupted":
                        raise KeyboardInterrupt
                    sessions.append(session.id)
                told(len(requests), len(requests))
            return {"sessions": sessions}

        inputs = {"recipe": wanted.model_dump(), "game": identity}
        return self._stages.run("collect", inputs, work, stands=self._played_stands, force=force)

    def requests(self) -> list[PlayRequest]:
        """The sessions that are to be played, in their order."""
        wanted = self._recipe.collect
        requests = []
        seed = wanted.seed
        for one in wanted.rounds:
            for number in range(one.sessions):
                requests += [
                    PlayRequest(
                        game=wanted.game,
                        asked=task,
                        player=wanted.player,
                        seed=seed + number,
                        mistakes=one.mistakes,
                        durability="interval",
                        tags=(self._recipe.name,),
                    )
                    for task in wanted.tasks
                ]
            seed += one.sessions
        return requests

    def _score(self, force: bool) -> StageResult:
        sessions = self._facts["collect"]["sessions"]

        def work() -> Facts:
            rows = [self._workspace.find(id) for id in sessions]
            report = score_by_rule(
                self._workspace, rows, progress=self._watcher.progress("scoring")
            )
            return {"scored": report.scored, "by_score": report.by_score}

        return self._stages.run("score", {"sessions": sessions}, work, force=force)

    def _data(self, force: bool) -> StageResult:
        wanted = self._recipe.data
        sessions = self._facts["collect"]["sessions"]

        def work() -> Facts:
            request = BuildRequest(
                selection=Selection(
                    sessions=tuple(sessions),
                    min_score=wanted.min_score,
                    score_source=wanted.score_source,
                ),
                splits=Splits(fractions=wanted.splits),
                near_share=None if wanted.near_copies else NEAR_SHARE,
            )
            built = build_dataset(
                self._workspace, self._recipe.name, request, progress=self._watcher.progress
            )
            return {"dataset": built.ref, "counts": built.facts["counts"]}

        inputs = {
            "sessions": sessions,
            "scores": self._facts["score"],
            "recipe": wanted.model_dump(),
        }
        return self._stages.run("data", inputs, work, stands=self._dataset_stands, force=force)

    def _train(self, force: bool) -> StageResult:
        dataset = self._facts["data"]["dataset"]
        return self._train_on(dataset, self._recipe.train, force=force)

    def _evaluate(self, force: bool) -> StageResult:
        wanted = self._recipe.evaluate
        model = self._facts["train"]["model"]
        plan = PlayPlan(
            game=self._recipe.collect.game,
            tasks=(*self._recipe.collect.tasks, *wanted.never_learned),
            episodes=wanted.episodes,
            seed=wanted.seed,
            stumbles=wanted.stumbles,
        )

        def work() -> Facts:
            names = [self._recipe.train.base, model, *wanted.players]
            results = evaluate_players(
                self._workspace, names, plan, progress=self._watcher.progress
            )
            keep_results(self._workspace, results)
            verdict, reason = _verdict(results[0], results[1], wanted.reach)
            if verdict:
                promote(self._workspace, model, reason)
            return {
                "players": [_brief(one) for one in results],
                "compared": _compared(results[0], results[1], wanted.never_learned),
                "promoted": verdict,
                "reason": reason,
            }

        inputs = {
            "model": model,
            "plan": msgspec.to_builtins(plan),
            "players": wanted.players,
            "reach": wanted.reach,
        }
        return self._stages.run("evaluate", inputs, work, force=force)

    def _played_stands(self, found: Facts) -> bool:
        try:
            rows = [self._workspace.find(id) for id in found["sessions"]]
        except SessionError:
            return False
        return all((self._workspace.runs / row.directory).is_dir() for row in rows)

    def _dataset_stands(self, found: Facts) -> bool:
        return find_version(self._workspace, found["dataset"]).folder.is_dir()


def _verdict(base: PlayResult, tuned: PlayResult, reach: float) -> tuple[bool, str]:
    """Whether the agent is put in use: it plays better than its base, by more than chance."""
    found = difference(base, tuned)
    if found is None or found.verdict != "better":
        return False, f"it is not shown to play better than {base.player}"
    learned = tuned.parts.get(LEARNED, tuned.all).success_rate
    if learned < reach:
        return False, f"it completes {learned:.1%} of the tasks it learned from, not {reach:.0%}"
    return True, f"it plays better than {base.player}, by {100 * found.value:.1f} points"


def _compared(
    base: PlayResult, tuned: PlayResult, never_learned: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The agent against its base: on all tasks, those it learned from, and the others."""
    played = {one.task for one in tuned.played}
    groups = {"all tasks": played, LEARNED: played - {*never_learned}}
    groups[NOT_LEARNED] = played & {*never_learned}
    found = {}
    for name, tasks in groups.items():
        told = difference(base, tuned, tasks)
        before = score([one for one in base.played if one.task in tasks])
        after = score([one for one in tuned.played if one.task in tasks])
        if told is not None and before is not None and after is not None:
            found[name] = {
                "episodes": after.episodes,
                "before": before.success_rate,
                "after": after.success_rate,
                "difference": told.value,
                "difference_ci": [told.low, told.high],
                "verdict": told.verdict,
            }
    return found


def _brief(result: PlayResult) -> dict[str, Any]:
    told = facts(result)
    del told["played"]
    return told
