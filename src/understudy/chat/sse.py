"""Reads the events out of the bytes of a server-sent event stream.

It works on a whole body after the fact, so that how the bytes were cut into chunks cannot matter,
and it looks at each line once, because it runs for every call that is captured.
"""

from __future__ import annotations

from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"


class Events(NamedTuple):
    """The data of a stream's events, comments and other fields left out."""

    data: list[bytes]
    """The data of each event that was ended by its blank line, in order."""
    tail: bytes
    """The data of a last event whose blank line never came; empty without one."""
    error: bytes | None
    """The data of the first event whose name was ``error``."""


def read_events(body: bytes) -> Events:
    """Splits a stream into events; takes any bytes and never fails."""
    body = body.removeprefix(_BOM)
    if b"\r" not in body:
        if (data := _plainest(body)) is not None:
            return Events(data, b"", None)
    else:
        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    data = []
    error: bytes | None = None
    pending: bytes | None = None
    is_error = False
    lines = body.split(b"\n")
    end = lines.pop()
    for line in lines:
        if line.startswith(b"data: "):
            pending = line[6:] if pending is None else pending + b"\n" + line[6:]
        elif not line:
            if pending:
                data.append(pending)
                if is_error and error is None:
                    error = pending
            pending = None
            is_error = False
        elif line.startswith(b"data:"):
            pending = line[5:] if pending is None else pending + b"\n" + line[5:]
        elif line.startswith(b"event:") and line[6:].strip() == b"error":
            is_error = True
    if end.startswith(b"data:"):
        end = end[6:] if end[5:6] == b" " else end[5:]
        pending = end if pending is None else pending + b"\n" + end
    return Events(data, pending or b"", error)


def _plainest(body: bytes) -> list[bytes] | None:
    """The data where each event is one ``data: …`` line and a blank one, as most servers write
    them; None for any other stream.
    """
    if not (body.startswith(b"data: ") and body.endswith(b"\n\n")):
        return None
    data = body[6:-2].split(b"\n\ndata: ")
    return data if all(data) and body.count(b"\n") == 2 * len(data) else None
