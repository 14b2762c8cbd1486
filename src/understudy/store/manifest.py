"""``manifest.json``: what a session, dataset, model, bundle or export consists of and comes from.

One form for all of them, so that lineage can be walked and files can be checked without knowing
what they mean.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from understudy.errors import CorruptionError, NewerSchemaError, StorageError
from understudy.store.atomic import TEMPORARY_SUFFIX, safe_join
from understudy.store.hashes import sha256_file
from understudy.store.sealed_json import seal_holds, write_sealed_json

MANIFEST_SCHEMA = 1
MANIFEST_NAME = "manifest.json"

Kind = Literal["session", "dataset", "model", "bundle", "export"]


class Parent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that was used to make the thing whose manifest this stands in."""

    kind: Kind
    id: str
    sha256: str | None = None
    """Of the parent's own manifest, where it was known."""


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a file was when the manifest was written."""

    sha256: str
    size: int
    """Bytes."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of one ``manifest.json``."""

    schema: int = MANIFEST_SCHEMA
    kind: Kind
    id: str
    """ULID: the identity everywhere."""
    name: str = ""
    version: str = ""
    """Such as ``v0003``; empty for a session."""
    created: str = ""
    """ISO 8601, UTC."""
    parents: list[Parent] = []
    files: dict[str, FileEntry] = {}
    """By path relative to the manifest's folder, with ``/``."""
    facts: dict[str, Any] = {}
    """What the kind has to say beyond that: counts, settings, reasons."""


class Problem(msgspec.Struct, frozen=True):
    """A file that is not what its manifest says, and why."""

    file: str
    reason: str


def write_manifest(folder: Path, manifest: Manifest, *, sync: bool = True) -> None:
    """Write ``manifest.json``, with a checksum of itself, in one step. Raises StorageError."""
    write_sealed_json(folder / MANIFEST_NAME, manifest, sync=sync)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of ``folder``.

    Raises StorageError when there is none or it cannot be read, CorruptionError when it is not a
    manifest or one bit of it was changed, and NewerSchemaError when a later version wrote it.
    """
    path = folder / MANIFEST_NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise StorageError(
            f"there is no {MANIFEST_NAME} in {folder}; it was not finished or not copied whole"
        ) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{path} cannot be read ({reason}); check its permissions") from error
    try:
        schema = msgspec.json.decode(data, type=_SchemaOnly).schema
        if schema > MANIFEST_SCHEMA:
            raise NewerSchemaError(
                f"{path} has schema {schema} and this Understudy knows up to {MANIFEST_SCHEMA}; "
                "update Understudy to use it"
            )
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptionError(
            f"{path} is not a manifest ({error}); take it back from a copy, or make its folder "
            "again"
        ) from error
    if not seal_holds(data):
        raise CorruptionError(
            f"{path} does not match its own checksum: at least one byte was changed; take it back "
            "from a copy"
        )
    return manifest


def hash_tree(folder: Path, names: Iterable[str]) -> dict[str, FileEntry]:
    """Hash the files ``names`` of ``folder``; a name of a folder stands for all files below it.

    Files being written by others (``*.partial``) are passed over. Raises StorageError for a name
    that does not exist, leads out of ``folder`` or cannot be read.
    """
    files: dict[str, FileEntry] = {}
    for name in names:
        path = safe_join(folder, name)
        try:
            for file in _files_below(path):
                entry = FileEntry(sha256=sha256_file(file), size=file.stat().st_size)
                files[file.relative_to(folder).as_posix()] = entry
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f"{error.filename or path} cannot be read ({reason}), so {folder} cannot be sealed"
            ) from error
    return dict(sorted(files.items()))


def check_files(folder: Path, manifest: Manifest) -> list[Problem]:
    """Every file of ``manifest`` that is missing or differs by as little as one bit."""
    problems = []
    for name, entry in manifest.files.items():
        reason = _difference(folder, name, entry)
        if reason is not None:
            problems.append(Problem(name, reason))
    return problems


class _SchemaOnly(msgspec.Struct):
    schema: int


def _files_below(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for root, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            if not name.endswith(TEMPORARY_SUFFIX):
                yield Path(root) / name


def _difference(folder: Path, name: str, entry: FileEntry) -> str | None:
    try:
        path = safe_join(folder, name)
    except StorageError as error:
        return str(error)
    try:
        if not path.is_file():
            return "is missing" if not path.exists() else "is not a file"
        size = path.stat().st_size
        if size != entry.size:
            return f"has {size} bytes where {entry.size} were sealed"
        if sha256_file(path) != entry.sha256:
            return "does not match its SHA-256: at least one byte was changed"
    except OSError as error:
        return f"cannot be read ({(error.strerror or str(error)).lower()})"
    return None
