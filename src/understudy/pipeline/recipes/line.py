"""Running a recipe: one stage after another, and none again whose inputs have not changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.datasets.build import BuildRequest, build_dataset
from understudy.datasets.rows import Source
from understudy.datasets.scenario_rows import PACKAGED, ScenarioSource
from understudy.datasets.scenario_windows import Window
from understudy.datasets.selection import Selection
from understudy.datasets.splits import Splits
from understudy.datasets.versions import find_version
from understudy.deploy.bundle import find_bundle
from understudy.deploy.conversion import CONVERSION_NAME, convert_version
from understudy.deploy.deploying import Order, deploy_version
from understudy.deploy.table_chats import table_chats
from understudy.deploy.testing import examine
from understudy.evaluate.results import COLUMNS
from understudy.formats.scenario_markdown import TRAINING, scenario_paths
from understudy.models.registry import INTEGRATION, VALIDATION, add_result
from understudy.pipeline.recipes.promotion import promote_if_better
from understudy.pipeline.recipes.recipe import Recipe
from understudy.pipeline.recipes.stage_line import StageLine, Watcher
from understudy.pipeline.stages import Facts, StageResult
from understudy.pipeline.validation import Request, validate
from understudy.store.hashes import sha256_file

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace


class Line(StageLine):
    """The line of a Dungeon Master."""

    def __init__(self, workspace: Workspace, recipe: Recipe, place: Path, watcher: Watcher) -> None:
        """``place`` is the folder of the recipe: what it names lies beside it."""
        super().__init__(workspace, recipe.name, watcher)
        self._recipe = recipe
        self._place = place

    @property
    def works(self) -> Mapping[str, Callable[[bool], StageResult]]:
        return {
            "data": self._data,
            "train": self._train,
            "convert": self._convert,
            "validate": self._validate,
            "deploy": self._deploy,
            "test": self._test,
        }

    def _data(self, force: bool) -> StageResult:
        recipe = self._recipe.data
        paths = [one if one == PACKAGED else str(self._place / one) for one in recipe.scenarios]
        captured = self._captured()
        inputs = {
            "recipe": recipe.model_dump(),
            "scenarios": _hashes(paths),
            "captured": captured,
        }

        def work() -> Facts:
            source = ScenarioSource(
                paths=tuple(paths),
                casts=recipe.casts,
                as_written=recipe.as_written,
                generated=recipe.generated,
                seed=recipe.seed,
                window=Window(turns=recipe.turns, tokens=recipe.tokens),
            )
            request = BuildRequest(
                selection=Selection(sessions=tuple(one["id"] for one in captured)),
                source=Source(kind="chat", from_sessions=bool(captured)),
                scenarios=source,
                splits=Splits(fractions=recipe.splits),
            )
            name = f"{self._recipe.name}-data"
            built = build_dataset(self._workspace, name, request, progress=self._watcher.progress)
            return {"dataset": built.ref, "counts": built.facts["counts"]}

        return self._stages.run("data", inputs, work, stands=self._dataset_stands, force=force)

    def _train(self, force: bool) -> StageResult:
        dataset = self._facts["data"]["dataset"]
        return self._train_on(dataset, self._recipe.train, force=force)

    def _convert(self, force: bool) -> StageResult:
        kind = self._recipe.convert.quantization

        def work() -> Facts:
            conversion = convert_version(
                self._workspace,
                self._version(),
                table_chats(),
                quantisation=kind,
                again=force,
                progress=self._watcher.progress,
            )
            facts: Facts = msgspec.to_builtins(conversion)
            return facts

        inputs = {"model": self._facts["train"]["model"], "quantization": kind}
        return self._stages.run(
            "convert",
            inputs,
            work,
            stands=lambda _: (self._version().folder / CONVERSION_NAME).is_file(),
            force=force,
        )

    def _validate(self, force: bool) -> StageResult:
        recipe = self._recipe.validate_
        inputs = {
            "model": self._facts["train"]["model"],
            "files": self._facts["convert"]["files"],
            "recipe": recipe.model_dump(),
        }

        def work() -> Facts:
            request = Request(
                model=self._facts["train"]["model"],
                sets=tuple(recipe.sets),
                limit=recipe.limit,
                reach=recipe.reach,
                most_lost=recipe.most_lost,
            )
            made = validate(self._workspace, request, self._watcher.progress)
            verdict = promote_if_better(self._workspace, self._version(), made)
            return {
                "passed": made.passed,
                "reasons": made.reasons,
                "promoted": verdict.promote,
                "verdict": verdict.reason,
                **{name: _scores(made.results.get(name)) for name in COLUMNS},
            }

        return self._stages.run(
            "validate",
            inputs,
            work,
            stands=lambda _: (self._version().folder / VALIDATION).is_file(),
            force=force,
        )

    def _deploy(self, force: bool) -> StageResult:
        recipe = self._recipe.deploy
        inputs = {
            "model": self._facts["train"]["model"],
            "files": self._facts["convert"]["files"],
            "passed": self._facts["validate"]["passed"],
            "recipe": recipe.model_dump(),
        }

        def work() -> Facts:
            order = Order(
                target=recipe.target,
                name=recipe.name,
                quantisation=self._recipe.convert.quantization,
                sampling=dict(recipe.sampling),
                force=recipe.force,
                app=self._place / recipe.app if recipe.app else None,
            )
            made = deploy_version(
                self._workspace, self._version(), order, progress=self._watcher.progress
            )
            return {
                "bundle": made.bundle.ref,
                "path": str(made.bundle.folder),
                "placed": None if made.placed is None else str(made.placed),
                "size": made.bundle.size,
            }

        return self._stages.run(
            "deploy",
            inputs,
            work,
            stands=lambda facts: find_bundle(self._workspace, facts["bundle"]).folder.is_dir(),
            force=force,
        )

    def _test(self, force: bool) -> StageResult:
        def work() -> Facts:
            bundle = find_bundle(self._workspace, self._facts["deploy"]["bundle"])
            examined: Facts = msgspec.to_builtins(
                examine(bundle, progress=self._watcher.progress("testing the bundle"))
            )
            add_result(self._version(), INTEGRATION, examined)
            return examined

        inputs = {"bundle": self._facts["deploy"]["bundle"]}
        return self._stages.run("test", inputs, work, force=force)

    def _captured(self) -> list[dict[str, Any]]:
        """The captured sessions that are learned from, with what may change about them."""
        wanted = self._recipe.data.captured
        if wanted is None:
            return []
        rows = self._workspace.rows(
            game=wanted.game,
            player=wanted.player,
            min_score=wanted.min_score,
            score_source=wanted.score_source,
            archived=False,
            newest_first=False,
        )
        return [
            {"id": row.id, "seal": row.sealed_sha256, "score": row.human_score or row.auto_score}
            for row in rows
            if row.chats and row.status == "sealed" and set(wanted.tags) <= set(row.tags)
        ]

    def _dataset_stands(self, facts: Facts) -> bool:
        return find_version(self._workspace, facts["dataset"]).folder.is_dir()


def _scores(column: dict[str, Any] | None) -> dict[str, Any] | None:
    """The headline and each set of one model, with their intervals."""
    if column is None:
        return None
    return {
        "tool_call_accuracy": column.get("tool_call_accuracy"),
        "tool_call_accuracy_ci": column.get("tool_call_accuracy_ci"),
        "sets": column["sets"],
    }


def _hashes(paths: Sequence[str]) -> dict[str, str]:
    """The files of scenarios and what is in them."""
    found = {}
    for named in paths:
        for path in scenario_paths(TRAINING if named == PACKAGED else Path(named)):
            found[str(path)] = sha256_file(path)
    return found
