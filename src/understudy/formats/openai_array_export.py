"""The export format ``openai-array``: the layout of ``training_data.json``, written in one go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from understudy.formats._array_layout import BETWEEN, CLOSE, OPEN, encode_element
from understudy.formats._split_files import ExampleWriter, SplitFiles
from understudy.formats.openai_rules import validate_example


class OpenAIArray:
    """The export format ``openai-array``."""

    suffix = ".json"
    max_bytes: int | None = None
    takes = "chat"

    def validate(self, example: dict[str, Any]) -> list[str]:
        return validate_example(example)

    def open(self, output: Path, *, max_bytes: int | None) -> ExampleWriter:
        files = SplitFiles(output, max_bytes=max_bytes, head=OPEN, between=BETWEEN, tail=CLOSE)
        return ExampleWriter(files, encode_element)

    def warnings(self, count: int) -> list[str]:
        """What is odd about an export of ``count`` examples."""
        return ["there is no example in it"] if count == 0 else []
