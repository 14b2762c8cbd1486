"""ShareGPT with images: LLaMA-Factory's rules hold for every line, and it is read back."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator
from tests.formats.example_rows import agent_row, picture_part, png, tool_chat

from understudy.errors import FormatError
from understudy.formats._json_lines import BadLine
from understudy.formats.instruction_chat import instruction_chat
from understudy.formats.sharegpt import (
    ShareGPT,
    ShareGptWriter,
    images_folder,
    read_conversations,
    validate_conversation,
)

ANSWER = {"role": "assistant", "content": "Ho"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class FactoryTurn(_Strict):
    """One turn as LLaMA-Factory's converter takes it."""

    who: Literal["human", "gpt", "function_call", "observation"] = Field(alias="from")
    value: str


class FactoryTool(_Strict):
    """One tool as its formatter of tools takes it."""

    name: str
    parameters: dict[str, Any]
    description: str = ""


class FactoryRow(_Strict):
    """One line, with the rules that LLaMA-Factory's converter and its reader of media apply."""

    conversations: list[FactoryTurn]
    system: str
    tools: str
    images: list[str]

    @model_validator(mode="after")
    def _rules(self) -> FactoryRow:
        assert len(self.conversations) % 2 == 0
        for number, turn in enumerate(self.conversations):
            assert turn.who in (
                ("gpt", "function_call") if number % 2 else ("human", "observation")
            )
            if turn.who == "function_call":
                call = json.loads(turn.value)
                assert isinstance(call["name"], str)
                assert isinstance(call["arguments"], dict)
        marks = sum(turn.value.count("<image>") for turn in self.conversations)
        assert marks == len(self.images)
        if self.tools:
            for tool in json.loads(self.tools):
                FactoryTool.model_validate(tool)
        return self


def ask(text: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}, ANSWER]}


def written(folder: Path, *examples: dict[str, Any]) -> tuple[Path, ShareGptWriter]:
    output = folder / "train.jsonl"
    writer = ShareGPT().open(output, max_bytes=None)
    for example in examples:
        writer.write(example)
    writer.finish()
    return output, writer


def lines(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.read_bytes().splitlines()]


def test_every_line_keeps_the_rules_of_llama_factory(tmp_path: Path) -> None:
    output, _ = written(tmp_path, instruction_chat(agent_row()), tool_chat(), ask("Hi"))
    for line in lines(output):
        found = FactoryRow.model_validate(line)
        for image in found.images:
            with Image.open(output.parent / image) as picture:
                picture.verify()


def test_a_picture_is_a_file_beside_and_stored_once(tmp_path: Path) -> None:
    twice = [instruction_chat(agent_row(png(5), n=n)) for n in (1, 2)]
    output, _ = written(tmp_path, *twice, instruction_chat(agent_row(png(6))))
    assert len(list(images_folder(output).iterdir())) == 2
    first, second, third = lines(output)
    assert first["images"] == second["images"] != third["images"]
    with (
        Image.open(output.parent / first["images"][0]) as stored,
        Image.open(io.BytesIO(png(5))) as was,
    ):
        assert stored.tobytes() == was.tobytes()


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    several = ask([picture_part(png(1)), {"type": "text", "text": "?"}, picture_part(png(2))])
    examples = [instruction_chat(agent_row()), tool_chat(), ask("Hi"), several]
    output, writer = written(tmp_path, *examples)
    assert [found for _, found in read_conversations(output)] == examples
    assert writer.lost == {"the ids of tool calls": 1}


