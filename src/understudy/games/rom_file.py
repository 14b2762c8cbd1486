"""The TOML that makes a ROM a game: reading it, and refusing what makes no sense by file and line.

docs/howto/own-rom.md is the description of the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from understudy.errors import GameError, NewerSchemaError
from understudy.games.condition_reader import Reader
from understudy.games.describing import DescribeLine, DescribeSpec, read_describe
from understudy.games.emulators.emulator import BUTTONS
from understudy.games.memory_map import MemoryMap
from understudy.games.recipe import Line, read_line
from understudy.games.task import Task, TaskSpec, read_tasks
from understudy.games.toml_file import TomlFile, WrongPlace
from understudy.games.value_kinds import Shared, ValueSpec

SCHEMA = 1
WAIT = "wait"
POWER_ON = "power-on"
_RESERVED_ACTIONS = (WAIT, "report")


class SettleSpec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``[play] settle``: when a step is over."""

    frames: int | None = None
    value: str = ""
    equals: int | bool | str | None = None
    at_least: int = 1
    at_most: int = 120


class SeedSpec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``[play] seed``: how the seed of an episode reaches the game."""

    value: str = ""
    frames: int | None = None


class PlaySpec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``[play]``: how a step is played."""

    hold_frames: int = 4
    power_on_frames: int = 120
    settle: SettleSpec = msgspec.field(default_factory=lambda: SettleSpec(frames=16))
    seed: SeedSpec | None = None
    observation: Literal["screen", "screen+memory"] = "screen"


class StartSpec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, rename={"base": "from"}):
    """``[starts.NAME]``: a state that tasks start in."""

    base: str = POWER_ON
    steps: list[str] = []


class GameSpec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    schema: int
    name: str
    rom: str
    words: str = ""
    rom_sha256: str = ""
    play: PlaySpec = msgspec.field(default_factory=PlaySpec)
    actions: dict[str, str | list[str]] = {}
    memory_file: str = ""
    values: dict[str, ValueSpec] = {}
    tables: dict[str, list[str] | dict[str, int]] = {}
    bits: dict[str, list[str]] = {}
    structs: dict[str, dict[str, ValueSpec | int]] = {}
    describe: list[DescribeSpec] = []
    starts: dict[str, StartSpec] = {}
    groups: dict[str, str] = {}
    tasks: list[TaskSpec] = []
    task_files: list[str] = []


class MemoryFileSpec(msgspec.Struct, kw_only=True):
    """The ``memory_file``; it may hold more, for whoever writes it and for players."""

    values: dict[str, ValueSpec]
    tables: dict[str, list[str] | dict[str, int]] = {}
    bits: dict[str, list[str]] = {}
    structs: dict[str, dict[str, ValueSpec | int]] = {}
    rom_sha256: str = ""


class TaskFileSpec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One of the ``task_files``."""

    tasks: list[TaskSpec]


@dataclass(frozen=True)
class Settle:
    """When a step is over: after ``at_least`` frames, and then once a byte has its value.

    Without an address, after ``at_least`` frames; with one, after ``at_most`` in any case.
    """

    at_least: int
    at_most: int
    address: int | None = None
    byte: int = 0


@dataclass(frozen=True)
class Start:
    """A start state: the recipe ``lines`` on top of the start ``base``."""

    name: str
    base: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class RomGameFile:
    """A game's file, understood."""

    path: Path
    name: str
    words: str
    rom: Path
    rom_sha256: str
    hold_frames: int
    power_on_frames: int
    settle: Settle
    seed_value: str
    seed_frames: int
    observe_memory: bool
    buttons: Mapping[str, tuple[str, ...]]
    memory: MemoryMap
    describe: tuple[DescribeLine, ...]
    starts: Mapping[str, Start]
    tasks: tuple[Task, ...]
    setups: Mapping[str, tuple[Line, ...]]


