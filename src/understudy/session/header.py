"""``session.json``: who a session is. Written once, when it begins, and never changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from understudy.errors import CorruptionError, SessionError
from understudy.session.migrations import SCHEMA, migrate
from understudy.store.atomic import write_atomic

FILE_NAME = "session.json"


class SessionHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a session when it begins."""

    id: str
    """ULID: the session's identity everywhere."""
    directory: str
    name: str
    started: str
    """UTC, ISO 8601 with microseconds."""
    game: str = ""
    task: str = ""
    player: str = ""
    model: str | None = None
    tags: tuple[str, ...] = ()
    license: str = ""
    consent: str = ""
    tick_hz: float | None = None
    """Intended frames a second, where there is such an intention."""
    durability: str = "step"
    metadata: dict[str, Any] = {}
    understudy: str = ""
    """Version of Understudy that recorded it."""
    schema: int = SCHEMA


def write_header(folder: Path, header: SessionHeader) -> None:
    encoded = msgspec.json.format(msgspec.json.encode(header), indent=2)
    write_atomic(folder / FILE_NAME, encoded + b"\n", sync=header.durability == "step")


def read_header(folder: Path) -> SessionHeader:
    """The identity of the session in ``folder``; SessionError when the folder is no session."""
    path = folder / FILE_NAME
    try:
        record = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        return msgspec.convert(migrate(record, what=str(path)), type=SessionHeader, strict=False)
    except FileNotFoundError as error:
        raise SessionError(
            f"{folder} holds no session: {FILE_NAME} is missing; name a session's own folder"
        ) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CorruptionError(
            f"{path} cannot be read as a session's identity ({error}); restore it from a backup"
        ) from error
