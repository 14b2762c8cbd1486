"""What stands in ``tavern.toml``: the house, its people, what is hidden there, and the tasks."""

from __future__ import annotations

import re
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import msgspec

from understudy.games.builtin.tavern.hero import Foe, Hero
from understudy.games.builtin.tavern.table import Table
from understudy.games.condition_reader import Reader
from understudy.games.task import Task, TaskSpec, read_tasks
from understudy.games.toml_file import TomlFile

FILE = Path(__file__).with_name("tavern.toml")


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the party can be; from each place every other one can be reached."""

    name: str
    also: tuple[str, ...] = ()
    """What else it is called."""
    words: str
    people: str = ""
    for_sale: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    """What lies there for everybody to take."""


class Danger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a failed check wakes: a saving throw is due."""

    save: str
    dc: int
    words: str


class Secret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that a check brings to light, or moves somebody to."""

    name: str
    place: str
    about: str
    """A pattern: the words of whoever tries have to speak of it."""
    skills: dict[str, int]
    """What can be tried → the number to reach."""
    gives: str = ""
    finds: str = ""
    success: str
    failure: str
    fails: Danger | None = None


class Talk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody says when asked about something."""

    place: str
    about: str
    words: str


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The whole file."""

    world: str
    title: str
    open_words: str
    start: str
    speaker: str
    heroes: tuple[Hero, ...]
    foes: tuple[Foe, ...]
    places: tuple[Place, ...]
    secrets: tuple[Secret, ...]
    talk: tuple[Talk, ...]
    goals: dict[str, str]
    tasks: tuple[TaskSpec, ...]

    @cached_property
    def _places(self) -> dict[str, Place]:
        return {place.name: place for place in self.places}

    def place(self, name: str) -> Place:
        return self._places[name]

    def new_table(self) -> Table:
        """The table as every evening begins."""
        return Table(
            party=[_copy(hero) for hero in self.heroes],
            foes=[_copy(foe) for foe in self.foes],
            place=self.start,
            speaker=self.speaker,
        )

    def about(self, place: str, words: str) -> list[Secret]:
        """The secrets of a place that ``words`` speak of."""
        small = words.lower()
        return [one for one in self.secrets if one.place == place and re.search(one.about, small)]


@cache
def content() -> Content:
    """What the file says. GameError when it is wrong."""
    return TomlFile(FILE).as_struct(Content)


@cache
def tasks() -> tuple[Task, ...]:
    """The tasks of the file, their checks held against the memory of a table."""
    file, found = TomlFile(FILE), content()
    known: dict[str, Any] = found.new_table().memory()
    known["best"] = dict.fromkeys(_skills(found), 0)
    return tuple(read_tasks(file, found.tasks, Reader(known), starts=(), goals=found.goals))


def _skills(found: Content) -> set[str]:
    return {skill for secret in found.secrets for skill in secret.skills}


def _copy(one: Any) -> Any:
    return msgspec.convert(msgspec.to_builtins(one), type(one))
