"""Chat Completions on the wire, whole and streamed, become the same record."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.chat.exchanges import TEXT, assembler, pieces_of

from understudy.chat.dialects.openai_chat import OpenAIChat
from understudy.chat.record import CallRecord, CallRequest
from understudy.errors import FormatError

DIALECT = OpenAIChat()
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 12,
    "total_tokens": 21,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
}
COUNTS = {
    "input_tokens": 9,
    "output_tokens": 12,
    "total_tokens": 21,
    "prompt_tokens_details.cached_tokens": 4,
    "prompt_tokens_details.audio_tokens": 0,
}


def request(**fields: Any) -> CallRequest:
    body = {"model": "gm-1", "messages": [{"role": "user", "content": "I open the door."}]}
    return DIALECT.read_request(msgspec.json.encode({**body, **fields}))


def whole(*messages: dict[str, Any], reason: str = "stop") -> dict[str, Any]:
    """A body that the API's own types accept."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gm-1-0613",
        "choices": [
            {"index": i, "finish_reason": reason, "logprobs": None, "message": message}
            for i, message in enumerate(messages)
        ],
        "usage": USAGE,
    }
    ChatCompletion.model_validate(body, strict=True)
    return body


def chunk(delta: dict[str, Any] | None, *, index: int = 0, **fields: Any) -> dict[str, Any]:
    """A chunk that the API's own types accept."""
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
    reason = fields.pop("finish_reason", None)
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gm-1-0613",
        "choices": [] if delta is None else [choice | {"finish_reason": reason}],
        **fields,
    }
    ChatCompletionChunk.model_validate(body, strict=True)
    return body


def sse(events: list[dict[str, Any]], done: bool = True) -> bytes:
    stream = b"".join(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events)
    return stream + b"data: [DONE]\n\n" if done else stream


assembled = assembler(DIALECT, request)


NAME = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
CALLS = st.lists(st.tuples(NAME, TEXT), max_size=3)


