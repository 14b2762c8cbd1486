"""Where examples come from: datasets of the workspace, files, scenarios, corrections.

A source is written ``NAME`` or ``NAME@v0003`` (a dataset), as a path (a JSONL file, a scenario in
Markdown or a folder of them), ``scenarios`` (those that come with the package), ``generated:N`` (N
scenarios made from the house rules; ``generated:NxM`` of up to M exchanges), or ``corrections``
(captured answers that somebody corrected).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.chat.tools.registry import TOOLS, ToolRegistry
from understudy.datasets.chat_examples import session_chats
from understudy.datasets.selection import LeftOut, Selection, choose
from understudy.datasets.tool_survey import registry_in
from understudy.datasets.versions import datasets_of, usable_version
from understudy.errors import FormatError, StorageError, TrainingError, UsageError
from understudy.formats.dataset_rows import AgentRow, ChatRow, Row
from understudy.formats.instruction_chat import instruction_chat
from understudy.formats.preferences import thumb
from understudy.formats.scenario_markdown import TRAINING, read_scenario, scenario_paths
from understudy.formats.vllm_instruction import Record, validate_record
from understudy.session.instruction import InstructionRow
from understudy.store.hashes import sha256_file
from understudy.store.manifest import MANIFEST_NAME, Parent
from understudy.train.examples import Example, as_example, content_hash, split_off
from understudy.train.pairs import as_pair, pairs_of_row
from understudy.train.settings import TrainSettings

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

SCENARIOS, CORRECTIONS, GENERATED = "scenarios", "corrections", "generated"


class Loaded(msgspec.Struct, kw_only=True):
    """Examples, and where they are from."""

    train: list[Example] = []
    validation: list[Example] = []
    sources: list[dict[str, Any]] = []
    """As a manifest tells them."""
    parents: list[Parent] = []
    left_out: list[str] = []
    """What could not be used, in words."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How sources are read."""

    preferences: bool = False
    """Pairs and judgements instead of examples."""
    registry: ToolRegistry | None = TOOLS
    calls: str = "auto"
    with_images: bool = False
    reasoning: bool = True
    """Whether answers of agent runs explain their action."""
    seed: int = 1
    """Of generated scenarios."""
    selection: Selection = Selection()
    """Which sessions corrections are taken from."""


def registry_of(settings: TrainSettings, workspace: Path | None = None) -> ToolRegistry | None:
    """The tools that calls are checked against: those the settings name, else the workspace's.

    None where brackets are no calls.
    """
    if settings.tools == "none":
        return None
    if settings.tools:
        return ToolRegistry.load(Path(settings.tools))
    return TOOLS if workspace is None else registry_in(workspace)


def load(
    workspace: Workspace,
    sources: Sequence[str],
    validation: Sequence[str],
    reading: Reading,
    *,
    share: float,
    most: int,
) -> Loaded:
    """Read ``sources`` to train on, and ``validation`` to hold back.

    Where neither names any validation, ``share`` of the examples is held back, at most ``most``.
    An example that is in both is trained on only. Raises TrainingError for a source that is not
    there or cannot be read.
    """
    if not sources:
        raise TrainingError(
            "no data are named to train on; give --data with a dataset, a file or `scenarios`"
        )
    loaded = Loaded()
    own_validation = False
    for source in sources:
        found = _read(workspace, source, reading)
        loaded.train += found.train
        loaded.validation += found.validation
        loaded.sources += found.sources
        loaded.parents += [one for one in found.parents if one not in loaded.parents]
        loaded.left_out += found.left_out
        own_validation = own_validation or bool(found.validation)
    for source in validation:
        found = _read(workspace, source, reading)
        loaded.validation += found.validation or found.train
        loaded.sources += [{**told, "for": "validation"} for told in found.sources]
        loaded.left_out += found.left_out
    loaded.train = list({content_hash(example): example for example in loaded.train}.values())
    if not loaded.train:
        reasons = f": {loaded.left_out[0]}" if loaded.left_out else ""
        raise TrainingError(
            f"there is no example to train on in {', '.join(sources)}{reasons}; name other data"
        )
    if validation or own_validation:
        known = {content_hash(example) for example in loaded.train}
        loaded.validation = [one for one in loaded.validation if content_hash(one) not in known]
    else:
        loaded.train, loaded.validation = split_off(loaded.train, share, most)
    return loaded


