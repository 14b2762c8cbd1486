"""What a scripted model server is told to answer, and what becomes of it in one call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer of the script. The fields from ``delay_s`` on are faults, for tests.

    Of several choices in one call the first decides about status, headers and faults.
    """

    text: str = ""
    tool_calls: Sequence[tuple[str, Mapping[str, Any] | str]] = ()
    """(name, arguments); arguments given as text are sent as they stand, valid JSON or not."""
    finish_reason: str | None = None
    """``stop``, ``length`` or ``tool_calls``; None chooses the fitting one."""
    usage: tuple[int, int] | None = None
    """(input tokens, output tokens); None counts words."""
    chunk_chars: int | None = None
    """Characters a streamed piece; None sends word by word."""
    delay_s: float = 0.0
    """Seconds to wait before each piece (and before an error)."""
    status: int = 200
    """400 and above: answer with this error, ``text`` being its message."""
    headers: Mapping[str, str] = field(default_factory=dict)
    break_after: int | None = None
    """Drop the connection after so many pieces; an answer that is not streamed has two halves."""
    gzip: bool = False

    def pieces(self, text: str) -> list[str]:
        """``text`` cut as it is to be streamed."""
        if self.chunk_chars is None:
            return re.findall(r"\s*\S+\s*", text) or ([text] if text else [])
        size = max(1, self.chunk_chars)
        return [text[start : start + size] for start in range(0, len(text), size)]


@dataclass(frozen=True)
class Choice:
    """An answer in its place in a call, with the ids of its tool calls."""

    index: int
    answer: Answer
    calls: tuple[tuple[str, str, str], ...]
    """(id, name, arguments as JSON text)."""

    @classmethod
    def of(cls, answer: Answer, call_number: int, index: int) -> Choice:
        """Give each tool call an id that depends on nothing but the position in the script."""
        calls = tuple(
            (f"call_{call_number:06d}_{index}_{place}", name, _as_json(arguments))
            for place, (name, arguments) in enumerate(answer.tool_calls)
        )
        return cls(index, answer, calls)

    @property
    def finish_reason(self) -> str:
        if self.answer.finish_reason is not None:
            return self.answer.finish_reason
        return "tool_calls" if self.calls else "stop"

    def usage(self, messages: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
        """(input tokens, output tokens): as the script says, else a count of words."""
        if self.answer.usage is not None:
            return self.answer.usage
        asked = sum(len(str(message.get("content") or "").split()) for message in messages)
        said = len(self.answer.text.split())
        return asked, said + sum(len(arguments.split()) + 1 for _, _, arguments in self.calls)


def _as_json(arguments: Mapping[str, Any] | str) -> str:
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments, ensure_ascii=False)