@st.composite
def answers(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One answer as a message and as the deltas of a stream, cut anywhere."""
    text, refusal, calls = draw(TEXT), draw(st.just("") | TEXT), draw(CALLS)
    thought = draw(st.just("") | TEXT)
    cuts = draw(st.lists(st.integers(0, 100), max_size=5))
    tool_calls = [
        {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for i, (name, arguments) in enumerate(calls)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if thought:
        message["reasoning_content"] = thought
        deltas += [{"reasoning_content": piece} for piece in pieces_of(thought, cuts)]
    if refusal:
        message["refusal"] = refusal
        deltas += [{"refusal": piece} for piece in pieces_of(refusal, cuts)]
    deltas += [{"content": piece} for piece in pieces_of(text, cuts)]
    if tool_calls:
        message["tool_calls"] = tool_calls
    rest: list[dict[str, Any]] = []
    for i, call in enumerate(tool_calls):
        begin = {**call, "function": {"name": call["function"]["name"], "arguments": ""}}
        deltas.append({"tool_calls": [{"index": i, **begin}]})
        rest += [
            {"tool_calls": [{"index": i, "function": {"arguments": piece}}]}
            for piece in pieces_of(call["function"]["arguments"], cuts)
        ]
    return message, deltas + rest


@pytest.mark.slow
@given(answers())
@settings(deadline=None)
def test_a_streamed_answer_equals_the_same_answer_sent_whole(
    answer: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    message, deltas = answer
    events = [chunk(delta) for delta in deltas]
    events += [chunk({}, finish_reason="stop"), chunk(None, usage=USAGE)]
    streamed, at_once = assembled(sse(events)), assembled(whole(message))
    for record in (streamed, at_once):
        assert record.status == "complete"
        assert record.error is None
        assert record.usage == COUNTS
        assert record.model == "gm-1-0613"
        assert record.response_id == "chatcmpl-1"
        assert record.finish_reason == "stop"
    assert streamed.response == at_once.response
    assert streamed.tool_calls == at_once.tool_calls
    assert [c.arguments for c in at_once.tool_calls] == [
        c["function"]["arguments"] for c in message.get("tool_calls", [])
    ]


STREAM = sse(
    [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "The dœr "}),
        chunk({"content": "opens."}),
        chunk({"tool_calls": [{"index": 0, "id": "c", "type": "function",
                               "function": {"name": "roll", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"d":'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "20}"}}]}),
        chunk({}, finish_reason="tool_calls"),
        chunk(None, usage=USAGE),
    ]
)  # fmt: skip


def test_a_stream_cut_at_any_byte_is_truncated_until_its_finish_reason() -> None:
    finished_at = STREAM.index(b'"finish_reason":"tool_calls"')
    for cut in range(len(STREAM) + 1):
        record = assembled(STREAM[:cut])
        if cut < finished_at:
            assert record.status == "truncated", cut
            assert record.error
        if cut == len(STREAM) or cut > STREAM.index(b'"total_tokens"') + 200:
            assert record.status == "complete", cut
        text = (record.response or {}).get("content") or ""
        assert "The dœr opens.".startswith(text)
    assert record.tool_calls[0].parsed == {"d": 20}


def test_a_caller_who_hangs_up_in_the_middle_is_told_apart() -> None:
    end_of_last_piece = STREAM.index(b"\n\n", STREAM.index(b'"finish_reason":"tool_calls"'))
    for cut in range(len(STREAM) + 1):
        record = assembled(STREAM[:cut], ended="client_closed")
        expected = "complete" if cut >= end_of_last_piece else "client_closed"
        assert record.status == expected, cut


def test_a_server_that_breaks_off_is_an_upstream_error_with_what_arrived() -> None:
    record = assembled(STREAM[:500], ended="upstream_error", error="connection reset")
    assert (record.status, record.error) == ("upstream_error", "connection reset")
    assert record.response["content"] == "The dœr "


def test_carriage_returns_comments_and_a_bom_change_nothing() -> None:
    odd = b"\xef\xbb\xbf: keep-alive\r\n\r\n" + STREAM.replace(b"\n", b"\r\n")
    assert assembled(odd) == assembled(STREAM)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("stop", "complete"),
        ("tool_calls", "complete"),
        ("function_call", "complete"),
        ("length", "truncated"),
        ("content_filter", "truncated"),
    ],
)
def test_the_finish_reason_decides_whether_an_answer_is_whole(reason: str, status: str) -> None:
    message = {"role": "assistant", "content": "The door"}
    at_once = assembled(whole(message, reason=reason))
    streamed = assembled(sse([chunk({"content": "The door"}), chunk({}, finish_reason=reason)]))
    assert at_once.status == streamed.status == status
    assert at_once.response == streamed.response == message
    assert (at_once.error is None) == (status == "complete")


def test_a_refusal_is_a_complete_answer() -> None:
    record = assembled(whole({"role": "assistant", "content": None, "refusal": "I cannot."}))
    assert record.status == "complete"
    assert record.response == {"role": "assistant", "content": None, "refusal": "I cannot."}


def test_several_choices_are_kept_and_the_first_is_the_response() -> None:
    events = [
        chunk({"role": "assistant", "content": ""}, index=1),
        chunk({"content": "no"}, index=1),
        chunk({"content": "yes"}, index=0),
        chunk({}, index=1, finish_reason="stop"),
    ]
    asked = request(n=2)
    assert assembled(sse(events, done=False), asked).status == "truncated"
    events.append(chunk({}, index=0, finish_reason="stop"))
    record = assembled(sse(events, done=False), asked)
    assert record.status == "complete"
    assert [choice["content"] for choice in record.choices] == ["yes", "no"]
    assert record.response == record.choices[0]


def test_a_choice_that_never_came_makes_the_call_truncated() -> None:
    events = [chunk({"content": "yes"}), chunk({}, finish_reason="stop")]
    assert assembled(sse(events, done=False), request(n=2)).status == "truncated"


def test_a_legacy_function_call_is_kept_in_its_shape_and_listed_as_a_call() -> None:
    call = {"name": "roll", "arguments": '{"d": 20}'}
    at_once = assembled(whole({"role": "assistant", "content": None, "function_call": call}))
    events = [
        chunk({"role": "assistant", "content": None, "function_call": {"name": "roll"}}),
        chunk({"function_call": {"arguments": '{"d":'}}),
        chunk({"function_call": {"arguments": " 20}"}}),
        chunk({}, finish_reason="function_call"),
    ]
    streamed = assembled(sse(events))
    assert at_once.response == streamed.response
    assert at_once.response == {"role": "assistant", "content": None, "function_call": call}
    assert streamed.tool_calls[0].parsed == {"d": 20}


def test_how_the_stream_was_cut_into_chunks_changes_nothing() -> None:
    for size in (1, 7, 64, 1000):
        chunks = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
        assert assembled(b"".join(chunks)) == assembled(STREAM)
        if size >= 64:
            assert any(DIALECT.first_content(c) for c in chunks)


@pytest.mark.slow
@given(answers())
@settings(deadline=None)
def test_the_apis_own_client_puts_the_same_stream_together_alike(
    answer: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    events = [chunk(delta) for delta in answer[1]] + [chunk({}, finish_reason="stop")]
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for event in events:
        state.handle_chunk(ChatCompletionChunk.model_validate(event))
    theirs = state.get_final_completion().choices[0].message
    ours = assembled(sse(events)).response
    assert (ours["content"] or "") == (theirs.content or "")
    assert ours.get("refusal", "") == (theirs.refusal or "")
    assert [call["function"] for call in ours.get("tool_calls", ())] == [
        {"name": call.function.name, "arguments": call.function.arguments}
        for call in theirs.tool_calls or ()
    ]


def test_spoken_answers_keep_their_transcript_and_citations_are_kept() -> None:
    citation = {"start_index": 0, "end_index": 2, "title": "A", "url": "https://a.test"}
    note = {"type": "url_citation", "url_citation": citation}
    deltas: list[dict[str, Any]] = [
        {"audio": {"id": "audio_1", "transcript": "It "}},
        {"audio": {"data": "AAAA"}},
        {"audio": {"transcript": "opens."}},
        {"annotations": [note]},
    ]
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    answer = assembled(sse(events)).response
    assert answer["audio"] == {"id": "audio_1", "transcript": "It opens."}
    assert answer["annotations"] == [note]


def test_thinking_as_a_part_of_the_content_is_reasoning() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    delta = {"content": [thinking, {"type": "text", "text": "Yes."}]}
    answer = assembled({"choices": [{"message": delta, "finish_reason": "stop"}]}).response
    assert answer == {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}


def test_a_server_that_ends_a_choice_in_an_error_is_an_upstream_error() -> None:
    choice = {"delta": {"content": "It"}, "finish_reason": "error", "error": {"message": "gone"}}
    record = assembled(sse([{"choices": [choice]}]))
    assert (record.status, record.error) == ("upstream_error", "gone")


def calls_in(*deltas: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    events = [{"choices": [{"index": 0, "delta": {"tool_calls": calls}}]} for calls in deltas]
    return [(c.id, c.name, c.arguments) for c in assembled(sse(events)).tool_calls]


def test_tool_calls_of_servers_with_an_accent_are_told_apart() -> None:
    a = {"id": "a", "function": {"name": "roll", "arguments": "{}"}}
    b = {"id": "b", "function": {"name": "look", "arguments": '{"at": 1}'}}
    both = [("a", "roll", "{}"), ("b", "look", '{"at": 1}')]
    assert calls_in([a], [b]) == both
    assert calls_in([{"index": 0, **a}], [{"index": 0, **b}]) == both
    assert calls_in([{"index": 1, **b}], [{"index": 0, **a}]) == both
    more = {"function": {"name": "roll", "arguments": ' "more"'}}
    assert calls_in([{"index": 0, **a}], [{"index": 0, **more}]) == [("a", "roll", '{} "more"')]
    as_object = {"id": "a", "function": {"name": "roll", "arguments": {"d": 20}}}
    assert calls_in([as_object]) == [("a", "roll", '{"d":20}')]


def test_custom_tools_keep_their_free_text() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}}
    record = assembled(whole({"role": "assistant", "content": None, "tool_calls": [call]}))
    assert record.response["tool_calls"] == [call]
    assert (record.tool_calls[0].arguments, record.tool_calls[0].parsed) == ("ls -l", None)


def test_reasoning_under_another_name_and_content_in_parts_are_understood() -> None:
    events = [
        {"choices": [{"index": 0, "delta": {"reasoning": "Hm."}}]},
        {"choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": "Yes"}]}}]},
    ]
    record = assembled(sse(events))
    assert record.response["reasoning_content"] == "Hm."
    assert record.response["content"] == "Yes"


def test_arguments_that_are_no_json_are_kept_as_sent() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "roll", "arguments": '{"d": 2'}}
    record = assembled(whole({"role": "assistant", "content": None, "tool_calls": [call]}))
    assert (record.tool_calls[0].arguments, record.tool_calls[0].parsed) == ('{"d": 2', None)


def test_an_error_event_in_a_stream_is_an_upstream_error() -> None:
    events = [chunk({"content": "The d"}), {"error": {"message": "overloaded", "code": 502}}]
    record = assembled(sse(events))
    assert (record.status, record.error) == ("upstream_error", "overloaded")
    named = sse([chunk({"content": "The d"})], done=False) + b"event: error\ndata: gone\n\n"
    assert assembled(named).error == "gone"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "Rate limit", "type": "requests"}}', "HTTP 429: Rate limit"),
        (b'{"error": "Rate limit"}', "HTTP 429: Rate limit"),
        (b'[{"error": {"code": 429, "message": "Rate limit"}}]', "HTTP 429: Rate limit"),
        (b"<html>Rate limit</html>", "HTTP 429: <html>Rate limit</html>"),
        (b"", "HTTP 429"),
    ],
)
def test_an_http_error_is_an_upstream_error_in_the_servers_words(body: bytes, words: str) -> None:
    record = assembled(body, http_status=429)
    assert (record.status, record.error, record.response) == ("upstream_error", words, None)
    assert record.http_status == 429


@pytest.mark.parametrize(
    "body", [b"{", b'{"foo": 1}', b"[1]", b"hello", b"data: {broken\n\n", b"data: 7\n\n"]
)
def test_an_answer_that_cannot_be_parsed_is_an_upstream_error(body: bytes) -> None:
    record = assembled(body)
    assert record.status == "upstream_error"
    assert record.error


def test_half_a_surrogate_pair_in_each_of_two_chunks_makes_one_character() -> None:
    body = b"".join(
        b'data: {"choices":[{"index":0,"delta":{"content":"' + half + b'"}}]}\n\n'
        for half in (b"\\ud83c", b"\\udfb2", b"\\ud83c")
    )
    assert assembled(body + b"data: [DONE]\n\n").response["content"] == "🎲�"


def test_bytes_that_are_no_utf8_are_replaced_not_lost() -> None:
    body = b'data: {"choices":[{"index":0,"delta":{"content":"a\xffb"}}]}\n\ndata: [DONE]\n\n'
    assert assembled(body).response["content"] == "a�b"


def test_a_request_is_read_into_messages_tools_and_parameters() -> None:
    tool = {"type": "function", "function": {"name": "roll", "parameters": {"type": "object"}}}
    asked = request(
        messages=[
            {"role": "system", "content": "You are the Dungeon Master."},
            {"role": "assistant", "content": None, "tool_calls": None, "refusal": None},
        ],
        tools=[tool],
        functions=[{"name": "look", "description": "Look around."}],
        temperature=0.7,
        stream=True,
        stream_options={"include_usage": True},
    )
    assert asked.messages[1] == {"role": "assistant", "content": None}
    assert asked.tools == [
        tool,
        {"type": "function", "function": {"name": "look", "description": "Look around."}},
    ]
    assert asked.params == {"temperature": 0.7, "stream_options": {"include_usage": True}}
    assert asked.stream
    record = assembled(STREAM, asked)
    assert record.system_hash == "9f8259f1f6608ac8"
    assert record.messages == asked.messages


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"{}", b'{"messages": 1}', b'{"messages": ["x"]}', b"\xff"]
)
def test_a_body_that_is_no_request_is_refused_in_one_sentence(body: bytes) -> None:
    with pytest.raises(FormatError):
        DIALECT.read_request(body)


def test_first_content_is_found_in_the_first_chunk_that_has_any() -> None:
    chunks = STREAM.split(b"\n\n")
    assert [DIALECT.first_content(c) for c in chunks[:3]] == [False, True, True]
    assert DIALECT.first_content(chunks[3])
    assert not DIALECT.first_content(chunks[6])
    assert not DIALECT.first_content(chunks[7])
    assert DIALECT.first_content(msgspec.json.encode(whole({"role": "assistant", "content": "x"})))


def test_times_and_the_request_go_into_the_record() -> None:
    record: CallRecord = assembled(STREAM, first_token_s=0.2, total_s=1.5)
    assert (record.first_token_s, record.total_s) == (0.2, 1.5)
    assert record.dialect == "openai-chat"
