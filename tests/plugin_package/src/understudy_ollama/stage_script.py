"""The export format ``script``: conversations as a stage script, to be read by people."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any


class StageScriptWriter:
    """Collects scenes beside the file and puts them in its place at the end."""

    def __init__(self, output: Path) -> None:
        self.count = 0
        self.lost: Counter[str] = Counter()
        self._output = output
        self._partial = output.with_name(f".{output.name}.partial")
        self._file = self._partial.open("w", encoding="utf-8")

    def write(self, example: dict[str, Any]) -> None:
        self.count += 1
        self._file.write(f"## Scene {self.count}\n\n")
        for message in example["messages"]:
            self._file.write(f"{message['role'].upper()}: {message.get('content') or '…'}\n\n")

    def finish(self) -> list[Path]:
        self._file.close()
        self._partial.replace(self._output)
        return [self._output]

    def leftovers(self, written: list[Path]) -> list[Path]:
        return []

    def abandon(self) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)


class StageScript:
    """One file, however long it gets."""

    suffix = ".md"
    max_bytes: int | None = None
    takes = "chat"

    def validate(self, example: dict[str, Any]) -> list[str]:
        return [] if example.get("messages") else ["there are no messages in it"]

    def open(self, output: Path, *, max_bytes: int | None) -> StageScriptWriter:
        return StageScriptWriter(output)

    def warnings(self, count: int) -> list[str]:
        return []
