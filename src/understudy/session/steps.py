"""What a line of the trace may be: an agent's step, a call to a chat model, or an event.

The trace is the record of decisions. Lines are written once and never edited; ``n`` numbers them
from 1 within their session and never changes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.errors import CorruptionError
from understudy.session.migrations import SCHEMA, migrate


class TraceLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """What every line of the trace carries."""

    n: int
    time: str
    """Wall clock when it was handed over, UTC, ISO 8601 with microseconds."""
    mono_ns: int = 0
    """Monotonic clock at the same moment; comparable within one session only."""
    schema: int = SCHEMA


class AgentStep(TraceLine, frozen=True, kw_only=True, omit_defaults=True, tag="step"):
    """One decision of a player and what came of it."""

    step: int
    """Number of this decision among the session's steps, from 1."""
    action: Any = None
    observation: str | None = None
    screenshot: str | None = None
    """Path below the session's folder of the picture before the action."""
    screenshot_after: str | None = None
    reasoning: str | None = None
    expected_outcome: str | None = None
    result: Any = None
    success: bool | None = None
    reward: float | None = None
    latency_s: float | None = None
    tokens: dict[str, int] | None = None
    model: str | None = None
    facts: dict[str, Any] = {}
    """Whatever else the caller passed to ``step``."""


class ChatStep(TraceLine, frozen=True, kw_only=True, omit_defaults=True, tag="chat"):
    """One call to a language model."""

    messages: list[dict[str, Any]]
    response: dict[str, Any] | None = None
    tools: list[dict[str, Any]] = []
    status: str = "complete"
    model: str | None = None
    call: dict[str, Any] = {}
    """The other facts of the call: dialect, params, usage, latencies, finish reason…"""


class EventStep(TraceLine, frozen=True, kw_only=True, omit_defaults=True, tag="event"):
    """Something that happened to the recording itself."""

    kind: str
    facts: dict[str, Any] = {}


Step = AgentStep | ChatStep | EventStep

_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def decode_step(line: bytes, *, where: str) -> Step:
    """The typed step of one trace line; ``where`` names it in errors."""
    try:
        record = migrate(_decode_object(line), what=where)
        step: Step = msgspec.convert(record, type=Step)
        return step
    except msgspec.MsgspecError as error:
        raise CorruptionError(
            f"{where} is not a step ({error}); run `understudy session verify` to see what else is "
            "damaged"
        ) from error
