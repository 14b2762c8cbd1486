"""Putting several rewritten files of a sealed session in place as if at once.

New files are written beside the old ones under temporary names. When all are there, a journal that
names them is written, and with it the change is decided: from then on a kill leaves something that
the next opening finishes, before it something that it throws away.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

import msgspec

from understudy.errors import CorruptionError, StorageError
from understudy.session import feedback
from understudy.session.header import read_header
from understudy.session.keeping.hidden import settle_in
from understudy.session.views import TRACE_NAME, write_views
from understudy.store.atomic import TEMPORARY_SUFFIX, safe_join, sync_folder
from understudy.store.checked_lines import whole_lines
from understudy.store.manifest import MANIFEST_NAME, Manifest, read_manifest
from understudy.store.sealed_json import seal_holds, sealed_json, write_sealed_json

JOURNAL_NAME = "rewrite.json"
STAGED_SUFFIX = f".rewritten{TEMPORARY_SUFFIX}"
_SCHEMA = 1


class _Journal(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = _SCHEMA
    files: list[str]
    """Those whose new content lies beside them, the manifest last."""
    directory: str | None = None
    """The folder's new name."""


class Staging:
    """New contents for files of ``folder``, kept beside them until ``commit``.

    The caller holds the session's lock and its feedback.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: list[str] = []

    def open(self, name: str) -> IO[bytes]:
        """A file for the new content of ``name``; the caller closes it."""
        self._names.append(name)
        return open(staged(self._folder, name), "wb")

    def drop(self, name: str) -> None:
        """Leave ``name`` as it is after all."""
        self._names.remove(name)
        staged(self._folder, name).unlink(missing_ok=True)

    def abandon(self) -> None:
        """Leave everything as it is."""
        for name in list(self._names):
            self.drop(name)

    def commit(self, manifest: Manifest, *, directory: str | None = None) -> Path:
        """Put all new files and ``manifest`` in place; the folder, which may have a new name.

        Raises StorageError as the disk does: before the decision nothing has changed, after it the
        next opening of the session finishes the work.
        """
        try:
            for name in self._names:
                _sync(staged(self._folder, name))
            with self.open(MANIFEST_NAME) as file:
                file.write(sealed_json(manifest))
            _sync(staged(self._folder, MANIFEST_NAME))
            sync_folder(self._folder)
        except OSError as error:
            self.abandon()
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f"{self._folder} could not be rewritten ({reason}); free space or fix the "
                "permissions, nothing was changed"
            ) from error
        write_sealed_json(
            self._folder / JOURNAL_NAME, _Journal(files=self._names, directory=directory)
        )
        return finish(self._folder)


def staged(folder: Path, name: str) -> Path:
    """Where the new content of ``name`` waits."""
    return folder / f".{name.replace('/', '%')}{STAGED_SUFFIX}"


def finish(folder: Path) -> Path:
    """Finish a rewriting that was decided before a kill; the folder, which may have a new name.

    The caller holds the session's lock and its feedback. Raises CorruptionError when the journal
    cannot be trusted, StorageError as the disk does.
    """
    path = folder / JOURNAL_NAME
    try:
        data = path.read_bytes()
        journal = msgspec.json.decode(data, type=_Journal)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _distrusted(path) from error
    if not seal_holds(data) or journal.schema != _SCHEMA:
        raise _distrusted(path)
    try:
        for name in journal.files:
            new = staged(folder, name)
            if new.exists():
                if name == feedback.FILE_NAME:
                    _keep_what_was_said_since(folder / name, new)
                new.replace(safe_join(folder, name))
        sync_folder(folder)
        (folder / TRACE_NAME).unlink(missing_ok=True)
        header = read_header(folder)
        current = feedback.derive(feedback.read_feedback(folder), header.tags)
        write_views(folder, header, read_manifest(folder).facts, current)
        if journal.directory is not None and not folder.name.startswith(journal.directory):
            folder = settle_in(folder, folder.parent, journal.directory)
        (folder / JOURNAL_NAME).unlink()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"the rewriting of {folder} could not be finished ({reason}); free space or fix the "
            "permissions and open the session again"
        ) from error
    return folder


def _distrusted(path: Path) -> CorruptionError:
    return CorruptionError(
        f"{path} is not what an interrupted rewriting left; take the session back from a copy"
    )


def _keep_what_was_said_since(old: Path, new: Path) -> None:
    """Add to ``new`` what was appended to ``old`` after ``new`` had been made from it."""
    known = {_id_of(line) for line in whole_lines(new)}
    with open(new, "ab") as file:
        for line in whole_lines(old):
            if _id_of(line) not in known:
                file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _id_of(line: bytes) -> Any:
    return msgspec.json.decode(line).get("id")


def _sync(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