@pytest.mark.slow
@given(words=st.text(), other=st.text())
@settings(max_examples=60, deadline=None)
def test_any_text_survives_or_is_refused_for_its_marks(
    tmp_path_factory: pytest.TempPathFactory, words: str, other: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    example = instruction_chat(agent_row(memory_context=words, reasoning=other))
    output, _ = written(folder, example)
    FactoryRow.model_validate(lines(output)[0])
    assert [found for _, found in read_conversations(output)] == [example]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (ask("a <image> of me")["messages"], "<image>, which would stand for a file"),
        (ask("<video>")["messages"], "<video>"),
        ([{"role": "user", "content": "a"}, *ask("b")["messages"]], "do not alternate"),
        ([*ask("a")["messages"], {"role": "system", "content": "s"}, *ask("b")["messages"]],
         "between the turns"),
        ([{"role": "assistant", "content": "begins"}], "do not alternate"),
        (ask([{"type": "image_url", "image_url": {"url": "https://a.b/c"}}])["messages"], "web"),
    ],
)  # fmt: skip
def test_what_it_cannot_say_is_left_out(
    tmp_path: Path, messages: list[dict[str, Any]], reason: str
) -> None:
    writer = ShareGPT().open(tmp_path / "train.jsonl", max_bytes=None)
    with pytest.raises(FormatError, match=reason):
        writer.write({"messages": messages})
    writer.abandon()
    assert not list(tmp_path.iterdir())


def test_words_beside_a_call_and_several_calls_at_once_are_left_out(tmp_path: Path) -> None:
    call = tool_chat()["messages"][2]["tool_calls"][0]
    asked = {"role": "user", "content": "a"}
    writer = ShareGPT().open(tmp_path / "train.jsonl", max_bytes=None)
    for answer, reason in (
        ({"role": "assistant", "content": "Well", "tool_calls": [call]}, "words beside"),
        ({"role": "assistant", "tool_calls": [call, {**call, "id": "2"}]}, "several tool calls"),
    ):
        with pytest.raises(FormatError, match=reason):
            writer.write({"messages": [asked, answer]})


def test_a_former_export_stays_whole_until_it_is_replaced(tmp_path: Path) -> None:
    output, _ = written(tmp_path, instruction_chat(agent_row(png(1))))
    former = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    mine = images_folder(output) / "mine.txt"
    mine.write_text("a note")

    again = ShareGPT().open(output, max_bytes=None)
    again.write(instruction_chat(agent_row(png(2))))
    assert all(path.read_bytes() == content for path, content in former.items())
    again.finish()

    assert len(list(images_folder(output).glob("*.png"))) == 1
    assert mine.exists()
    assert [found for _, found in read_conversations(output)] == [
        instruction_chat(agent_row(png(2)))
    ]


def test_pictures_of_a_former_export_are_named_when_the_new_one_has_none(tmp_path: Path) -> None:
    output, _ = written(tmp_path, instruction_chat(agent_row()))
    writer = ShareGPT().open(output, max_bytes=None)
    writer.write(ask("Hi"))
    files = writer.finish()
    assert writer.leftovers(files) == [images_folder(output)]


def test_bad_lines_are_reported_and_the_others_read(tmp_path: Path) -> None:
    output, _ = written(tmp_path, ask("Hi"))
    good = output.read_text()
    odd = json.loads(good)
    path = tmp_path / "mixed.jsonl"
    broken = [
        {**odd, "images": ["x.png"]},
        {**odd, "conversations": odd["conversations"][:1]},
        {**odd, "conversations": odd["conversations"][::-1]},
        {"messages": []},
        {
            **odd,
            "images": ["../../etc/passwd"],
            "conversations": [{"from": "human", "value": "<image>"}, odd["conversations"][1]],
        },
    ]
    path.write_text(good + "".join(f"{json.dumps(line)}\n" for line in broken) + good)
    bad: list[BadLine] = []
    assert [number for number, _ in read_conversations(path, report=bad.append)] == [1, 7]
    for found, reason in zip(
        bad,
        ["0 marks <image> and 1 images", "does not end", "is of 'gpt'", "unknown field", "inside"],
        strict=True,
    ):
        assert reason in found.reason


def test_a_line_of_axolotl_without_the_optional_keys_is_read(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]
    assert validate_conversation({"conversations": turns}) == []
