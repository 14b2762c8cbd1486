"""The versions of models in a workspace: adding one in a single step, finding it, using it, and
letting it go.

A version holds ``adapter/`` or ``merged/`` (or both), how it was trained, and the hashes of all of
it. Two kinds of files lie beside what the manifest seals, because they are written later: results
of validations and tests, and the card, which tells them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from understudy._version import __version__
from understudy.errors import ModelError, StorageError, UsageError
from understudy.models.card import card
from understudy.models.promotions import note, standing
from understudy.store.atomic import write_atomic, write_json_atomic
from understudy.store.building_place import building_place, move_into_place, publishing, refusals
from understudy.store.folder import WorkspaceFolder
from understudy.store.manifest import Manifest, Parent, hash_tree, write_manifest
from understudy.store.ulids import new_ulid
from understudy.store.versions import (
    CARD_NAME,
    Version,
    Versions,
    check_name,
    size_of_data,
    split_ref,
    take_data_away,
)

ADAPTER, MERGED = "adapter", "merged"
VALIDATION, INTEGRATION = "validation_results.json", "integration_test_results.json"
PLAYING = "play_results.json"
"""How well it plays a game."""
RESULTS = (VALIDATION, INTEGRATION, PLAYING)
"""Written into a version's folder after it was made."""
METADATA_NAME = "training_metadata.json"
HASHES_NAME = "example_hashes.txt"
KEEP = 3
"""How many of the latest versions a clean-up leaves alone, unless it is told otherwise."""
_SMALL = (CARD_NAME, *RESULTS, METADATA_NAME, HASHES_NAME)
"""Stays when the weights are cleaned up."""


