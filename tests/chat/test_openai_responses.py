"""The Responses API on the wire, whole and streamed, becomes the same canonical record."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseInputParam, ResponseStreamEvent
from pydantic import TypeAdapter
from tests.chat.exchanges import TEXT, assembler, pieces_of

from understudy.chat.dialects.openai_responses import OpenAIResponses
from understudy.chat.record import CallRequest
from understudy.errors import FormatError

DIALECT = OpenAIResponses()
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
INPUT: TypeAdapter[Any] = TypeAdapter(ResponseInputParam)
USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
    "output_tokens": 12,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 21,
}


def request(**fields: Any) -> CallRequest:
    return DIALECT.read_request(
        msgspec.json.encode({"model": "gm-1", "input": "I open the door.", **fields})
    )


def response(output: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """A response object that the API's own types accept."""
    body = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1.0,
        "model": "gm-1-2026",
        "status": "completed",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "usage": USAGE,
        **fields,
    }
    Response.model_validate(body, strict=True)
    return body


def text_item(*parts: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": list(parts),
    }


def said(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def stream(output: list[dict[str, Any]], cuts: list[int], **last: Any) -> list[dict[str, Any]]:
    """The events that stream these items, as far as the final event."""
    events: list[dict[str, Any]] = [
        {"type": kind, "response": response([], status="in_progress", usage=None)}
        for kind in ("response.created", "response.in_progress")
    ]
    for index, item in enumerate(output):
        at = {"output_index": index, "item_id": item["id"]}
        kind = item["type"]
        empty = {"message": {"content": []}, "reasoning": {"summary": []}}
        empty |= {"function_call": {"arguments": ""}, "custom_tool_call": {"input": ""}}
        begun = {**item, **empty[kind]}
        begun |= {} if kind == "custom_tool_call" else {"status": "in_progress"}
        events.append({"type": "response.output_item.added", "item": begun, **at})
        for number, part in enumerate(item.get("content") or item.get("summary") or ()):
            text = part.get("text", part.get("refusal"))
            where = {**at, "content_index": number}
            delta = {
                "output_text": {"type": "response.output_text.delta", "logprobs": [], **where},
                "refusal": {"type": "response.refusal.delta", **where},
                "summary_text": {
                    "type": "response.reasoning_summary_text.delta",
                    "summary_index": number,
                    **at,
                },
            }[part["type"]]
            events += [{**delta, "delta": piece} for piece in pieces_of(text, cuts)]
        if kind == "function_call":
            delta = {"type": "response.function_call_arguments.delta", **at}
            events += [{**delta, "delta": p} for p in pieces_of(item["arguments"], cuts)]
        if kind == "custom_tool_call":
            delta = {"type": "response.custom_tool_call_input.delta", **at}
            events += [{**delta, "delta": p} for p in pieces_of(item["input"], cuts)]
    events.append({"type": "response.completed", "response": response(output), **last})
    events = [{**event, "sequence_number": i} for i, event in enumerate(events)]
    for event in events:
        EVENT.validate_python(event)
    return events


def sse(events: list[dict[str, Any]]) -> bytes:
    return b"".join(
        b"event: " + event["type"].encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"
        for event in events
    )


assembled = assembler(DIALECT, request)


FULL = TEXT.filter(bool)
ITEMS = st.one_of(
    FULL.map(lambda t: text_item(said(t))),
    st.tuples(FULL, FULL).map(lambda t: text_item(said(t[0]), said(t[1]))),
    FULL.map(lambda t: text_item({"type": "refusal", "refusal": t})),
    FULL.map(
        lambda t: {
            "type": "reasoning",
            "id": "rs",
            "summary": [{"type": "summary_text", "text": t}],
        }
    ),
    TEXT.map(
        lambda t: {
            "type": "function_call",
            "id": "fc",
            "call_id": "call_1",
            "name": "roll",
            "arguments": t,
            "status": "completed",
        }
    ),
    TEXT.map(
        lambda t: {
            "type": "custom_tool_call",
            "id": "ct",
            "call_id": "call_2",
            "name": "shell",
            "input": t,
        }
    ),
)


@pytest.mark.slow
@given(st.lists(ITEMS, min_size=1, max_size=4), st.lists(st.integers(0, 100), max_size=4))
@settings(deadline=None)
def test_a_streamed_answer_equals_the_same_answer_sent_whole(
    output: list[dict[str, Any]], cuts: list[int]
) -> None:
    events = stream(output, cuts)
    streamed, at_once = assembled(sse(events)), assembled(response(output))
    for record in (streamed, at_once):
        assert record.status == "complete"
        assert (record.response_id, record.model) == ("resp_1", "gm-1-2026")
        assert record.usage["output_tokens"] == 12
        assert record.usage["output_tokens_details.reasoning_tokens"] == 5
    assert streamed.response == at_once.response
    assert streamed.tool_calls == at_once.tool_calls
    without_the_end = assembled(sse(events[:-1]))
    assert without_the_end.status == "truncated"
    assert without_the_end.response == at_once.response


OUTPUT = [
    {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "A roll."}]},
    text_item(said("You try the dœr.")),
    {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "roll",
        "arguments": '{"d": 20}',
    },
]
STREAM = sse(stream(OUTPUT, [3, 5]))
ANSWER = {
    "role": "assistant",
    "content": "You try the dœr.",
    "reasoning_content": "A roll.",
    "tool_calls": [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "roll", "arguments": '{"d": 20}'},
        }
    ],
}


