"""Anthropic's Messages on the wire, whole and streamed, become the same canonical record."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from anthropic.types import Message, MessageCreateParams, RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.chat.exchanges import TEXT, assembler, pieces_of

from understudy.chat.dialects.anthropic_messages import AnthropicMessages
from understudy.chat.record import CallRequest
from understudy.errors import FormatError

DIALECT = AnthropicMessages()
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
PARAMS: TypeAdapter[Any] = TypeAdapter(MessageCreateParams)


def request(**fields: Any) -> CallRequest:
    """A request whose body the API's own types accept."""
    body = {
        "model": "claude-x",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "I open the door."}],
        **fields,
    }
    raw = msgspec.json.encode(body)
    PARAMS.validate_json(raw)
    return DIALECT.read_request(raw)


def whole(blocks: list[dict[str, Any]], reason: str = "end_turn") -> dict[str, Any]:
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x-2026",
        "content": blocks,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 12, "cache_read_input_tokens": 3},
    }
    Message.model_validate(body, strict=True)
    return body


def stream(deltas: list[dict[str, Any]], reason: str = "end_turn") -> list[dict[str, Any]]:
    """The events of an answer; a delta of the form ``{"start": block}`` begins a block."""
    head = {
        **whole([]),
        "stop_reason": None,
        "usage": {"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": 3},
    }
    events: list[dict[str, Any]] = [{"type": "message_start", "message": head}]
    index = -1
    for delta in deltas:
        if "start" in delta:
            if index >= 0:
                events.append({"type": "content_block_stop", "index": index})
            index += 1
            block = delta["start"]
            events.append({"type": "content_block_start", "index": index, "content_block": block})
        else:
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
    if index >= 0:
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": reason, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 12}})
    events.append({"type": "message_stop"})
    for event in events:
        EVENT.validate_python(event)
    return events


def sse(events: list[dict[str, Any]]) -> bytes:
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'
    parts = [
        b"event: " + event["type"].encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"
        for event in events
    ]
    return b"".join([*parts[:1], ping, *parts[1:]])


assembled = assembler(DIALECT, request)


