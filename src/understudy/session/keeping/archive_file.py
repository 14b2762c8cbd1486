"""One packed session: ``DIRECTORY.tar.zst`` and the small ``DIRECTORY.json`` beside it.

The JSON file says what is packed, so that listing reads no archive. It is written last: while it
does not stand, nothing counts as archived. Both are checked by hashes before anything is trusted.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec
import zstandard

from understudy.errors import CorruptionError, NewerSchemaError, SessionError, StorageError
from understudy.session.header import SessionHeader
from understudy.store.atomic import TEMPORARY_SUFFIX, safe_join, sync_folder
from understudy.store.catalog.schema import SessionRow
from understudy.store.hashes import sha256_file
from understudy.store.manifest import Problem
from understudy.store.sealed_json import seal_holds, sealed_json

ARCHIVE_SUFFIX = ".tar.zst"
SIDECAR_SUFFIX = ".json"
SIDECAR_SCHEMA = 1
_LEVEL = 9
_PIECE = 1024 * 1024

Progress = Callable[[int, int], None]


class ArchiveSidecar(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside an archive: enough to list the session and to check the archive."""

    schema: int = SIDECAR_SCHEMA
    archived: str
    """When it was packed, UTC."""
    header: SessionHeader
    row: SessionRow
    """Its catalog line; ``row.directory`` is the name of both files without their endings."""
    manifest_sha256: str
    sha256: str
    """Of the archive."""
    size: int
    """Bytes of the archive."""

    @property
    def id(self) -> str:
        return self.header.id


def archive_path(folder: Path, stem: str) -> Path:
    return folder / f"{stem}{ARCHIVE_SUFFIX}"


def sidecar_path(folder: Path, stem: str) -> Path:
    return folder / f"{stem}{SIDECAR_SUFFIX}"


def write_sidecar(folder: Path, sidecar: ArchiveSidecar) -> None:
    """In one step, under a hidden name that is swept away after a kill. Raises StorageError."""
    path = sidecar_path(folder, sidecar.row.directory)
    partial = folder / f".{sidecar.id}.describing"
    try:
        with open(partial, "wb") as file:
            file.write(sealed_json(sidecar))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(folder)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{path} cannot be written ({reason}); check the free space") from error


def read_sidecar(path: Path) -> ArchiveSidecar:
    """Raises StorageError, CorruptionError or NewerSchemaError, each naming the file."""
    try:
        data = path.read_bytes()
        schema = msgspec.json.decode(data, type=_SchemaOnly).schema
        if schema > SIDECAR_SCHEMA:
            raise NewerSchemaError(
                f"{path} has schema {schema} and this Understudy knows up to {SIDECAR_SCHEMA}; "
                "update Understudy to use it"
            )
        sidecar = msgspec.json.decode(data, type=ArchiveSidecar)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{path} cannot be read ({reason}); check its permissions") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptionError(
            f"{path} does not describe an archived session ({error}); take it back from a copy"
        ) from error
    if not seal_holds(data):
        raise CorruptionError(
            f"{path} does not match its own checksum: at least one byte was changed; take it back "
            "from a copy"
        )
    return sidecar


def sidecar_paths(folder: Path) -> list[Path]:
    """The files beside archives in ``folder``, by name."""
    return sorted(
        path for path in folder.glob(f"*{SIDECAR_SUFFIX}") if not path.name.startswith(".")
    )


def free_stem(folder: Path, directory: str, identity: str) -> str:
    """``directory``, or with a suffix where another session's archive has that name."""
    for attempt in range(1, 10_000):
        stem = directory if attempt == 1 else f"{directory}-{attempt}"
        sidecar = sidecar_path(folder, stem)
        if not sidecar.exists():
            return stem
        with contextlib.suppress(CorruptionError):
            if read_sidecar(sidecar).id == identity:
                return stem
    raise StorageError(f"{folder} has too many archives named {directory}; clear it up")


def pack(
    source: Path, target: Path, partial: Path, progress: Progress | None = None
) -> tuple[str, int]:
    """Pack the folder ``source`` into ``target`` and read it back; its SHA-256 and size.

    It is made under the name ``partial``: ``target`` stands only when every file was found in it
    again. Raises SessionError for what is neither file nor folder, CorruptionError when reading
    back fails, StorageError as the disk does.
    """
    names = _files_of(source)
    total = 2 * sum((source / name).stat().st_size for name in names)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    try:
        written = _write(source, names, partial, advance)
        if dict(_hashes(partial, advance)) != written:
            raise CorruptionError(
                f"{partial} does not hold what was written to it; check the disk of {target.parent}"
            )
        size = partial.stat().st_size
        digest = sha256_file(partial)
        partial.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"{source} could not be packed into {target.parent} ({reason}); free space or fix the "
            "permissions"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    return digest, size


