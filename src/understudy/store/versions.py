"""Things that come in versions, such as datasets and models: their names, folders and marks.

A version is a folder ``PLACE/NAME/vNNNN/`` that never changes once it is there. Taking its data
away leaves its manifest, so that what was made of it can still be found, and its number is not
given again.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from understudy.errors import UnderstudyError, UsageError
from understudy.store.appending import append_checked
from understudy.store.building_place import refusals
from understudy.store.lineage import MARKS_NAME, Descendant, Mark, read_marks
from understudy.store.manifest import MANIFEST_NAME, Manifest, read_manifest

CARD_NAME = "README.md"
REMOVED = "removed"
"""The mark of a version whose data were taken away."""
_VERSION = re.compile(r"v(\d{4,})")
_FORBIDDEN = frozenset('/\\:@*?"<>|')
_LONGEST_NAME = 200
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class Version:
    """One version, opened. Raises as `read_manifest` does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.parent.name
        self.version = folder.name
        self.manifest: Manifest = read_manifest(folder)

    @property
    def ref(self) -> str:
        """Such as ``agent@v0003``."""
        return f"{self.name}@{self.version}"

    @property
    def number(self) -> int:
        return _number(self.folder)

    @property
    def facts(self) -> dict[str, Any]:
        return self.manifest.facts

    @cached_property
    def marks(self) -> list[Mark]:
        """What was noted about it since it was made."""
        return read_marks(self.as_descendant())

    @property
    def removed(self) -> bool:
        """Whether its data were taken away."""
        return any(mark.mark == REMOVED for mark in self.marks)

    @property
    def forgotten(self) -> list[str]:
        """The ids of sessions that it holds, or held, and that no longer exist."""
        return [mark.session for mark in self.marks if mark.mark == "forgotten"]

    def as_descendant(self) -> Descendant:
        """As the lineage knows it."""
        return Descendant(
            kind=self.manifest.kind,
            id=self.manifest.id,
            name=self.name,
            version=self.version,
            path=self.folder,
            direct=True,
            marks=self.folder / MARKS_NAME,
        )


V = TypeVar("V", bound=Version)


class Versions(Generic[V]):
    """All versions of all things of one kind in a workspace."""

    def __init__(
        self, place: Path, kind: str, error: type[UnderstudyError], opened: Callable[[Path], V]
    ) -> None:
        """``error`` is raised where something is not there; ``opened`` opens a folder."""
        self._place = place
        self._kind = kind
        self._error = error
        self._opened = opened

    def names(self) -> list[str]:
        """The names of all that have a version, sorted."""
        return [name for name in sorted(_names_in(self._place)) if _folders_in(self._place / name)]

    def folders(self, name: str) -> list[Path]:
        """The folders of all finished versions of ``name``, oldest first."""
        return _folders_in(self._place / check_name(name, self._kind))

    def all_of(self, name: str) -> list[V]:
        """All versions of ``name``, oldest first, those without their data among them."""
        return [self._opened(folder) for folder in self.folders(name)]

    def next_folder(self, name: str) -> Path:
        """Where the next version of ``name`` is to lie."""
        place = self._place / check_name(name, self._kind)
        taken = [int(found[1]) for found in map(_VERSION.fullmatch, _names_in(place)) if found]
        return place / f"v{max(taken, default=0) + 1:04d}"

    def find(self, ref: str) -> V:
        """The version written ``NAME@v0003``, or of a mere ``NAME`` the latest with its data.

        Raises the kind's error when there is none, UsageError for what is no name.
        """
        name, version = split_ref(ref)
        folders = self.folders(name)
        if not folders:
            known = ", ".join(self.names()) or "none"
            raise self._error(f"there is no {self._kind} {name!r}; there is: {known}")
        if version is None:
            whole = [one for one in self.all_of(name) if not one.removed]
            if not whole:
                raise self._error(
                    f"every version of {name!r} has lost its data; make a new one, or take one "
                    "back from a copy"
                )
            return whole[-1]
        matching = [folder for folder in folders if folder.name == version]
        if not matching:
            known = ", ".join(folder.name for folder in folders)
            raise self._error(f"{name!r} has no version {version!r}; there is: {known}")
        return self._opened(matching[0])


def check_name(name: str, kind: str) -> str:
    """``name`` when it can be the name of a ``kind``, which is a folder's; else UsageError."""
    problem = None
    if not name or name.strip() != name or name.endswith("."):
        problem = "it is empty, or begins or ends with a space or ends with a dot"
    elif name.startswith("."):
        problem = "it begins with a dot"
    elif not name.isprintable() or any(character in _FORBIDDEN for character in name):
        problem = f"it holds one of {' '.join(sorted(_FORBIDDEN))} or what cannot be printed"
    elif len(name.encode(errors="replace")) > _LONGEST_NAME:
        problem = f"it is longer than {_LONGEST_NAME} bytes"
    elif _DEVICES.fullmatch(name):
        problem = "it is a device on Windows"
    if problem:
        raise UsageError(f"{name!r} cannot be the name of a {kind}: {problem}; choose another")
    return name


def split_ref(ref: str) -> tuple[str, str | None]:
    """``agent@v0003`` as its name and its version; the version is None where none is named."""
    name, mark, version = ref.partition("@")
    return name, version if mark else None


def take_data_away(version: Version, *, session: str = "", keep: tuple[str, ...] = ()) -> int:
    """Leave of a version only its manifest, its marks and ``keep``; returns the bytes freed.

    ``session`` is the one that was forgotten, where that is the reason. To be called again after a
    kill. Raises StorageError as the disk does.
    """
    freed = size_of_data(version, keep=keep)
    mark = Mark(
        mark=REMOVED,
        session=session,
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        path=str(version.folder),
    )
    append_checked(version.folder / MARKS_NAME, [mark])
    with refusals(version.folder):
        for path in version.folder.iterdir():
            if _stays(path.name, keep):
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    return freed


def size_of_data(version: Version, *, keep: tuple[str, ...] = ()) -> int:
    """The bytes that taking its data away would free."""
    return sum(path.stat().st_size for path in _data_of(version, keep))


def _data_of(version: Version, keep: tuple[str, ...]) -> list[Path]:
    return [
        path
        for place in version.folder.iterdir()
        if not _stays(place.name, keep)
        for path in ([place] if place.is_file() else place.rglob("*"))
        if path.is_file()
    ]


def _stays(name: str, keep: tuple[str, ...]) -> bool:
    return name in (MANIFEST_NAME, MARKS_NAME, *keep) or name.startswith(f".{MARKS_NAME}")


def _folders_in(place: Path) -> list[Path]:
    found = [place / name for name in _names_in(place) if _VERSION.fullmatch(name)]
    return sorted((f for f in found if (f / MANIFEST_NAME).exists()), key=_number)


def _names_in(place: Path) -> list[str]:
    return [path.name for path in place.iterdir()] if place.is_dir() else []


def _number(folder: Path) -> int:
    return int(folder.name[1:])
