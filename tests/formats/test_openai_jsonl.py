"""OpenAI's fine-tuning JSONL: what is a good example, and reading and writing files of them."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from understudy.errors import FormatError, StorageError
from understudy.formats.openai_array_export import OpenAIArray
from understudy.formats.openai_jsonl import (
    BadLine,
    OpenAIJsonl,
    read_examples,
    validate_example,
)

USER = {"role": "user", "content": "I search the room"}
ANSWER = {"role": "assistant", "content": "You find a key."}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "roll", "arguments": '{"d": 20}'}}
    ],
}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "17"}
TOOL = {"type": "function", "function": {"name": "roll", "parameters": {"type": "object"}}}


def picture(mode: str, kind: str) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.new(mode, (4, 4)).save(buffer, kind)
    data = base64.b64encode(buffer.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/{kind.lower()};base64,{data}"}}


def ask(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}, ANSWER]}


@pytest.mark.parametrize(
    "example",
    [
        {"messages": [USER, ANSWER]},
        {"messages": [{"role": "system", "content": "DM"}, USER, {**ANSWER, "weight": 0}, ANSWER]},
        {"messages": [USER, ANSWER, {"role": "system", "content": "Dusk falls"}, USER, ANSWER]},
        {"messages": [USER, CALL, RESULT, ANSWER], "tools": [TOOL], "parallel_tool_calls": False},
        {"messages": [USER, CALL], "tools": [TOOL]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}, ANSWER]},
        {"messages": [USER, {"role": "assistant", "refusal": "No."}]},
        {
            "messages": [
                USER,
                {"role": "assistant", "function_call": {"name": "roll", "arguments": "{}"}},
                {"role": "function", "name": "roll", "content": "4"},
                ANSWER,
            ],
            "functions": [{"name": "roll", "parameters": {}}],
        },
        ask(picture("RGB", "PNG"), picture("RGBA", "PNG"), picture("RGB", "JPEG")),
        ask(picture("RGB", "WEBP")),
        ask({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}),
    ],
)
def test_good_examples_have_no_reason_against_them(example: dict[str, Any]) -> None:
    assert validate_example(example) == []


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        ([USER, ANSWER], "it is a list, not an object"),
        ({"messages": []}, "no messages"),
        ({"messages": [USER, ANSWER], "session": 1}, "unknown key 'session'"),
        ({"messages": [USER, {"role": "dm", "content": "x"}]}, "message 2: its role is 'dm'"),
        ({"messages": [ANSWER, USER]}, "last message is of role user"),
        ({"messages": [USER, {"role": "assistant", "content": ""}]}, "the answer is empty"),
        ({"messages": [USER, {"role": "assistant"}]}, "neither content nor a tool call"),
        ({"messages": [USER, {**ANSWER, "weight": 2}]}, "weight is 2"),
        ({"messages": [USER, {**ANSWER, "weight": True}]}, "weight is True"),
        ({"messages": [USER, {**ANSWER, "weight": 0}]}, "weight other than 0"),
        ({"messages": [{**USER, "weight": 1}, ANSWER]}, "'weight' does not belong"),
        ({"messages": [{"role": "user", "content": 7}, ANSWER]}, "neither text nor a list"),
        ({"messages": [USER, CALL, ANSWER]}, "comes before the tool call c1 is answered"),
        ({"messages": [USER, RESULT, ANSWER]}, "does not stand open"),
        ({"messages": [USER, CALL, RESULT, RESULT, ANSWER]}, "does not stand open"),
        ({"messages": [USER, CALL, {"role": "tool", "content": "1"}]}, "which tool call"),
        (
            {"messages": [USER, {**CALL, "tool_calls": CALL["tool_calls"] * 2}]},  # type: ignore[operator]
            "id of a tool call twice",
        ),
        (
            {
                "messages": [
                    USER,
                    {
                        "role": "assistant",
                        "tool_calls": [
                            {"id": "a", "function": {"name": "roll", "arguments": {"d": 20}}}
                        ],
                    },
                ]
            },
            "arguments of roll are no JSON string",
        ),
        (
            {
                "messages": [
                    USER,
                    {
                        "role": "assistant",
                        "tool_calls": [{"id": "a", "function": {"name": "roll", "arguments": "{"}}],
                    },
                ]
            },
            "arguments of roll are not valid JSON",
        ),
        ({"messages": [USER, ANSWER], "parallel_tool_calls": True}, "without tools"),
        ({"messages": [USER, ANSWER], "tools": [{"name": "roll"}]}, "not of the type function"),
        (
            {"messages": [USER, ANSWER], "tools": [{**TOOL, "function": {"name": "a b"}}]},
            "name is 'a b'",
        ),
        (ask(*[picture("RGB", "PNG")] * 11), "11 images"),
        (ask(picture("L", "PNG")), "neither RGB nor RGBA"),
        (ask(picture("L", "JPEG")), "neither RGB nor RGBA"),
        (ask(picture("CMYK", "JPEG")), "neither RGB nor RGBA"),
        (ask(picture("RGB", "BMP")), "not JPEG, PNG or WEBP"),
        (ask({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}), "neither a web"),
        (
            ask(
                {
                    "type": "image_url",
                    "image_url": {"url": "data:image/png;base64," + "A" * 14_000_000},
                }
            ),
            "larger than 10 MB",
        ),
        (
            {"messages": [USER, {"role": "assistant", "content": [picture("RGB", "PNG")]}]},
            "an image stands in a message of role assistant",
        ),
    ],
)
def test_a_bad_example_is_refused_with_its_reason(example: Any, reason: str) -> None:
    assert reason in "; ".join(validate_example(example))


KEY_NAMES = {
    *("messages", "role", "content", "tool_calls", "function", "name", "arguments", "id", "type"),
    *("image_url", "url", "tool_call_id", "weight", "tools", "functions", "function_call"),
    "parallel_tool_calls",
}
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from(["assistant", "user", "tool", "text", "image_url", "", "{}", "c1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "messages",
                    "role",
                    "content",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "id",
                    "type",
                    "image_url",
                    "url",
                    "tool_call_id",
                    "weight",
                    "tools",
                    "functions",
                    "function_call",
                    "parallel_tool_calls",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@pytest.mark.slow
@given(anything)
@settings(max_examples=300, deadline=None)
def test_nothing_breaks_the_validation(value: Any) -> None:
    for example in (value, {"messages": value}, {"messages": [value]}, {"messages": [], **TOOL}):
        assert all(isinstance(reason, str) for reason in validate_example(example))


def test_reading_reports_each_bad_line_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    good = json.dumps({"messages": [USER, ANSWER]}).encode()
    path.write_bytes(
        b"\xef\xbb\xbf" + good + b"\r\n\n{half\n\xff\xfe\n" + b'{"messages": []}\n' + good
    )
    bad: list[BadLine] = []
    found = [line for line, _ in read_examples(path, report=bad.append)]
    assert found == [1, 6]
    assert [(b.line, b.reason.split(":")[0]) for b in bad] == [
        (3, "it is not JSON"),
        (4, "it is not JSON"),
        (5, "it has no messages"),
    ]
    with pytest.raises(StorageError, match="cannot be read"):
        list(read_examples(tmp_path))


@pytest.mark.parametrize(
    ("form", "load", "suffix"),
    [
        (OpenAIJsonl(), lambda text: [json.loads(x) for x in text.splitlines()], ".jsonl"),
        (OpenAIArray(), json.loads, ".json"),
    ],
)
def test_files_are_split_at_the_limit_and_named_by_their_number(
    tmp_path: Path, form: Any, load: Callable[[str], Any], suffix: str
) -> None:
    output = tmp_path / "new" / f"data{suffix}"
    examples = [{"n": n, "text": "é" * 40} for n in range(10)]
    writer = form.open(output, max_bytes=400)
    for example in examples:
        writer.write(example)
    assert not list(output.parent.glob("data*")), "nothing is in its place before the end"
    files = writer.finish()

    assert len(files) > 1
    assert [f.name for f in files] == [
        f"data-{n:05}-of-{len(files):05}{suffix}" for n in range(1, len(files) + 1)
    ]
    assert all(f.stat().st_size <= 400 for f in files)
    assert [e for f in files for e in load(f.read_text())] == examples

    again = form.open(output, max_bytes=None)
    again.write(examples[0])
    assert again.finish() == [output]
    assert again.leftovers([output]) == files
    assert load(output.read_text()) == examples[:1]


def test_an_example_larger_than_a_file_may_be_is_refused(tmp_path: Path) -> None:
    writer = OpenAIJsonl().open(tmp_path / "data.jsonl", max_bytes=50)
    with pytest.raises(FormatError, match="more than the 50"):
        writer.write({"text": "x" * 50})
    writer.abandon()
    assert not list(tmp_path.iterdir())


def test_few_examples_are_warned_of() -> None:
    assert "at least 10" in OpenAIJsonl().warnings(9)[0]
    assert not OpenAIJsonl().warnings(10)