def unpack(source: Path, target: Path, progress: Progress | None = None) -> None:
    """Unpack ``source`` into the new folder ``target``, synced. Nothing is written outside of it.

    Raises CorruptionError for a broken archive and for members that are not plain files and folders
    below ``target``, StorageError as the disk does.
    """
    total = source.stat().st_size
    try:
        target.mkdir()
        for member, content, place in _members(source):
            path = safe_join(target, member.name)
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "xb") as file:
                while piece := content.read(_PIECE):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            os.utime(path, (member.mtime, member.mtime))
            if progress is not None:
                progress(place(), total)
        for folder in [target, *(path for path in target.rglob("*") if path.is_dir())]:
            sync_folder(folder)
    except FileExistsError as error:
        raise CorruptionError(f"{source} holds the file {error.filename} twice") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"{source} could not be unpacked to {target.parent} ({reason}); free space or fix the "
            "permissions"
        ) from error


def read_members(source: Path) -> Iterator[tuple[str, IO[bytes], int]]:
    """Name, content and size of every file of an archive, each to be read before the next."""
    for member, content, _ in _members(source):
        if member.isfile():
            yield member.name, content, member.size


def check_archive(folder: Path, stem: str) -> list[Problem]:
    """Whether archive and sidecar are, to the last bit, what they were when they were written."""
    place = folder.name
    try:
        sidecar = read_sidecar(sidecar_path(folder, stem))
    except (StorageError, CorruptionError, NewerSchemaError) as error:
        return [Problem(f"{place}/{stem}{SIDECAR_SUFFIX}", str(error))]
    name = f"{place}/{stem}{ARCHIVE_SUFFIX}"
    path = archive_path(folder, stem)
    try:
        size = path.stat().st_size
        if size != sidecar.size:
            return [Problem(name, f"has {size} bytes where {sidecar.size} were written")]
        if sha256_file(path) != sidecar.sha256:
            return [Problem(name, "does not match its SHA-256: at least one byte was changed")]
    except FileNotFoundError:
        return [Problem(name, "is missing")]
    except OSError as error:
        return [Problem(name, f"cannot be read ({(error.strerror or str(error)).lower()})")]
    return []


class _SchemaOnly(msgspec.Struct):
    schema: int


def _files_of(source: Path) -> list[str]:
    """All files below ``source``, but for locks and what a killed process left half written."""
    names = []
    for path in sorted(source.rglob("*")):
        if path.name.endswith((TEMPORARY_SUFFIX, ".lock")):
            continue
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise SessionError(
                f"{path} is neither a file nor a folder and cannot be kept with its session; "
                "remove it first"
            )
        if path.is_file():
            names.append(path.relative_to(source).as_posix())
    return names


def _write(
    source: Path, names: list[str], partial: Path, advance: Callable[[int], None]
) -> dict[str, str]:
    """Write the archive; returns the SHA-256 of every file as it went in."""
    hashes = {}
    with open(partial, "wb") as file:
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        with (
            compressor.stream_writer(file, closefd=False) as stream,
            tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive,
        ):
            for name in names:
                with open(source / name, "rb") as content:
                    facts = os.fstat(content.fileno())
                    member = tarfile.TarInfo(name)
                    member.size = facts.st_size
                    member.mtime = int(facts.st_mtime)
                    member.mode = 0o644
                    hashing = _HashingReader(content, advance)
                    archive.addfile(member, hashing)
                    hashes[name] = hashing.hexdigest()
        file.flush()
        os.fsync(file.fileno())
    return hashes


def _hashes(path: Path, advance: Callable[[int], None]) -> Iterator[tuple[str, str]]:
    for member, content, _ in _members(path):
        digest = hashlib.sha256()
        while piece := content.read(_PIECE):
            digest.update(piece)
            advance(len(piece))
        yield member.name, digest.hexdigest()


def _members(source: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes], Callable[[], int]]]:
    """Every member, checked to be harmless, with its content; and how far the file was read."""
    try:
        with (
            open(source, "rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as stream,
            tarfile.open(fileobj=stream, mode="r|") as archive,
        ):
            for member in archive:
                if not (member.isfile() or member.isdir()):
                    raise CorruptionError(
                        f"{source} holds {member.name!r}, which is neither a file nor a folder; "
                        "it was not packed by Understudy and is not unpacked"
                    )
                yield member, archive.extractfile(member) or io.BytesIO(), file.tell
    except FileNotFoundError as error:
        raise StorageError(f"the archive {source} is missing; take it back from a copy") from error
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise CorruptionError(
            f"{source} cannot be unpacked ({error}); take it back from a copy"
        ) from error


class _HashingReader:
    """Hashes what ``tarfile`` reads, so that what is compared is what went in."""

    def __init__(self, file: IO[bytes], advance: Callable[[int], None]) -> None:
        self._file = file
        self._digest: Any = hashlib.sha256()
        self._advance = advance

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._digest.update(data)
        self._advance(len(data))
        return data

    def hexdigest(self) -> str:
        return str(self._digest.hexdigest())
