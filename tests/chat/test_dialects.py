"""What every dialect promises: it is found by its path, and nothing can make it fail."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from anthropic.types import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import omit
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage

from understudy import plugins
from understudy.chat.dialects import Dialect, dialect_for
from understudy.chat.dialects.anthropic_messages import AnthropicMessages
from understudy.chat.dialects.openai_chat import OpenAIChat
from understudy.chat.dialects.openai_responses import OpenAIResponses
from understudy.chat.exchange import Exchange
from understudy.chat.record import CallRequest
from understudy.errors import FormatError

ALL: list[Dialect] = [OpenAIChat(), OpenAIResponses(), AnthropicMessages()]
EACH = pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.name)
REQUEST = CallRequest(dialect="x", model="gm", messages=[{"role": "user", "content": "Hello"}])

WORDS = [
    "choices", "delta", "message", "index", "tool_calls", "function", "custom", "function_call",
    "name", "arguments", "input", "id", "content", "text", "refusal", "reasoning",
    "reasoning_content", "audio", "transcript", "annotations", "role", "finish_reason", "usage",
    "error", "model", "type", "error", "messages", "system", "tools", "functions", "stream", "n",
    "content_block", "partial_json", "thinking", "stop_reason", "message_start", "message_delta",
    "content_block_start", "content_block_delta", "message_stop", "text_delta", "tool_use",
    "input_json_delta", "tool_result", "tool_use_id", "image", "source", "document", "file_id",
    "response", "output", "output_index", "item", "summary", "status", "completed", "incomplete",
    "incomplete_details", "reason", "response.completed", "response.output_item.added",
    "response.output_text.delta", "response.function_call_arguments.delta", "response.created",
    "instructions", "call_id", "function_call_output", "user", "assistant", "length", "server_url",
    "mcp_servers", "input_schema", "parameters", "input_image", "image_url", "object",
]  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(WORDS) | st.floats()
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)
    ),
    max_leaves=25,
)
OBJECTS = st.dictionaries(st.sampled_from(WORDS), JSON, max_size=6)


def checked(dialect: Dialect, body: bytes, **how: Any) -> None:
    record = dialect.assemble(REQUEST, Exchange(**{"http_status": 200, "body": body, **how}))
    msgspec.json.encode(record)
    assert (record.error is None) == (record.status == "complete")


@EACH
@given(
    body=st.binary() | st.binary().map(lambda b: b"data: " + b + b"\n\n"),
    http=st.sampled_from([None, 200, 500]),
    ended=st.sampled_from(["complete", "client_closed", "upstream_error"]),
)
@settings(deadline=None)
def test_random_bytes_always_give_a_record_that_can_be_written(
    dialect: Dialect, body: bytes, http: int | None, ended: Any
) -> None:
    checked(dialect, body, http_status=http, ended=ended)
    dialect.first_content(body)
    with pytest.raises(FormatError):
        dialect.read_request(body)


@pytest.mark.slow
@EACH
@given(body=OBJECTS, events=st.lists(JSON, max_size=4))
@settings(deadline=None)
def test_json_of_any_shape_always_gives_a_record_that_can_be_written(
    dialect: Dialect, body: dict[str, Any], events: list[Any]
) -> None:
    checked(dialect, msgspec.json.encode(body))
    stream = b"".join(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events)
    checked(dialect, stream)
    msgspec.json.encode(dialect.record_from_response(body, events))
    msgspec.json.encode(dialect.record_from_response(body, body))


@pytest.mark.slow
@EACH
@given(body=OBJECTS, messages=st.lists(OBJECTS, max_size=3))
@settings(deadline=None)
def test_a_request_of_any_shape_is_read_or_refused(
    dialect: Dialect, body: dict[str, Any], messages: list[Any]
) -> None:
    raw = msgspec.json.encode({**body, "messages": messages, "input": messages})
    try:
        request = dialect.read_request(raw)
    except FormatError:
        return
    msgspec.json.encode(dialect.assemble(request, Exchange(body=raw)))


@EACH
def test_json_nested_without_end_is_no_crash(dialect: Dialect) -> None:
    deep = b'{"choices":' + b"[" * 200_000
    checked(dialect, deep)
    checked(dialect, b"data: " + deep + b"\n\n")
    checked(dialect, deep + b"]" * 200_000 + b"}")
    with pytest.raises(FormatError):
        dialect.read_request(deep)


@EACH
def test_no_answer_at_all_is_told_by_how_the_call_ended(dialect: Dialect) -> None:
    def ending(**how: Any) -> tuple[str, str | None]:
        record = dialect.assemble(REQUEST, Exchange(**how))
        assert record.response is None
        return record.status, record.error

    refused = {"ended": "upstream_error", "error": "connection refused"}
    assert ending(**refused) == ("upstream_error", "connection refused")
    assert ending(ended="client_closed")[0] == "client_closed"
    assert ending(http_status=200)[0] == "truncated"
    assert ending(http_status=200, body=b": keep-alive\n\n")[0] == "truncated"


@EACH
@pytest.mark.parametrize(
    "path", ["/", "/v1/models", "/v1/embeddings", "/v1/chat/completions/cmpl_1", "/v1/responses/r",
             "/v1/messages/count_tokens", "/v1/messages/batches", "/v1/threads/t/messages"]
)  # fmt: skip
def test_other_paths_belong_to_no_dialect(dialect: Dialect, path: str) -> None:
    assert not dialect.matches("POST", path)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "openai-chat"),
        ("/s/my-session/v1/chat/completions/", "openai-chat"),
        ("/openai/deployments/gm/chat/completions", "openai-chat"),
        ("/v1/responses", "openai-responses"),
        ("/v1/messages", "anthropic-messages"),
        ("/anthropic/v1/messages", "anthropic-messages"),
    ],
)
def test_each_path_belongs_to_one_dialect_whatever_its_prefix(path: str, name: str) -> None:
    assert [d.name for d in ALL if d.matches("POST", path)] == [name]
    assert not any(d.matches("GET", path) for d in ALL)
    if not plugins.names(plugins.DIALECTS):
        pytest.skip("the package is not installed, so that its entry points are not registered")
    found = dialect_for("POST", path)
    assert found is not None
    assert found.name == name


CHAT = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "gm-1",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "It opens.", "reasoning_content": "Hm."},
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}


def test_a_call_in_this_process_gives_the_record_that_its_bytes_would_give() -> None:
    arguments = {
        "model": "gm",
        "messages": [{"role": "user", "content": "Open!"}],
        "temperature": 0.5,
    }
    dialect = OpenAIChat()
    inside = dialect.record_from_response(arguments, ChatCompletion.model_validate(CHAT))
    request = dialect.read_request(msgspec.json.encode(arguments))
    outside = dialect.assemble(request, Exchange(body=msgspec.json.encode(CHAT)))
    assert inside == outside
    assert inside.response == {
        "role": "assistant",
        "content": "It opens.",
        "reasoning_content": "Hm.",
    }


def test_stream_chunks_in_this_process_are_put_together() -> None:
    deltas = [({"content": "It "}, None), ({"content": "opens."}, None), ({}, "stop")]
    chunks = [
        ChatCompletionChunk.model_validate(
            {
                "id": "c1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "gm-1",
                "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
            }
        )
        for delta, reason in deltas
    ]
    arguments = {"model": "gm", "messages": [], "stream": True}
    record = OpenAIChat().record_from_response(arguments, chunks)
    assert (record.status, record.response) == (
        "complete",
        {"role": "assistant", "content": "It opens."},
    )
    left = OpenAIChat().record_from_response(
        arguments, chunks[:1], exchange=Exchange(ended="client_closed")
    )
    assert left.status == "client_closed"
    cut = OpenAIChat().record_from_response(arguments, chunks[:2])
    assert cut.status == "truncated"


def test_arguments_of_a_client_are_cleared_of_what_is_not_sent() -> None:
    said = ChatCompletionMessage(role="assistant", content="Yes.")
    arguments = {
        "model": "gm",
        "messages": [said, {"role": "user", "content": "Open!"}],
        "temperature": omit,
        "extra_headers": {"Authorization": "Bearer secret"},
        "extra_query": {"key": "secret"},
        "extra_body": {"top_k": 5},
        "timeout": 3.0,
        "response_format": ChatCompletion,
    }
    failed = Exchange(ended="upstream_error", error="no connection", total_s=0.5)
    record = OpenAIChat().record_from_response(arguments, None, exchange=failed)
    assert record.messages[0] == {"role": "assistant", "content": "Yes."}
    assert record.params == {"response_format": "ChatCompletion", "top_k": 5}
    assert (record.status, record.error, record.total_s) == ("upstream_error", "no connection", 0.5)


def test_arguments_that_cannot_be_read_give_a_record_that_says_so() -> None:
    record = OpenAIChat().record_from_response({"messages": 7}, CHAT)
    assert record.status == "upstream_error"
    assert "messages" in (record.error or "")


def test_an_anthropic_answer_in_this_process_is_read_too() -> None:
    message = Message.model_validate(
        {
            "id": "m1",
            "type": "message",
            "role": "assistant",
            "model": "claude-x",
            "content": [{"type": "text", "text": "It opens."}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 2},
        }
    )
    arguments = {"model": "claude-x", "max_tokens": 9, "system": "DM", "messages": []}
    record = AnthropicMessages().record_from_response(arguments, message)
    assert record.status == "complete"
    assert record.messages == [{"role": "system", "content": "DM"}]
    assert record.response == {"role": "assistant", "content": "It opens."}