def _read(workspace: Workspace, source: str, reading: Reading) -> Loaded:
    if source == CORRECTIONS:
        return _corrections(workspace, reading)
    if source == SCENARIOS:
        return _scenarios(TRAINING, source, reading)
    if source.startswith(f"{GENERATED}:"):
        return _generated(source, reading)
    path = Path(source).expanduser()
    if path.is_dir() or path.suffix == ".md":
        return _scenarios(path, source, reading)
    if path.is_file() or path.suffix in (".jsonl", ".json"):
        return _lines(path, reading)
    name = source.partition("@")[0]
    if name not in datasets_of(workspace).names():
        known = ", ".join(datasets_of(workspace).names()) or "none"
        raise TrainingError(
            f"{source} is neither a file nor a dataset; datasets here: {known}; other sources are "
            f"{SCENARIOS}, {GENERATED}:N and {CORRECTIONS}"
        )
    return _dataset(workspace, source, reading)


def _dataset(workspace: Workspace, ref: str, reading: Reading) -> Loaded:
    version = usable_version(workspace, ref)
    loaded = Loaded(parents=[Parent(kind="dataset", id=version.manifest.id)])
    for split in ("train", "validation"):
        examples = loaded.train if split == "train" else loaded.validation
        for row in version.rows(split) if split in version.splits else ():
            examples += _row(row, f"{_origin(row)} in {version.ref}", reading)
    if reading.preferences and not loaded.train:
        raise TrainingError(
            f"{ref} holds no preferences; learn those from a dataset of the kind preference, from "
            f"{CORRECTIONS} or a file of pairs"
        )
    told = {
        "kind": "dataset",
        "name": version.ref,
        "sha256": sha256_file(version.folder / MANIFEST_NAME),
        "examples": len(loaded.train),
        "licenses": version.facts.get("licenses", {}),
        "consents": version.facts.get("consents", {}),
    }
    loaded.sources.append(told)
    return loaded


def _row(row: Row, where: str, reading: Reading) -> list[Example]:
    """What a row of a dataset teaches."""
    if isinstance(row, AgentRow):
        if reading.preferences:
            return []
        raw = instruction_chat(row, reasoning=reading.reasoning)
        return [as_example(raw, where, registry=None, with_images=reading.with_images)]
    if reading.preferences:
        return pairs_of_row(row, where, registry=reading.registry, calls=reading.calls)
    if not row.corrected and thumb(row.answer_score) is False:
        return []
    return [_example(row.example, where, reading)]


def _origin(row: Row) -> str:
    if isinstance(row, ChatRow) and row.scenario is not None:
        part = f", part {row.n}" if row.n > 1 else ""
        return f"{row.scenario.name}{part}"
    return f"step {row.n} of session {row.session}"


def _lines(path: Path, reading: Reading) -> Loaded:
    """A JSON Lines file: chats, preferences, or the instruction records of agent runs."""
    loaded = Loaded()
    for number, raw in _json_lines(path):
        where = f"line {number} of {path}"
        if reading.preferences:
            loaded.train.append(as_pair(raw, where, registry=reading.registry, calls=reading.calls))
        elif "messages" in raw:
            loaded.train.append(_example(raw, where, reading))
        elif raw.keys() >= {"instruction", "input", "output"}:
            chat = instruction_chat(_agent_row(raw, where), reasoning=reading.reasoning)
            loaded.train.append(
                as_example(chat, where, registry=None, with_images=reading.with_images)
            )
        else:
            raise TrainingError(
                f"{where} is no example: it has neither messages nor instruction, input and output"
            )
    told = {"kind": "file", "name": str(path), "examples": len(loaded.train)}
    loaded.sources.append({**told, "sha256": sha256_file(path)})
    return loaded


def _agent_row(raw: Mapping[str, Any], where: str) -> AgentRow:
    """The decision that a line of instruction JSONL tells."""
    reasons = validate_record(raw)
    if reasons:
        raise TrainingError(f"{where} is no instruction record: {'; '.join(reasons)}; correct it")
    record = msgspec.convert(raw, type=Record)
    state, task = record.input.game_state, record.input.task_context
    picture = base64.b64decode(state.screenshot_base64)
    origin = record.metadata
    row = InstructionRow(
        session=origin.session_id, name=origin.session_id, n=task.step_number, game="", task_id="",
        player="", instruction=record.instruction, goal=task.goal, screenshot=None, screen=None,
        memory_context=state.memory_context, previous_actions=state.previous_actions,
        step_number=task.step_number, total_steps=task.total_steps, action=record.output.action,
        reasoning=record.output.reasoning, expected_outcome=record.output.expected_outcome,
        timestamp=origin.timestamp, model_used=origin.model_used, effect=None, mistake=False,
        success=origin.success, human_score=origin.human_score, auto_score=None,
    )  # fmt: skip
    return AgentRow(row=row, picture=picture or None)


