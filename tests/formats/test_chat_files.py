"""Chats that people bring along: both forms, lines and arrays, and every fault with its place."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.bracket_chats import bracket_chat, dm, user
from tests.formats.example_rows import picture_part, png, tool_chat

from understudy.errors import StorageError
from understudy.formats.chat_files import BadRecord, read_chats
from understudy.formats.openai_rules import validate_example
from understudy.formats.sharegpt import ShareGPT

HI = {"messages": [user("Hi"), dm("Ho")]}
TURNS = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]


def read(path: Path) -> tuple[list[tuple[str, Any]], list[BadRecord], Counter[str]]:
    bad: list[BadRecord] = []
    ignored: Counter[str] = Counter()
    found = [(one.place, one.example) for one in read_chats(path, bad.append, ignored=ignored)]
    return found, bad, ignored


def lines(path: Path, *values: Any) -> Path:
    path.write_text("".join(f"{json.dumps(value)}\n" for value in values))
    return path


def test_both_forms_are_told_by_their_keys_in_lines_and_in_arrays(tmp_path: Path) -> None:
    records = [HI, {"conversations": TURNS}]
    assert read(lines(tmp_path / "a.jsonl", *records))[0] == [("line 1", HI), ("line 2", HI)]
    array = tmp_path / "b.json"
    array.write_text(json.dumps(records, indent=2))
    assert read(array)[0] == [("element 0", HI), ("element 1", HI)]
    one = tmp_path / "c.json"
    one.write_text(json.dumps(HI, indent=2))
    assert read(one)[0] == [("line 1", HI)]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (17, "it is a int, not an object"),
        ({"text": "Hi"}, "neither messages nor conversations"),
        ({**HI, "conversations": TURNS}, "messages and conversations"),
        ({"prompt": [], "chosen": [], "rejected": []}, "a preference of two answers"),
        ({"messages": []}, "it has no messages"),
        ({"messages": "Hi"}, "it has no messages"),
        ({"messages": [user("Hi")]}, "the last message is of role user"),
        ({"messages": [{"role": "dwarf", "content": "Hi"}, dm("Ho")]}, "its role is 'dwarf'"),
        ({"messages": [user("Hi"), {**dm("Ho"), "tool_calls": "roll"}]}, "no list of calls"),
        ({"conversations": []}, "no list of turns"),
        ({"conversations": TURNS[:1]}, "the last message is of role user"),
        ({"conversations": [*TURNS, 5]}, "turn 3: it is a int"),
        ({"conversations": [{"from": "elf", "value": "Hi"}]}, "turn 1: its speaker is 'elf'"),
        ({"conversations": [{"from": "human", "value": 5}]}, "turn 1: its value is no text"),
        ({"conversations": TURNS, "tools": "{"}, "its tools are not JSON"),
        ({"conversations": TURNS, "system": 5}, "its system message is no text"),
        ({"conversations": TURNS, "images": ["../x.png"]}, "a picture cannot be read"),
        ({"conversations": [{"from": "human", "value": "<image>"}]}, "more marks <image>"),
        ({"conversations": [{"from": "function_call", "value": "roll"}]}, "turn 1:"),
    ],
)
def test_what_is_not_understood_is_named_with_its_place(
    tmp_path: Path, record: Any, reason: str
) -> None:
    found, bad, _ = read(lines(tmp_path / "a.jsonl", HI, record, HI))
    assert [place for place, _ in found] == ["line 1", "line 3"]
    [one] = bad
    assert one.place == "line 2"
    assert reason in one.reason


def test_sharegpt_as_others_write_it_is_read_whatever_the_order_of_its_turns(
    tmp_path: Path,
) -> None:
    record = {
        "id": "x1",
        "conversations": [
            {"from": "system", "value": "DM"},
            {"from": "gpt", "value": "Welcome!", "weight": None},
            {"from": "user", "value": "Hi"},
            {"from": "assistant", "value": "Ho"},
        ],
    }
    other = {"conversations": [{"role": "user", "content": "Hi"}, {"role": "gpt", "content": "Ho"}]}
    found, bad, ignored = read(lines(tmp_path / "a.jsonl", record, other))
    assert bad == []
    assert [example for _, example in found] == [
        {"messages": [{"role": "system", "content": "DM"}, dm("Welcome!"), *HI["messages"]]},
        HI,
    ]
    assert ignored == {"the key 'id'": 1, "the key 'weight' of turns": 1}


def test_several_calls_at_once_are_answered_in_their_order(tmp_path: Path) -> None:
    call = {"name": "roll", "arguments": {"die": 20}}
    turns = [
        {"from": "human", "value": "Roll twice"},
        {"from": "function_call", "value": json.dumps([call, call])},
        {"from": "observation", "value": "3"},
        {"from": "observation", "value": "17"},
        {"from": "gpt", "value": "A 3 and a 17."},
    ]
    [(_, example)], bad, _ = read(lines(tmp_path / "a.jsonl", {"conversations": turns}))
    assert bad == []
    assert [one.get("tool_call_id") for one in example["messages"][2:4]] == ["call_1", "call_2"]


def test_what_sdks_write_beside_a_message_is_not_taken(tmp_path: Path) -> None:
    answer = {**dm("Ho"), "refusal": None, "annotations": [], "audio": None, "mood": "good"}
    record = {"messages": [user("Hi"), answer], "tools": None, "session": "7"}
    [(_, example)], bad, ignored = read(lines(tmp_path / "a.jsonl", record))
    assert (example, bad) == (HI, [])
    assert ignored == {"the key 'session'": 1, "the key 'mood' of messages": 1}


def test_pictures_and_tools_of_our_own_sharegpt_come_back(tmp_path: Path) -> None:
    output = tmp_path / "train.jsonl"
    seen = {"messages": [{"role": "user", "content": [picture_part(png(4))]}, dm("A map.")]}
    writer = ShareGPT().open(output, max_bytes=None)
    for example in (tool_chat(), bracket_chat(), seen):
        writer.write(example)
    writer.finish()
    found, bad, ignored = read(output)
    assert [example for _, example in found] == [tool_chat(), bracket_chat(), seen]
    assert (bad, ignored) == ([], {})


def test_a_broken_file_is_told_of_once(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"messages": ')
    found, bad, _ = read(path)
    assert found == []
    assert "not whole" in bad[0].reason
    with pytest.raises(StorageError, match="cannot be read"):
        read(tmp_path / "missing.jsonl")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["messages", "conversations", "role", "content", "from", "value", "tools", "system",
             "images", "tool_calls", "tool_call_id", "function", "name", "arguments", "type"]
        ),
        inner | st.sampled_from(["user", "assistant", "tool", "gpt", "human", "function_call"]),
        max_size=5,
    ),
    max_leaves=16,
)  # fmt: skip


@pytest.mark.slow
@given(values=st.lists(JSON, min_size=1, max_size=3), array=st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_json_is_read_or_reported(
    tmp_path_factory: pytest.TempPathFactory, values: list[Any], array: bool
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.json"
    if array:
        path.write_text(json.dumps(values))
    else:
        lines(path, *values)
    found, bad, _ = read(path)
    if array:
        assert len(found) + len(bad) == len(values)
    assert all(validate_example(one, bare_results=True) == [] for _, one in found)


@given(data=st.binary(max_size=200), start=st.sampled_from([b"", b"[", b"{", b'[{"messages": [']))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_reported(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.json"
    path.write_bytes(start + data)
    found, _, _ = read(path)
    assert all(validate_example(one, bare_results=True) == [] for _, one in found)
