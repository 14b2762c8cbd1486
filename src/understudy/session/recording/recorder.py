"""Recording one session: the object a game holds while it is played.

Nothing here raises into the game. Every call says with its return value, and every counter with
its number, what was kept; reasons stand in ``counters`` and in the log.
"""

from __future__ import annotations

# Sealing at the end of a program imports libraries that want threads; after Python has said good
# night to those, this module can no longer be imported.
import concurrent.futures.thread  # noqa: F401
import datetime
import logging
import os
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from understudy._util.at_exit import end_at_exit
from understudy._util.clock import now_iso
from understudy.errors import SessionError
from understudy.session.frames.intake import FrameIntake
from understudy.session.header import SessionHeader
from understudy.session.recording.counters import Counters, logger
from understudy.session.recording.fields import fit_fields
from understudy.session.recording.pictures import own_copy
from understudy.session.recording.plain import encode, to_plain
from understudy.session.recording.writer import Handover, SessionWriter
from understudy.store.atomic import safe_slug, sync_folder, write_atomic

if TYPE_CHECKING:
    from understudy.config import RecordSettings
    from understudy.session.masking import Masker

ACKNOWLEDGE_TIMEOUT_S = 10.0
"""How long a step waits for its fsync before the game goes on without the acknowledgement."""

_open_recorders: weakref.WeakSet[SessionRecorder] = weakref.WeakSet()