class ModelVersion(Version):
    """One version of a model, opened. Raises as `read_manifest` does."""

    @property
    def method(self) -> str:
        """How it was trained: ``sft``, ``preference``…"""
        return str(self.facts.get("method", ""))

    @property
    def adapter(self) -> Path | None:
        """The folder of its LoRA adapter; None when it has none."""
        return self._existing(ADAPTER)

    @property
    def merged(self) -> Path | None:
        """The folder of whole weights; None when it has none."""
        return self._existing(MERGED)

    @property
    def base(self) -> dict[str, Any]:
        """What it was trained from: ``id``, ``path``, ``sha256`` and, of a hub, ``revision``."""
        return dict(self.facts.get("base") or {})

    @property
    def hashes(self) -> Path | None:
        """The sorted hashes of every example it has learned from; None when it tells none."""
        return self._existing(HASHES_NAME)

    def result(self, name: str) -> dict[str, Any] | None:
        """What one of `RESULTS` says; None when it was not written yet."""
        path = self.folder / name
        try:
            return dict(msgspec.json.decode(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise ModelError(
                f"{path} cannot be read ({error}); run `understudy validate` or `understudy test` "
                "again"
            ) from error

    def _existing(self, name: str) -> Path | None:
        path = self.folder / name
        return path if path.exists() else None


class CleanedUp(msgspec.Struct, frozen=True, kw_only=True):
    """What became, or would become, of a version in a clean-up."""

    ref: str
    removed: bool
    size: int
    """Bytes of its data: freed when it is removed, else still taken."""
    reason: str
    """Why it was kept; empty for a removed one."""


def models_of(workspace: WorkspaceFolder) -> Versions[ModelVersion]:
    """All versions of all models."""
    return Versions(workspace.models, "model", ModelError, ModelVersion)


def find_model(workspace: WorkspaceFolder, ref: str, *, with_data: bool = True) -> ModelVersion:
    """The version written ``NAME@v0003``; of a mere ``NAME`` the promoted one, else the latest.

    Raises ModelError when there is none or, unless ``with_data`` is off, when its weights were
    cleaned up; UsageError for what is no name.
    """
    versions = models_of(workspace)
    name, version = split_ref(ref)
    if version is None:
        in_use = promoted(workspace, name)
        return in_use if in_use is not None else versions.find(name)
    found = versions.find(ref)
    if with_data and found.removed:
        raise ModelError(
            f"the weights of {found.ref} were cleaned up; use another version, such as that which "
            f"`understudy model list {name}` shows as promoted"
        )
    return found


def promoted(workspace: WorkspaceFolder, name: str) -> ModelVersion | None:
    """The version of ``name`` that is in use; None when none was promoted."""
    versions = models_of(workspace)
    folders = {folder.name: folder for folder in versions.folders(name)}
    for version in reversed(standing(workspace.models / name)):
        if version in folders:
            found = ModelVersion(folders[version])
            if not found.removed:
                return found
    return None


def promote(workspace: WorkspaceFolder, ref: str, reason: str) -> ModelVersion:
    """Put the version ``ref`` in use; the one before stays in the history.

    Raises ModelError when it is not there or has lost its weights.
    """
    version = find_model(workspace, ref)
    with publishing(workspace, "model", version.name):
        in_use = promoted(workspace, version.name)
        if in_use is None or in_use.version != version.version:
            note(version.folder.parent, "promote", version.version, reason)
    return version


def rollback(workspace: WorkspaceFolder, name: str, reason: str = "") -> ModelVersion:
    """Take the version in use out of use; returns the one before, which is in use now.

    Raises ModelError when there is none before it.
    """
    versions = models_of(workspace)
    versions.find(name)
    with publishing(workspace, "model", name):
        in_use = promoted(workspace, name)
        if in_use is None:
            raise ModelError(
                f"no version of {name!r} was promoted, so there is nothing to go back from; "
                f"`understudy model promote {name}@vNNNN` puts one in use"
            )
        whole = {one.version: one for one in versions.all_of(name) if not one.removed}
        earlier = [v for v in standing(in_use.folder.parent) if v in whole and v != in_use.version]
        if not earlier:
            raise ModelError(
                f"{in_use.ref} is the first version in use that still has its weights; there is "
                "none to go back to"
            )
        note(in_use.folder.parent, "rollback", in_use.version, reason)
    return whole[earlier[-1]]


def cleanup(
    workspace: WorkspaceFolder, name: str, keep: int = KEEP, *, dry_run: bool = False
) -> list[CleanedUp]:
    """Remove the weights of old versions of ``name``; returns what became of each, oldest first.

    Never removed: the version in use, the last ``keep``, and those that another version, of any
    model, was trained from and needs. What a version was made from and how stays on record. With
    ``dry_run`` nothing is changed. Raises ModelError when there is no such model.
    """
    if keep < 1:
        raise UsageError(f"at least 1 version is kept, not {keep}; give 1 or more")
    models_of(workspace).find(name)
    with publishing(workspace, "model", name):
        in_use = promoted(workspace, name)
        whole = [one for one in models_of(workspace).all_of(name) if not one.removed]
        needed = _needed_bases(workspace)
        outcome = []
        for age, version in enumerate(reversed(whole)):
            reason = ""
            if in_use is not None and version.version == in_use.version:
                reason = "it is in use"
            elif age < keep:
                reason = f"it is among the last {keep}"
            elif version.ref in needed:
                reason = f"{needed[version.ref]} was trained from it and needs it"
            size = size_of_data(version, keep=_SMALL)
            if not reason and not dry_run:
                take_data_away(version, keep=_SMALL)
            outcome.append(CleanedUp(ref=version.ref, removed=not reason, size=size, reason=reason))
    return outcome[::-1]


def _needed_bases(workspace: WorkspaceFolder) -> dict[str, str]:
    """Versions whose whole weights are the base of an adapter, and one that needs each."""
    versions = models_of(workspace)
    return {
        str(version.base.get("id")): version.ref
        for name in versions.names()
        for version in versions.all_of(name)
        if not version.removed and version.merged is None
    }


def publish_model(
    workspace: WorkspaceFolder,
    name: str,
    build: Callable[[Path], dict[str, Any]],
    parents: Sequence[Parent] = (),
) -> ModelVersion:
    """Add a version to the model ``name``: what ``build`` puts into the folder that it is given.

    ``build`` returns the facts of the manifest. Nothing is left of one that fails; of two that
    finish at once each gets a version. Raises UsageError for what is no name, ModelError when there
    are no weights in the folder, StorageError as the disk does.
    """
    check_name(name, "model")
    with building_place(workspace) as folder:
        facts = {**build(folder), "code_version": __version__}
        names = sorted(path.name for path in folder.iterdir())
        if not {ADAPTER, MERGED} & set(names):
            raise ModelError(
                f"a version of {name!r} was made without weights; put them into {ADAPTER}/ or "
                f"{MERGED}/"
            )
        late = set(names) & {CARD_NAME, *RESULTS}
        if late:
            raise UsageError(f"{min(late)} is written when the version is there; leave it out")
        files = hash_tree(folder, names)
        for file in files:
            _reach_the_disk(folder / file)
        with publishing(workspace, "model", name):
            target = models_of(workspace).next_folder(name)
            manifest = Manifest(
                kind="model",
                id=new_ulid(),
                name=name,
                version=target.name,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                parents=list(parents),
                files=files,
                facts=facts,
            )
            write_manifest(folder, manifest)
            write_atomic(folder / CARD_NAME, card(manifest).encode())
            move_into_place(folder, target)
    return ModelVersion(target)


def add_result(version: ModelVersion, name: str, result: dict[str, Any]) -> Path:
    """Write one of `RESULTS` into the version's folder, and its card again. Raises StorageError."""
    if name not in RESULTS:
        raise UsageError(f"{name!r} is no result of a model; write one of {', '.join(RESULTS)}")
    path = version.folder / name
    write_json_atomic(path, result)
    refresh_card(version)
    return path


def refresh_card(version: ModelVersion) -> None:
    """Write the card again from what is known by now."""
    said = card(version.manifest, *(version.result(name) for name in RESULTS))
    write_atomic(version.folder / CARD_NAME, said.encode())


def _reach_the_disk(path: Path) -> None:
    with refusals(path):
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise StorageError(f"{path} did not reach the disk ({error})") from error
        finally:
            os.close(descriptor)