VALUES = st.dictionaries(TEXT, st.integers(-9, 9) | TEXT | st.booleans() | st.none(), max_size=3)


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One answer as blocks and as the deltas of a stream, cut anywhere."""
    blocks: list[dict[str, Any]] = []
    deltas: list[dict[str, Any]] = []
    for kind in draw(st.lists(st.sampled_from(["text", "thinking", "tool_use"]), max_size=4)):
        cuts = draw(st.lists(st.integers(0, 100), max_size=4))
        if kind == "text":
            text = draw(TEXT)
            blocks.append({"type": "text", "text": text})
            deltas.append({"start": {"type": "text", "text": ""}})
            deltas += [{"type": "text_delta", "text": piece} for piece in pieces_of(text, cuts)]
        elif kind == "thinking":
            text = draw(TEXT)
            blocks.append({"type": "thinking", "thinking": text, "signature": "sig"})
            deltas.append({"start": {"type": "thinking", "thinking": "", "signature": ""}})
            deltas += [{"type": "thinking_delta", "thinking": p} for p in pieces_of(text, cuts)]
            deltas.append({"type": "signature_delta", "signature": "sig"})
        else:
            given = draw(VALUES)
            call = {"type": "tool_use", "id": f"toolu_{len(blocks)}", "name": "roll"}
            blocks.append({**call, "input": given})
            deltas.append({"start": {**call, "input": {}}})
            text = msgspec.json.encode(given).decode()
            parts = pieces_of(text, cuts) if given else [""]
            deltas += [{"type": "input_json_delta", "partial_json": piece} for piece in parts]
    return blocks, deltas


@pytest.mark.slow
@given(answers())
@settings(deadline=None)
def test_a_streamed_answer_equals_the_same_answer_sent_whole(
    answer: tuple[list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    blocks, deltas = answer
    streamed, at_once = assembled(sse(stream(deltas))), assembled(whole(blocks))
    for record in (streamed, at_once):
        assert record.status == "complete"
        assert record.finish_reason == "stop"
        assert (record.response_id, record.model) == ("msg_1", "claude-x-2026")
        assert record.usage == {
            "input_tokens": 9,
            "output_tokens": 12,
            "cache_read_input_tokens": 3,
        }
    assert streamed.response == at_once.response
    assert streamed.tool_calls == at_once.tool_calls
    inputs = [block["input"] for block in blocks if block["type"] == "tool_use"]
    assert [call.parsed for call in streamed.tool_calls] == inputs


CALL = {"type": "tool_use", "id": "toolu_1", "name": "roll", "input": {}}
STREAM = sse(
    stream(
        [
            {"start": {"type": "thinking", "thinking": "", "signature": ""}},
            {"type": "thinking_delta", "thinking": "A roll is due."},
            {"type": "signature_delta", "signature": "x"},
            {"start": {"type": "text", "text": ""}},
            {"type": "text_delta", "text": "You try "},
            {"type": "text_delta", "text": "the dœr."},
            {"start": CALL},
            {"type": "input_json_delta", "partial_json": ""},
            {"type": "input_json_delta", "partial_json": '{"d": 2'},
            {"type": "input_json_delta", "partial_json": "0}"},
        ],
        reason="tool_use",
    )
)


def test_thinking_text_and_tool_calls_become_one_assistant_message() -> None:
    record = assembled(STREAM)
    call = {"name": "roll", "arguments": '{"d": 20}'}
    assert record.response == {
        "role": "assistant",
        "content": "You try the dœr.",
        "reasoning_content": "A roll is due.",
        "tool_calls": [{"id": "toolu_1", "type": "function", "function": call}],
    }
    assert (record.status, record.finish_reason) == ("complete", "tool_calls")


@pytest.mark.slow
def test_a_stream_cut_at_any_byte_is_truncated_until_its_stop_reason() -> None:
    stopped_at = STREAM.index(b'"stop_reason":"tool_use"')
    for cut in range(len(STREAM) + 1):
        record = assembled(STREAM[:cut])
        assert record.status in ("truncated", "complete"), cut
        if cut < stopped_at:
            assert record.status == "truncated", cut
        text = (record.response or {}).get("content") or ""
        assert "You try the dœr.".startswith(text)
        closed = assembled(STREAM[:cut], ended="client_closed")
        assert closed.status == ("complete" if record.status == "complete" else "client_closed")
    assert record.status == "complete"


@pytest.mark.parametrize(
    ("reason", "status", "finish"),
    [
        ("end_turn", "complete", "stop"),
        ("stop_sequence", "complete", "stop"),
        ("refusal", "complete", "refusal"),
        ("max_tokens", "truncated", "length"),
        ("model_context_window_exceeded", "truncated", "length"),
        ("pause_turn", "truncated", "pause_turn"),
    ],
)
def test_the_stop_reason_decides_whether_an_answer_is_whole(
    reason: str, status: str, finish: str
) -> None:
    text = {"type": "text", "text": "The door"}
    for record in (
        assembled(whole([text], reason)),
        assembled(sse(stream([{"start": text}], reason))),
    ):
        assert (record.status, record.finish_reason) == (status, finish)
        assert record.response == {"role": "assistant", "content": "The door"}


def test_an_error_event_in_a_stream_is_an_upstream_error_with_what_arrived() -> None:
    cut = STREAM[: STREAM.index(b"event: content_block_stop")]
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    record = assembled(cut + b"event: error\ndata: " + msgspec.json.encode(error) + b"\n\n")
    assert (record.status, record.error) == ("upstream_error", "Overloaded")
    assert record.response["reasoning_content"] == "A roll is due."
    refused = assembled(error, http_status=529)
    assert (refused.status, refused.error) == ("upstream_error", "HTTP 529: Overloaded")


def test_what_the_servers_own_tools_did_is_not_taken_for_a_call_of_ours() -> None:
    search = {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}}
    deltas = [
        {"start": search},
        {"type": "input_json_delta", "partial_json": '{"query": "doors"}'},
        {"start": {"type": "text", "text": ""}},
        {"type": "text_delta", "text": "Doors open."},
    ]
    record = assembled(sse(stream(deltas)))
    assert record.response == {"role": "assistant", "content": "Doors open."}
    assert record.tool_calls == []


def test_a_request_becomes_canonical_messages() -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "BBBB"}
    asked = request(
        system=[{"type": "text", "text": "You are the Dungeon Master."}],
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look:"},
                    {"type": "image", "source": picture},
                    {"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}},
                    {"type": "document", "source": pdf, "title": "Map"},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                    {"type": "text", "text": "I roll."},
                    {**CALL, "input": {"d": 20}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "17"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_2",
                        "content": [{"type": "text", "text": "a hit"}],
                    },
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
        tools=[
            {"name": "roll", "description": "Roll dice.", "input_schema": {"type": "object"}},
            {"type": "web_search_20250305", "name": "web_search"},
        ],
        temperature=0.5,
        stream=True,
    )
    call = {"name": "roll", "arguments": '{"d":20}'}
    assert asked.messages == [
        {"role": "system", "content": "You are the Dungeon Master."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look:"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}},
                {
                    "type": "file",
                    "file": {"file_data": "data:application/pdf;base64,BBBB", "filename": "Map"},
                },
            ],
        },
        {
            "role": "assistant",
            "content": "I roll.",
            "reasoning_content": "Hm.",
            "tool_calls": [{"id": "toolu_1", "type": "function", "function": call}],
        },
        {"role": "tool", "tool_call_id": "toolu_1", "content": "17"},
        {"role": "tool", "tool_call_id": "toolu_2", "content": "a hit"},
        {"role": "user", "content": "And now?"},
    ]
    schema = {"name": "roll", "description": "Roll dice.", "parameters": {"type": "object"}}
    assert asked.tools == [
        {"type": "function", "function": schema},
        {"type": "web_search_20250305", "name": "web_search"},
    ]
    assert asked.params == {"max_tokens": 100, "temperature": 0.5}
    assert asked.stream


def test_keys_of_remote_tool_servers_are_never_taken_into_a_request() -> None:
    server = {"type": "url", "url": "https://a.test", "name": "a", "authorization_token": "secret"}
    asked = request(mcp_servers=[server])
    assert b"secret" not in msgspec.json.encode(asked)
    assert asked.params["mcp_servers"][0]["name"] == "a"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"messages": {}}', b'{"messages": [1]}'])
def test_a_body_that_is_no_request_is_refused_in_one_sentence(body: bytes) -> None:
    with pytest.raises(FormatError):
        DIALECT.read_request(body)


def test_first_content_is_found_in_the_first_chunk_that_has_any() -> None:
    chunks = STREAM.split(b"\n\n")
    found = [DIALECT.first_content(c) for c in chunks]
    assert found.index(True) == 3
    assert b"thinking_delta" in chunks[3]
    assert DIALECT.first_content(
        b'{"type":"content_block_start","content_block":{"type":"tool_use"'
    )
