"""The tools that a Dungeon Master may call: what each takes, how it is written, what it is for.

A registry is data: it is saved as ``tool_registry.json``, travels with a model, and can be extended
by tools that were found in play.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from understudy.chat.tools.dice import normalise_dice
from understudy.errors import FormatError, UsageError
from understudy.store.atomic import write_json_atomic

FILE_NAME = "tool_registry.json"
SCHEMA = 1

Value = str | int
Kind = Literal["text", "choice", "integer", "change", "dice"]
"""``change`` is an integer that is always written with its sign; ``dice`` a dice expression, or one
of the choices as the name of a roll."""

ABILITIES = ("strength", "dexterity", "constitution", "intelligence", "wisdom", "charisma")
SKILLS = (
    "acrobatics", "animal handling", "arcana", "athletics", "deception", "history", "insight",
    "intimidation", "investigation", "medicine", "nature", "perception", "performance",
    "persuasion", "religion", "sleight of hand", "stealth", "survival",
)  # fmt: skip

_NAME = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
_INTEGER = re.compile(r"([+−-]?)\s*(\d{1,9})", re.ASCII)
_SPACE = re.compile(r"\s+")
_UNWRITABLE = re.compile(r"[\[\],\r\n]")


class Argument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One argument of a tool and what may stand in its place."""

    name: str
    kind: Kind = "text"
    description: str = ""
    choices: tuple[str, ...] = ()
    aliases: dict[str, str] = {}
    """Other words for a choice: ``dex`` for ``dexterity``."""
    minimum: int | None = None
    maximum: int | None = None
    required: bool = True
    """Arguments that may be left out stand last."""

    def read(self, text: str) -> Value:
        """The value that ``text`` spells; ValueError, in words, when it is of another type."""
        bare = _SPACE.sub(" ", text.strip())
        if not bare:
            raise ValueError(f"{self.name} is empty")
        if self.kind == "text":
            return bare
        if self.kind in ("integer", "change"):
            return self._integer(bare)
        word = bare.lower().replace("_", " ")
        word = self.aliases.get(word, word)
        if word in self.choices:
            return word
        if self.kind == "dice":
            try:
                return normalise_dice(bare)
            except ValueError as error:
                raise ValueError(f"{self.name}: {error}") from None
        raise ValueError(f"{self.name} is {bare!r}, which is none of {', '.join(self.choices)}")

    def write(self, value: Value) -> str:
        """The canonical text of a value; ValueError when it cannot stand in a bracket."""
        text = str(value)
        if _UNWRITABLE.search(text):
            raise ValueError(f"{self.name} is {text!r}, and a comma, bracket or line end breaks it")
        read = self.read(text)
        return f"{read:+d}" if self.kind == "change" else str(read)

    def _integer(self, bare: str) -> int:
        found = _INTEGER.fullmatch(bare)
        if found is None:
            raise ValueError(f"{self.name} is {bare!r}, which is no whole number")
        number = int(found[2]) * (-1 if found[1] in ("-", "−") else 1)
        if self.minimum is not None and number < self.minimum:
            raise ValueError(f"{self.name} is {number}, less than {self.minimum}")
        if self.maximum is not None and number > self.maximum:
            raise ValueError(f"{self.name} is {number}, more than {self.maximum}")
        return number


class Call(msgspec.Struct, frozen=True):
    """A call of a tool with its arguments by name, each as the tool's schema reads it."""

    tool: str
    arguments: dict[str, Value] = {}


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool: its name, what it takes in which order, what it is for, and calls that show it."""

    name: str
    description: str = ""
    arguments: tuple[Argument, ...] = ()
    examples: tuple[str, ...] = ()
    found: bool = False
    """Whether it was found in play, its arguments inferred from its uses."""

    @property
    def format(self) -> str:
        """``[save: type, character, dc]``."""
        return f"[{self.name}: {', '.join(argument.name for argument in self.arguments)}]"

    def read(self, values: Sequence[str]) -> Call:
        """The call with ``values`` in this order; ValueError, in words, when they do not fit."""
        if len(values) < sum(argument.required for argument in self.arguments):
            raise ValueError(f"{self.arguments[len(values)].name} is missing")
        if len(values) > len(self.arguments):
            raise ValueError(f"{values[len(self.arguments)]!r} is one argument too many")
        return Call(
            self.name,
            {
                argument.name: argument.read(value)
                for argument, value in zip(self.arguments, values, strict=False)
            },
        )


class ToolRegistry:
    """The tools by name, in a fixed order. Immutable: `with_tools` makes a larger one."""

    def __init__(self, tools: Iterable[ToolSpec] = ()) -> None:
        self._tools: dict[str, ToolSpec] = {}
        for tool in tools:
            _refuse_bad(tool)
            if tool.name in self._tools:
                raise UsageError(
                    f"the tool {tool.name!r} is in the registry twice; drop one of them"
                )
            self._tools[tool.name] = tool

    @classmethod
    def load(cls, path: Path) -> ToolRegistry:
        """The registry of a ``tool_registry.json``; FormatError when it is none."""
        try:
            file = msgspec.json.decode(path.read_bytes(), type=_File)
        except OSError as error:
            raise FormatError(
                f"it cannot be read ({error.strerror}); name a tool registry", path=path
            ) from error
        except (msgspec.ValidationError, ValueError) as error:
            raise FormatError(f"it is no tool registry ({error})", path=path) from error
        if file.schema > SCHEMA:
            raise FormatError("it was written by a newer Understudy; update this one", path=path)
        return cls(file.tools)

    def save(self, path: Path) -> None:
        """Write the registry as JSON, in one step."""
        write_json_atomic(path, _File(schema=SCHEMA, tools=tuple(self)))

    def with_tools(self, tools: Iterable[ToolSpec]) -> ToolRegistry:
        """This registry and ``tools`` after its own; UsageError when a name is taken."""
        return ToolRegistry((*self, *tools))

    def get(self, name: str) -> ToolSpec | None:
        """The tool of that name, in any case."""
        return self._tools.get(name.strip().lower())

    def __getitem__(self, name: str) -> ToolSpec:
        found = self.get(name)
        if found is None:
            known = ", ".join(self._tools) or "none"
            raise UsageError(f"there is no tool {name!r}; the registry holds: {known}")
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[ToolSpec]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ToolRegistry) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self._tools))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    def call(self, tool: str, *values: Value) -> Call:
        """A call with ``values`` in the tool's order; UsageError when they do not fit it."""
        spec = self[tool]
        try:
            return spec.read([str(value) for value in values])
        except ValueError as error:
            raise UsageError(
                f"{tool} cannot be called like that: {error}; the format is {spec.format}"
            ) from None


