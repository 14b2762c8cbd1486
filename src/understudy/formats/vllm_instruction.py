"""The instruction JSONL of agent runs, exactly as seed 004 shows it: read, checked and written.

vLLM serves models and trains none; the file is the record that training is prepared from.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from understudy.formats._array_layout import encode_compact
from understudy.formats._json_lines import Report, read_json_lines
from understudy.formats._split_files import ExampleWriter, SplitFiles


class _Form(msgspec.Struct, forbid_unknown_fields=True):
    """Base of the parts: every key has to be there, and no other."""


class GameState(_Form):
    """What was seen."""

    screenshot_base64: str
    memory_context: str
    previous_actions: list[str]


class TaskContext(_Form):
    """How far the task had got."""

    step_number: int
    total_steps: int
    goal: str


class Input(_Form):
    """What a decision was made from."""

    game_state: GameState
    task_context: TaskContext


class Output(_Form):
    """The decision."""

    action: str
    reasoning: str
    expected_outcome: str


class Origin(_Form):
    """Where it is from; ``success`` and ``human_score`` may not be known."""

    session_id: str
    timestamp: str
    model_used: str
    success: bool | None
    human_score: float | None


class Record(_Form):
    """One line of the file."""

    instruction: str
    input: Input
    output: Output
    metadata: Origin


def validate_record(record: Any) -> list[str]:
    """The reasons why ``record`` is no line of such a file; empty when it is one."""
    try:
        found = msgspec.convert(record, type=Record, strict=True)
    except msgspec.ValidationError as error:
        return [_in_words(error)]
    reasons = []
    if not found.instruction.strip():
        reasons.append("the instruction is empty")
    if not found.output.action.strip():
        reasons.append("the action is empty")
    try:
        base64.b64decode(found.input.game_state.screenshot_base64, validate=True)
    except (binascii.Error, ValueError):
        reasons.append("the base64 of its screenshot is broken")
    return reasons


def read_records(
    path: Path | str, *, report: Report | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The good records of a file with their line numbers, one in memory at a time.

    Bad lines go to ``report`` (else to the log) and are passed over. Raises StorageError when the
    file cannot be read.
    """
    yield from read_json_lines(path, validate_record, report=report)


def _encode_line(record: dict[str, Any]) -> bytes:
    return encode_compact(record, where="the record") + b"\n"


def _in_words(error: msgspec.ValidationError) -> str:
    words, _, place = str(error).partition(" - at `$")
    where = place.rstrip("`").lstrip(".")
    return f"{where}: {words}" if where else words


class VllmInstruction:
    """The export format ``vllm``."""

    suffix = ".jsonl"
    max_bytes: int | None = None
    takes = "instruction"

    def validate(self, example: dict[str, Any]) -> list[str]:
        return validate_record(example)

    def open(self, output: Path, *, max_bytes: int | None) -> ExampleWriter:
        return ExampleWriter(SplitFiles(output, max_bytes=max_bytes), _encode_line)

    def warnings(self, count: int) -> list[str]:
        """Nothing is odd about however many."""
        return []
