"""What is due every month: new tools, weights and bundles that nobody needs any more, the rules of
retention, and a look at every bit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from understudy._util.counting import counted
from understudy.datasets.tool_survey import extend_registry, survey, write_documentation
from understudy.datasets.versions import datasets_of
from understudy.deploy.bundle import TEST_RESULTS, bundles_of
from understudy.errors import UnderstudyError
from understudy.models.registry import KEEP, cleanup, models_of
from understudy.pipeline.forgetting import forget
from understudy.pipeline.maintenance import (
    Order,
    Outcome,
    Plan,
    done,
    failed,
    nothing,
    planned,
    some,
)
from understudy.session.keeping.retention import apply_retention, plan_retention
from understudy.store.building_place import publishing
from understudy.store.manifest import check_files
from understudy.store.versions import CARD_NAME, V, Versions, size_of_data, take_data_away
from understudy.train.run_folder import abandon

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

_ABANDONED_S = 7 * 86_400
"""A training that was interrupted this long ago is not gone on with any more."""
_MEGABYTE = 1_000_000


def monthly(workspace: Workspace, order: Order) -> Plan:
    """The parts."""
    yield "tools", "", lambda: _tools(workspace, order)
    yield "old models", "", lambda: _old_models(workspace, order)
    yield "old bundles", "", lambda: _old_bundles(workspace, order)
    yield "interrupted trainings", "", lambda: _interrupted(workspace, order)
    yield "retention", "", lambda: _retention(workspace, order)
    yield "sessions", "", lambda: verify_sessions(workspace, order)
    yield "datasets", "", lambda: verify_versions(datasets_of(workspace), "dataset")
    yield "models", "", lambda: verify_versions(models_of(workspace), "model")
    yield "bundles", "", lambda: verify_versions(bundles_of(workspace), "bundle")


def _tools(workspace: Workspace, order: Order) -> Outcome:
    """Tools that are called and not known become part of the registry, with its documentation."""
    found = survey(workspace_path=workspace.path, progress=order.watcher.progress("tools"))
    scan = found.found
    broken = [f"{bad.where}: {bad.text}: {bad.reason}" for bad in scan.malformed] + scan.unread
    new = sorted({use.name for use in scan.unknown})
    told = f"{counted(len(new), 'new tool')}{': ' if new else ''}{', '.join(new)}"
    if new and order.apply:
        _, path = extend_registry(found)
        write_documentation(found)
        told += f", taken into {path.name}; read it before training on it"
    if broken:
        return failed(
            f"{told}; {counted(len(broken), 'call or file', 'calls and files')} cannot be read "
            f"({some(broken)}); correct them",
            tools=new,
            lines=broken,
        )
    if not new:
        return nothing(f"{counted(scan.calls, 'call')}, every tool is known")
    return done(told, tools=new) if order.apply else planned(f"take in {told}", tools=new)


def _old_models(workspace: Workspace, order: Order) -> Outcome:
    """The weights of versions that are neither in use, nor among the last, nor needed."""
    removed = [
        one
        for name in models_of(workspace).names()
        for one in cleanup(workspace, name, KEEP, dry_run=not order.apply)
        if one.removed
    ]
    return _removed("weights", [one.ref for one in removed], sum(o.size for o in removed), order)


def _old_bundles(workspace: Workspace, order: Order) -> Outcome:
    """The files of all bundles but the last; an app has a copy of its own."""
    refs, freed = [], 0
    keep = (CARD_NAME, TEST_RESULTS)
    for name in bundles_of(workspace).names():
        with publishing(workspace, "bundle", name):
            whole = [one for one in bundles_of(workspace).all_of(name) if not one.removed]
            for bundle in whole[:-KEEP]:
                freed += size_of_data(bundle, keep=keep)
                refs.append(bundle.ref)
                if order.apply:
                    take_data_away(bundle, keep=keep)
    return _removed("files", refs, freed, order)


def _interrupted(workspace: Workspace, order: Order) -> Outcome:
    """What trainings left that nobody has gone on with for a week."""
    place = workspace.internal / "training"
    old = [
        folder
        for folder in (sorted(place.iterdir()) if place.is_dir() else ())
        if folder.is_dir() and any(folder.iterdir()) and _untouched(folder)
    ]
    sizes = [sum(file.stat().st_size for file in _files_in(folder)) for folder in old]
    if order.apply:
        sizes = [abandon(workspace, folder.name) for folder in old]
    return _removed("checkpoints", [folder.name for folder in old], sum(sizes), order)


def _removed(what: str, refs: list[str], size: int, order: Order) -> Outcome:
    if not refs:
        return nothing("there are none")
    told = f"{what} of {some(refs)}, {size / _MEGABYTE:,.1f} MB"
    facts = {"removed": refs, "bytes": size}
    return done(f"removed {told}", **facts) if order.apply else planned(f"remove {told}", **facts)


def _retention(workspace: Workspace, order: Order) -> Outcome:
    """What the rules of the settings want put away or forgotten."""
    plan = plan_retention(workspace)
    if not plan:
        return nothing("the rules ask for nothing")
    lines = [f"{one.action} {one.directory}: {one.reason}" for one in plan]
    facts = {"sessions": [one.session for one in plan], "lines": lines}
    if not order.apply:
        return planned(f"{counted(len(plan), 'session')} ({some(lines)})", **facts)
    applied = apply_retention(
        workspace,
        plan,
        forget=lambda name: forget(workspace, name),
        progress=order.watcher.progress("keeping the rules"),
    )
    problems = [f"{one.planned.directory}: {one.problem}" for one in applied if one.problem]
    if problems:
        return failed(f"{len(problems)} of {len(plan)} not done ({some(problems)})", **facts)
    return done(f"{counted(len(plan), 'session')} put away or forgotten", **facts)


def verify_sessions(workspace: Workspace, order: Order) -> Outcome:
    """Every bit of every session that is not being recorded, archived ones included."""
    rows = [
        row
        for row in workspace.rows(newest_first=False)
        if row.status != "recording" or not workspace.is_being_recorded(row.id)
    ]
    problems = [f"{one.file}: {one.reason}" for one in workspace.unlisted()]
    told = order.watcher.progress("verifying sessions")
    for number, row in enumerate(rows, start=1):
        problems += [f"{row.directory}/{p.file}: {p.reason}" for p in workspace.verify(row.id)]
        told(number, len(rows))
    return _verified(len(rows), "session", problems)


def verify_versions(versions: Versions[V], kind: str) -> Outcome:
    """Every bit of every version that has its data."""
    count, problems = 0, []
    for name in versions.names():
        for folder in versions.folders(name):
            try:
                version = versions.find(f"{name}@{folder.name}")
                if version.removed:
                    continue
                found = check_files(version.folder, version.manifest)
            except UnderstudyError as error:
                problems.append(str(error))
                continue
            count += 1
            problems += [f"{version.ref}: {one.file} {one.reason}" for one in found]
    return _verified(count, f"{kind} version", problems)


def _verified(count: int, what: str, problems: list[str]) -> Outcome:
    if problems:
        return failed(
            f"{counted(len(problems), 'problem')} in {counted(count, what)} ({some(problems)}); "
            "take the files back from a copy",
            lines=problems,
        )
    return done(f"every bit of {counted(count, what)} is as it was written")


def _untouched(folder: Path) -> bool:
    newest = max((path.stat().st_mtime for path in folder.rglob("*")), default=0.0)
    return time.time() - newest > _ABANDONED_S


def _files_in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
