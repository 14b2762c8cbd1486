"""What a request says to the proxy itself: its token, the session it belongs to, and the rest.

Both may stand in a header or at the beginning of the path, for clients that can set only one of
the two: ``/token/TOKEN/session/NAME/v1/chat/completions``.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import unquote

TOKEN_HEADER = b"x-understudy-token"
SESSION_HEADER = b"x-understudy-session"
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Route:
    """A request target without what was meant for the proxy."""

    path: bytes
    """Path and query for the upstream."""
    session_name: str | None
    admitted: bool
    """Whether the token fits, or none is asked for."""


def route(target: bytes, headers: list[tuple[bytes, bytes]], token: bytes | None) -> Route:
    """Take the prefixes off ``target`` (in origin form) and read the two headers.

    ``headers`` have names in lower case. The path decides where both name a session.
    """
    shown: bytes | None = None
    name: bytes | None = None
    for key, value in headers:
        if key == TOKEN_HEADER:
            shown = value
        elif key == SESSION_HEADER:
            name = value
    while target.startswith((b"/token/", b"/session/")):
        _, kind, value, rest = (*target.split(b"/", 3), b"")[:4]
        if kind == b"token":
            shown = unquote(value).encode()
        else:
            name = value
        target = b"/" + rest
    admitted = token is None or (shown is not None and hmac.compare_digest(shown, token))
    return Route(target, _session_name(name), admitted)


def _session_name(raw: bytes | None) -> str | None:
    if raw is None:
        return None
    return unquote(raw.decode("utf-8", "replace")).strip()[:_LONGEST_NAME] or None
