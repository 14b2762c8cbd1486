"""What passed over the wire in one call to a language model, as it was seen from outside.

The proxy fills it while it passes bytes on; a dialect turns it into a record afterwards.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Ended = Literal["complete", "client_closed", "upstream_error"]
"""``complete``: the server closed its answer properly. ``client_closed``: the caller hung up first.
``upstream_error``: the server could not be reached, timed out or broke off."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """The answering half of one call."""

    http_status: int | None = None
    """None when no answer began."""
    content_type: str = ""
    body: bytes = b""
    """All bytes of the answer in order, decompressed; as far as they came."""
    ended: Ended = "complete"
    started: float = 0.0
    """Seconds since the epoch at which the request arrived."""
    first_token_s: float | None = None
    """Seconds from the request to the first byte of content."""
    total_s: float | None = None
    error: str | None = None
    """What broke, in words, where something other than the answer itself broke."""
