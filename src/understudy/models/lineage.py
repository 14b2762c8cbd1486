"""Where a model comes from, step by step back to sessions, and what was made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from understudy.errors import UnderstudyError
from understudy.models.registry import ModelVersion
from understudy.store.folder import WorkspaceFolder
from understudy.store.lineage import Descendant, descendants
from understudy.store.manifest import MANIFEST_NAME, Kind, Parent
from understudy.store.versions import Version


class Ancestor(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset or model that a model was made from, over any number of steps."""

    kind: Kind
    ref: str
    """Such as ``tavern@v0002``; the id alone where it is not in this workspace."""
    path: Path | None
    """Its folder; None where it is not in this workspace."""
    steps: int
    """How many steps back: 1 for what it was made from itself."""
    sessions: int
    """How many sessions are in it directly."""
    forgotten: list[str]
    """Ids of its sessions that no longer exist."""


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """A model with what it was made from and what was made from it."""

    ref: str
    base: dict[str, Any]
    sources: list[dict[str, Any]]
    """What its own training read, as its manifest tells it."""
    ancestors: list[Ancestor]
    sessions: list[str]
    """Ids of all sessions, over all steps."""
    forgotten: list[str]
    """Those of them that no longer exist: the weights still hold what was learned from them."""
    descendants: list[Descendant]


def lineage_of(workspace: WorkspaceFolder, version: ModelVersion) -> Lineage:
    """Walk the parents of ``version`` back, and forward to all that was made from it."""
    known = _versions(workspace)
    ancestors: list[Ancestor] = []
    sessions: dict[str, None] = {}
    forgotten = dict.fromkeys(version.forgotten)
    seen: set[tuple[Kind, str]] = set()
    level, steps = list(version.manifest.parents), 1
    while level:
        above: list[Parent] = []
        for parent in level:
            if parent.kind == "session":
                sessions[parent.id] = None
                continue
            if (parent.kind, parent.id) in seen:
                continue
            seen.add((parent.kind, parent.id))
            found = known.get((parent.kind, parent.id))
            ancestors.append(_ancestor(parent, found, steps))
            if found is not None:
                above += found.manifest.parents
                forgotten.update(dict.fromkeys(found.forgotten))
        level, steps = above, steps + 1
    return Lineage(
        ref=version.ref,
        base=version.base,
        sources=list(version.facts.get("data", {}).get("sources", ())),
        ancestors=ancestors,
        sessions=list(sessions),
        forgotten=list(forgotten),
        descendants=descendants(workspace, "model", version.manifest.id),
    )


def _ancestor(parent: Parent, found: Version | None, steps: int) -> Ancestor:
    if found is None:
        return Ancestor(
            kind=parent.kind, ref=parent.id, path=None, steps=steps, sessions=0, forgotten=[]
        )
    return Ancestor(
        kind=parent.kind,
        ref=found.ref,
        path=found.folder,
        steps=steps,
        sessions=sum(one.kind == "session" for one in found.manifest.parents),
        forgotten=found.forgotten,
    )


def _versions(workspace: WorkspaceFolder) -> dict[tuple[Kind, str], Version]:
    """Every dataset and model by its id and by its reference; unreadable ones are passed over."""
    known: dict[tuple[Kind, str], Version] = {}
    for place in (workspace.datasets, workspace.models):
        for path in sorted(place.glob(f"*/v*/{MANIFEST_NAME}")):
            try:
                found = Version(path.parent)
            except UnderstudyError:
                continue
            kind = found.manifest.kind
            known[kind, found.manifest.id] = found
            known[kind, found.ref] = found
    return known
