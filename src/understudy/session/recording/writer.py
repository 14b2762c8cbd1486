"""The one thread that writes a session to disk.

Callers hand over and go on; only a step that asked for it waits until its line is synced. Every
failure of the disk ends here and is counted with its reason. A step that could not be written is
dropped and its caller told; frames wait in memory, bounded, until the disk takes them again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from understudy.session.frames.file import FrameFileWriter
from understudy.session.frames.layout import RowLayout, Rows
from understudy.session.frames.ring import FrameRing
from understudy.session.images import ImageWriter
from understudy.session.masking import mask_image
from understudy.session.recording.counters import Counters
from understudy.session.recording.pictures import write_png
from understudy.session.trace_file import TraceFileWriter
from understudy.store.checked_lines import seal_line

FLUSH_BYTES = 64 * 1024
IMAGE_BATCH = 16
TRACE_QUEUE_BYTES = 256 * 1024 * 1024
RETRY_S = 1.0
"""How long a disk that refused frames is left alone; meanwhile they wait in memory."""
_MOST_TAKEN_BYTES = 8 * 1024 * 1024

Region = tuple[int, int, int, int]


@dataclass(slots=True)
class Handover:
    """One trace line on its way to the disk."""

    body: bytes
    """Encoded JSON object, not yet sealed with its checksum."""
    pictures: dict[str, tuple[str, Any]] = field(default_factory=dict)
    """Field of the line → (path below the session, picture)."""
    done: threading.Event | None = None
    stored: bool = False


class SessionWriter:
    """Owns the files of one session while it is recorded."""

    def __init__(
        self,
        folder: Path,
        counters: Counters,
        *,
        sync_each: bool,
        sync_interval_s: float,
        flush_interval_s: float,
        regions: list[Region],
    ) -> None:
        self._folder = folder
        self._counters = counters
        self._sync_each = sync_each
        self._sync_interval = sync_interval_s
        self._flush_interval = flush_interval_s
        self._regions = regions
        self._trace: TraceFileWriter | None = None
        self._frames: FrameFileWriter | None = None
        self._images: ImageWriter | None = None
        self._lines: deque[Handover] = deque()
        self._queued_bytes = 0
        self._rings: deque[FrameRing] = deque()
        self._held: list[tuple[RowLayout, Rows]] = []
        self._held_bytes = 0
        self._unsynced = False
        self._last_flush = self._last_sync = time.monotonic()
        self._flush_requests: deque[threading.Event] = deque()
        self._warm: FrameRing | None = None
        self._retry_at = 0.0
        self._wake = threading.Lock()
        self._wake.acquire()
        self.asleep = False
        self._finishing = False
        self.space = threading.Condition()
        self.frames_stored = 0
        """Frames on disk, gap rows not counted."""
        self._thread = threading.Thread(
            target=self._run, name=f"understudy-writer-{folder.name}", daemon=True
        )
        self._thread.start()

    # Callers' side -------------------------------------------------------------------------------

    def submit(self, handover: Handover) -> bool:
        """Take a line over; False when the queue is full (the caller counts it as dropped)."""
        if self._queued_bytes > TRACE_QUEUE_BYTES or self._finishing:
            return False
        self._queued_bytes += len(handover.body)
        self._lines.append(handover)
        self.wake()
        return True

    def add_ring(self, ring: FrameRing) -> None:
        """Drain ``ring`` after all rings added before it."""
        self._rings.append(ring)
        self.wake()

    def wake(self) -> None:
        if self.asleep:
            self.asleep = False
            try:
                self._wake.release()
            except RuntimeError:  # another thread woke it in between
                pass

    def flush(self, timeout_s: float) -> bool:
        """Write and sync all that was handed over until now; False when that took too long."""
        done = threading.Event()
        self._flush_requests.append(done)
        self.wake()
        return done.wait(timeout_s)

    def finish(self) -> None:
        """Write everything that was handed over, sync, close the files and end the thread."""
        self._finishing = True
        self.asleep = True
        self.wake()
        self._thread.join()
        while self._lines:  # handed over in the very moment of closing
            handover = self._lines.popleft()
            self._counters.drop(1, "a step came while the session was being closed")
            if handover.done is not None:
                handover.done.set()

    @property
    def disk_refuses(self) -> bool:
        """Whether the last attempt to write frames failed, so that waiting for room is vain."""
        return self._retry_at > 0

    @property
    def bytes_written(self) -> int:
        tracks = (self._trace, self._frames, self._images)
        return sum(track.bytes_written for track in tracks if track is not None)

    # The thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            finishing = self._finishing
            asked = self._take_flush_requests()
            try:
                self._write_lines()
                self._write_frames(flush=bool(asked) or finishing, last=finishing)
                self._sync_if_due(bool(asked) or finishing)
            except Exception as error:  # the writer must outlive whatever one record did to it
                self._counters.fail(f"the writer stumbled: {type(error).__name__}: {error}")
            for request in asked:
                request.set()
            if finishing:
                break
            self.asleep = True
            if self._lines or self._finishing or self._flush_requests or self._rows_wait():
                self.asleep = False
                continue
            self._wake.acquire(timeout=self._patience())
            self.asleep = False
        for track in (self._trace, self._frames, self._images):
            if track is not None:
                try:
                    track.close()
                except OSError as error:
                    self._counters.fail(f"{self._folder}: a file could not be closed: {error}")

    def _patience(self) -> float:
        """Seconds until something is due even if nobody calls."""
        if self._held or any(ring.pending for ring in self._rings) or self._unsynced:
            flush_at = self._last_flush + self._flush_interval
            due = min(flush_at, self._last_sync + self._sync_interval)
            return max(0.01, min(due - time.monotonic(), self._flush_interval))
        return min(self._flush_interval, self._sync_interval)

    def _rows_wait(self) -> bool:
        return not self._retry_at and any(ring.pending >= wake_rows(ring) for ring in self._rings)

    def _take_flush_requests(self) -> list[threading.Event]:
        asked = []
        while self._flush_requests:
            asked.append(self._flush_requests.popleft())
        return asked

    def _write_lines(self) -> None:
        batch: list[Handover] = []
        while self._lines:
            handover = self._lines.popleft()
            self._queued_bytes -= len(handover.body)
            batch.append(handover)
        if not batch:
            return
        try:
            if self._trace is None:
                self._trace = TraceFileWriter(self._folder / "trace.jsonl")
            lines = [seal_line(self._with_pictures(handover)) for handover in batch]
            self._trace.write(lines, sync=self._sync_each)
            self._unsynced |= not self._sync_each
            self._counters.store(len(batch))
            for handover in batch:
                handover.stored = True
        except Exception as error:  # of the disk, or of a line that nobody foresaw
            self._counters.drop(len(batch), _disk_reason("steps", error))
        finally:
            for handover in batch:
                if handover.done is not None:
                    handover.done.set()

    def _with_pictures(self, handover: Handover) -> bytes:
        """Write the line's pictures; a picture that cannot be kept is taken out of the line."""
        lost: list[str] = []
        for name, (relative, picture) in handover.pictures.items():
            try:
                write_png(self._folder / relative, picture, self._regions, sync=self._sync_each)
            except Exception as error:  # a stranger's picture: its library may raise anything
                self._counters.leave_out(f"a screenshot could not be kept: {error}")
                lost.append(name)
        if not lost:
            return handover.body
        line = msgspec.json.decode(handover.body)
        return msgspec.json.encode({key: part for key, part in line.items() if key not in lost})

    def _write_frames(self, *, flush: bool, last: bool) -> None:
        """Drain the rings and write what is due; on a refusing disk everything waits in memory.

        What a ``last`` attempt cannot write is given up.
        """
        if self._retry_at and time.monotonic() < self._retry_at and not flush:
            return
        try:
            if self._retry_at:
                self._flush_rows()  # before more is taken: what waits must stay bounded
            while self._rings:
                if self._rings[-1] is not self._warm:
                    self._warm = self._rings[-1]
                    self._warm.warm_up()
                self._drain(self._rings[0])
                if len(self._rings) == 1:
                    break
                self._flush_rows()
                self._rings.popleft()
            due = time.monotonic() - self._last_flush >= self._flush_interval
            if flush or due or self._held_bytes >= FLUSH_BYTES:
                self._flush_rows()
            self._retry_at = 0.0
        except OSError as error:
            self._retry_at = time.monotonic() + RETRY_S
            self._counters.fail(_disk_reason("frames", error))
            if last:
                self._give_up(_disk_reason("frames", error))

    def _drain(self, ring: FrameRing) -> None:
        """Move pending rows out of the ring, their images to their own track."""
        most = max(1, _MOST_TAKEN_BYTES // ring.row_bytes)
        while taken := ring.take(most):
            rows, images = taken
            kept: Rows = rows.copy()
            try:
                if images is not None:
                    self._store_images(kept, images)
                self._held.append((ring.layout, kept))
                self._held_bytes += kept.nbytes
            except OSError:
                raise
            except Exception as error:  # a fault in one batch must not stop the ones behind it
                self._drop_rows(kept, f"frames could not be stored: {error}")
            ring.release(len(rows))
            with self.space:
                self.space.notify_all()
            if self._held_bytes >= FLUSH_BYTES:
                self._flush_rows()
            if self._lines:
                self._write_lines()

    def _store_images(self, rows: Rows, images: np.ndarray[Any, Any]) -> None:
        shown = rows["image"] >= 0
        if not shown.any():
            return
        if self._images is None:
            self._images = ImageWriter(self._folder / "images.blocks")
        pictures = images if shown.all() else images[shown]
        if self._regions:
            pictures = np.stack([mask_image(one, self._regions) for one in pictures])
        rows["image"][shown] = self._images.add(pictures)

    def _flush_rows(self) -> None:
        """Images first, then the rows that name them, so that no row names what is not there."""
        self._last_flush = time.monotonic()
        if self._images is not None:
            self._images.flush()
        while self._held:
            if self._frames is None:
                self._frames = FrameFileWriter(self._folder / "frames.blocks")
            layout = self._held[0][0]
            together = 1
            while together < len(self._held) and self._held[together][0] is layout:
                together += 1
            parts = [rows for _, rows in self._held[:together]]
            rows = parts[0] if together == 1 else np.concatenate(parts)
            self._frames.write(layout, rows)
            del self._held[:together]
            self._held_bytes -= rows.nbytes
            frames = _frames_among(rows)
            self.frames_stored += frames
            self._counters.store(frames)
            self._unsynced = True

    def _give_up(self, reason: str) -> None:
        """Count everything as dropped that a closing session could not write."""
        for _, rows in self._held:
            self._drop_rows(rows, reason)
        self._held = []
        for ring in self._rings:
            while taken := ring.take(ring.capacity):
                self._drop_rows(taken[0], reason)
                ring.release(len(taken[0]))

    def _drop_rows(self, rows: Rows, reason: str) -> None:
        frames = _frames_among(rows)
        if frames:
            self._counters.drop(frames, reason)

    def _sync_if_due(self, now_anyway: bool) -> None:
        now = time.monotonic()
        if not self._unsynced or (now - self._last_sync < self._sync_interval and not now_anyway):
            return
        self._last_sync = now
        self._unsynced = False
        try:
            for track in (self._images, self._frames, self._trace):
                if track is not None:
                    track.sync()
        except OSError as error:
            self._counters.fail(_disk_reason("what was written", error))


def _frames_among(rows: Rows) -> int:
    return int(np.count_nonzero(rows["missed"] == 0))


def wake_rows(ring: FrameRing) -> int:
    """How many pending rows are worth waking the writer for."""
    if ring.image_shape is not None:
        return min(IMAGE_BATCH, max(1, ring.capacity // 4))
    return max(1, FLUSH_BYTES // ring.row_bytes)


def _disk_reason(what: str, error: Exception) -> str:
    return f"{what} could not be written: {getattr(error, 'strerror', None) or error}"
