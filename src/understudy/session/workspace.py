"""The workspace as a user of the library sees it: start a session, find sessions, open one."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import filelock
import msgspec

from understudy._util.clock import now_iso
from understudy._version import __version__
from understudy.errors import CatalogError, SessionError, StorageError, UnderstudyError
from understudy.session.feedback import derive, read_feedback
from understudy.session.header import FILE_NAME as HEADER_NAME
from understudy.session.header import SessionHeader, read_header, write_header
from understudy.session.index import describe, make_row
from understudy.session.keeping.rewrite import JOURNAL_NAME
from understudy.session.reader import RecordedSession
from understudy.session.recording.counters import logger
from understudy.session.recovery import repair, was_interrupted
from understudy.store.catalog import Catalog, UnwritableCatalogError
from understudy.store.catalog.schema import SessionRow
from understudy.store.folder import WorkspaceFolder
from understudy.store.hashes import sha256_file
from understudy.store.manifest import MANIFEST_NAME
from understudy.store.ulids import new_ulid

if TYPE_CHECKING:
    # Looking at sessions is to start at once; what recording and masking need is imported there.
    from understudy.session.keeping.forget import ForgetReport
    from understudy.session.keeping.merge import MergeReport
    from understudy.session.keeping.reindex import ReindexReport
    from understudy.session.keeping.scan import ScanReport
    from understudy.session.masking import Masker
    from understudy.session.recording.recorder import SessionRecorder
    from understudy.store.later_sync import LaterSync
    from understudy.store.manifest import Problem

Progress = Callable[[int, int], None]


class Workspace(WorkspaceFolder):
    """A folder of sessions, datasets, models and bundles; opened, or made where it is missing.

    May be used by several threads, and the folder by several processes at once.
    """

    @cached_property
    def masker(self) -> Masker:
        """What masks secrets and personal data, as the workspace's settings say."""
        from understudy.session.masking import Masker

        settings = self.settings.mask
        return Masker(enabled=settings.enabled, kinds=settings.kinds, words=settings.words)

    @cached_property
    def _later(self) -> LaterSync:
        """Brings sessions to the disk for which nobody waits."""
        from understudy.store.later_sync import LaterSync

        return LaterSync(self.settings.record.interval_s)

    def close(self) -> None:
        """Let go of the catalog, and bring to the disk what waits for that."""
        later = self.__dict__.pop("_later", None)
        if later is not None:
            later.close()
        super().close()

    _catalog_is_temporary = False

    @cached_property
    def catalog(self) -> Catalog:
        """The index of the sessions, opened on first use. Raises CatalogError.

        On a full disk, or in a workspace that may only be read, it is built from the folders in
        the system's temporary folder: sessions can still be listed, archived and forgotten.
        """
        try:
            return Catalog(self.catalog_url)
        except UnwritableCatalogError as error:
            catalog = _temporary_catalog()
            if catalog is None:
                raise
            logger.warning("%s; until then sessions are looked up in their folders", error)
            self._catalog_is_temporary = True
            return catalog

    # Recording -----------------------------------------------------------------------------------

    def record(
        self,
        *,
        game: str = "",
        task: str = "",
        player: str = "",
        name: str | None = None,
        model: str | None = None,
        tags: Sequence[str] = (),
        license: str = "",
        consent: str = "",
        durability: Literal["step", "interval"] | None = None,
        tick_hz: float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> SessionRecorder:
        """Begin a session; the recorder is a context manager and never raises into the game.

        ``tick_hz`` is how many frames a second the game intends: frames that come late then leave
        gap rows. ``durability`` overrides the workspace's setting. When the disk does not even
        take a new folder, the recorder that is returned counts everything as dropped and says why.
        """
        from understudy.session.recording.fields import fit_header
        from understudy.session.recording.recorder import (
            SessionRecorder,
            make_session_folder,
            remove_failed_folder,
        )

        started = datetime.datetime.now(datetime.UTC)
        identity = new_ulid()
        odd: list[str] = []
        given = fit_header(
            {
                "name": name,
                "game": game,
                "task": task,
                "player": player,
                "model": model,
                "tags": tags,
                "license": license,
                "consent": consent,
                "metadata": metadata,
                "tick_hz": tick_hz,
                "durability": durability,
            },
            odd.append,
        )
        given["name"] = given["name"] or given["task"] or given["game"] or "session"
        given["durability"] = given["durability"] or self.settings.record.durability
        masked, found = self.masker.mask_value(given)
        header = SessionHeader(
            id=identity,
            directory="",
            started=started.isoformat(timespec="microseconds"),
            understudy=__version__,
            **{**masked, "tags": tuple(masked["tags"])},
        )
        failure: str | None = None
        lock = self._recording_lock(identity)
        folder = self.runs / "session_that_could_not_begin"
        try:
            lock.acquire(blocking=False)
            waits = header.durability == "step"
            folder = make_session_folder(self.runs, header.name, started, sync=waits)
            header = msgspec.structs.replace(header, directory=folder.name)
            try:
                write_header(folder, header)
            except BaseException:
                remove_failed_folder(folder)
                raise
            if not waits:
                self._later.add(folder)
        except (OSError, UnderstudyError) as error:
            failure = f"the session could not begin: {error}"
        recorder = SessionRecorder(
            folder,
            header,
            self.settings.record,
            self.masker,
            regions=self._image_regions,
            on_seal=lambda ended, status, reason: self._seal(ended, lock, status, reason),
            failure=failure,
        )
        recorder.counters.add_masked(found)
        for sentence in odd:
            recorder.counters.leave_out(sentence)
        if failure is None:
            self._put_row(make_row(folder, header, {}, derive([], header.tags)), recorder)
            self._warn_of_shortage()
        return recorder

    # Finding -------------------------------------------------------------------------------------

    def session(self, name: str) -> RecordedSession:
        """The session named by its id, its directory or a unique beginning of either.

        One whose recorder was killed is repaired first; ``repaired`` of the result says what was
        cut. Raises SessionError when there is none, several fit, or it lies in the archive.
        """
        row = self.find(name)
        if row.archived:
            raise SessionError(
                f"{row.directory} lies in the archive; run `understudy session restore {row.id}` "
                "to have it back"
            )
        return self._open(self.runs / row.directory)

    def find(self, name: str) -> SessionRow:
        """The catalog's line for a session, archived ones included; errors as ``session``."""
        from understudy.session.keeping.archive_listing import settled

        try:
            row = self.catalog.find(name)
        except SessionError:
            if not self.adopt():
                raise
            row = self.catalog.find(name)
        row = settled(self, row)
        if not row.archived and not (self.runs / row.directory).exists():
            self.adopt()  # its folder may have been renamed
            row = self.catalog.get(row.id) or row
        return row

    def sessions(self, **filters: Any) -> Iterator[RecordedSession]:
        """The sessions that fit all ``filters`` (those of ``Catalog.sessions``), newest first.

        Sessions in the archive are passed over. Each is opened when it is reached.
        """
        self.adopt()
        for row in self.catalog.sessions(**{**filters, "archived": False}):
            if (self.runs / row.directory / HEADER_NAME).exists():
                yield self._open(self.runs / row.directory)

    def rows(self, **filters: Any) -> list[SessionRow]:
        """The catalog's lines that fit; opens no session."""
        self.adopt()
        return self.catalog.sessions(**filters)

    def adopt(self) -> int:
        """Bring the catalog up to what lies in ``runs/`` and ``archive/``: sessions copied in,
        recorders killed.

        Returns how many lines it wrote. Quick when there is nothing to do. A session whose folder
        is gone stays listed, so that the loss is seen: ``understudy doctor`` names it.
        """
        from understudy.session.keeping.reindex import changed_rows

        changed = changed_rows(self)
        if changed:
            self.catalog.put_sessions(changed)
        return len(changed)

    def describe(self, folder: Path) -> SessionRow:
        """A session's catalog line, taken from its folder."""
        return describe(folder, being_recorded=self.is_being_recorded)

    def is_being_recorded(self, identity: str) -> bool:
        """Whether a recorder, in any process of this machine, holds the session."""
        lock = self._recording_lock(identity)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return True
        self._release(lock)
        return False

    # Changing ------------------------------------------------------------------------------------

    def seal_killed(
        self, name: str, *, progress: Callable[[int, int], None] | None = None
    ) -> RecordedSession:
        """Seal a session whose recorder was killed; a sealed one is returned as it is."""
        session = self.session(name)
        if session.sealed:
            return session
        with self.exclusive(session.id):
            self._seal_folder(
                session.path,
                session.header,
                status="killed",
                reason="the recorder ended without sealing the session",
                counters={},
                notes=["what was dropped before the end is not known", *session.repaired],
                progress=progress,
            )
        return self._open(session.path)

    def archive_session(self, name: str, *, progress: Progress | None = None) -> SessionRow:
        """Pack a session into the archive, where it stays listed."""
        from understudy.session.keeping.archive import archive_session

        return archive_session(self, name, progress)

    def restore(self, name: str, *, progress: Progress | None = None) -> SessionRow:
        """Put an archived session back into ``runs/``."""
        from understudy.session.keeping.archive import restore_session

        return restore_session(self, name, progress)

    def forget(self, name: str) -> ForgetReport:
        """Remove a session for good, and say what was made from it."""
        from understudy.session.keeping.forget import forget_session

        return forget_session(self, name)

    def unlist(self, identity: str) -> None:
        """Take a session that is gone out of the catalog, and where a temporary one stands in for
        it, out of the real one too: removing the session may have made the room for that.
        """
        self.catalog.delete_session(identity)
        if self._catalog_is_temporary:
            try:
                with Catalog(self.catalog_url) as real:
                    real.delete_session(identity)
            except CatalogError:
                logger.warning(
                    "the catalog still lists the forgotten session %s; run `understudy reindex` "
                    "once it can be written",
                    identity,
                )

    def merge(
        self, other: str | os.PathLike[str], *, progress: Progress | None = None
    ) -> MergeReport:
        """Take in the sessions of another workspace, by identity."""
        from understudy.session.keeping.merge import merge_workspace

        return merge_workspace(self, Path(other), progress)

    def scan(
        self,
        names: Sequence[str] = (),
        *,
        archived: bool = False,
        mask: bool = False,
        progress: Progress | None = None,
    ) -> ScanReport:
        """Look for secrets in what was recorded, and mask them on request."""
        from understudy.session.keeping.scan import scan

        return scan(self, names, archived=archived, mask=mask, progress=progress)

    def reindex(self, *, progress: Progress | None = None) -> ReindexReport:
        """Build the catalog again from ``runs/`` and ``archive/``."""
        from understudy.session.keeping.reindex import reindex

        return reindex(self, progress)

    def verify(self, name: str) -> list[Problem]:
        """Everything that is wrong with a session, to the last bit, wherever it lies."""
        from understudy.session.keeping.archive_file import check_archive
        from understudy.session.verify import verify

        row = self.find(name)
        if row.archived:
            return check_archive(self.archive, row.directory)
        return verify(self.runs / row.directory, sealed_sha256=row.sealed_sha256)

    def unlisted(self) -> list[Problem]:
        """Folders in ``runs/`` that should be sessions and cannot be listed as such, and why."""
        from understudy.session.keeping.reindex import unlisted_folders

        return unlisted_folders(self, self.rows())

    @contextlib.contextmanager
    def exclusive(self, identity: str) -> Iterator[None]:
        """Hold a session's lock while its folder is changed.

        Raises SessionError while a recorder holds it.
        """
        lock = self._recording_lock(identity)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout as error:
            raise SessionError(
                f"session {identity} is still being recorded or changed; end its game first"
            ) from error
        try:
            yield
        finally:
            self._release(lock)

    # Inside --------------------------------------------------------------------------------------

    @property
    def _image_regions(self) -> list[tuple[int, int, int, int]]:
        settings = self.settings.mask
        regions = settings.image_regions if settings.enabled else []
        return [cast("tuple[int, int, int, int]", tuple(region)) for region in regions]

    def _recording_lock(self, identity: str) -> filelock.BaseFileLock:
        path = self.internal / "locks" / f"{identity}.recording.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(path, thread_local=False)

    @staticmethod
    def _release(lock: filelock.BaseFileLock) -> None:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()

    def _open(self, folder: Path) -> RecordedSession:
        cut: list[str] = []
        if not folder.is_dir():
            raise SessionError(
                f"the folder {folder} is missing; take it back from a copy, or run `understudy "
                "reindex` to bring the catalog up to date"
            )
        if was_interrupted(folder):
            folder, cut = self._repair_if_left(folder)
        return RecordedSession(
            folder,
            masker=self.masker,
            describe=self.describe,
            on_change=self.catalog.put_session,
            now=now_iso,
            repaired=cut,
        )

    def _repair_if_left(self, folder: Path) -> tuple[Path, list[str]]:
        identity = read_header(folder).id
        lock = self._recording_lock(identity)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:  # it is being recorded right now
            return folder, []
        try:
            folder, cut = repair(folder, now_iso())
        except (OSError, StorageError) as error:
            if (folder / JOURNAL_NAME).exists():
                raise
            # Whole records can be read as they are: where nothing can be written, nothing is lost.
            logger.warning("%s could not be put right after a kill: %s", folder, error)
            return folder, []
        finally:
            self._release(lock)
        self.catalog.put_session(self.describe(folder))
        return folder, cut

    def _warn_of_shortage(self) -> None:
        from understudy.session.keeping.disk import shortage

        with contextlib.suppress(OSError):
            warning = shortage(self, shutil.disk_usage(self.path).free)
            if warning:
                logger.warning("recording: %s", warning)

    def _put_row(self, row: SessionRow, recorder: SessionRecorder) -> None:
        try:
            self.catalog.put_session(row)
        except UnderstudyError as error:
            recorder.counters.fail(str(error))

    def _seal(
        self,
        recorder: SessionRecorder,
        lock: filelock.BaseFileLock,
        status: str,
        reason: str | None,
    ) -> None:
        try:
            row = self._seal_folder(
                recorder.path,
                recorder.header,
                status=status,
                reason=reason,
                counters={**recorder.counters.facts(), "frames_stored": recorder.frames_stored},
                results=recorder.results,
                put=False,
            )
            self._put_row(row, recorder)
            if recorder.header.durability != "step":
                self._later.add(recorder.path)
        finally:
            self._release(lock)

    def _seal_folder(
        self,
        folder: Path,
        header: SessionHeader,
        *,
        status: str,
        reason: str | None,
        counters: dict[str, Any],
        results: dict[str, Any] | None = None,
        notes: list[str] | None = None,
        progress: Callable[[int, int], None] | None = None,
        put: bool = True,
    ) -> SessionRow:
        from understudy.session.seal import seal_files
        from understudy.session.views import write_views

        manifest = seal_files(
            folder, header, status=status, reason=reason, counters=counters, results=results,
            notes=notes, progress=progress,
        )  # fmt: skip
        feedback = derive(read_feedback(folder), header.tags)
        write_views(folder, header, manifest.facts, feedback)
        sealed = sha256_file(folder / MANIFEST_NAME)
        row = make_row(folder, header, manifest.facts, feedback, sealed_sha256=sealed)
        if put:
            self.catalog.put_session(row)
        return row


def _temporary_catalog() -> Catalog | None:
    """An empty catalog where the system keeps temporary files; None where that is full too."""
    folder = tempfile.TemporaryDirectory(prefix="understudy-")
    try:
        catalog = Catalog(Path(folder.name) / "catalog.sqlite")
    except CatalogError:
        folder.cleanup()
        return None
    weakref.finalize(catalog, folder.cleanup)
    return catalog
