"""From a request to a new version of a model: data, checks, training, publishing, promotion.

This is what a command or a recipe calls. What decides whether a version is good enough is handed
in; without that, the loss on the old validation decides.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from understudy.chat.tools.registry import FILE_NAME as TOOLS_NAME
from understudy.chat.tools.registry import ToolRegistry
from understudy.datasets.selection import Selection
from understudy.errors import TrainingError
from understudy.models.bases import EMBEDDED, Base, base_of, find_base
from understudy.models.hashes import read_hashes, write_hashes
from understudy.models.registry import (
    HASHES_NAME,
    METADATA_NAME,
    ModelVersion,
    find_model,
    models_of,
    promote,
    publish_model,
)
from understudy.store.atomic import write_json_atomic
from understudy.store.manifest import Parent
from understudy.train.convertible import Judge, known_objections
from understudy.train.examples import Example, content_hash
from understudy.train.incremental import HELD_BACK_NAME, Gate, Plan, Verdict, not_worse, plan
from understudy.train.libraries import check_libraries
from understudy.train.loading import sees
from understudy.train.run_folder import run_folder
from understudy.train.running import TrainFacts
from understudy.train.settings import PreferenceSettings, SftSettings
from understudy.train.sources import Loaded, Reading, load, registry_of
from understudy.train.watching import CURVES, Progress

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "tokenizers")


class TrainRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be trained."""

    name: str
    settings: SftSettings | PreferenceSettings
    data: tuple[str, ...] = ()
    """See `sources`."""
    validation: tuple[str, ...] = ()
    base: str = ""
    """See `bases`. Empty: that of the version gone on from, else the embedded one."""
    incremental: bool = False
    resume: bool = False
    budget_s: float | None = None
    selection: Selection = Selection()
    """Which sessions corrections are taken from."""
    promote: bool = True
    """Whether the new version may be put in use."""

    @property
    def method(self) -> Literal["sft", "preference"]:
        return "sft" if isinstance(self.settings, SftSettings) else "preference"


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a request."""

    model: str
    version: str
    path: Path
    steps: int
    seconds: float
    metrics: dict[str, Any]
    promoted: bool
    reason: str
    """Why it was put in use, or not."""
    notes: list[str] = []
    """What somebody should know: what was left out, what the converter will not take."""
    unchanged: bool = False
    """Whether nothing was new, so that no version was made and this is the one before."""


class _Start(msgspec.Struct, frozen=True, kw_only=True):
    """What the training begins from."""

    base: Base
    since: ModelVersion | None

    @property
    def adapter(self) -> Path | None:
        return None if self.since is None else self.since.adapter


def train_model(
    workspace: Workspace,
    request: TrainRequest,
    *,
    loaded: Loaded | None = None,
    gate: Gate | None = None,
    judge: Judge = known_objections,
    progress: Progress | None = None,
    notify: Callable[[str], None] | None = None,
) -> Trained:
    """Train and add a version to the model; put it in use when ``gate`` says so.

    ``loaded`` are examples that were read already. ``judge`` says what a converter has against the
    base. ``notify`` hears at once what ``notes`` tell in the end. Raises TrainingError for a fault,
    before anything is trained; ModelError when the base or the version is not there.
    """
    check_libraries()
    start = _start(workspace, request)
    settings = request.settings
    registry = registry_of(settings, workspace.path)
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        if notify is not None:
            notify(text)

    for objection in judge(start.base.folder):
        if settings.must_convert:
            raise TrainingError(
                f"the base {start.base.id} cannot become a GGUF file: {objection}; take another "
                "base, or leave out must_convert"
            )
        note(f"the base {start.base.id} cannot become a GGUF file: {objection}")
    if loaded is None:
        loaded = read_data(workspace, request, start.base.folder, registry)
    for reason in loaded.left_out:
        note(f"left out: {reason}")
    changes = plan_of(start.since, loaded, settings) if request.incremental else None
    if changes is not None and not changes.new and start.since is not None:
        return _unchanged(start.since, notes)
    train, held = loaded.train, loaded.validation
    if changes is not None:
        train, held = [*changes.new, *changes.replayed], changes.validation
    with run_folder(workspace, request.name, resume=request.resume) as out:
        began = datetime.now(UTC)
        facts = _train(request, start, train, held, registry, out, progress)
        metadata = _metadata(request, start, loaded, changes, train, held, facts, began)

        def build(folder: Path) -> dict[str, Any]:
            (out / facts.form).rename(folder / facts.form)
            if (out / CURVES).is_dir():
                (out / CURVES).rename(folder / CURVES)
            if registry is not None:
                registry.save(folder / TOOLS_NAME)
            metadata["data"]["known"] = _write_hashes(folder, start.since, train, held)
            write_json_atomic(folder / METADATA_NAME, {**metadata, "history": facts.history})
            return metadata

        made = publish_model(workspace, request.name, build, _parents(start, loaded))
    verdict = _verdict(request, start, gate, made, facts)
    if verdict.promote:
        promote(workspace, made.ref, verdict.reason)
    return Trained(
        model=made.name,
        version=made.version,
        path=made.folder,
        steps=facts.steps,
        seconds=facts.seconds,
        metrics=metadata["metrics"],
        promoted=verdict.promote,
        reason=verdict.reason,
        notes=notes,
    )


def read_data(
    workspace: Workspace, request: TrainRequest, base: Path, registry: ToolRegistry | None
) -> Loaded:
    """The examples that the request names, read for this base."""
    settings = request.settings
    images = settings.images if isinstance(settings, SftSettings) else "leave"
    reading = Reading(
        preferences=request.method == "preference",
        registry=registry,
        calls=settings.calls,
        with_images=images == "use" or (images == "auto" and sees(base)),
        reasoning=not isinstance(settings, SftSettings) or settings.reasoning,
        seed=settings.seed,
        selection=request.selection,
    )
    return load(
        workspace,
        request.data,
        request.validation,
        reading,
        share=settings.validation_share,
        most=settings.validation_most,
    )


def plan_of(
    since: ModelVersion | None, loaded: Loaded, settings: SftSettings | PreferenceSettings
) -> Plan | None:
    """What is new since a version; None without one."""
    if since is None:
        return None
    replay = settings.replay if isinstance(settings, SftSettings) else 0.0
    return plan(since, loaded.train, loaded.validation, replay=replay, seed=settings.seed)


def check_news(workspace: Workspace, request: TrainRequest) -> Plan:
    """What an incremental training would train on; trains nothing. Raises as `train_model`."""
    start = _start(workspace, request)
    loaded = read_data(
        workspace, request, start.base.folder, registry_of(request.settings, workspace.path)
    )
    found = plan_of(start.since, loaded, request.settings)
    if found is None:
        raise TrainingError(f"there is no version of {request.name!r} yet, so all data are new")
    return found


def _start(workspace: Workspace, request: TrainRequest) -> _Start:
    exists = request.name in models_of(workspace).names()
    goes_on = request.incremental or (request.method == "preference" and not request.base)
    if request.incremental and request.base:
        raise TrainingError(
            "--incremental goes on from a version, whose base is given; leave out --base"
        )
    if not goes_on or (not exists and not request.incremental):
        return _Start(base=find_base(workspace, request.base or EMBEDDED), since=None)
    since = find_model(workspace, request.name)
    if since.adapter is not None:
        return _Start(base=base_of(workspace, since.base), since=since)
    if since.merged is None:
        raise TrainingError(f"{since.ref} has no weights to go on from; train anew")
    return _Start(base=Base(id=since.ref, folder=since.merged), since=since)


def _train(
    request: TrainRequest,
    start: _Start,
    train: list[Example],
    held: list[Example],
    registry: ToolRegistry | None,
    out: Path,
    progress: Progress | None,
) -> TrainFacts:
    from understudy.train.preference import train_preference
    from understudy.train.sft import train_sft

    options: dict[str, Any] = {
        "base": start.base.folder,
        "adapter": start.adapter,
        "registry": registry,
        "out": out,
        "budget_s": request.budget_s,
        "progress": progress,
        "resume": request.resume,
    }
    if isinstance(request.settings, SftSettings):
        return train_sft(train, held, settings=request.settings, **options)
    return train_preference(train, held, settings=request.settings, **options)


def _verdict(
    request: TrainRequest,
    start: _Start,
    gate: Gate | None,
    made: ModelVersion,
    facts: TrainFacts,
) -> Verdict:
    if not request.promote:
        return Verdict(False, "it was not to be put in use")
    if gate is not None:
        return gate(made)
    if start.since is not None:
        return not_worse(facts.validation_loss_before, facts.validation_loss)
    return Verdict(True, "trained anew")


def _metadata(
    request: TrainRequest,
    start: _Start,
    loaded: Loaded,
    changes: Plan | None,
    train: list[Example],
    held: list[Example],
    facts: TrainFacts,
    began: datetime,
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "sources": loaded.sources,
        "examples": len(train),
        "validation": len(held),
        "hashes": HASHES_NAME,
    }
    if changes is not None:
        data |= {"new": len(changes.new), "replayed": len(changes.replayed)}
    licenses: dict[str, int] = {}
    for source in loaded.sources:
        for name, count in (source.get("licenses") or {}).items():
            licenses[name] = licenses.get(name, 0) + count
    return {
        "method": request.method,
        "form": facts.form,
        "base": start.base.facts(),
        "continues": None if start.since is None else start.since.ref,
        "settings": request.settings.model_dump(),
        "seed": request.settings.seed,
        "data": data,
        "metrics": facts.metrics(),
        "template": facts.template,
        "licenses": {"base": start.base.license(), "data": licenses},
        "environment": _environment(facts),
        "began": began.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _environment(facts: TrainFacts) -> dict[str, str]:
    told = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": facts.device,
        "precision": facts.precision,
    }
    for name in _LIBRARIES:
        try:
            told[name] = version(name)
        except PackageNotFoundError:
            continue
    return told


def _write_hashes(
    folder: Path, since: ModelVersion | None, train: list[Example], held: list[Example]
) -> int:
    """The hashes of all that the version and those before it have learned from."""
    before: set[str] = set()
    if since is not None and since.hashes is not None:
        before = read_hashes(since.hashes)
    write_hashes(folder / HELD_BACK_NAME, (content_hash(example) for example in held))
    return write_hashes(
        folder / HASHES_NAME, {*before, *(content_hash(example) for example in train)}
    )


def _parents(start: _Start, loaded: Loaded) -> list[Parent]:
    parents = list(loaded.parents)
    if start.since is not None:
        parents.insert(0, Parent(kind="model", id=start.since.manifest.id))
    return parents


def _unchanged(since: ModelVersion, notes: list[str]) -> Trained:
    return Trained(
        model=since.name,
        version=since.version,
        path=since.folder,
        steps=0,
        seconds=0.0,
        metrics=dict(since.facts.get("metrics", {})),
        promoted=False,
        reason="nothing is new since",
        notes=notes,
        unchanged=True,
    )
