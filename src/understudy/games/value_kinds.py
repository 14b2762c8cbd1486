"""What a memory map may say of a value, and making the kind of value that it says."""

from __future__ import annotations

import msgspec

from understudy.games.toml_file import WrongPlace
from understudy.games.values import (
    Choice,
    Decimal,
    Flags,
    Kind,
    Number,
    Row,
    Table,
    Text,
    Tiles,
    Truth,
)

NUMBERS = {
    "u8": (1, False),
    "s8": (1, True),
    "u16": (2, False),
    "s16": (2, True),
    "u24": (3, False),
    "u32": (4, False),
    "s32": (4, True),
}
_OTHERS = ("bool", "bcd", "enum", "bits", "text", "tiles", "struct", "array")


class ValueSpec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One value of the map, as the TOML says it; docs/howto/own-rom.md explains each key."""

    type: str = "u8"
    address: int | str | None = None
    offset: int | None = None
    big_endian: bool = False
    words: str = ""
    length: int = 1
    of: str | None = None
    table: str | list[str] | dict[str, int] | None = None
    names: str | list[str] | None = None
    bytes: int | None = None
    letters: dict[str, str] | None = None
    end: int = 0
    columns: int | None = None
    rows: int | None = None
    count: int | str | None = None
    at_most: int | None = None
    stride: int | None = None
    keys: list[str] | None = None
    key: str = ""
    empty: str = ""
    fields: dict[str, ValueSpec] | None = None


class Shared(msgspec.Struct, kw_only=True):
    """What several values of a map use, by name: words of enums, names of bits, structs."""

    tables: dict[str, list[str] | dict[str, int]] = {}
    bits: dict[str, list[str]] = {}
    structs: dict[str, ValueSpec] = {}


def make_kind(spec: ValueSpec, shared: Shared) -> Kind:
    """The kind that ``spec`` says; WrongPlace when it makes no sense."""
    if spec.type != "array" and (spec.count is not None or spec.keys):
        return _row(spec, shared, spec.type)
    return _single(spec, shared)


def _single(spec: ValueSpec, shared: Shared) -> Kind:
    if spec.type in NUMBERS:
        return _number(spec.type, spec)
    if spec.type in ("bcd", "text") and spec.length < 1:
        raise WrongPlace("it must be at least 1", "length")
    match spec.type:
        case "bool":
            return Truth()
        case "bcd":
            return Decimal(spec.length)
        case "enum":
            return _choice(spec, shared)
        case "bits":
            return _flags(spec, shared)
        case "tiles":
            if not spec.columns or not spec.rows or min(spec.columns, spec.rows) < 1:
                raise WrongPlace("`columns` and `rows` are missing: the size in tiles")
            return Tiles(spec.columns, spec.rows, _letters(spec))
        case "text":
            return Text(spec.length, _letters(spec), spec.end)
        case "struct":
            return _table(spec, shared)
        case "array":
            return _row(spec, shared, spec.of or "u8")
    known = ", ".join([*NUMBERS, *_OTHERS])
    raise WrongPlace(f"`{spec.type}` is no type; there is: {known}", "type")


def _number(type: str, spec: ValueSpec) -> Number:
    size, signed = NUMBERS[type]
    return Number(size, signed=signed, big_endian=spec.big_endian)


def _flags(spec: ValueSpec, shared: Shared) -> Flags:
    names = spec.names
    if isinstance(names, str):
        if names not in shared.bits:
            raise WrongPlace(f"there is no `{names}` in [bits]", "names")
        names = shared.bits[names]
    if not names:
        raise WrongPlace("`names` is missing: the names of the bits, the lowest first")
    size = (len(names) + 7) // 8
    if spec.bytes is not None and spec.bytes < size:
        raise WrongPlace(f"{len(names)} bits need {size} bytes", "bytes")
    return Flags(spec.bytes or size, names)


def _choice(spec: ValueSpec, shared: Shared) -> Choice:
    words = spec.table
    if isinstance(words, str):
        if words not in shared.tables:
            raise WrongPlace(f"there is no `{words}` in [tables]", "table")
        words = shared.tables[words]
    if not words:
        raise WrongPlace("`table` is missing: the words, or a table of word = number")
    if isinstance(words, list):
        words = {word: number for number, word in enumerate(words) if word}
    number = spec.of or "u8"
    if number not in NUMBERS:
        raise WrongPlace(f"an enum is made of a number, not of `{number}`", "of")
    return Choice(_number(number, spec), words)


def _letters(spec: ValueSpec) -> dict[int, str]:
    if spec.letters is None:
        return {code: chr(code) for code in range(0x20, 0x7F)}
    letters: dict[int, str] = {}
    for first, run in spec.letters.items():
        try:
            start = int(first, 0)
        except ValueError:
            raise WrongPlace(f"`{first}` is no number of a letter", "letters") from None
        letters |= {start + offset: letter for offset, letter in enumerate(run)}
    return letters


def _table(spec: ValueSpec, shared: Shared) -> Table:
    if spec.of is not None:
        if spec.of not in shared.structs:
            raise WrongPlace(f"there is no `{spec.of}` in [structs]", "of")
        return _table(shared.structs[spec.of], shared)
    if not spec.fields:
        raise WrongPlace("`fields` is missing: the values inside, each with its offset")
    fields: dict[str, tuple[int, Kind]] = {}
    end = 0
    for name, field in spec.fields.items():
        try:
            if field.address is not None:
                raise WrongPlace("a field has an `offset`, not an address", "address")
            if isinstance(field.count, str):
                raise WrongPlace("a row inside another value has a fixed number", "count")
            kind = make_kind(field, shared)
        except WrongPlace as problem:
            raise problem.below("fields", name) from None
        # Without an offset, a field follows the one before it.
        offset = end if field.offset is None else field.offset
        fields[name] = (offset, kind)
        end = offset + kind.size
    size = max(offset + kind.size for offset, kind in fields.values())
    if spec.bytes is not None and spec.bytes < size:
        raise WrongPlace(f"its fields need {size} bytes", "bytes")
    return Table(fields, spec.bytes or size)


def _row(spec: ValueSpec, shared: Shared, element_type: str) -> Row:
    """A row of ``element_type``: a plain type, the name of a struct, or ``fields`` of its own."""
    alone = msgspec.structs.replace(spec, type=element_type, of=None, count=None, keys=None)
    if element_type == "array":
        raise WrongPlace("a row of rows is made with `fields`", "of")
    if spec.type != "array":
        element = _single(msgspec.structs.replace(alone, of=spec.of), shared)
    elif spec.fields:
        element = _table(alone, shared)
    elif element_type in shared.structs:
        element = _table(shared.structs[element_type], shared)
    else:
        element = _single(alone, shared)
    count = spec.at_most if isinstance(spec.count, str) else spec.count
    if count is None and spec.keys:
        count = len(spec.keys)
    if count is None or count < 1:
        raise WrongPlace(
            "say how many there are with `count`, or with `keys`, or with the name of the number "
            "that counts them as `count` and their most as `at_most`"
        )
    if spec.keys and len(spec.keys) != count:
        raise WrongPlace(f"there are {len(spec.keys)} names for {count} elements", "keys")
    if spec.key and not (
        isinstance(element, Table)
        and isinstance(element.fields.get(spec.key, (0, element))[1], Choice)
    ):
        raise WrongPlace(f"`{spec.key}` is no enum among the fields", "key")
    stride = spec.stride or element.size
    if stride < element.size:
        raise WrongPlace(f"it is smaller than an element, {element.size} bytes", "stride")
    return Row(element, count, stride, keys=spec.keys or (), key=spec.key, empty=spec.empty)
