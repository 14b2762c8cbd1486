"""Event streams as servers really write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.chat.sse import read_events


@pytest.mark.parametrize(
    "stream",
    [
        b"data: one\n\ndata: two\n\n",
        b"data:one\n\ndata:two\n\n",
        b"data: one\r\n\r\ndata: two\r\n\r\n",
        b"data: one\r\rdata: two\r\r",
        b"\xef\xbb\xbfdata: one\n\ndata: two\n\n",
        b": hello\n\ndata: one\n: still here\n\n\n\nevent: x\nid: 7\nretry: 5\ndata: two\n\n",
        b"event: a\ndata: one\nevent: b\n\nevent: b\n\nunknown: 1\ndata: two\n\n",
    ],
    ids=["plain", "no space", "CRLF", "CR", "BOM", "comments and fields", "empty events"],
)
def test_every_way_of_writing_two_events_gives_the_two(stream: bytes) -> None:
    assert read_events(stream).data == [b"one", b"two"]


def test_data_over_several_lines_is_joined_by_newlines() -> None:
    assert read_events(b"data: {\ndata:  1\ndata:}\n\n").data == [b"{\n 1\n}"]


def test_an_event_without_its_blank_line_is_kept_apart_as_the_tail() -> None:
    events = read_events(b"data: one\n\ndata: tw")
    assert (events.data, events.tail) == ([b"one"], b"tw")
    assert read_events(b"data: a\ndata: b").tail == b"a\nb"
    assert read_events(b"data: one\n\n").tail == b""


def test_the_data_of_the_first_event_named_error_is_given() -> None:
    stream = b"event: ping\ndata: 1\n\nevent: error\ndata: 2\n\nevent:error\ndata: 3\n\n"
    assert read_events(stream).error == b"2"
    assert read_events(b"event: ping\ndata: error\n\n").error is None


@given(st.binary())
def test_no_bytes_can_make_the_reader_fail(body: bytes) -> None:
    read_events(body)


@given(
    st.lists(st.binary(min_size=1).filter(lambda b: not {10, 13} & set(b)), max_size=8),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_what_was_written_as_events_is_read_back(payloads: list[bytes], newline: bytes) -> None:
    stream = b"".join(b"data: " + payload + newline * 2 for payload in payloads)
    assert read_events(stream).data == payloads


@given(
    st.lists(
        st.sampled_from(
            [b"data: ", b"data: a", b"data:", b"event: error", b"\n", b"\n\n", b"\r\n", b"x", b" "]
        ),
        max_size=14,
    )
)
def test_a_stream_is_read_alike_with_and_without_a_comment_before_it(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    assert read_events(body) == read_events(b":\n" + body)
