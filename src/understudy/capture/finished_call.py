"""A call that has ended, as raw bytes with their times, and how a record is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from understudy.capture.encodings import decoded
from understudy.chat.dialects.dialect import Dialect
from understudy.chat.exchange import Ended, Exchange
from understudy.chat.record import CallRecord
from understudy.errors import CaptureError


@dataclass(slots=True)
class FinishedCall:
    """Collected while a call runs (cheaply), turned into a record afterwards (elsewhere)."""

    dialect: Dialect
    request_body: bytes
    started: float
    """Seconds since the epoch at which the request had arrived."""
    begun: float
    """The same moment on ``time.perf_counter``."""
    request_encoding: str = ""
    http_status: int | None = None
    content_type: str = ""
    encoding: str = ""
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    """(``time.perf_counter``, bytes of the body) as they came."""
    size: int = 0
    """Bytes of the answer so far."""
    overflowed: bool = False
    """More came than is kept."""
    ended: Ended = "complete"
    finished: float = 0.0
    error: str | None = None

    def add(self, now: float, chunk: bytes, limit: int) -> None:
        """Keep a piece of the answer, unless there is more than ``limit`` bytes of it already."""
        self.size += len(chunk)
        if self.size <= limit:
            self.chunks.append((now, chunk))
        elif not self.overflowed:
            self.overflowed = True
            self.chunks.clear()

    def record(self) -> CallRecord:
        """The record of the call. CaptureError or FormatError when its bodies cannot be read."""
        if self.overflowed:
            raise CaptureError(
                f"An answer of {self.size} bytes was passed on but is too large to be kept; "
                "raise max_body_mb in the section [proxy] of understudy.toml."
            )
        request = self.dialect.read_request(
            b"".join(decoded([self.request_body], self.request_encoding))
        )
        body = bytearray()
        first: float | None = None
        clock = _Clock(self.chunks, self.begun)
        for piece in decoded(clock, self.encoding):
            if first is None and self.dialect.first_content(piece):
                first = clock.now
            body += piece
        exchange = Exchange(
            http_status=self.http_status,
            content_type=self.content_type,
            body=bytes(body),
            ended=self.ended,
            started=self.started,
            first_token_s=None if first is None else first - self.begun,
            total_s=self.finished - self.begun,
            error=self.error,
        )
        return self.dialect.assemble(request, exchange)


class _Clock:
    """Walks over timed chunks and keeps the time of the one given out last."""

    def __init__(self, chunks: list[tuple[float, bytes]], begun: float) -> None:
        self.now = begun
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for moment, chunk in self._chunks:
            self.now = moment
            yield chunk
