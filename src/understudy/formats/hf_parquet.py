"""Rows of datasets in Parquet with declared features: a dataset's own files, and an export format.

``datasets.load_dataset("parquet", data_files=…)`` gives the same rows, pictures decoded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from understudy.errors import FormatError, UsageError
from understudy.formats._array_layout import decode_element
from understudy.formats._parquet_file import (
    IMAGE,
    JSON,
    NUMBER,
    TEXT,
    WHOLE,
    YES_NO,
    ParquetFile,
    check_text,
    image_value,
    json_value,
    list_of,
    read_table_rows,
)
from understudy.formats.dataset_rows import AgentRow, ChatRow, Row, ScenarioPart
from understudy.session.instruction import InstructionRow

Kind = Literal["agent", "chat", "preference"]
"""What a dataset is of: steps of players, chats, or answers that somebody corrected or judged. The
rows of the last two are alike."""

AGENT_FEATURES = {
    "instruction": TEXT,
    "screenshot": IMAGE,
    "memory_context": TEXT,
    "previous_actions": list_of(TEXT),
    "step_number": WHOLE,
    "total_steps": WHOLE,
    "goal": TEXT,
    "action": TEXT,
    "reasoning": TEXT,
    "expected_outcome": TEXT,
    "session_id": TEXT,
    "timestamp": TEXT,
    "model_used": TEXT,
    "success": YES_NO,
    "human_score": NUMBER,
    "auto_score": NUMBER,
    "game": TEXT,
    "task_id": TEXT,
    "player": TEXT,
    "session_name": TEXT,
    "line": WHOLE,
    "screen": TEXT,
    "effect": YES_NO,
    "mistake": YES_NO,
    "corrected": YES_NO,
}
"""The first fifteen are what the instruction JSONL says too."""

CHAT_FEATURES = {
    "messages": list_of(JSON),
    "tools": list_of(JSON),
    "functions": list_of(JSON),
    "parallel_tool_calls": YES_NO,
    "session_id": TEXT,
    "timestamp": TEXT,
    "model_used": TEXT,
    "success": YES_NO,
    "human_score": NUMBER,
    "auto_score": NUMBER,
    "game": TEXT,
    "player": TEXT,
    "line": WHOLE,
    "corrected": YES_NO,
    "rejected": list_of(JSON),
    "answer_score": NUMBER,
    "scenario": TEXT,
    "scenario_sha256": TEXT,
    "scenario_seed": WHOLE,
}

_RENAMED = {"session_id": "session", "session_name": "name", "line": "n"}
_OWN = ("screenshot", "corrected")
_AGENT_FIELDS = {
    column: _RENAMED.get(column, column) for column in AGENT_FEATURES if column not in _OWN
}
_TEXTS = tuple(
    _AGENT_FIELDS[column]
    for column, feature in AGENT_FEATURES.items()
    if feature is TEXT and column in _AGENT_FIELDS
)
_FEATURES: dict[str, dict[str, Any]] = {"agent": AGENT_FEATURES, "chat": CHAT_FEATURES}
_ROW_BYTES = 300
"""What a row takes beside its picture and its texts."""


class RowFile:
    """Writes rows of one kind, which the first of them decides; see `ParquetFile`."""

    def __init__(self, output: Path) -> None:
        if output.is_dir():
            raise UsageError(f"{output} is a folder; name the file that is to be written")
        self.count = 0
        self.lost: Counter[str] = Counter()
        self._output = output
        self._kind: str | None = None
        self._file: ParquetFile | None = None

    def write(self, row: Row) -> None:
        """Add one row; FormatError when it cannot be written, StorageError as the disk does."""
        kind = "agent" if isinstance(row, AgentRow) else "chat"
        if self._file is None:
            self._kind, self._file = kind, ParquetFile(self._output, _FEATURES[kind])
        elif kind != self._kind:
            raise FormatError(f"a row of {kind}s does not belong among those of {self._kind}s")
        values, size = _agent_values(row) if isinstance(row, AgentRow) else _chat_values(row)
        self._file.add(values, size)
        self.count += 1

    def finish(self) -> list[Path]:
        """The file, now in its place; none where there was no row."""
        return [] if self._file is None else [self._file.finish()]

    def leftovers(self, written: list[Path]) -> list[Path]:
        """None: there is one file, and it has been replaced."""
        return []

    def abandon(self) -> None:
        """Leave nothing behind."""
        if self._file is not None:
            self._file.abandon()


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file that `RowFile` wrote, few in memory at a time.

    Raises StorageError when it cannot be read, FormatError naming the row when it is no such file.
    """
    for number, values in enumerate(read_table_rows(path), start=1):
        try:
            yield _chat_row(values) if "messages" in values else _agent_row(values)
        except (KeyError, TypeError, ValueError, msgspec.MsgspecError) as error:
            missing = f"the column {error} is missing" if isinstance(error, KeyError) else error
            raise FormatError(str(missing), path=path, position=f"row {number}") from error