class SessionRecorder:
    """Records into one session's folder until it is sealed. Made by ``Workspace.record``."""

    def __init__(
        self,
        folder: Path,
        header: SessionHeader,
        settings: RecordSettings,
        masker: Masker,
        *,
        regions: list[tuple[int, int, int, int]],
        on_seal: Callable[[SessionRecorder, str, str | None], None],
        failure: str | None = None,
    ) -> None:
        self.header = header
        self.id = header.id
        self.path = folder
        self.counters = Counters()
        self.sealed = False
        self._masker = masker
        self._settings = settings
        self._regions = regions
        self._on_seal = on_seal
        self._sync_each = header.durability == "step"
        self._trace_lock = threading.Lock()
        self._lines = 0
        self._steps = 0
        self._writer: SessionWriter | None = None
        self._writer_lock = threading.Lock()
        self._ended = threading.Lock()
        self._closed = False
        self.results: dict[str, Any] = {}
        """How what was played ended, as given to ``seal``."""
        self.failure = failure
        """Why the session could not even begin, so that nothing of it is kept; None: it began."""
        self._intake = FrameIntake(
            self._open_writer,
            self.counters,
            budget_bytes=int(settings.frame_buffer_mb * 1024 * 1024),
            tick_hz=header.tick_hz,
            wait_when_full=settings.when_full == "wait",
        )
        # Spares every frame the way through the method below, which says what this does.
        self.frame = self._intake.frame  # type: ignore[method-assign]
        if failure is not None:
            self.counters.fail(failure)
            self._intake.close(failure)
        _open_recorders.add(self)

    # What a game calls ---------------------------------------------------------------------------

    def frame(self, *, tick: int | None = None, image: Any = None, **values: Any) -> None:
        """Record one frame: numbers and arrays by name, with an image where wanted.

        The arrays are copied before the call returns. ``tick`` is the game's own frame number;
        without it frames count up, and where the session has ``tick_hz`` a late frame leaves a
        gap. Never blocks, unless ``when_full = "wait"`` is set. ``image`` is uint8 [height, width]
        or [height, width, channels].
        """
        self._intake.frame(tick=tick, image=image, **values)

    def step(
        self,
        *,
        action: Any = None,
        observation: str | None = None,
        screenshot: Any = None,
        screenshot_after: Any = None,
        reasoning: str | None = None,
        expected_outcome: str | None = None,
        result: Any = None,
        success: bool | None = None,
        reward: float | None = None,
        latency_s: float | None = None,
        tokens: dict[str, int] | None = None,
        model: str | None = None,
        wait: bool = True,
        **facts: Any,
    ) -> bool:
        """Record one decision; True once it is safe on disk (or handed over, see ``wait``).

        Screenshots may be arrays, PIL images, encoded bytes or paths; they become PNG files. With
        ``durability = "interval"`` or ``wait=False`` the call hands over and returns.
        """
        given = {
            "action": action,
            "observation": observation,
            "reasoning": reasoning,
            "expected_outcome": expected_outcome,
            "result": result,
            "success": success,
            "reward": reward,
            "latency_s": latency_s,
            "tokens": tokens,
            "model": model,
            "facts": facts or None,
        }
        pictures = {
            name: (moment, picture)
            for name, moment, picture in (
                ("screenshot", "before", screenshot),
                ("screenshot_after", "after", screenshot_after),
            )
            if picture is not None
        }
        return self._record("step", given, wait=wait, pictures=pictures)

    def chat(
        self,
        *,
        messages: Any,
        response: Any,
        tools: Any = None,
        status: str = "complete",
        model: str | None = None,
        wait: bool = True,
        **call: Any,
    ) -> bool:
        """Record one call to a language model; returns as ``step`` does."""
        given = {
            "messages": messages,
            "response": response,
            "tools": tools or None,
            "status": status,
            "model": model,
            "call": call or None,
        }
        return self._record("chat", given, wait=wait)

    def event(self, kind: str, **facts: Any) -> bool:
        """Record that something happened to the recording itself."""
        return self._record("event", {"kind": kind, "facts": facts or None}, wait=False)

    def snapshot(self, name: str, source: str | Path | bytes) -> bool:
        """Copy a file (a memory database, an emulator state) into ``memory_snapshots/``.

        The copy has the source's ending and is synced before this returns. An SQLite database in
        use is copied through SQLite itself, so that the copy is consistent. ``source`` may also be
        the content itself; ``name`` then has the ending.
        """
        try:
            from understudy.session.recording.snapshots import copy_snapshot, write_snapshot

            self._check_open()
            folder = self.path / "memory_snapshots"
            if isinstance(source, bytes):
                target = write_snapshot(source, folder, name, sync=self._sync_each)
            else:
                target = copy_snapshot(Path(source), folder, name)
        except Exception as error:  # whatever the source is, the game goes on
            self.counters.see_trace()
            self.counters.drop(1, f"the snapshot {name!r} could not be taken: {error}")
            return False
        return self.event("snapshot", name=name, file=target.relative_to(self.path).as_posix())

    def analysis(self, name: str, content: Any) -> bool:
        """Keep ``content``, plain data, as ``analysis/NAME.json``; True when it is there.

        It is sealed with the session; giving a name again replaces what was there.
        """
        try:
            self._check_open()
            plain = to_plain(content, self.counters.leave_out)
            masked, found = self._masker.mask_value(plain)
            self.counters.add_masked(found)
            folder = self.path / "analysis"
            folder.mkdir(exist_ok=True)
            path = folder / f"{safe_slug(name, 'analysis')}.json"
            encoded = msgspec.json.format(encode(masked, self.counters.leave_out), indent=2)
            write_atomic(path, encoded + b"\n", sync=self._sync_each)
        except Exception as error:  # whatever was found out, the game goes on
            self.counters.fail(f"the analysis {name!r} could not be kept: {error}")
            return False
        return True

    def flush(self, timeout_s: float = ACKNOWLEDGE_TIMEOUT_S) -> bool:
        """Bring everything recorded so far to the disk; True when all of it is there."""
        with self._ended:
            if self._writer is None or self._closed:
                return self.counters.pending == 0
            return self._writer.flush(timeout_s) and self.counters.pending == 0

    def seal(
        self,
        reason: str | None = None,
        *,
        status: str = "sealed",
        success: bool | None = None,
        outcome: str | None = None,
        **results: Any,
    ) -> bool:
        """End the session: write out everything, seal it with its manifest; True when that worked.

        ``status`` is ``sealed`` or ``incomplete`` (with its ``reason``); ``success`` and
        ``outcome`` say how the game's task ended, ``results`` whatever else is known of that
        (``completion``: how it ended in a word). Later calls do nothing.
        When sealing fails (a full disk), everything recorded stays and is sealed on the next open.
        """
        with self._ended:
            if self._closed:
                return self.sealed
            self._closed = True
            _open_recorders.discard(self)
            self._intake.close("a frame came after the session was closed")
            given = {"success": success, "outcome": outcome, **results}
            given, found = self._masker.mask_value(to_plain(given, self.counters.leave_out))
            self.counters.add_masked(found)
            self.results = {name: value for name, value in given.items() if value is not None}
            if self.failure is not None:
                return False
            try:
                if self._writer is not None:
                    self._writer.finish()
                self._on_seal(self, status, reason and self._masked(reason))
                self.sealed = True
            except Exception as error:  # the game must end well even when its recording does not
                self.counters.fail(f"{self.path} could not be sealed: {error}")
            level = logging.WARNING if self.counters.dropped else logging.INFO
            logger.log(level, "session %s: %r", self.path.name, self.counters)
            return self.sealed

    close = seal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.seal()
        else:
            self.seal(f"{kind.__name__}: {error}", status="incomplete")

    @property
    def frames_stored(self) -> int:
        """Frames that are on disk, gap rows not counted."""
        return self._writer.frames_stored if self._writer is not None else 0

    # Behind the calls ----------------------------------------------------------------------------

    def _check_open(self) -> None:
        """SessionError where a file could not be added any more: what was sealed stays as it is."""
        if self._closed or self.failure is not None:
            raise SessionError(self.failure or "the session was closed before")

    def _masked(self, text: str) -> str:
        masked, found = self._masker.mask_text(text)
        self.counters.add_masked(found)
        return masked

    def _open_writer(self) -> SessionWriter:
        with self._writer_lock:
            if self._writer is None:
                self._writer = SessionWriter(
                    self.path,
                    self.counters,
                    sync_each=self._sync_each,
                    sync_interval_s=self._settings.interval_s,
                    flush_interval_s=self._settings.frame_flush_s,
                    regions=self._regions,
                )
            return self._writer

    def _record(
        self,
        kind: str,
        given: dict[str, Any],
        *,
        wait: bool,
        pictures: dict[str, tuple[str, Any]] | None = None,
    ) -> bool:
        counters = self.counters
        counters.see_trace()
        if self._closed or self.failure is not None:
            counters.drop(1, self.failure or f"a {kind} came after the session was closed")
            return False
        try:
            clock = {"time": now_iso(), "mono_ns": time.monotonic_ns()}
            plain = {
                name: to_plain(value, counters.leave_out)
                for name, value in given.items()
                if value is not None
            }
            plain = fit_fields(kind, plain, counters.leave_out)
            masked, found = self._masker.mask_value(plain)
            counters.add_masked(found)
            waits = wait and self._sync_each
            done = threading.Event() if waits else None
            with self._trace_lock:
                line: dict[str, Any] = {"type": kind, "n": self._lines + 1, **clock, "schema": 1}
                files: dict[str, tuple[str, Any]] = {}
                if kind == "step":
                    line["step"] = self._steps + 1
                    for name, (moment, picture) in (pictures or {}).items():
                        relative = f"screenshots/step_{self._steps + 1:02d}_{moment}_action.png"
                        files[name] = (relative, own_copy(picture))
                        line[name] = relative
                handover = Handover(encode({**line, **masked}, counters.leave_out), files, done)
                if not self._open_writer().submit(handover):
                    counters.drop(1, f"{kind}s came faster than the disk could take them")
                    return False
                self._lines += 1
                self._steps += kind == "step"
        except Exception as error:  # bad input must cost itself, never the game
            counters.drop(1, f"a {kind} could not be kept: {type(error).__name__}: {error}")
            return False
        if done is None:
            return True
        if not done.wait(ACKNOWLEDGE_TIMEOUT_S):
            counters.fail(f"the disk took longer than {ACKNOWLEDGE_TIMEOUT_S:.0f} s for a {kind}")
            return False
        return handover.stored


def make_session_folder(runs: Path, name: str, started: datetime.datetime, *, sync: bool) -> Path:
    """A new folder ``session_YYYYMMDD_HHMMSS_NAME``, with a suffix where that is taken."""
    stem = f"session_{started:%Y%m%d_%H%M%S}_{safe_slug(name)}"
    for attempt in range(1, 10_000):
        folder = runs / (stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        if sync:
            sync_folder(runs)
        return folder
    raise FileExistsError(f"{runs} has too many sessions named {stem}")


def remove_failed_folder(folder: Path) -> None:
    """Take back a session folder in which nothing could be begun."""
    shutil.rmtree(folder, ignore_errors=True)


@end_at_exit
def _seal_open_recorders() -> None:
    for recorder in list(_open_recorders):
        recorder.seal("the program ended without closing the session", status="incomplete")


def _forget_recorders_in_child() -> None:
    """A forked child has no writer thread: its copies of the recorders only count."""
    for recorder in list(_open_recorders):
        recorder._closed = True
        recorder._intake.close_in_child()
    _open_recorders.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_recorders_in_child)
