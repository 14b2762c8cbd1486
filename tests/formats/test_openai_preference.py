"""OpenAI's preference JSONL: what its published types take, read back, bad lines named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionAssistantMessageParam, ChatCompletionMessageParam
from pydantic import BaseModel, ConfigDict, Field
from tests.formats.bracket_chats import bracket_chat, dm, preference, user
from tests.formats.example_rows import ROLL

from understudy.formats._json_lines import BadLine
from understudy.formats.openai_preference import (
    OpenAIPreference,
    read_preferences,
    validate_line,
)
from understudy.formats.preferences import Preference

CALL = {"id": "c", "type": "function", "function": {"name": "roll", "arguments": '{"die": 20}'}}
WITH_TOOLS = preference(
    chosen={"role": "assistant", "content": None, "tool_calls": [CALL]},
    rejected=dm("You rolled a 20!"),
    tools=[ROLL],
    parallel_tool_calls=False,
)


class PublishedInput(BaseModel):
    """The input of a line, with the message types that OpenAI publishes."""

    model_config = ConfigDict(extra="forbid")
    messages: list[ChatCompletionMessageParam] = Field(min_length=1)
    tools: list[dict[str, Any]] = []
    parallel_tool_calls: bool = True


class PublishedLine(BaseModel):
    """A line as OpenAI's reference describes it."""

    model_config = ConfigDict(extra="forbid")
    input: PublishedInput
    preferred_output: list[ChatCompletionAssistantMessageParam] = Field(min_length=1, max_length=1)
    non_preferred_output: list[ChatCompletionAssistantMessageParam] = Field(
        min_length=1, max_length=1
    )


def written(folder: Path, *examples: Preference) -> Path:
    output = folder / "pairs.jsonl"
    writer = OpenAIPreference().open(output, max_bytes=None)
    for example in examples:
        writer.write(example)
    writer.finish()
    return output


def test_every_line_is_what_openai_publishes(tmp_path: Path) -> None:
    output = written(tmp_path, preference(), WITH_TOOLS)
    plain, with_tools = output.read_text("utf-8").splitlines()
    for line in (plain, with_tools):
        PublishedLine.model_validate_json(line)
    assert json.loads(plain) == {
        "input": {"messages": preference().prompt},
        "preferred_output": [preference().chosen],
        "non_preferred_output": [preference().rejected],
    }
    assert json.loads(with_tools)["input"]["parallel_tool_calls"] is False


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    examples = [preference(), WITH_TOOLS]
    output = written(tmp_path, *examples)
    assert [found for _, found in read_preferences(output)] == examples


def test_a_pair_that_teaches_nothing_or_something_broken_is_refused() -> None:
    format = OpenAIPreference()
    assert format.validate(preference()) == []
    assert format.validate(preference(rejected=preference().chosen)) == [
        "both answers are the same"
    ]
    [reason] = format.validate(preference(rejected={"role": "assistant", "content": ""}))
    assert reason == "the worse answer: the answer is empty"
    bare = preference(prompt=[*bracket_chat()["messages"], user("And now?")])
    assert "does not say which tool call it answers" in format.validate(bare)[0]


def test_bad_lines_are_named_and_the_others_read(tmp_path: Path) -> None:
    good = json.loads(written(tmp_path, preference()).read_text())
    broken = [
        {"messages": []},
        {**good, "extra": 1},
        {**good, "input": {"messages": []}},
        {**good, "preferred_output": [dm("a"), dm("b")]},
        {**good, "non_preferred_output": good["preferred_output"]},
        {**good, "non_preferred_output": [user("I am no answer")]},
    ]
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in [good, *broken, good]))
    bad: list[BadLine] = []
    assert [line for line, _ in read_preferences(path, report=bad.append)] == [1, 8]
    for found, reason in zip(
        bad,
        ["it has not the keys", "no others", "no messages", "not one message", "the same",
         "not the assistant's"],
        strict=True,
    ):  # fmt: skip
        assert reason in found.reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["input", "messages", "preferred_output", "non_preferred_output", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.slow
@given(value=JSON)
def test_no_json_makes_it_stumble(value: Any) -> None:
    if validate_line(value) == []:
        example = Preference(
            prompt=value["input"]["messages"],
            chosen=value["preferred_output"][0],
            rejected=value["non_preferred_output"][0],
        )
        assert isinstance(OpenAIPreference().validate(example), list)
    else:
        assert all(isinstance(reason, str) for reason in validate_line(value))
