"""What passes over the wire when it goes wrong: broken, late, huge, hostile, or hung up on."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.capture.proxy import ProxyServer
from understudy.capture.proxy.upstream_address import (
    BadTargetError,
    UpstreamAddress,
    origin_form,
)
from understudy.errors import CaptureError, UsageError
from understudy.players.backends.scripted import Answer, ScriptedModelServer
from understudy.session.steps import ChatStep
from understudy.session.workspace import Workspace

Ask = Callable[[str, bytes], bytes]
Until = Callable[[Callable[[], object]], None]
MakeServer = Callable[[Callable[[socket.socket, bytes], None]], Any]

CALL = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Ale!"}]}).encode()
STREAM = CALL[:-1] + b', "stream": true}'
PATH = "/v1/chat/completions"
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'


def post(body: bytes, path: str = PATH, extra: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\n{extra}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def chats(workspace: Workspace) -> list[ChatStep]:
    steps = [step for session in workspace.sessions() for step in session.trace()]
    return [step for step in steps if isinstance(step, ChatStep)]


def connect(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=5)


def error_of(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]["message"]


def test_each_event_of_a_stream_arrives_before_the_next_is_sent(
    workspace: Workspace, raw_server: MakeServer
) -> None:
    go_on = threading.Event()

    def handle(connection: socket.socket, request: bytes) -> None:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-ID: 7\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        for _ in range(3):
            connection.sendall(b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
            assert go_on.wait(5)
            go_on.clear()
        connection.sendall(b"0\r\n\r\n")

    server = raw_server(handle)
    with ProxyServer(workspace, upstream=server.url) as proxy, connect(proxy.url) as client:
        client.sendall(post(STREAM))
        got = b""
        for number in range(1, 4):
            while got.count(EVENT) < number:
                got += client.recv(65536)
            go_on.set()
        while not got.endswith(b"0\r\n\r\n"):
            got += client.recv(65536)
    assert b"x-id: 7" in got


def test_a_client_that_hangs_up_hangs_up_the_upstream_and_is_recorded(
    workspace: Workspace, until: Until
) -> None:
    answer = Answer(text="one two three four five six seven eight", delay_s=0.03)
    with (
        ScriptedModelServer([answer]) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
    ):
        with connect(proxy.url) as client:
            client.sendall(post(STREAM))
            got = b""
            while b"two" not in got:
                got += client.recv(65536)
        until(lambda: server.hung_up)
        until(lambda: proxy.sink.seen)
    (step,) = chats(workspace)
    assert step.status == "client_closed"
    assert step.response is not None
    assert step.response["content"].startswith("one two")


def test_an_upstream_that_breaks_off_cuts_the_answer_and_is_recorded(
    workspace: Workspace,
) -> None:
    with (
        ScriptedModelServer([Answer(text="one two three", break_after=3)]) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
        connect(proxy.url) as client,
    ):
        client.sendall(post(STREAM))
        got = b""
        while piece := client.recv(65536):
            got += piece
    assert b"two" in got
    assert not got.endswith(b"0\r\n\r\n")
    (step,) = chats(workspace)
    assert step.status == "upstream_error"
    assert step.response is not None
    assert step.response["content"] == "one two "


def test_an_upstream_that_is_not_there_is_a_clear_502(workspace: Workspace, ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with ProxyServer(workspace, upstream=f"http://127.0.0.1:{port}") as proxy:
        status, sentence = error_of(ask(proxy.url, post(CALL)))
        raw = ask(proxy.url, post(CALL, "/v1/messages"))
    assert (status, "cannot be reached" in sentence) == (502, True)
    assert json.loads(raw.partition(b"\r\n\r\n")[2])["type"] == "error"
    assert [step.status for step in chats(workspace)] == ["upstream_error"] * 2


def test_an_upstream_that_closes_without_an_answer_is_a_502(
    workspace: Workspace, raw_server: MakeServer, ask: Ask
) -> None:
    server = raw_server(lambda connection, request: connection.shutdown(socket.SHUT_RDWR))
    with ProxyServer(workspace, upstream=server.url) as proxy:
        assert error_of(ask(proxy.url, post(CALL)))[0] == 502
    assert len(server.received) == 1, "a call that costs money must not be sent twice"


def test_an_upstream_that_does_not_speak_http_is_a_502(
    workspace: Workspace, raw_server: MakeServer, ask: Ask
) -> None:
    server = raw_server(lambda connection, request: connection.sendall(b"\x15\x03\x01 no\r\n\r\n"))
    with ProxyServer(workspace, upstream=server.url) as proxy:
        status, sentence = error_of(ask(proxy.url, post(CALL)))
    assert (status, "not HTTP" in sentence) == (502, True)


@pytest.mark.slow
def test_a_silent_upstream_is_a_504(workspace: Workspace, raw_server: MakeServer, ask: Ask) -> None:
    server = raw_server(lambda connection, request: None)
    with ProxyServer(workspace, upstream=server.url, upstream_timeout_s=0.2) as proxy:
        status, sentence = error_of(ask(proxy.url, post(CALL)))
        assert server.closed_by_peer.wait(5)
    assert (status, "silent" in sentence) == (504, True)
    assert [step.status for step in chats(workspace)] == ["upstream_error"]


@pytest.mark.parametrize("told", [True, False], ids=["length told", "chunked"])
def test_a_body_over_the_limit_is_a_413_and_never_reaches_the_upstream(
    workspace: Workspace, ask: Ask, told: bool
) -> None:
    body = b"x" * 40_000
    request = post(body)
    if not told:
        head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        request = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with (
        ScriptedModelServer(["a"]) as server,
        ProxyServer(workspace, upstream=server.url, max_body_mb=0.03125) as proxy,
    ):
        status, sentence = error_of(ask(proxy.url, request))
        assert error_of(ask(proxy.url, post(b"{}")))[0] == 400  # the model server's own
    assert status == 413
    assert "0.03125 MB" in sentence
    assert "max_body_mb" in sentence
    assert len(server.requests) == 1


@pytest.mark.slow
def test_large_bodies_pass_both_ways_unchanged(workspace: Workspace) -> None:
    text = "ale " * 1_500_000
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    with (
        ScriptedModelServer([Answer(text=text)]) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
        connect(proxy.url) as client,
    ):
        client.sendall(post(body))
        got = bytearray()
        while text.encode() not in got[-7_000_000:]:
            got += client.recv(1 << 20)
            time.sleep(0.001)  # a slow reader: the proxy must wait, not swallow memory
    assert server.requests[0].body == body


def test_requests_sent_ahead_on_one_connection_are_answered_in_order(
    workspace: Workspace,
) -> None:
    def echo(messages: list[dict[str, Any]]) -> str:
        return str(messages[0]["content"])

    bodies = [CALL.replace(b"Ale!", b"number %d." % number) for number in range(5)]
    with (
        ScriptedModelServer(echo) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
        connect(proxy.url) as client,
    ):
        client.sendall(b"".join(post(body) for body in bodies))
        got = b""
        while b"number 4." not in got:
            got += client.recv(65536)
    places = [got.index(b"number %d." % number) for number in range(5)]
    assert places == sorted(places)


def test_an_old_client_gets_a_body_that_ends_with_the_connection(workspace: Workspace) -> None:
    with (
        ScriptedModelServer(["Hi"]) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
        connect(proxy.url) as client,
    ):
        client.sendall(post(STREAM).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        got = b""
        while piece := client.recv(65536):
            got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body.startswith(b"data: {")
    assert body.endswith(b"data: [DONE]\n\n")


def test_a_client_that_waits_for_permission_to_send_gets_it(workspace: Workspace) -> None:
    head = post(CALL, extra="expect: 100-continue\r\n")[: -len(CALL)]
    with (
        ScriptedModelServer(["Hi"]) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
        connect(proxy.url) as client,
    ):
        client.sendall(head)
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(CALL)
        assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_an_offer_to_speak_http2_is_declined_and_the_call_answered(
    workspace: Workspace, ask: Ask
) -> None:
    offer = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAM\r\n"
    with (
        ScriptedModelServer(["Hi"]) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
    ):
        assert ask(proxy.url, post(CALL, extra=offer)).startswith(b"HTTP/1.1 200")
        get = f"GET /v1/models HTTP/1.1\r\nhost: x\r\n{offer}\r\n".encode()
        assert ask(proxy.url, get).startswith(b"HTTP/1.1 200")
    assert not {"upgrade", "http2-settings", "connection"} & set(server.requests[0].headers)


def test_a_websocket_is_a_clear_501(workspace: Workspace, ask: Ask) -> None:
    request = b"GET /v1/realtime HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\n"
    request += b"upgrade: websocket\r\n\r\n"
    with ProxyServer(workspace, upstream="http://127.0.0.1:9") as proxy:
        status, sentence = error_of(ask(proxy.url, request))
    assert (status, "WebSocket" in sentence) == (501, True)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
        b"POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n"
        b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: -3\r\n\r\nabc",
        b"POST /v1/x HTTP/1.1\r\nhost : x\r\n\r\n",
        b"POST /v1/x HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\n\r\n",
        b"GET /v1/../admin HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/%2e%2E/admin HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/..%2fadmin HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/%252e%252e/admin HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /session/x/../../admin HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/..\\admin HTTP/1.1\r\nhost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
        b"CONNECT 10.0.0.1:22 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00 not http at all\r\n\r\n",
    ],
)
def test_what_could_smuggle_or_escape_is_a_400_and_goes_nowhere(
    workspace: Workspace, ask: Ask, request_bytes: bytes
) -> None:
    with (
        ScriptedModelServer(["a"]) as server,
        ProxyServer(workspace, upstream=f"{server.url}/v1") as proxy,
    ):
        assert ask(proxy.url, request_bytes).startswith(b"HTTP/1.1 400")
    assert server.requests == []


def test_a_header_of_endless_length_is_refused(workspace: Workspace, ask: Ask) -> None:
    request = b"GET /v1/models HTTP/1.1\r\nhost: x\r\na: " + b"b" * 70_000 + b"\r\n\r\n"
    with ProxyServer(workspace, upstream="http://127.0.0.1:9") as proxy:
        assert error_of(ask(proxy.url, request))[0] == 431


def test_a_target_that_names_another_server_still_goes_to_ours(
    workspace: Workspace, ask: Ask
) -> None:
    with (
        ScriptedModelServer(["a"]) as server,
        ProxyServer(workspace, upstream=f"{server.url}/v1") as proxy,
    ):
        request = b"GET http://169.254.169.254/models HTTP/1.1\r\nhost: evil.example\r\n\r\n"
        assert ask(proxy.url, request).startswith(b"HTTP/1.1 200")
    assert server.requests[0].path == "/v1/models"
    assert server.requests[0].headers["host"] == server.url.removeprefix("http://")


def test_without_the_token_nothing_is_forwarded_and_health_says_little(
    workspace: Workspace, ask: Ask
) -> None:
    with (
        ScriptedModelServer(["a"]) as server,
        ProxyServer(workspace, upstream=server.url, token="t0ken") as proxy,
    ):
        for extra in ("", "x-understudy-token: wrong\r\n"):
            status, sentence = error_of(ask(proxy.url, post(CALL, extra=extra)))
            assert (status, "X-Understudy-Token" in sentence) == (401, True)
        assert error_of(ask(proxy.url, post(CALL, f"/token/no{PATH}")))[0] == 401
        health = ask(proxy.url, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        full = ask(proxy.url, b"GET /token/t0ken/healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    assert json.loads(health.partition(b"\r\n\r\n")[2]) == {"ok": True}
    assert b"in_flight" in full
    assert server.requests == []


def test_another_address_without_a_token_is_refused(workspace: Workspace) -> None:
    with (
        pytest.raises(UsageError, match="token"),
        ProxyServer(workspace, upstream="http://127.0.0.1:9", host="0.0.0.0"),
    ):
        pass


def test_a_taken_port_is_one_clear_sentence(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(CaptureError, match=f"cannot listen on 127.0.0.1:{port}"),
            ProxyServer(workspace, upstream="http://127.0.0.1:9", port=port),
        ):
            pass


@pytest.mark.parametrize(
    "url",
    ["", "api.openai.com", "ftp://x", "http://", "http://u:p@x", "http://x/?q=1", "http://x:99999"],
)
def test_an_upstream_that_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        UpstreamAddress.parse(url)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=r"abv1/.%2eEfF5;\?:@", max_size=30))
def test_no_target_leaves_the_base_path(text: str) -> None:
    address = UpstreamAddress.parse("http://model.example/v1/")
    try:
        target = address.target(origin_form(b"/" + text.encode()))
    except BadTargetError:
        return
    assert target.startswith(b"/v1")
    path = target.split(b"?")[0]
    assert b".." not in path.split(b"/")
    assert b"%2e%2e" not in path.lower().split(b"/")


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(pieces=st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=8))
def test_response_bytes_come_through_as_they_were_however_they_are_cut(
    pieces: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = b"".join(pieces)

    def handle(connection: socket.socket) -> None:
        peer, _ = connection.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            for piece in pieces:
                peer.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            peer.sendall(b"0\r\n\r\n")

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        Workspace(tmp_path_factory.mktemp("ws")) as workspace,
    ):
        threading.Thread(target=handle, args=(listener,), daemon=True).start()
        upstream = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with ProxyServer(workspace, upstream=upstream) as proxy, connect(proxy.url) as client:
            client.sendall(b"GET /files HTTP/1.0\r\nhost: x\r\n\r\n")
            got = b""
            while piece := client.recv(65536):
                got += piece
    assert got.partition(b"\r\n\r\n")[2] == whole
