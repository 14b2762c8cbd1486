"""Steps as vision chats: what OpenAI's own types take, within the limits of its fine-tuning."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.formats.example_rows import agent_row, picture_part, png, tool_chat

from understudy.formats.dataset_rows import AgentRow
from understudy.formats.instruction_chat import ActionNames, action_name, instruction_chat
from understudy.formats.openai_jsonl import OpenAIJsonl, read_examples, validate_example
from understudy.formats.pictures import picture_in

ACTIONS = {"pocket": ["press_a", "press_down", "report: TEXT"]}


def published(messages: list[dict[str, Any]]) -> None:
    """Check messages against the types that OpenAI publishes."""
    from openai.types.chat import ChatCompletionMessageParam
    from pydantic import TypeAdapter

    TypeAdapter(list[ChatCompletionMessageParam]).validate_python(messages)


def test_a_step_is_a_task_a_screen_and_an_answer_in_json() -> None:
    row = agent_row()
    system, user, assistant = instruction_chat(row, actions=ACTIONS)["messages"]
    assert "Actions: press_a, press_down, report: TEXT" in system["content"]
    text, image = user["content"]
    assert "Check what healing items I have in my bag" in text["text"]
    assert "Step 5 of 15" in text["text"]
    assert "party has 3" in text["text"]
    assert "press_start, press_down" in text["text"]
    assert picture_in(image["image_url"]["url"]) == row.picture
    assert json.loads(assistant["content"]) == {
        "action": "press_down",
        "reasoning": "Navigate to the items",
        "expected_outcome": "The cursor moves",
    }


def test_openais_own_types_take_it_and_so_do_the_rules_of_fine_tuning() -> None:
    for example in (
        instruction_chat(agent_row(), actions=ACTIONS),
        instruction_chat(AgentRow(row=agent_row().row, picture=None)),
        tool_chat(),
    ):
        published(example["messages"])
        assert validate_example(example) == []


@pytest.mark.slow
@given(words=st.text(), action=st.text())
@settings(max_examples=60, deadline=None)
def test_any_text_of_a_game_makes_a_line_that_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, words: str, action: str
) -> None:
    row = agent_row(
        instruction=words, goal=words, memory_context=words, action=action, reasoning=words
    )
    example = instruction_chat(row, actions=ACTIONS)
    published(example["messages"])
    output = tmp_path_factory.mktemp("any") / "data.jsonl"
    writer = OpenAIJsonl().open(output, max_bytes=None)
    writer.write(example)
    writer.finish()
    assert [found for _, found in read_examples(output)] == [example]
    assert json.loads(example["messages"][-1]["content"])["action"] == action


@pytest.mark.parametrize("mode", ["L", "P", "LA", "1"])
def test_a_picture_in_another_pixel_format_becomes_rgb_without_losing_a_pixel(mode: str) -> None:
    picture = png(170, mode=mode)
    example = instruction_chat(agent_row(picture))
    assert validate_example(example) == []
    url = example["messages"][1]["content"][1]["image_url"]["url"]
    with (
        Image.open(io.BytesIO(picture_in(url) or b"")) as found,
        Image.open(io.BytesIO(picture)) as was,
    ):
        assert found.convert("RGBA").tobytes() == was.convert("RGBA").tobytes()


@pytest.mark.parametrize("broken", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"0" * 40])
def test_what_is_no_picture_is_refused_and_breaks_nothing(broken: bytes) -> None:
    example = instruction_chat(AgentRow(row=agent_row().row, picture=broken))
    assert validate_example(example) != []


def test_more_than_ten_pictures_are_refused() -> None:
    example = instruction_chat(agent_row())
    example["messages"][1]["content"] += [picture_part(png(n)) for n in range(10)]
    assert "11 images" in "; ".join(validate_example(example))


def test_the_actions_of_each_game_are_collected_with_those_that_take_a_text() -> None:
    names = ActionNames()
    for game, action in (
        ("pocket", "press_a"),
        ("pocket", "report: 3 potions\nand a bell"),
        ("pocket", "report"),
        ("other", "jump"),
        ("other", '{"x": 1}'),
        ("other", ""),
    ):
        names.add(agent_row(game=game, action=action).row)
    assert names.by_game == {"other": ["jump"], "pocket": ["press_a", "report: TEXT"]}
    assert action_name("report: 3 potions") == "report"
    assert action_name('{"x": 1}') == '{"x": 1}'


def test_too_many_actions_to_choose_from_are_not_listed() -> None:
    many = {"pocket": [f"go_{n}" for n in range(65)]}
    assert "Actions" not in instruction_chat(agent_row(), actions=many)["messages"][0]["content"]
