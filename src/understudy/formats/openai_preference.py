"""OpenAI's preference JSONL: one question a line, with the answer that is preferred and one that is
not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from understudy.formats._array_layout import encode_compact
from understudy.formats._json_lines import BadLine, Report, logged, read_json_lines
from understudy.formats._split_files import ExampleWriter, SplitFiles
from understudy.formats.openai_jsonl import LARGEST_FILE, too_few
from understudy.formats.preferences import Preference, validate_preference

_KEYS = {"input", "preferred_output", "non_preferred_output"}
_INPUT_KEYS = {"messages", "tools", "parallel_tool_calls"}


def read_preferences(
    path: Path | str, *, report: Report | None = None
) -> Iterator[tuple[int, Preference]]:
    """The good lines of such a file with their numbers, one in memory at a time.

    Others go to ``report`` (else to the log) and are passed over. Raises StorageError when the file
    cannot be read.
    """
    path = Path(path)
    skip = report or logged(path)
    for number, value in read_json_lines(path, validate_line, report=skip):
        preference = _preference(value)
        reasons = validate_preference(preference)
        if reasons:
            skip(BadLine(number, "; ".join(reasons)))
        else:
            yield number, preference


def validate_line(value: Any) -> list[str]:
    """The reasons why ``value`` has not the form of a line; the messages in it are not judged."""
    if not isinstance(value, dict) or value.keys() != _KEYS:
        return [f"it has not the keys {', '.join(sorted(_KEYS))}, and no others"]
    asked = value["input"]
    if not isinstance(asked, dict) or not {"messages"} <= asked.keys() <= _INPUT_KEYS:
        return [f"its input has not the keys {', '.join(sorted(_INPUT_KEYS))}"]
    reasons = []
    if not isinstance(asked["messages"], list) or not asked["messages"]:
        reasons.append("its input has no messages")
    reasons += [
        f"its {key} is not one message in a list"
        for key in ("preferred_output", "non_preferred_output")
        if not isinstance(value[key], list) or len(value[key]) != 1
    ]
    return reasons


def _encode_line(example: Preference) -> bytes:
    asked: dict[str, Any] = {"messages": example.prompt}
    if example.tools:
        asked["tools"] = example.tools
        if example.parallel_tool_calls is not None:
            asked["parallel_tool_calls"] = example.parallel_tool_calls
    line = {
        "input": asked,
        "preferred_output": [example.chosen],
        "non_preferred_output": [example.rejected],
    }
    return encode_compact(line) + b"\n"


def _preference(value: dict[str, Any]) -> Preference:
    asked = value["input"]
    return Preference(
        prompt=asked["messages"],
        chosen=value["preferred_output"][0],
        rejected=value["non_preferred_output"][0],
        tools=asked.get("tools"),
        parallel_tool_calls=asked.get("parallel_tool_calls"),
    )


class OpenAIPreference:
    """The export format ``openai-preference``."""

    suffix = ".jsonl"
    max_bytes: int | None = LARGEST_FILE
    takes = "preference"

    def validate(self, example: Preference) -> list[str]:
        return validate_preference(example)

    def open(self, output: Path, *, max_bytes: int | None) -> ExampleWriter:
        return ExampleWriter(SplitFiles(output, max_bytes=max_bytes), _encode_line)

    def warnings(self, count: int) -> list[str]:
        """What is odd about an export of ``count`` examples."""
        return too_few(count)
