"""What all lines share: their stages one after the other, and the training in the middle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from understudy.errors import UsageError
from understudy.models.bases import find_base
from understudy.models.registry import ModelVersion, find_model
from understudy.pipeline.recipes.recipe import Train
from understudy.pipeline.stages import Facts, StageResult, Stages
from understudy.train.new_version import TrainRequest, train_model
from understudy.train.settings import SftSettings, make_settings

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace
    from understudy.train.watching import TrainProgress

Progress = Callable[[int, int], None]


class Watcher(Protocol):
    """Where a line tells how it gets on."""

    def begin(self, stage: str) -> None:
        """A stage begins."""

    def end(self, result: StageResult) -> None:
        """It is done, or reused."""

    def progress(self, label: str) -> Progress:
        """Where long work tells how far it has come; ends what was told before."""

    def training(self, name: str) -> AbstractContextManager[Callable[[TrainProgress], None]]:
        """Where a training tells how far it has come."""


class StageLine:
    """Base of every line: one recipe in one workspace. A subclass names its stages in order."""

    def __init__(self, workspace: Workspace, name: str, watcher: Watcher) -> None:
        """``name`` is that of the model."""
        self._workspace = workspace
        self._name = name
        self._watcher = watcher
        self._stages = Stages(workspace.internal / "recipes" / name)
        self._facts: dict[str, Facts] = {}

    @property
    def works(self) -> Mapping[str, Callable[[bool], StageResult]]:
        """The stages in their order, each called with whether it is to be done in any case."""
        raise NotImplementedError

    def run(self, *, until: str | None = None, force: Sequence[str] = ()) -> list[StageResult]:
        """Run the stages up to ``until``; those in ``force``, and all that follow from them, anew.

        UsageError for a stage that there is not. What a stage raises is raised; what was done
        before it stays done.
        """
        stages = list(self.works)
        for stage in (*force, *([until] if until else [])):
            if stage not in stages:
                raise UsageError(f"there is no stage {stage!r}; choose one of {', '.join(stages)}")
        results = []
        for stage in stages[: stages.index(until) + 1 if until else None]:
            self._watcher.begin(stage)
            result = self.works[stage](stage in force)
            self._facts[stage] = result.facts
            self._watcher.end(result)
            results.append(result)
        return results

    def _train_on(self, dataset: str, recipe: Train, *, force: bool) -> StageResult:
        """The stage that trains; what comes of it is put in use by a later one."""
        settings = make_settings(SftSettings, recipe.settings)
        base = find_base(self._workspace, recipe.base)
        inputs = {
            "data": dataset,
            "base": base.facts()["sha256"],
            "settings": settings.model_dump(),
            "budget": recipe.budget_minutes,
        }

        def work() -> Facts:
            request = TrainRequest(
                name=self._name,
                settings=settings,
                data=(dataset,),
                base=recipe.base,
                budget_s=recipe.budget_minutes and recipe.budget_minutes * 60,
                resume=True,
                promote=False,
            )
            with self._watcher.training(self._name) as told:
                trained = train_model(self._workspace, request, progress=told)
            return {
                "model": f"{trained.model}@{trained.version}",
                "steps": trained.steps,
                "seconds": trained.seconds,
                "metrics": trained.metrics,
                "notes": trained.notes,
            }

        return self._stages.run("train", inputs, work, stands=self._model_stands, force=force)

    def _version(self) -> ModelVersion:
        """What was trained."""
        return find_model(self._workspace, self._facts["train"]["model"])

    def _model_stands(self, facts: Facts) -> bool:
        return find_model(self._workspace, facts["model"]).folder.is_dir()
