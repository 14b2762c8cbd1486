"""What the proxy answers by itself: errors in the shape of the API that was called, and health."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    413: "request_too_large",
    504: "timeout_error",
}


def error_answer(dialect: str | None, status: int, sentence: str) -> bytes:
    """The JSON body of an error, as the client of this dialect expects one."""
    if dialect == "anthropic-messages":
        kind = _ANTHROPIC_TYPES.get(status, "api_error")
        return _json({"type": "error", "error": {"type": kind, "message": sentence}})
    kind = "invalid_request_error" if status < 500 else "upstream_error"
    return _json(
        {
            "error": {
                "message": sentence,
                "type": kind,
                "param": None,
                "code": f"understudy_proxy_{status}",
            }
        }
    )


def whole_response(status: int, body: bytes, *, keep: bool, head_only: bool = False) -> bytes:
    """A complete JSON response."""
    end = b"" if keep else b"connection: close\r\n"
    head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n" % (
        status,
        HTTPStatus(status).phrase.encode(),
        len(body),
        end,
    )
    return head if head_only else head + body


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
