"""Alpaca: what LLaMA-Factory's converter takes, read back, and what it cannot say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, TypeAdapter
from tests.formats.bracket_chats import SYSTEM, bracket_chat, dm, user
from tests.formats.example_rows import picture_part, png, tool_chat

from understudy.errors import FormatError
from understudy.formats.alpaca import Alpaca, read_conversations
from understudy.formats.openai_array import SkippedElement


class FactoryRecord(BaseModel):
    """One element with the columns that LLaMA-Factory's converter reads, and their types."""

    model_config = ConfigDict(extra="forbid", strict=True)
    instruction: str
    input: str
    output: str
    system: str
    history: list[list[str]]


def written(folder: Path, *examples: dict[str, Any]) -> Path:
    output = folder / "train.json"
    writer = Alpaca().open(output, max_bytes=None)
    for example in examples:
        writer.write(example)
    writer.finish()
    return output


def refusal(folder: Path, *messages: dict[str, Any]) -> str:
    writer = Alpaca().open(folder / "no.json", max_bytes=None)
    with pytest.raises(FormatError) as caught:
        writer.write({"messages": list(messages)})
    writer.abandon()
    assert not list(folder.iterdir()), "nothing is left of it"
    return str(caught.value)


LONG = {"messages": [SYSTEM, user("Hi"), dm("Ho"), user("I sneak."), dm("[check: stealth, Mira]")]}


def test_the_last_question_is_the_instruction_and_what_was_said_before_the_history(
    tmp_path: Path,
) -> None:
    output = written(tmp_path, LONG, {"messages": [user("Who?"), dm("Me.")]})
    first, second = TypeAdapter(list[FactoryRecord]).validate_json(output.read_bytes())
    assert first.model_dump() == {
        "instruction": "I sneak.",
        "input": "",
        "output": "[check: stealth, Mira]",
        "system": SYSTEM["content"],
        "history": [["Hi", "Ho"]],
    }
    assert (second.system, second.history) == ("", [])


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    examples = [LONG, {"messages": [user("Who?"), dm("Me.")]}]
    assert [found for _, found in read_conversations(written(tmp_path, *examples))] == examples


@pytest.mark.slow
@given(texts=st.lists(st.text(min_size=1), min_size=2, max_size=6), system=st.text(min_size=1))
@settings(max_examples=40, deadline=None)
def test_any_text_survives(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], system: str
) -> None:
    pairs = zip(texts[::2], texts[1::2], strict=False)
    turns = [turn for asked, said in pairs for turn in (user(asked), dm(said))]
    example = {"messages": [{"role": "system", "content": system}, *turns]}
    output = written(tmp_path_factory.mktemp("any"), example)
    assert [found for _, found in read_conversations(output)] == [example]


def test_what_it_cannot_say_is_refused_with_the_reason(tmp_path: Path) -> None:
    assert "tool calls are not said" in refusal(tmp_path, *tool_chat()["messages"][2:3])
    assert "results of tools" in refusal(tmp_path, *bracket_chat()["messages"])
    picture = user("")
    picture["content"] = [picture_part(png())]
    assert "pictures" in refusal(tmp_path, picture, dm("A map."))
    assert "do not alternate" in refusal(tmp_path, user("a"), user("b"), dm("c"))
    assert "do not alternate" in refusal(tmp_path, dm("Welcome."), user("a"), dm("b"))


def test_what_is_dropped_is_counted(tmp_path: Path) -> None:
    writer = Alpaca().open(tmp_path / "train.json", max_bytes=None)
    writer.write({**LONG, "tools": tool_chat()["tools"]})
    writer.write(LONG)
    writer.abandon()
    assert writer.lost == {"the definitions of tools": 1}


def test_files_of_others_are_read_with_their_input_and_bad_elements_reported(
    tmp_path: Path,
) -> None:
    path = tmp_path / "alpaca_data.json"
    elements = [
        {"instruction": "Name the beast.", "input": "It has nine heads.", "output": "A hydra."},
        {"instruction": "No output", "input": ""},
        {"instruction": "a", "input": "", "output": "b", "history": [["only one"]]},
        {"instruction": "a", "input": "", "output": "b", "mood": "good"},
        17,
    ]
    path.write_text(json.dumps(elements))
    bad: list[SkippedElement] = []
    found = list(read_conversations(path, report=bad.append))
    assert found == [
        (0, {"messages": [user("Name the beast.\nIt has nine heads."), dm("A hydra.")]})
    ]
    assert [one.index for one in bad] == [1, 2, 3, 4]
    assert "output" in bad[0].reason
    assert "mood" in bad[2].reason