def _json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        with open(path, encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    raw = json.loads(line)
                except ValueError as error:
                    raise TrainingError(
                        f"line {number} of {path} is no JSON ({error}); the file holds one JSON "
                        "object a line"
                    ) from error
                if not isinstance(raw, dict):
                    raise TrainingError(f"line {number} of {path} is no JSON object; correct it")
                yield number, raw
    except UnicodeDecodeError as error:
        raise TrainingError(f"{path} is not UTF-8; save it in that encoding") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{path} cannot be read ({reason}); check its name") from error


def _scenarios(path: Path, name: str, reading: Reading) -> Loaded:
    _refuse_preferences(name, reading)
    loaded = Loaded()
    hashes = {}
    for file in scenario_paths(path):
        try:
            scenario = read_scenario(file).scenario
        except FormatError as error:
            raise TrainingError(f"a scenario cannot be read: {error}") from error
        where = file.relative_to(path).as_posix() if path.is_dir() else str(file)
        loaded.train.append(_example({"messages": scenario.messages()}, where, reading))
        hashes[where] = sha256_file(file)
    told = {"kind": "scenarios", "name": name, "examples": len(loaded.train), "files": hashes}
    loaded.sources.append(told)
    return loaded


def _generated(source: str, reading: Reading) -> Loaded:
    from understudy.chat.scenarios.generating.scenarios import training

    _refuse_preferences(source, reading)
    count, mark, exchanges = source.partition(":")[2].partition("x")
    if not count.isdecimal() or not int(count) or (mark and not exchanges.isdecimal()):
        raise UsageError(
            f"{source!r} names no number of scenarios; write {GENERATED}:4000, or "
            f"{GENERATED}:4000x6 for up to 6 exchanges in each"
        )
    loaded = Loaded()
    limit = (int(exchanges),) if mark else ()
    for number, scenario in enumerate(training(reading.seed, int(count), *limit)):
        raw = {"messages": scenario.messages()}
        loaded.train.append(_example(raw, f"generated scenario {number}", reading))
    told = {"kind": "generated", "name": source, "examples": int(count), "seed": reading.seed}
    loaded.sources.append(told)
    return loaded


def _corrections(workspace: Workspace, reading: Reading) -> Loaded:
    """What people corrected in captured chats and, as preferences, gave a thumb."""
    loaded = Loaded()
    licenses: dict[str, int] = {}

    def leave_out(entry: LeftOut) -> None:
        loaded.left_out.append(f"session {entry.directory}: {entry.reason}")

    registry = reading.registry or TOOLS
    for session in choose(workspace, reading.selection, leave_out):
        before = len(loaded.train)
        for found in session_chats(session, leave_out, registry=registry):
            row = found.row
            where = f"step {row.n} of session {session.path.name}"
            if reading.preferences or (isinstance(row, ChatRow) and row.corrected):
                loaded.train += _row(row, where, reading)
        if len(loaded.train) > before:
            manifest = session.path / MANIFEST_NAME
            sealed = sha256_file(manifest) if manifest.exists() else None
            loaded.parents.append(Parent(kind="session", id=session.id, sha256=sealed))
            licenses[session.header.license] = licenses.get(session.header.license, 0) + 1
    told = {"kind": CORRECTIONS, "name": CORRECTIONS, "examples": len(loaded.train)}
    loaded.sources.append({**told, "sessions": len(loaded.parents), "licenses": licenses})
    return loaded


def _example(raw: Mapping[str, Any], where: str, reading: Reading) -> Example:
    return as_example(
        raw,
        where,
        registry=reading.registry,
        calls=reading.calls,
        with_images=reading.with_images,
    )


def _refuse_preferences(source: str, reading: Reading) -> None:
    if reading.preferences:
        raise TrainingError(
            f"{source} holds answers and no preferences; learn those from {CORRECTIONS} or a file "
            "of pairs"
        )
