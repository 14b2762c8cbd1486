"""Where captured calls go: into the right session, on a thread of their own.

The proxy and wrapped clients hand a call over and go on at once. Everything that costs time
(assembling, masking, opening sessions, disks) happens here, and nothing here raises into a caller:
what cannot be kept is counted and said in ``last_error``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.chat.conversations import ConversationIndex
from understudy.chat.record import CallRecord

if TYPE_CHECKING:
    from understudy.session.recording.recorder import SessionRecorder
    from understudy.session.workspace import Workspace

logger = logging.getLogger("understudy.capture")

LINGER_S = 0.02
"""Calls are worked on in groups this far apart: threads that wake for each call slow the caller."""
BURST_CALLS = 10
"""More calls than this in ``LINGER_S`` are a burst, which is let pass before it is worked on…"""
LONGEST_LINGER_S = 0.5
"""…for so long at most: what is not stored yet is lost when the process is killed."""
WAITING_BYTES = 1024 * 1024 * 1024
CALL_BYTES = 2_048
"""What a waiting call takes in memory beside its bodies, about."""
OPEN_SESSIONS = 64
"""Sessions recorded into at once; beyond that the one used longest ago is sealed."""

Maker = Callable[[], CallRecord]
"""Makes the record of a call that has ended; whatever it raises counts the call as dropped."""


@dataclass
class _Waiting:
    make: Maker
    session_name: str | None
    size: int


@dataclass
class _Open:
    recorder: SessionRecorder
    named: bool
    used: float
    """``time.monotonic`` of the last call."""


class CallSink:
    """Puts each finished call into its session: the named one, else its conversation's.

    A named session stays open for the life of the sink, one of a conversation until nothing has
    come for ``proxy.idle_session_s``. Safe to use from any thread; ``close`` seals everything.
    """

    def __init__(self, workspace: Workspace, *, captured_by: str = "proxy") -> None:
        self._workspace = workspace
        self._captured_by = captured_by
        self._idle_s = float(workspace.settings.proxy.idle_session_s)
        self._conversations = ConversationIndex()
        self._open: OrderedDict[tuple[str, str], _Open] = OrderedDict()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._closing = False
        self._seen = 0
        self._stored_before = 0
        self._dropped = 0
        self._last_error: str | None = None
        self._thread = threading.Thread(target=self._run, name="understudy-sink", daemon=True)
        self._thread.start()

    def submit(self, record: CallRecord, *, session_name: str | None = None) -> None:
        """Hand over a finished record. Returns at once and never raises."""
        self.submit_later(lambda: record, session_name=session_name)

    def submit_later(self, make: Maker, *, session_name: str | None = None, size: int = 0) -> None:
        """As ``submit``, with the record made on the sink's thread.

        ``size``: bytes that ``make`` keeps in memory until then.
        """
        with self._lock:
            self._seen += 1
            size += CALL_BYTES
            refusal = self._refusal(size)
            if refusal is not None:
                self._drop(f"A call was not captured: {refusal}.")
                return
            self._waiting.append(_Waiting(make, session_name, size))
            self._waiting_bytes += size
            self._idle.clear()
            self._work.set()

    def _refusal(self, size: int) -> str | None:
        if self._closing:
            return "it came after the capture was closed"
        if not self._thread.is_alive():
            return "this process was forked from the one that captures"
        if self._waiting_bytes + size > WAITING_BYTES:
            return "calls came faster than they could be stored"
        return None

    def facts(self) -> dict[str, Any]:
        """``seen = stored + dropped`` once nothing is waiting; ``last_error`` in words or None."""
        with self._lock:
            counters = [entry.recorder.counters for entry in self._open.values()]
            return {
                "seen": self._seen,
                "stored": self._stored_before + sum(each.stored for each in counters),
                "dropped": self._dropped + sum(each.dropped for each in counters),
                "last_error": self._last_error
                or next((each.last_error for each in counters if each.last_error), None),
            }

    @property
    def seen(self) -> int:
        return int(self.facts()["seen"])

    @property
    def stored(self) -> int:
        return int(self.facts()["stored"])

    @property
    def dropped(self) -> int:
        return int(self.facts()["dropped"])

    @property
    def last_error(self) -> str | None:
        error: str | None = self.facts()["last_error"]
        return error

    def drain(self, timeout_s: float = 10.0) -> bool:
        """Wait until all calls handed over so far are with their recorders; False on time-out."""
        return self._idle.wait(timeout_s)

    def close(self) -> None:
        """Work off what waits, seal every session, end the thread. May be called twice."""
        with self._lock:
            self._closing = True
        self._work.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._work.wait(timeout=min(5.0, self._idle_s / 2))
            self._work.clear()
            self._let_a_burst_pass()
            while self._waiting:
                self._store_next()
            with self._lock:
                if not self._waiting:
                    self._idle.set()
                ended = self._closing and not self._waiting
            self._seal_idle(everything=ended)
            if ended:
                return

    def _let_a_burst_pass(self) -> None:
        until = time.monotonic() + LONGEST_LINGER_S
        while self._waiting and not self._closing and time.monotonic() < until:
            before = self._seen
            time.sleep(LINGER_S)
            if self._seen - before <= BURST_CALLS:
                return

    def _store_next(self) -> None:
        with self._lock:
            call = self._waiting.popleft()
            self._waiting_bytes -= call.size
        try:
            record = call.make()
            key = self._session_key(record, call.session_name)
            entry = self._open.get(key) or self._open_session(key, record)
            with self._lock:
                self._open.move_to_end(key)
            entry.used = time.monotonic()
            kept = put(entry.recorder, record)
            if not kept and entry.recorder.counters.stored == 0:
                self._seal(key, "it could not begin")  # the next call tries again
        except Exception as error:  # a call that cannot be kept must cost only itself
            with self._lock:
                self._drop(f"A call was not captured: {error}")

    def _session_key(self, record: CallRecord, name: str | None) -> tuple[str, str]:
        if name is not None:
            return ("name", name)
        conversation = self._conversations.assign(record.messages)
        self._conversations.remember(conversation, record.messages, record.response)
        return ("conversation", conversation)

    def _open_session(self, key: tuple[str, str], record: CallRecord) -> _Open:
        while len(self._open) >= OPEN_SESSIONS:
            self._seal(next(iter(self._open)), "other sessions were used more recently")
        kind, label = key
        named = kind == "name"
        recorder = self._workspace.record(
            name=label if named else "conversation",
            model=record.model or None,
            metadata={"captured_by": self._captured_by}
            | ({} if named else {"conversation": label}),
        )
        entry = _Open(recorder, named, time.monotonic())
        with self._lock:
            self._open[key] = entry
        return entry

    def _seal_idle(self, *, everything: bool) -> None:
        now = time.monotonic()
        for key, entry in list(self._open.items()):
            if everything:
                self._seal(key, None)
            elif not entry.named and now - entry.used > self._idle_s:
                self._seal(key, "nothing more came")

    def _seal(self, key: tuple[str, str], reason: str | None) -> None:
        entry = self._open[key]
        try:
            entry.recorder.seal(reason)
        except Exception as error:  # the other sessions must still be sealed
            with self._lock:
                self._last_error = f"A session could not be sealed: {error}"
        counters = entry.recorder.counters
        with self._lock:
            del self._open[key]
            self._stored_before += counters.stored
            self._dropped += counters.dropped
            self._last_error = counters.last_error or self._last_error

    def _drop(self, reason: str) -> None:
        """The lock is held."""
        self._dropped += 1
        if reason != self._last_error:
            logger.warning(reason)
        self._last_error = reason


def put(recorder: SessionRecorder, record: CallRecord) -> bool:
    """Hand a record to a recorder, without waiting for the disk; True when it took it."""
    rest = {name: getattr(record, name) for name in _CALL_FIELDS}
    rest["tool_calls"] = msgspec.to_builtins(record.tool_calls)
    return recorder.chat(messages=record.messages, response=record.response, wait=False, **rest)


_CALL_FIELDS = tuple(
    name for name in CallRecord.__struct_fields__ if name not in ("messages", "response")
)
