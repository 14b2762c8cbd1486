"""Memory maps: bytes become named values and go back."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.games.memory_map import MemoryMap
from understudy.games.toml_file import WrongPlace
from understudy.games.value_kinds import Shared, ValueSpec


def make(**values):
    return MemoryMap({name: msgspec.convert(spec, ValueSpec) for name, spec in values.items()})


def reading(data, at=0xC000):
    return lambda address, count: data[address - at : address - at + count]


def one(spec, data):
    return make(v={"address": 0xC000, **spec}).read(reading(data))["v"]


ITEM = {"type": "enum", "table": ["none", "potion", "rope"]}
SLOTS = {
    "type": "array",
    "count": 3,
    "key": "item",
    "empty": "none",
    "fields": {"item": ITEM, "count": {"type": "u8"}},
}


@pytest.mark.parametrize(
    ("spec", "data", "value"),
    [
        ({"type": "u8"}, b"\xff", 255),
        ({"type": "s8"}, b"\xff", -1),
        ({"type": "u16"}, b"\x01\x02", 0x0201),
        ({"type": "u16", "big_endian": True}, b"\x01\x02", 0x0102),
        ({"type": "s16"}, b"\xfe\xff", -2),
        ({"type": "u24"}, b"\x01\x02\x03", 0x030201),
        ({"type": "u32"}, b"\x01\x00\x00\x80", 0x80000001),
        ({"type": "bcd", "length": 3}, b"\x01\x23\x45", 12345),
        ({"type": "bool"}, b"\x02", True),
        (ITEM, b"\x02", "rope"),
        (ITEM, b"\x07", "#7"),
        ({"type": "enum", "table": {"key": 0x0102}, "of": "u16"}, b"\x02\x01", "key"),
        (
            {"type": "bits", "names": ["a", "", "c", "", "", "", "", "", "i"]},
            b"\x07\x01",
            {"a": True, "c": True, "i": True},
        ),
        ({"type": "text", "length": 5}, b"AB\x00CD", "AB"),
        (
            {"type": "text", "length": 4, "letters": {"0x80": "ABC"}, "end": 0x50},
            b"\x82\x80\x50\x50",
            "CA",
        ),
        ({"type": "array", "count": 3}, b"\x01\x02\x03", [1, 2, 3]),
        (
            {"type": "array", "of": "enum", "table": ["x", "y"], "count": 2},
            b"\x01\x00",
            ["y", "x"],
        ),
        (
            {"type": "array", "keys": ["p", "q"], "of": "u16", "stride": 3},
            b"\x01\0\xff\x02\0",
            {"p": 1, "q": 2},
        ),
        (SLOTS, b"\x02\x05\0\0\x01\x09", {"potion": {"count": 9}, "rope": {"count": 5}}),
        (SLOTS, b"\x02\x05\x02\x07\0\0", {"potion": {"count": 0}, "rope": {"count": 5}}),
        (
            {
                "type": "struct",
                "fields": {
                    "hp": {"type": "u16"},
                    "pp": {"type": "array", "count": 2},
                    "lv": {"offset": 6},
                },
            },
            b"\x01\0\x02\x03\0\0\x04",
            {"hp": 1, "pp": [2, 3], "lv": 4},
        ),
    ],
)
def test_bytes_read_as_what_the_map_says(spec, data, value):
    assert one(spec, data) == value


def test_a_row_is_as_long_as_another_value_says():
    found = make(
        n={"address": 0xC000},
        party={"address": 0xC001, "type": "array", "count": "n", "at_most": 3},
    )
    assert found.read(reading(b"\x02\x07\x08\x09"))["party"] == [7, 8]
    assert found.read(reading(b"\xff\x07\x08\x09"))["party"] == [7, 8, 9]


def test_tables_bits_and_structs_are_shared_by_name():
    shared = Shared(
        tables={"item": ["none", "potion"]},
        bits={"badge": ["fern"]},
        structs={
            "slot": msgspec.convert(
                {
                    "type": "struct",
                    "bytes": 3,
                    "fields": {"item": {"type": "enum", "table": "item"}, "count": {}},
                },
                ValueSpec,
            )
        },
    )
    specs = {
        "bag": {"address": 0xC000, "type": "array", "of": "slot", "count": 2},
        "by_name": {"address": "bag", "type": "array", "of": "slot", "count": 2, "key": "item"},
        "held": {"address": 0xC003, "type": "struct", "of": "slot"},
        "badges": {"address": 0xC006, "type": "bits", "names": "badge", "bytes": 2},
        "seen": {"address": 0xC007, "type": "enum", "table": "item", "count": 2},
    }
    found = MemoryMap({k: msgspec.convert(v, ValueSpec) for k, v in specs.items()}, shared)
    values = found.read(reading(b"\x01\x05\xff\x00\x00\xff\x01\x00\x01"))
    assert values == {
        "bag": [{"item": "potion", "count": 5}, {"item": "none", "count": 0}],
        "by_name": {"none": {"count": 0}, "potion": {"count": 5}},
        "held": {"item": "none", "count": 0},
        "badges": {"fern": True},
        "seen": ["none", "potion"],
    }
    assert found.choices("bag.1.item") == found.choices("seen.0") == ("none", "potion")


def test_dots_in_a_name_make_tables():
    found = make(
        **{
            "battle.kind": {"address": 0xC000, **ITEM},
            "battle.enemy.hp": {"address": 0xC001},
            "battle.count": {"address": 0xC002},
            "battle.row": {"address": 0xC003, "count": "battle.count", "at_most": 2},
        }
    )
    values = found.read(reading(b"\x01\x07\x01\x08\x09"))
    assert values == {"battle": {"kind": "potion", "enemy": {"hp": 7}, "count": 1, "row": [8]}}
    assert found.encode("battle.enemy.hp", 3, reading(b"")) == (0xC001, b"\x03")
    assert found.choices("battle.kind") == ("none", "potion", "rope")


def test_a_screen_of_letters_reads_as_lines():
    spec = {"type": "tiles", "columns": 3, "rows": 2}
    assert one(spec, b"AB\x05\x80 C") == ["AB ", "  C"]


def test_values_that_lie_together_are_read_together():
    found = make(
        a={"address": 0xC000},
        b={"address": 0xC010},
        inside={"address": 0xC000, "type": "array", "count": 4},
        far={"address": 0xD000},
    )
    assert found.spans == [(0xC000, 0x11), (0xD000, 1)]


@given(st.binary(min_size=32, max_size=32))
def test_what_was_read_can_be_written_back(data):
    found = make(
        small={"address": 0xC000},
        wide={"address": 0xC002, "type": "s16", "big_endian": True},
        flags={"address": 0xC004, "type": "bits", "names": ["a", "b", "c"]},
        party={
            "address": 0xC008,
            "type": "array",
            "count": 2,
            "fields": {"hp": {"type": "u16"}, "lv": {}},
        },
    )
    memory = bytearray(32)
    values = found.read(reading(data))
    for path, value in [
        ("small", values["small"]),
        ("wide", values["wide"]),
        ("flags.b", values["flags"]["b"]),
        ("party.1.hp", values["party"][1]["hp"]),
    ]:
        address, written = found.encode(path, value, reading(memory))
        memory[address - 0xC000 : address - 0xC000 + len(written)] = written
    again = found.read(reading(bytes(memory)))
    assert again["small"] == values["small"]
    assert again["wide"] == values["wide"]
    assert again["flags"]["b"] == values["flags"]["b"]
    assert again["party"][1]["hp"] == values["party"][1]["hp"]


def test_writing_one_bit_leaves_the_others():
    found = make(flags={"address": 0xC000, "type": "bits", "names": ["a", "b", "c"]})
    assert found.encode("flags.b", False, reading(b"\xff")) == (0xC000, b"\xfd")
    assert found.encode("flags.b", True, reading(b"\x80")) == (0xC000, b"\x82")


def test_slots_are_written_by_their_number():
    found = make(bag={"address": 0xC000, **SLOTS})
    assert found.encode("bag.1.item", "rope", reading(b"")) == (0xC002, b"\x02")
    with pytest.raises(WrongPlace, match=r"write `bag` by slot, such as `bag\.0\.item`"):
        found.encode("bag.rope.count", 3, reading(b""))


@pytest.mark.parametrize(
    ("spec", "path", "value", "message"),
    [
        ({}, "v", 256, "it must be from 0 to 255"),
        ({"type": "s8"}, "v", -129, "from -128 to 127"),
        ({}, "v", True, "a whole number"),
        ({"type": "bool"}, "v", 1, "true or false"),
        (ITEM, "v", "elixir", "one of none, potion, rope"),
        ({"type": "bcd", "length": 2}, "v", 10000, "from 0 to 9999"),
        ({"type": "text", "length": 3}, "v", "ANNA", "at most 3 of the game's own letters"),
        (SLOTS, "v", 1, "name a single value inside it"),
        (SLOTS, "v.3.count", 1, "`v` has no `3`"),
        ({}, "w", 1, "`w` is not in the memory map"),
    ],
)
def test_a_value_that_cannot_be_is_not_written(spec, path, value, message):
    with pytest.raises(WrongPlace) as refused:
        make(v={"address": 0xC000, **spec}).encode(path, value, reading(bytes(64)))
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("spec", "message", "place"),
    [
        ({"type": "u8"}, "`address` is missing", ("v",)),
        ({"address": 0xC000, "offset": 1}, "`offset` is for the fields", ("v", "offset")),
        ({"address": 0xFFFF, "type": "u16"}, "between 0x0000 and 0xFFFF", ("v", "address")),
        ({"address": 0, "type": "u64"}, "`u64` is no type", ("v", "type")),
        ({"address": 0, "type": "enum"}, "`table` is missing", ("v",)),
        ({"address": 0, "type": "bits"}, "`names` is missing", ("v",)),
        ({"address": 0, "type": "struct"}, "`fields` is missing", ("v",)),
        ({"address": 0, "type": "struct", "of": "slot"}, "no `slot` in [structs]", ("v", "of")),
        ({"address": 0, "type": "enum", "table": "item"}, "no `item` in [tables]", ("v", "table")),
        ({"address": 0, "type": "bits", "names": "badge"}, "in [bits]", ("v", "names")),
        ({"address": 0, "type": "tiles"}, "`columns` and `rows`", ("v",)),
        ({"address": "w"}, "`w` is no value with an address", ("v", "address")),
        ({"address": 0, "type": "array"}, "say how many", ("v",)),
        (
            {"address": 0, "type": "array", "count": "n", "at_most": 2},
            "`n` is no number",
            ("v", "count"),
        ),
        (
            {"address": 0, "type": "array", "count": 2, "keys": ["a"]},
            "1 names for 2",
            ("v", "keys"),
        ),
        ({"address": 0, "type": "array", "count": 2, "key": "item"}, "no enum among", ("v", "key")),
        (
            {"address": 0, "type": "array", "count": 2, "of": "u16", "stride": 1},
            "smaller",
            ("v", "stride"),
        ),
        (
            {"address": 0, "type": "struct", "fields": {"a": {"address": 1}}},
            "has an `offset`",
            ("v", "fields", "a", "address"),
        ),
        (
            {"address": 0, "type": "text", "letters": {"z": "A"}},
            "no number of a letter",
            ("v", "letters"),
        ),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_place(spec, message, place):
    with pytest.raises(WrongPlace) as refused:
        make(v=spec)
    assert message in refused.value.message
    assert refused.value.place == place
