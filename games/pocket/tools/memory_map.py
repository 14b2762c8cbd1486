"""Derives the memory map from the header that the game is compiled with."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from tools.content import TYPES, Content

STATE_ADDRESS = 0xC000
SPRITES_ADDRESS = 0xC300
SCREEN_ADDRESS = 0xC400
SIZES = {"u8": 1, "u16": 2, "char": 1}
BUTTONS = ["a", "b", "select", "start", "right", "left", "up", "down"]


@dataclass
class Field:
    """A line of a struct."""

    name: str
    kind: str
    count: int
    offset: int
    meaning: str
    table: str | None = None
    bits: str | None = None


@dataclass
class Described:
    """Structs with their fields and sizes, and the tables that give numbers names."""

    structs: dict[str, list[Field]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    tables: dict[str, list[str]] = field(default_factory=dict)
    bits: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, dict[str, object]] = field(default_factory=dict)


def _enumerations(text: str) -> dict[str, list[str]]:
    found = {}
    for body, name in re.findall(r"typedef enum \{(.*?)\} (\w+)_t;", text, re.DOTALL):
        words = re.findall(r"\w+", body)
        prefix = words[0].split("_")[0] + "_"
        found[name] = [word.removeprefix(prefix).lower() for word in words]
    return found


def describe(header: Path, content: Content) -> Described:
    """Reads the structs of the header; a line that it does not understand is an error."""
    text = header.read_text(encoding="utf-8")
    constants = {name: int(value) for name, value in re.findall(r"#define (\w+) (\d+)\n", text)}
    made = Described()
    for body, name in re.findall(r"typedef struct \{\n(.*?)\n\} (\w+)_t;", text, re.DOTALL):
        offset = 0
        fields = []
        for line in body.splitlines():
            match = re.fullmatch(
                r"\s*(?:volatile )?(\w+) (\w+)(?:\[(\w+)\])?;\s*/\* (.*) \*/", line
            )
            if match is None:
                raise SystemExit(f"{header.name}: a field without a meaning: {line.strip()}")
            kind, label, count, meaning = match.groups()
            number = constants.get(count, int(count) if count and count.isdigit() else 1)
            entry = Field(label, kind.removesuffix("_t"), number, offset, meaning)
            if count is None:
                entry.count = 0
            marked = re.match(r"(enum|bits) ?(\w*): ", meaning)
            if marked and marked[1] == "enum":
                entry.table = marked[2]
            elif marked:
                entry.bits = marked[2] or label
            if marked:
                entry.meaning = meaning[marked.end() :]
            fields.append(entry)
            offset += (SIZES | made.sizes)[entry.kind] * number
        made.structs[name] = fields
        made.sizes[name] = offset
    made.tables = _enumerations(text)
    for kind, names in content.names().items():
        made.tables[kind] = names if kind == "map" else ["none", *names]
    made.bits = {
        "person": ["", *content.names()["person"]],
        "sign": ["", *content.names()["sign"]],
        "pickup": ["", *content.names()["pickup"]],
        "trainer": ["", *content.names()["trainer"]],
        "gift": ["", *content.names()["gift"]],
        "badges": ["fern_badge"],
        "button": BUTTONS,
        "participants": [f"place_{n}" for n in range(4)],
    }
    made.texts = dict(content.texts)
    rules = content.rules
    made.labels = {
        "item": ["", *(item["name"] for item in rules["items"])],
        "move": ["", *(move["name"] for move in rules["moves"])],
        "species": ["", *(kind["name"] for kind in rules["species"])],
        "map": [place["name"] for place in content.maps],
        "trainer": ["", *(trainer["name"] for trainer in rules["trainers"])],
    }
    made.places = _places(content)
    return made


def _places(content: Content) -> dict[str, dict[str, object]]:
    """What a script needs to find its way: the cells of each map and what stands where."""
    letters = {number: letter for letter, number in content.cells.letters.items()}
    names = "".join(letters[n] for n in range(len(letters)))
    kinds = content.cells.kinds
    solid = "".join(names[n] for n in range(len(names)) if kinds[n] & 1)
    places: dict[str, dict[str, object]] = {}
    for place in content.maps:
        name = place["id"]
        places[name] = {
            "solid": solid,
            "encounter": "".join(
                names[n]
                for n in range(len(names))
                if (not kinds[n] & 1 if place.get("cave") else kinds[n] & 2)
                and place.get("encounters")
            ),
            "cells": place["cells"].rstrip("\n").split("\n"),
            "warps": [[a[1], a[2], *b] for a, b in content.warps() if a[0] == name],
            "people": [[p["id"], *p["at"][1:]] for p in content.people if p["at"][0] == name],
            "signs": [
                [s["id"], *s["at"][1:]] for s in content.world["signs"] if s["at"][0] == name
            ],
            "pickups": [
                [p["id"], *p["at"][1:]] for p in content.world["pickups"] if p["at"][0] == name
            ],
        }
    return places


def _flat(made: Described, struct: str, base: int, prefix: str) -> list[tuple[str, int, Field]]:
    """The fields of the state with addresses; single structs are opened, arrays are kept."""
    rows = []
    for entry in made.structs[struct]:
        if entry.kind in made.structs and entry.count == 0:
            inner = {"saved": "", "battle": "battle."}.get(entry.kind, prefix + entry.name + ".")
            rows += _flat(made, entry.kind, base + entry.offset, inner)
        else:
            rows.append((prefix + entry.name, base + entry.offset, entry))
    return rows


def _toml_type(entry: Field) -> str:
    if entry.kind == "char":
        return f'type = "text", length = {entry.count}'
    if entry.bits:
        return f'type = "bits", bytes = {max(entry.count, 1)}, names = "{entry.bits}"'
    if entry.table:
        many = f", count = {entry.count}" if entry.count else ""
        return f'type = "enum", table = "{entry.table}"{many}'
    many = f", count = {entry.count}" if entry.count else ""
    return f'type = "{entry.kind}"{many}'


def _list(values: list[str]) -> str:
    return json.dumps(values, ensure_ascii=False)


def as_toml(made: Described, rom: bytes, compiler: str) -> str:
    """The memory map as the package reads it."""
    lines = [
        "# The memory map of the game, written by games/pocket/build.py from its header and content.",
        "# A map of a game of your own has the same form: see docs/pocket-memory-map.md.",
        "",
        'game = "pocket"',
        f'rom_sha256 = "{hashlib.sha256(rom).hexdigest()}"',
        f'compiler = "sdcc {compiler}"',
        "",
        "[settled]",
        'address = "settled"',
        "value = 1",
        "",
        "[values]",
    ]
    for name, address, entry in _flat(made, "state", STATE_ADDRESS, ""):
        if entry.kind in made.structs:
            lines.append(
                f'"{name}" = {{ address = 0x{address:04X}, type = "array", of = "{entry.kind}",'
                f" count = {entry.count} }}"
            )
        else:
            lines.append(f'"{name}" = {{ address = 0x{address:04X}, {_toml_type(entry)} }}')
    lines += [
        f'"screen" = {{ address = 0x{SCREEN_ADDRESS:04X}, type = "tiles", columns = 20, rows = 18 }}',
        "",
    ]
    for struct in ("creature", "slot"):
        lines += [f"[structs.{struct}]", f"size = {made.sizes[struct]}"]
        lines += [
            f"{entry.name} = {{ offset = {entry.offset}, {_toml_type(entry)} }}"
            for entry in made.structs[struct]
        ]
        lines.append("")
    lines.append("[tables]")
    lines += [f"{name} = {_list(values)}" for name, values in made.tables.items()]
    lines += ["", "# Names of bits, lowest first; bits without a name are not used.", "[bits]"]
    lines += [f"{name} = {_list(values)}" for name, values in made.bits.items()]
    lines += ["", "# As the screen spells them, in the order of the tables.", "[labels]"]
    lines += [f"{name} = {_list(values)}" for name, values in made.labels.items()]
    lines += ["", "[texts]"]
    lines += [f"{name} = {json.dumps(text)}" for name, text in made.texts.items()]
    lines += [
        "",
        "# Where things stand, for scripts that find their way: columns and rows from 0;",
        "# a warp is its column, its row, and the map, column and row it leads to.",
    ]
    for name, place in made.places.items():
        lines.append(f"[places.{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in place.items()]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def as_page(made: Described) -> str:
    """The memory map as people read it."""
    lines = [
        (Path(__file__).parent / "memory_map_opening.md").read_text(encoding="utf-8"),
        "| Address | Name | Type | Meaning |",
        "| --- | --- | --- | --- |",
    ]

    def row(where: str, name: str, entry: Field) -> str:
        kind = entry.kind if entry.count == 0 else f"{entry.count} × {entry.kind}"
        if entry.table:
            kind += f" ({entry.table})"
        if entry.bits:
            kind += f" (bits: {entry.bits})"
        return f"| `{where}` | `{name}` | {kind} | {entry.meaning} |"

    lines += [row(f"{a:04X}", n, e) for n, a, e in _flat(made, "state", STATE_ADDRESS, "")]
    lines += [
        f"| `{SPRITES_ADDRESS:04X}` | `sprites` | 160 × u8 | what is copied to the sprites |",
        f"| `{SCREEN_ADDRESS:04X}` | `screen` | 20 × 18 tiles | menus and messages as tiles; "
        "letters have their ASCII codes, pictures have 128 and more |",
        "",
    ]
    for struct, title in (("creature", "A creature"), ("slot", "A place in the bag")):
        lines += [f"## {title}", "", f"{made.sizes[struct]} bytes.", ""]
        lines += ["| Offset | Name | Type | Meaning |", "| --- | --- | --- | --- |"]
        lines += [row(str(e.offset), e.name, e) for e in made.structs[struct]]
        lines.append("")
    lines += ["## Numbers and their names", "", "| Table | Names |", "| --- | --- |"]
    for name, values in made.tables.items():
        if name != "text":
            named = ", ".join(f"{n} {value}" for n, value in enumerate(values))
            lines.append(f"| {name} | {named} |")
    lines += ["", "## Bits and their names", "", "| Bits | Names |", "| --- | --- |"]
    for name, values in made.bits.items():
        lines.append(f"| {name} | {', '.join(f'{n} {v}' for n, v in enumerate(values) if v)} |")
    lines += ["", f"Types of creatures and moves: {', '.join(TYPES)}.", ""]
    lines += ["## Texts", "", "| Number | Name | Text |", "| --- | --- | --- |"]
    lines += [
        f"| {n} | {name} | {text} |" for n, (name, text) in enumerate(made.texts.items(), start=1)
    ]
    return "\n".join(lines) + "\n"
