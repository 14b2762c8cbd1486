"""Tests what was deployed, as it lies in the bundle: its files, its size, how it answers, how fast.

The result stands in ``test_results.json`` beside the bundle's files. A bundle that fails one check
has failed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from understudy.chat.tools.bracket import read_brackets
from understudy.chat.tools.registry import FILE_NAME, ToolRegistry
from understudy.deploy.bundle import TEST_RESULTS, Bundle
from understudy.deploy.parity import prompts_of
from understudy.deploy.table_chats import table_chats
from understudy.deploy.target import Target, find_target
from understudy.deploy.tool_run import Progress
from understudy.errors import UnderstudyError
from understudy.players.backends.chat_model import Answer, ChatModel, Messages, tokens_per_second
from understudy.players.backends.llama_cpp import LlamaCppModel
from understudy.store.atomic import write_json_atomic
from understudy.store.manifest import check_files

LEAST_WELL_FORMED = 0.95
"""Of the calls in its answers; what is malformed, the game cannot carry out."""
LEAST_TOKENS_PER_SECOND = 1.0
"""Slower than that, nobody waits for an answer."""
_ANSWER_TOKENS = 96
_SHOWN = 5
_SCHEMA = 1


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    passed: bool
    detail: str
    """What was found, in words."""


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """``test_results.json``."""

    schema: int = _SCHEMA
    bundle: str
    """Such as ``dm@v0003``."""
    target: str
    tested: str
    """ISO 8601, UTC."""
    passed: bool
    checks: list[Check]
    size_bytes: int
    load_seconds: float | None = None
    tokens_per_second: float | None = None
    scenarios: dict[str, Any] = {}
    """How many were played, how many turns, and how the answers were."""


def examine(
    bundle: Bundle,
    *,
    chats: Sequence[Messages] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Examination:
    """Test a bundle and write its ``test_results.json``; raises only where that cannot be written.

    ``chats`` are played turn by turn; without them those that come with the package.
    """
    target = find_target(bundle.target)
    checks = [_files(bundle), _size(bundle, target), _configuration(bundle, target)]
    found: dict[str, Any] = {}
    # What was damaged is not handed to a library that trusts it.
    if all(check.passed for check in checks):
        played = table_chats() if chats is None else chats
        more, found = _played(bundle, target, played, threads, progress)
        checks += more
    results = Examination(
        bundle=bundle.ref,
        target=bundle.target,
        tested=datetime.now(UTC).isoformat(timespec="seconds"),
        passed=all(check.passed for check in checks),
        checks=checks,
        size_bytes=bundle.size,
        **found,
    )
    write_json_atomic(bundle.folder / TEST_RESULTS, results)
    return results


def _files(bundle: Bundle) -> Check:
    problems = check_files(bundle.folder, bundle.manifest)
    told = "; ".join(f"{problem.file} {problem.reason}" for problem in problems[:_SHOWN])
    return Check("files", not problems, told or f"{len(bundle.manifest.files)} files are whole")


def _size(bundle: Bundle, target: Target) -> Check:
    limit = target.size_limit
    told = f"{bundle.size / 1e6:,.1f} MB"
    if limit is None:
        return Check("size", True, told)
    return Check("size", bundle.size <= limit, f"{told} of at most {limit / 1e6:,.0f} MB")


def _configuration(bundle: Bundle, target: Target) -> Check:
    problems = target.problems(bundle.folder)
    return Check("configuration", not problems, "; ".join(problems) or "as the target needs it")


def _played(
    bundle: Bundle,
    target: Target,
    chats: Sequence[Messages],
    threads: int | None,
    progress: Progress | None,
) -> tuple[list[Check], dict[str, Any]]:
    begun = time.perf_counter()
    try:
        model = target.open(bundle.folder, threads=threads)
    except UnderstudyError as error:
        return [Check("loading", False, str(error))], {}
    seconds = time.perf_counter() - begun
    if isinstance(model, LlamaCppModel):
        # The chats are played turn by turn, as the app plays them.
        model.remembers = True
    try:
        checks = [Check("loading", True, f"{seconds:.2f} s"), *_template(bundle, model)]
        prompts = [prompt for chat in chats for prompt in prompts_of(chat)]
        answers = model.answer(prompts, max_tokens=_ANSWER_TOKENS, progress=progress)
    except UnderstudyError as error:
        return [*checks, Check("answers", False, str(error))], {"load_seconds": seconds}
    finally:
        model.close()
    speed = tokens_per_second(answers)
    more, scenarios = _judged(bundle.folder, len(chats), answers)
    fast = speed is not None and speed >= LEAST_TOKENS_PER_SECOND
    told = "no token was made" if speed is None else f"{speed:,.1f} tokens/s"
    checks += [*more, Check("speed", fast, told)]
    return checks, {
        "load_seconds": seconds,
        "tokens_per_second": speed,
        "scenarios": scenarios,
    }


def _template(bundle: Bundle, model: ChatModel) -> list[Check]:
    """Whether the file has the template that the manifest tells."""
    if not isinstance(model, LlamaCppModel):
        return []
    same = model.server.ask("/props").get("chat_template") == bundle.facts.get("template")
    told = "as the manifest tells it" if same else "another one than the manifest tells"
    return [Check("template", same, told)]


def _judged(
    folder: Path, chats: int, answers: Sequence[Answer]
) -> tuple[list[Check], dict[str, Any]]:
    """What the answers are like: whether there are any, and whether their calls are well formed."""
    empty = sum(not answer.text for answer in answers)
    told = f"{len(answers)} turns of {chats} scenarios"
    checks = [Check("answers", not empty and bool(answers), f"{told}, {empty} without an answer")]
    scenarios: dict[str, Any] = {"played": chats, "turns": len(answers), "empty": empty}
    path = folder / FILE_NAME
    registry = ToolRegistry.load(path) if path.is_file() else ToolRegistry()
    if len(registry):
        readings = [read_brackets(answer.text, registry) for answer in answers]
        calls = sum(len(reading.calls) for reading in readings)
        bad = sum(len(reading.malformed) + len(reading.unknown) for reading in readings)
        share = calls / (calls + bad) if calls + bad else 1.0
        scenarios |= {"calls": calls, "malformed_calls": bad, "well_formed": share}
        told = f"{calls} calls, {bad} malformed"
        checks.append(Check("tool calls", share >= LEAST_WELL_FORMED, told))
    return checks, scenarios
