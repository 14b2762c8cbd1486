"""What is due every week: looking for what is new, learning it gently, measuring what came of it,
and putting it in use unless it is worse.

What is new is known by content. A version that was made and not put in use is measured again where
that was interrupted, and not made a second time.
"""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy._util.counting import counted
from understudy.chat.tools.registry import FILE_NAME as TOOLS_NAME
from understudy.deploy.conversion import convert_version, read_conversion
from understudy.deploy.table_chats import table_chats
from understudy.errors import ModelError, UnderstudyError
from understudy.models.bases import EMBEDDED
from understudy.models.hashes import read_hashes
from understudy.models.promotions import history
from understudy.models.registry import (
    VALIDATION,
    ModelVersion,
    find_model,
    models_of,
    promote,
)
from understudy.pipeline.maintenance import Order, Outcome, Plan, done, nothing, planned
from understudy.pipeline.validation import Request, validate
from understudy.train.examples import content_hash
from understudy.train.incremental import Plan as News
from understudy.train.new_version import TrainRequest, check_news, train_model
from understudy.train.settings import INCREMENTAL, SftSettings, read_settings

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

_METHODS = ("sft", "preference")
_FOR_EMBEDDED = {"learning_rate": 5e-4, "max_steps": 60, "warmup_steps": 5}
"""The gentle rate for models from a hub is so low that one of four million parameters learns
nothing at it."""


def weekly(workspace: Workspace, order: Order) -> Plan:
    """The parts, for each recipe and each model that learns from chats."""
    for recipe in order.recipes:
        yield "data", recipe.name, partial(_data, workspace, recipe, order)
    names = [name for name in models_of(workspace).names() if _learns(workspace, name)]
    if not names:
        yield (
            "new data",
            "",
            lambda: nothing("no model was trained yet; `understudy train sft` does"),
        )
    for name in names:
        model = _Model(workspace, name, order)
        yield "new data", name, model.look
        yield "training", name, model.train
        yield "validation", name, model.validate
        yield "gate", name, model.gate


def _learns(workspace: Workspace, name: str) -> bool:
    try:
        return find_model(workspace, name).method in _METHODS
    except ModelError:  # cleaned up as a whole
        return False
    except UnderstudyError:  # the first part says what is wrong with it
        return True


def _data(workspace: Workspace, path: Path, order: Order) -> Outcome:
    """The dataset of a recipe, built again where its scenarios or sessions have changed."""
    from understudy.pipeline.recipes.opening import open_line

    line = open_line(workspace, path, order.watcher)
    if not order.apply:
        return planned(f"build the data of {path} again, if its scenarios or sessions have changed")
    result = line.run(until="data")[-1]
    told = f"{result.facts['dataset']}, {counted(result.facts['counts']['rows'], 'example')}"
    return nothing(f"{told}, as before") if result.reused else done(told, **result.facts)