def read_rom_file(path: Path) -> RomGameFile:
    """The game that the TOML file ``path`` describes.

    Raises GameError with file, line and key for whatever is wrong in it, and NewerSchemaError for
    a file of a later version. The ROM itself is not looked at.
    """
    file = TomlFile(path)
    schema = file.data.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise NewerSchemaError(
            f"{path} has schema {schema} and this Understudy knows up to {SCHEMA}; update "
            "Understudy to play it"
        )
    spec = file.as_struct(GameSpec)
    if not spec.name.strip():
        raise file.error("`name` says what the game is called", "name")
    memory, sha256 = _memory(file, spec)
    blank = memory.blank()
    starts = _starts(file, spec, memory)
    tasks, setups = _tasks(file, spec, memory, blank, [*starts, POWER_ON])
    return RomGameFile(
        path=path,
        name=spec.name,
        words=spec.words,
        rom=path.parent / spec.rom,
        rom_sha256=(spec.rom_sha256 or sha256).lower(),
        hold_frames=_positive(file, spec.play.hold_frames, "play", "hold_frames"),
        power_on_frames=_positive(file, spec.play.power_on_frames, "play", "power_on_frames"),
        settle=_settle(file, spec.play.settle, memory),
        seed_value=_seed_value(file, spec.play.seed, memory),
        seed_frames=(spec.play.seed.frames or 0) if spec.play.seed else 0,
        observe_memory=spec.play.observation == "screen+memory",
        buttons=_buttons(file, spec),
        memory=memory,
        describe=_describe(file, spec, memory, blank),
        starts=starts,
        tasks=tuple(tasks),
        setups=setups,
    )


def _positive(file: TomlFile, number: int, *place: str) -> int:
    if number < 1:
        raise file.error("it must be at least 1", *place)
    return number


def _memory(file: TomlFile, spec: GameSpec) -> tuple[MemoryMap, str]:
    """The map of the game's file on top of that of its ``memory_file``, and that one's SHA-256."""
    base = MemoryFileSpec(values={})
    other = file
    if spec.memory_file:
        path = file.path.parent / spec.memory_file
        if not path.is_file():
            raise file.error(f"there is no file {path}", "memory_file")
        other = TomlFile(path)
        base = other.as_struct(MemoryFileSpec)
    structs = base.structs | spec.structs
    shared = Shared(
        tables=base.tables | spec.tables,
        bits=base.bits | spec.bits,
        structs={name: _struct(name, fields, file) for name, fields in structs.items()},
    )
    try:
        return MemoryMap(base.values | spec.values, shared), base.rom_sha256
    except WrongPlace as problem:
        mine = problem.place[0] in spec.values
        where = file if mine else other
        raise where.error(problem.message, "values", *problem.place) from None
    except RecursionError:
        raise file.error("a struct cannot hold itself", "structs") from None


def _struct(name: str, fields: Mapping[str, ValueSpec | int], file: TomlFile) -> ValueSpec:
    specs = {key: value for key, value in fields.items() if isinstance(value, ValueSpec)}
    for key in fields:
        if key not in specs and key != "size":
            raise file.error(f"`{key}` must be a table, such as {{ offset = 0 }}", "structs", name)
    size = fields.get("size")
    return ValueSpec(type="struct", fields=specs, bytes=size if isinstance(size, int) else None)


def _settle(file: TomlFile, spec: SettleSpec, memory: MemoryMap) -> Settle:
    place = ("play", "settle")
    if (spec.frames is None) == (not spec.value):
        raise file.error("say either `frames`, or `value` and `equals`", *place)
    if spec.frames is not None:
        frames = _positive(file, spec.frames, *place, "frames")
        return Settle(at_least=frames, at_most=frames)
    address = memory.byte(spec.value)
    if address is None:
        raise file.error(
            f"`{spec.value}` is no value of one byte in the memory map", *place, "value"
        )
    try:
        _, data = memory.encode(spec.value, spec.equals, lambda _, count: bytes(count))
    except WrongPlace as problem:
        if isinstance(spec.equals, int) and 0 <= spec.equals <= 255:
            data = bytes([spec.equals])
        else:
            raise file.error(problem.message, *place, "equals") from None
    if not 1 <= spec.at_least <= spec.at_most:
        raise file.error("`at_least` goes from 1 to `at_most`", *place, "at_least")
    return Settle(spec.at_least, spec.at_most, address, data[0])


def _seed_value(file: TomlFile, spec: SeedSpec | None, memory: MemoryMap) -> str:
    if spec is None:
        return ""
    place = ("play", "seed")
    if (spec.frames is None) == (not spec.value):
        raise file.error("say either `value` or `frames`", *place)
    if spec.frames is not None:
        _positive(file, spec.frames, *place, "frames")
    elif memory.number(spec.value) is None:
        raise file.error(f"`{spec.value}` is no number in the memory map", *place, "value")
    return spec.value