def test_items_that_follow_one_another_become_one_assistant_message() -> None:
    record = assembled(STREAM)
    assert record.response == ANSWER
    assert record.tool_calls[0].parsed == {"d": 20}
    assert record.finish_reason == "tool_calls"


@pytest.mark.slow
def test_a_stream_cut_at_any_byte_is_truncated_until_its_last_event() -> None:
    for cut in range(len(STREAM) + 1):
        record = assembled(STREAM[:cut])
        whole = cut >= len(STREAM) - 2
        assert record.status == ("complete" if whole else "truncated"), cut
        text = (record.response or {}).get("content") or ""
        assert "You try the dœr.".startswith(text)
        closed = assembled(STREAM[:cut], ended="client_closed")
        assert closed.status == ("complete" if whole else "client_closed")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter")],
)
def test_an_incomplete_answer_is_truncated_with_its_reason(reason: str, finish: str) -> None:
    fields = {"status": "incomplete", "incomplete_details": {"reason": reason}}
    body = response([text_item(said("You try"))], **fields)
    event = {"type": "response.incomplete", "response": body, "sequence_number": 9}
    EVENT.validate_python(event)
    for record in (assembled(body), assembled(sse([event]))):
        assert (record.status, record.finish_reason) == ("truncated", finish)
        assert record.response == {"role": "assistant", "content": "You try"}


def test_failures_are_upstream_errors_in_the_servers_words() -> None:
    error = {"code": "server_error", "message": "The model broke."}
    body = response([], status="failed", error=error)
    failed = {"type": "response.failed", "response": body, "sequence_number": 1}
    thrown = {"type": "error", "code": "x", "message": "The model broke.", "param": None}
    thrown["sequence_number"] = 1
    for event in (failed, thrown):
        EVENT.validate_python(event)
        record = assembled(sse([event]))
        assert (record.status, record.error) == ("upstream_error", "The model broke.")
    assert assembled(body).error == "The model broke."
    refused = assembled({"error": error}, http_status=500)
    assert refused.error == "HTTP 500: The model broke."


def test_an_answer_that_is_still_being_made_is_not_complete() -> None:
    assert assembled(response([], status="in_progress")).status == "truncated"
    assert assembled(response([], status="queued")).response is None
    assert assembled(response([], status="cancelled")).status == "truncated"


def test_a_request_becomes_canonical_messages() -> None:
    items = [
        {"role": "developer", "content": "Be brief."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look:"},
                {"type": "input_image", "image_url": "https://a.test/b.png", "detail": "low"},
                {"type": "input_file", "file_id": "file_1"},
            ],
        },
        *OUTPUT,
        {"type": "function_call_output", "call_id": "call_1", "output": "17"},
        {"type": "item_reference", "id": "msg_0"},
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "And now?"}],
        },
    ]
    INPUT.validate_python(items)
    asked = request(
        input=items,
        instructions="You are the Dungeon Master.",
        tools=[
            {
                "type": "function",
                "name": "roll",
                "description": "Roll dice.",
                "parameters": {"type": "object"},
                "strict": True,
            },
            {"type": "custom", "name": "shell"},
            {"type": "web_search"},
        ],
        previous_response_id="resp_0",
        max_output_tokens=50,
        stream=True,
    )
    assert asked.messages == [
        {"role": "system", "content": "You are the Dungeon Master."},
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look:"},
                {
                    "type": "image_url",
                    "image_url": {"url": "https://a.test/b.png", "detail": "low"},
                },
                {"type": "file", "file": {"file_id": "file_1"}},
            ],
        },
        ANSWER,
        {"role": "tool", "tool_call_id": "call_1", "content": "17"},
        {"role": "user", "content": "And now?"},
    ]
    function = {
        "name": "roll",
        "description": "Roll dice.",
        "strict": True,
        "parameters": {"type": "object"},
    }
    assert asked.tools == [
        {"type": "function", "function": function},
        {"type": "custom", "custom": {"name": "shell"}},
        {"type": "web_search"},
    ]
    assert asked.params == {"previous_response_id": "resp_0", "max_output_tokens": 50}


def test_a_text_as_input_is_one_user_message() -> None:
    assert request().messages == [{"role": "user", "content": "I open the door."}]


def test_keys_and_headers_of_remote_tool_servers_are_never_taken_into_a_request() -> None:
    tool = {
        "type": "mcp",
        "server_label": "a",
        "server_url": "https://a.test",
        "authorization": "secret",
        "headers": {"X-Key": "secret"},
    }
    asked = request(tools=[tool])
    assert b"secret" not in msgspec.json.encode(asked)
    assert asked.tools[0]["server_label"] == "a"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"input": 1}', b'{"input": [1]}'])
def test_a_body_that_is_no_request_is_refused_in_one_sentence(body: bytes) -> None:
    with pytest.raises(FormatError):
        DIALECT.read_request(body)


def test_first_content_is_found_in_the_first_chunk_that_has_any() -> None:
    chunks = STREAM.split(b"\n\n")
    found = [DIALECT.first_content(c) for c in chunks]
    assert b"reasoning_summary_text.delta" in chunks[found.index(True)]
    assert not any(found[:3])