class _Model:
    """One model: what one part finds is what the next one goes on with."""

    def __init__(self, workspace: Workspace, name: str, order: Order) -> None:
        self._workspace = workspace
        self._name = name
        self._order = order
        self._news: News | None = None
        self._candidate: ModelVersion | None = None
        self._judged = ""

    @cached_property
    def _in_use(self) -> ModelVersion:
        return find_model(self._workspace, self._name)

    @property
    def _calls_tools(self) -> bool:
        """Whether it is measured on calls; else the loss on the old validation judges it."""
        return (self._in_use.folder / TOOLS_NAME).is_file()

    @property
    def _waits(self) -> bool:
        """Whether there would be a new version if anything was to be changed."""
        news = self._news is not None and bool(self._news.new)
        return news and self._candidate is None and not self._order.apply

    def look(self) -> Outcome:
        """Which examples the version in use has not learned from."""
        news = self._news = check_news(self._workspace, self._request())
        if not news.new:
            return nothing(f"nothing is new since {self._in_use.ref}", **news.facts())
        self._candidate = self._made_of(news)
        told = f"{counted(len(news.new), 'example')} new since {self._in_use.ref}"
        return done(told, **news.facts())

    def train(self) -> Outcome:
        """A version that has learned what is new; not in use yet."""
        if self._news is None:
            return nothing("what is new is not known")
        if not self._news.new:
            return nothing("there is nothing new to learn")
        if self._candidate is not None:
            return nothing(f"{self._candidate.ref} has learned it already")
        replayed = counted(len(self._news.replayed), "old example")
        what = f"{counted(len(self._news.new), 'new example')} and {replayed}"
        if not self._order.apply:
            return planned(f"train on {what}")
        with self._order.watcher.training(self._name) as told:
            trained = train_model(self._workspace, self._request(), progress=told)
        self._candidate = find_model(self._workspace, f"{trained.model}@{trained.version}")
        self._judged = f"{'in use' if trained.promoted else 'not in use'}: {trained.reason}"
        return done(
            f"{self._candidate.ref} on {what}, {counted(trained.steps, 'step')}",
            model=self._candidate.ref,
            steps=trained.steps,
            seconds=trained.seconds,
            notes=trained.notes,
        )

    def validate(self) -> Outcome:
        """The new version against the one in use; without a new one, that where it never was."""
        if not self._calls_tools:
            return nothing("it calls no tools; `understudy evaluate` measures how it plays")
        if self._waits:
            return planned(f"measure the new version against {self._in_use.ref}")
        version = self._candidate or self._in_use
        if self._is_measured(version):
            return nothing(f"{version.ref} was measured already")
        if not self._order.apply:
            return planned(f"measure {version.ref}")
        self._convert(version)
        rules = self._workspace.settings.validation
        request = Request(
            model=version.ref,
            against="" if version is self._in_use else self._in_use.ref,
            limit=self._order.limit,
            reach=rules.reach,
            most_lost=rules.most_lost,
        )
        found = validate(self._workspace, request, self._order.watcher.progress)
        accuracy = found.results["tuned"]["tool_call_accuracy"]
        told = "" if accuracy is None else f": {accuracy:.1%} of calls right"
        return done(f"{version.ref}{told}", lines=found.reasons, folder=str(found.folder))

    def gate(self) -> Outcome:
        """Put the new version in use, unless it is worse on any set."""
        if self._waits:
            return planned("put it in use unless it is worse")
        candidate = self._candidate
        if candidate is None:
            return nothing("there is no new version")
        if not self._calls_tools:
            told = f"{candidate.ref} is {self._judged}"
            return done(told) if self._judged else nothing(f"{candidate.ref} was judged before")
        if candidate.version in {one.version for one in history(candidate.folder.parent)}:
            return nothing(f"{candidate.ref} was in use before and was taken back")
        results = candidate.result(VALIDATION)
        if results is None or not self._is_measured(candidate):
            if not self._order.apply:
                return planned(f"put {candidate.ref} in use unless it is worse")
            raise ModelError(
                f"{candidate.ref} was not measured, so {self._in_use.ref} stays in use; run "
                f"`understudy validate {candidate.ref} --against {self._in_use.ref}`"
            )
        reasons = _worse(results, self._in_use.ref)
        facts: dict[str, Any] = {"model": candidate.ref, "lines": reasons}
        if reasons:
            told = f"{candidate.ref} is kept and {self._in_use.ref} stays in use: {reasons[0]}"
            return done(told, promoted=False, **facts)
        if not self._order.apply:
            return planned(f"put {candidate.ref} in use: it is not worse", **facts)
        promote(self._workspace, candidate.ref, f"not worse than {self._in_use.ref} on any set")
        return done(
            f"{candidate.ref} is in use: it is not worse than {self._in_use.ref} on any set; "
            f"`understudy deploy {candidate.name}` ships it",
            promoted=True,
            **facts,
        )

    def _request(self) -> TrainRequest:
        """To go on from the version in use with what it was trained on before."""
        learned = self._learned_from()
        standing = learned.facts.get("settings", {})
        gentle = {**INCREMENTAL, **(_FOR_EMBEDDED if self._has_embedded_base() else {})}
        kept = {key: standing[key] for key in SftSettings.model_fields if key in standing}
        settings = read_settings(
            SftSettings, self._order.settings, {**kept, "epochs": 0.0, **gentle}
        )
        sources = learned.facts.get("data", {}).get("sources", [])
        return TrainRequest(
            name=self._in_use.name,
            settings=settings,
            data=_named(source for source in sources if source.get("for") != "validation"),
            validation=_named(source for source in sources if source.get("for") == "validation"),
            incremental=True,
            resume=True,
            promote=not self._calls_tools,
        )

    def _learned_from(self) -> ModelVersion:
        """The version whose data are looked at: this one, or what preferences were trained over."""
        version = self._in_use
        while version.method != "sft" and version.facts.get("continues"):
            version = find_model(self._workspace, version.facts["continues"], with_data=False)
        return version

    def _has_embedded_base(self) -> bool:
        return self._in_use.base.get("id") == EMBEDDED

    def _made_of(self, news: News) -> ModelVersion | None:
        """The last version that went on from the one in use and has learned all that is new."""
        wanted = {content_hash(example) for example in news.new}
        for version in reversed(models_of(self._workspace).all_of(self._in_use.name)):
            goes_on = version.facts.get("continues") == self._in_use.ref and not version.removed
            if goes_on and version.hashes is not None and wanted <= read_hashes(version.hashes):
                return version
        return None

    def _is_measured(self, version: ModelVersion) -> bool:
        results = version.result(VALIDATION)
        if results is None or version.ref == self._in_use.ref:
            return results is not None
        return any(one["before"] == self._in_use.ref for one in results["comparisons"])

    def _convert(self, version: ModelVersion) -> None:
        """What ships is a file: where the version in use has one, so has the new one."""
        standing = read_conversion(self._in_use)
        if standing is not None:
            convert_version(
                self._workspace,
                version,
                table_chats(),
                quantisation=standing.quantisation,
                progress=self._order.watcher.progress,
            )


def _named(sources: Any) -> tuple[str, ...]:
    """Sources as a training takes them: of a dataset, its latest version."""
    names = []
    for source in sources:
        name = str(source.get("name", ""))
        names.append(name.partition("@")[0] if source.get("kind") == "dataset" else name)
    return tuple(dict.fromkeys(names))


def _worse(results: dict[str, Any], before: str) -> list[str]:
    return [
        f"worse on {one['set']} ({one['before_accuracy']:.1%} before, {one['after_accuracy']:.1%} "
        "after)"
        for one in results["comparisons"]
        if one["before"] == before and one["verdict"] == "worse"
    ]
