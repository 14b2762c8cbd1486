"""Heads of requests and responses: which headers go on, and how a body's length is told.

The proxy frames every message itself and never repeats a length it was told, so that two readers
of one message cannot disagree about where it ends (request smuggling).
"""

from __future__ import annotations

from enum import Enum

Headers = list[tuple[bytes, bytes]]
"""(name in lower case, value) in the order of arrival."""

HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
_NOT_ASKED_ON = HOP_BY_HOP | {
    b"host",
    b"content-length",
    b"expect",
    b"http2-settings",
    b"x-understudy-token",
    b"x-understudy-session",
}
_NOT_ANSWERED_ON = HOP_BY_HOP | {b"content-length"}
_ORDINARY_CONNECTION = (b"keep-alive", b"close", b"Keep-Alive", b"Close")


class Framing(Enum):
    """How the end of a response body is told."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until close"


def value_of(headers: Headers, name: bytes) -> bytes | None:
    """The first value of a header, or None."""
    for key, value in headers:
        if key == name:
            return value
    return None


def request_head(
    method: bytes, target: bytes, host: bytes, headers: Headers, body_length: int
) -> bytes:
    """The head to send upstream, with the length of the body that was really received."""
    dropped = _dropped(headers, _NOT_ASKED_ON)
    lines = [b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (method, target, host)]
    lines += [b"%b: %b\r\n" % pair for pair in headers if pair[0] not in dropped]
    if body_length or method not in (b"GET", b"HEAD", b"OPTIONS", b"DELETE"):
        lines.append(b"content-length: %d\r\n" % body_length)
    lines.append(b"\r\n")
    return b"".join(lines)


def framing_of(method: bytes, status: int, headers: Headers) -> Framing:
    """How the upstream's body ends."""
    if method == b"HEAD" or status in (204, 304):
        return Framing.NONE
    if value_of(headers, b"transfer-encoding") is not None:
        return Framing.CHUNKED
    if value_of(headers, b"content-length") is not None:
        return Framing.LENGTH
    return Framing.UNTIL_CLOSE


def response_head(
    status: int, reason: bytes, headers: Headers, framing: Framing, *, http10: bool, keep: bool
) -> bytes:
    """The head to send to the client. ``keep``: the connection stays open afterwards."""
    dropped = _dropped(headers, _NOT_ANSWERED_ON)
    lines = [b"HTTP/1.1 %d %b\r\n" % (status, reason)]
    lines += [b"%b: %b\r\n" % pair for pair in headers if pair[0] not in dropped]
    if framing in (Framing.LENGTH, Framing.NONE):
        length = value_of(headers, b"content-length")
        if length is not None:
            lines.append(b"content-length: %b\r\n" % length)
    elif not http10:
        lines.append(b"transfer-encoding: chunked\r\n")
    if not keep:
        lines.append(b"connection: close\r\n")
    elif http10:
        lines.append(b"connection: keep-alive\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)


def _dropped(headers: Headers, always: frozenset[bytes]) -> frozenset[bytes]:
    for name, value in headers:
        if name == b"connection" and value not in _ORDINARY_CONNECTION:
            return always | {part.strip().lower() for part in value.split(b",")}
    return always