def _buttons(file: TomlFile, spec: GameSpec) -> dict[str, tuple[str, ...]]:
    """What each action holds down, in the order of the actions; ``wait`` holds nothing."""
    buttons: dict[str, tuple[str, ...]] = {}
    for name, held in (spec.actions or {f"press_{b}": b for b in BUTTONS}).items():
        if name in _RESERVED_ACTIONS:
            raise file.error(f"the action `{name}` is there by itself", "actions", name)
        buttons[name] = tuple([held] if isinstance(held, str) else held)
        for button in buttons[name]:
            if button not in BUTTONS:
                raise file.error(
                    f"`{button}` is no button; there is: {', '.join(BUTTONS)}", "actions", name
                )
    return buttons | {WAIT: ()}


def _describe(
    file: TomlFile, spec: GameSpec, memory: MemoryMap, blank: Mapping[str, Any]
) -> tuple[DescribeLine, ...]:
    lines = []
    for index, line in enumerate(spec.describe):
        try:
            lines.append(read_describe(line, blank, memory.choices))
        except WrongPlace as problem:
            raise file.error(problem.message, "describe", index, *problem.place) from None
    return tuple(lines)


def _starts(file: TomlFile, spec: GameSpec, memory: MemoryMap) -> dict[str, Start]:
    starts: dict[str, Start] = {}
    for name, start in spec.starts.items():
        place = ("starts", name)
        if name == POWER_ON:
            raise file.error(f"the start `{POWER_ON}` is there by itself", *place)
        # Only what stands above it can be built upon, so that there are no circles.
        if start.base != POWER_ON and start.base not in starts:
            raise file.error(f"there is no start `{start.base}` above this one", *place, "from")
        lines = _lines(file, start.steps, memory, *place, "steps")
        starts[name] = Start(name, start.base, lines)
    return starts


def _lines(
    file: TomlFile, texts: list[str], memory: MemoryMap, *place: str | int
) -> tuple[Line, ...]:
    lines = []
    for index, text in enumerate(texts):
        try:
            lines.append(read_line(text, memory))
        except WrongPlace as problem:
            raise file.error(problem.message, *place, index) from None
    return tuple(lines)


def _tasks(
    file: TomlFile,
    spec: GameSpec,
    memory: MemoryMap,
    blank: Mapping[str, Any],
    starts: list[str],
) -> tuple[list[Task], dict[str, tuple[Line, ...]]]:
    parts = [(file, spec.tasks)]
    for index, name in enumerate(spec.task_files):
        path = file.path.parent / name
        if not path.is_file():
            raise file.error(f"there is no file {path}", "task_files", index)
        other = TomlFile(path)
        parts.append((other, other.as_struct(TaskFileSpec).tasks))
    tasks: dict[str, Task] = {}
    setups: dict[str, tuple[Line, ...]] = {}
    for part, specs in parts:
        reader = Reader(blank, memory.choices)
        found = read_tasks(part, specs, reader, starts=starts, goals=spec.groups)
        for index, task in enumerate(found):
            if task.id in tasks:
                raise part.error(
                    f"there is another task `{task.id}` in another file", "tasks", index
                )
            tasks[task.id] = task
            setups[task.id] = _lines(part, list(task.setup), memory, "tasks", index, "setup")
    _check_groups(file, spec.groups, {task.group for task in tasks.values()})
    return list(tasks.values()), setups


def _check_groups(file: TomlFile, described: Mapping[str, str], used: set[str]) -> None:
    for name, words in described.items():
        if not words.strip():
            raise file.error("say what the tasks of this group are about", "groups", name)
        if name not in used:
            raise file.error(
                f"no task is of the group `{name}`; there is: {', '.join(sorted(used)) or 'none'}",
                "groups",
                name,
            )


def check_rom(file: RomGameFile) -> str:
    """The ROM's SHA-256; GameError when it is missing or is not the one the file is for."""
    import hashlib

    from understudy.games.emulators.emulator import read_rom

    found = hashlib.sha256(read_rom(file.rom)).hexdigest()
    if file.rom_sha256 and found != file.rom_sha256:
        raise GameError(
            f"{file.rom} is not the ROM that {file.path} describes: its SHA-256 is {found} and not "
            f"{file.rom_sha256}; put the right one there"
        )
    return found
