"""The file that says what a batch plays: YAML, every fault named with its line.

docs/howto/collect.md is the description of the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NoReturn

import yaml

from understudy.errors import FormatError
from understudy.games.registry import located
from understudy.store.hashes import sha256_file

_LARGEST_BYTES = 10_000_000


@dataclass(frozen=True, kw_only=True)
class BatchTask:
    """One entry: what is asked, and how it is played."""

    task: str = ""
    """A task's id or words; empty where ``group`` or ``all`` choose."""
    group: str = ""
    """Every task of this group."""
    all: bool = False
    """Every task of the game."""
    game: str = ""
    player: str = ""
    model: str | None = None
    steps: int | None = None
    extension: int = 0
    sessions: int = 1
    """How many, each with the next seed."""
    seed: int = 1
    """Of the first one."""
    mistakes: float = 0.0
    name: str | None = None
    tags: tuple[str, ...] = ()
    license: str = ""
    consent: str = ""
    collect_screenshots: bool = False
    save_training_data: bool = False
    line: int = 0
    """Where it stands in the file."""


@dataclass(frozen=True)
class TaskFile:
    """A file of tasks, understood."""

    path: Path
    sha256: str
    tasks: tuple[BatchTask, ...]

    def with_training_data(self) -> TaskFile:
        """The same, every session with its training data written beside it."""
        tasks = tuple(replace(task, save_training_data=True) for task in self.tasks)
        return replace(self, tasks=tasks)


_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "task": (str, "text"),
    "group": (str, "text"),
    "all": (bool, "true or false"),
    "game": (str, "text"),
    "player": (str, "text"),
    "model": (str, "text"),
    "steps": (int, "a whole number"),
    "extension": (int, "a whole number"),
    "sessions": (int, "a whole number"),
    "seed": (int, "a whole number"),
    "mistakes": ((int, float), "a number from 0 to 1"),
    "name": (str, "text"),
    "license": (str, "text"),
    "consent": (str, "text"),
    "collect_screenshots": (bool, "true or false"),
    "save_training_data": (bool, "true or false"),
}
_LEAST = {"steps": 1, "extension": 0, "sessions": 1, "seed": 0, "mistakes": 0}
_MOST = {
    "steps": 1_000_000, "extension": 1_000_000, "sessions": 1_000_000, "seed": 2**32 - 1,
    "mistakes": 1,
}  # fmt: skip
_ONLY_IN_TASKS = ("task", "group", "all", "name")
_KEYS = tuple(field.name for field in fields(BatchTask) if field.name != "line")


def read_task_file(path: Path) -> TaskFile:
    """The tasks in the YAML file ``path``.

    Raises FormatError naming file, line and what is allowed for whatever is wrong in it.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise FormatError(f"{path} is larger than 10 MB; a file of tasks is a short text")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FormatError(f"{path} cannot be read ({reason}); check --task-file") from error
    return TaskFile(path, sha256_file(path), tuple(_Reader(path).read(text)))


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, text: str) -> list[BatchTask]:
        try:
            # Composed, never constructed: only plain nodes, each with its line.
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            self._refuse(line, f"this is no YAML: {error.problem or error.context}")
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            self._refuse(line, f"this is no YAML: {error.reason}")
        except RecursionError:
            self._refuse(1, "this is nested too deeply; the file is a table with a list")
        except Exception as error:  # the parser trips over odd escapes in more ways than it tells
            self._refuse(1, f"this is no YAML: {' '.join(str(error).split())}")
        if root is None:
            self._refuse(1, "the file is empty; it needs `tasks:` with a list")
        if not isinstance(root, yaml.MappingNode):
            self._refuse(_line(root), "the file is a table with the key `tasks`")
        entries: yaml.Node | None = None
        given: dict[str, Any] = {}
        for key, node in self._pairs(root):
            if key == "tasks":
                entries = node
            elif key in _ONLY_IN_TASKS:
                self._refuse(_line(node), f"`{key}` belongs to an entry of `tasks`")
            else:
                given[key] = self._value(key, node)
        if not isinstance(entries, yaml.SequenceNode) or not entries.value:
            line = _line(entries or root)
            self._refuse(line, "`tasks` is a list with a task on each line, such as `- open-bag`")
        defaults = BatchTask(**given)
        return [self._entry(node, defaults) for node in entries.value]

    def _entry(self, node: yaml.Node, defaults: BatchTask) -> BatchTask:
        if isinstance(node, yaml.ScalarNode):
            entry = replace(defaults, task=self._value("task", node), line=_line(node))
        elif isinstance(node, yaml.MappingNode):
            given = {key: self._value(key, value) for key, value in self._pairs(node)}
            entry = replace(defaults, **given, line=_line(node))
        else:
            self._refuse(_line(node), "an entry of `tasks` is a task's name or a table")
        chosen = [bool(entry.task.strip()), bool(entry.group.strip()), entry.all]
        if sum(chosen) != 1:
            self._refuse(entry.line, "an entry has one of `task`, `group` and `all: true`")
        if not entry.game:
            self._refuse(entry.line, "no game is named; write `game:` here or above `tasks`")
        return entry

    def _pairs(self, node: yaml.MappingNode) -> list[tuple[str, yaml.Node]]:
        pairs: list[tuple[str, yaml.Node]] = []
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name != "tasks" and name not in _KEYS:
                known = ", ".join(_KEYS)
                self._refuse(_line(key), f"the key `{name}` is unknown; known: {known}")
            if any(name == other for other, _ in pairs):
                self._refuse(_line(key), f"`{name}` stands here twice")
            pairs.append((name, value))
        return pairs

    def _value(self, key: str, node: yaml.Node) -> Any:
        if key == "tags":
            return self._tags(node)
        if key == "tasks":
            self._refuse(_line(node), "`tasks` stands at the top of the file only")
        value = self._plain(node)
        kind, words = _KINDS[key]
        if kind is str and not isinstance(value, bool | None):
            value = self._text(node)  # also a name that looks like a number or a day
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self._refuse(_line(node), f"`{key}` must be {words}")
        checked: Any = value
        if key in _LEAST and not _LEAST[key] <= checked <= _MOST[key]:
            self._refuse(_line(node), f"`{key}` goes from {_LEAST[key]} to {_MOST[key]}")
        if key == "game":
            return located(checked, self._path.parent)
        return float(checked) if key == "mistakes" else checked

    def _text(self, node: yaml.Node) -> str:
        text = str(node.value)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            self._refuse(_line(node), "this text holds half a character; write it out")
        return text

    def _tags(self, node: yaml.Node) -> tuple[str, ...]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not all(isinstance(one, yaml.ScalarNode) for one in nodes):
            self._refuse(_line(node), "`tags` is a list of texts")
        return tuple(self._text(one) for one in nodes)

    def _plain(self, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return None
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_object(node)
        except Exception:  # a tag that does not fit fails in many ways
            self._refuse(_line(node), f"`{node.value}` cannot be read as a value")
        finally:
            loader.dispose()

    def _refuse(self, line: int, problem: str) -> NoReturn:
        raise FormatError(problem, path=self._path, position=f"line {line}")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def as_settings(task: BatchTask) -> Mapping[str, Any]:
    """What of ``task`` is said to a session, by the names of ``PlayRequest``."""
    names = (
        "game", "player", "model", "steps", "extension", "mistakes", "name", "tags", "license",
        "consent", "collect_screenshots", "save_training_data",
    )  # fmt: skip
    return {name: getattr(task, name) for name in names}