def _agent_values(row: AgentRow) -> tuple[list[Any], int]:
    fields = row.row
    texts = [getattr(fields, name) for name in _TEXTS]
    check_text(*texts, *fields.previous_actions, fields.screenshot)
    values: list[Any] = []
    for column in AGENT_FEATURES:
        if column == "screenshot":
            values.append(image_value(row.picture, fields.screenshot))
        elif column == "corrected":
            values.append(row.corrected)
        else:
            values.append(getattr(fields, _AGENT_FIELDS[column]))
    size = _ROW_BYTES + len(row.picture or b"") + sum(len(text or "") for text in texts)
    return values, size


def _agent_row(values: dict[str, Any]) -> AgentRow:
    image = values["screenshot"] or {}
    fields = {name: values[column] for column, name in _AGENT_FIELDS.items()}
    row = InstructionRow(screenshot=image.get("path"), **fields)
    return AgentRow(row=row, picture=image.get("bytes"), corrected=values["corrected"])


def _chat_values(row: ChatRow) -> tuple[list[Any], int]:
    example = row.example
    lists = [
        [json_value(entry) for entry in example[key]] if example.get(key) is not None else None
        for key in ("messages", "tools", "functions")
    ]
    part = row.scenario
    check_text(row.origin, row.timestamp, row.model_used, row.game, row.player)
    rejected = None if row.rejected is None else [json_value(row.rejected)]
    values = [
        *lists,
        example.get("parallel_tool_calls"),
        row.session,
        row.timestamp,
        row.model_used,
        row.success,
        row.human_score,
        row.auto_score,
        row.game,
        row.player,
        row.n,
        row.corrected,
        rejected,
        row.answer_score,
        part.name if part else None,
        part.sha256 if part else None,
        part.seed if part else None,
    ]
    texts = (text for found in (*lists, rejected) for text in found or ())
    return values, _ROW_BYTES + sum(map(len, texts))


def _chat_row(values: dict[str, Any]) -> ChatRow:
    example: dict[str, Any] = {}
    for key in ("messages", "tools", "functions"):
        if values[key] is not None:
            example[key] = [decode_element(text.encode()) for text in values[key]]
    if values["parallel_tool_calls"] is not None:
        example["parallel_tool_calls"] = values["parallel_tool_calls"]
    plain = ("timestamp", "model_used", "success", "human_score", "auto_score", "game", "player")
    # Files of earlier versions end with `corrected`.
    rejected, name = values.get("rejected"), values.get("scenario")
    return ChatRow(
        example=example,
        session=values["session_id"],
        n=values["line"],
        corrected=values["corrected"],
        rejected=decode_element(rejected[0].encode()) if rejected else None,
        answer_score=values.get("answer_score"),
        scenario=None
        if name is None
        else ScenarioPart(
            name=name, sha256=values["scenario_sha256"] or "", seed=values["scenario_seed"]
        ),
        **{column: values[column] for column in plain},
    )


class HuggingFaceParquet:
    """The export format ``parquet``."""

    suffix = ".parquet"
    max_bytes: int | None = None
    takes = "row"

    def validate(self, example: Row) -> list[str]:
        return []

    def open(self, output: Path, *, max_bytes: int | None) -> RowFile:
        refuse_splitting(max_bytes)
        return RowFile(output)

    def warnings(self, count: int) -> list[str]:
        """Nothing is odd about however many."""
        return []


def refuse_splitting(max_bytes: int | None) -> None:
    """UsageError for a largest size: Parquet files are read in pieces anyway."""
    if max_bytes is not None:
        raise UsageError(
            "a Parquet file is not split, as it is read in pieces anyway; leave the largest size "
            "out"
        )
