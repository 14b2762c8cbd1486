"""Writing a file so that a reader, or a crash, sees the old one or the new one and nothing between.

Also the two guards on names that come from outside: ``safe_slug`` and ``safe_join``.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import msgspec

from understudy.errors import StorageError

TEMPORARY_SUFFIX = ".partial"
"""Ends the name of every file being written; one that is left over is from a killed process."""

_SLUG_CHARACTERS = 60
_SLUG_BYTES = 180
_WINDOWS_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))]
)


def write_atomic(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Put ``data`` at ``path`` in one step; an existing file keeps its permissions.

    With ``sync`` the file and its folder have reached the disk on return. Raises StorageError and
    leaves what was there, and nothing else, when the disk refuses. A symbolic link stays a link:
    the file it names is replaced.
    """
    with _refusals(path):
        target = Path(os.path.realpath(path)) if path.is_symlink() else path
        temporary = target.parent / f".{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
        mode = _mode(target)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(temporary, flags, 0o666 if mode is None else mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if mode is not None:
                    temporary.chmod(mode)
                file.write(data)
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        if sync:
            sync_folder(target.parent)


def write_json_atomic(path: Path, obj: Any, *, indent: int = 2) -> None:
    """Write ``obj`` as ``json_bytes`` spells it."""
    write_atomic(path, json_bytes(obj, indent=indent))


def json_bytes(obj: Any, *, indent: int = 2) -> bytes:
    """``obj`` (JSON values, msgspec structs, datetimes) as UTF-8 JSON ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(obj), indent=indent) + b"\n"


def sync_folder(path: Path) -> None:
    """Make the names in a folder last, where the system knows how (Windows does it unasked)."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def safe_slug(text: str, fallback: str = "session") -> str:
    """``text`` as a name for a file or folder on any system, at most 60 characters.

    Letters and digits of any script, ``-``, ``_`` and ``.`` stay; anything else becomes one ``_``.
    """
    slug = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", text))
    slug = slug.encode("utf-8", "ignore")[:_SLUG_BYTES].decode("utf-8", "ignore")
    slug = re.sub(r"\.{2,}", "_", slug)[:_SLUG_CHARACTERS].strip("._- ")
    if not slug:
        return fallback
    if slug.split(".")[0].lower() in _WINDOWS_DEVICES:
        slug = f"_{slug}"[:_SLUG_CHARACTERS]
    return slug


def safe_join(base: Path, *parts: str) -> Path:
    """``base`` and ``parts`` (relative paths with ``/``); StorageError when that leads out of base.

    Refused: absolute paths, drive letters, ``..``, backslashes, NUL and links that leave ``base``.
    """
    joined = base
    for part in parts:
        pure = PurePosixPath(part)
        if (
            not part
            or "\0" in part
            or "\\" in part
            or pure.is_absolute()
            or ".." in pure.parts
            or PureWindowsPath(part).drive
        ):
            raise StorageError(
                f"{part!r} is not a path inside {base}; a file of a record is named relative to "
                "its folder, without `..`"
            )
        joined = joined / pure
    if not Path(os.path.realpath(joined)).is_relative_to(os.path.realpath(base)):
        raise StorageError(f"{joined} leads out of {base} by a symbolic link; remove the link")
    return joined


def _mode(target: Path) -> int | None:
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """Turn what the file system says into one sentence about ``path``."""
    try:
        if path.is_dir():
            raise StorageError(
                f"{path} cannot be written because it is a folder; move it away or choose another "
                "name"
            )
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"{path} cannot be written ({reason.lower()}); check the folder, its permissions and "
            "the free space"
        ) from error