class _File(msgspec.Struct, frozen=True):
    schema: int
    tools: tuple[ToolSpec, ...]


def _refuse_bad(tool: ToolSpec) -> None:
    if not _NAME.fullmatch(tool.name):
        raise UsageError(
            f"{tool.name!r} is no name for a tool; write small letters, digits, _ and -, with a "
            "letter first"
        )
    names = [argument.name for argument in tool.arguments]
    if len(set(names)) < len(names):
        raise UsageError(f"the tool {tool.name!r} has two arguments of one name; rename one")
    required = [argument.required for argument in tool.arguments]
    if required != sorted(required, reverse=True):
        raise UsageError(
            f"the tool {tool.name!r} has a required argument after one that may be left out; "
            "put the required ones first"
        )


_SHORT_ABILITIES = {ability[:3]: ability for ability in ABILITIES}
_CHARACTER = Argument(
    name="character", description="who is meant, by name; player where nobody has a name"
)

TOOLS = ToolRegistry(
    (
        ToolSpec(
            name="roll",
            description="Roll dice: an attack, damage, healing, or what else is told.",
            arguments=(
                Argument(
                    name="dice_expression",
                    kind="dice",
                    description="dice such as 1d20+5 or 2d6, or the name of a roll",
                    choices=(*SKILLS, *ABILITIES, "initiative"),
                    aliases=_SHORT_ABILITIES,
                ),
            ),
            examples=("[roll: 1d20+5]", "[roll: 2d6+3]", "[roll: perception]"),
        ),
        ToolSpec(
            name="health",
            description="Take hit points from somebody (-N) or give them back (+N).",
            arguments=(
                _CHARACTER,
                Argument(
                    name="modifier",
                    kind="change",
                    description="the change of the hit points, with its sign",
                    minimum=-999,
                    maximum=999,
                ),
            ),
            examples=("[health: player, -5]", "[health: Thordak, +8]"),
        ),
        ToolSpec(
            name="inventory",
            description="Note that somebody has a thing now, or has it no longer.",
            arguments=(
                _CHARACTER,
                Argument(
                    name="action",
                    kind="choice",
                    description="add what is taken, bought or given; remove what is gone",
                    choices=("add", "remove"),
                ),
                Argument(name="item", description="the thing"),
            ),
            examples=("[inventory: Sara, add, sword]", "[inventory: Sara, remove, rope]"),
        ),
        ToolSpec(
            name="spellcast",
            description="Note that somebody casts a spell; cantrips are of level 0.",
            arguments=(
                _CHARACTER,
                Argument(name="spell", description="the name of the spell"),
                Argument(
                    name="level",
                    kind="integer",
                    description="the level it is cast at",
                    minimum=0,
                    maximum=9,
                ),
            ),
            examples=("[spellcast: Elara, fireball, 3]", "[spellcast: Elara, light, 0]"),
        ),
        ToolSpec(
            name="check",
            description="Ask for an ability check: whether somebody manages a deed.",
            arguments=(
                Argument(
                    name="ability",
                    kind="choice",
                    description="the skill or ability that decides",
                    choices=(*SKILLS, *ABILITIES, "initiative"),
                    aliases=_SHORT_ABILITIES,
                ),
                _CHARACTER,
            ),
            examples=("[check: stealth, player]", "[check: arcana, Elara]"),
        ),
        ToolSpec(
            name="save",
            description="Ask for a saving throw: whether somebody withstands what happens.",
            arguments=(
                Argument(
                    name="type",
                    kind="choice",
                    description="the ability that withstands",
                    choices=ABILITIES,
                    aliases=_SHORT_ABILITIES,
                ),
                _CHARACTER,
                Argument(
                    name="dc",
                    kind="integer",
                    description="the number to reach",
                    minimum=1,
                    maximum=30,
                ),
            ),
            examples=("[save: dexterity, player, 15]", "[save: wisdom, Elara, 12]"),
        ),
    )
)
"""The six tools of the table."""
