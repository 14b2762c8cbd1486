"""Pictures and other binary data inside text: found cheaply, then left alone.

Base64 holds digit runs and the odd ``+49`` by pure chance, and a picture with one letter changed is
no picture. So data URLs, and any unbroken run of base64 that is longer than keys are, are blanked
out of the text the detectors see (same length, so offsets hold). A run that begins like a key, a
web token or the body of a private key is not a picture and stays visible.
"""

from __future__ import annotations

import re
from typing import Final

BLOB_CHARACTERS: Final = 256
"""A longer unbroken base64 run is data, not a credential; known keys stay below it."""

_RUN: Final = re.compile(rf"[A-Za-z0-9+/_=-]{{{BLOB_CHARACTERS},}}")
_DATA_URL: Final = re.compile(r"data:[\w/+.;=-]{0,100};base64,([A-Za-z0-9+/_=-]+)")
_WHOLE: Final = re.compile(
    r"(?:data:[\w/+.;=-]{0,100};base64,[A-Za-z0-9+/_=\s-]*"
    rf"|[A-Za-z0-9+/]{{{BLOB_CHARACTERS},}}={{0,2}})\Z"
)
_LOOKS_SECRET: Final = re.compile(r"eyJ|sk-|[sr]k_|gh[pousr]_|github_pat_|xox|hf_|ya29|MII")
_RUN_TABLE: Final = bytes(
    97 if chr(byte) in "+/_=-" or (byte < 128 and chr(byte).isalnum()) else 32
    for byte in range(256)
)
_RUN_NEEDLE: Final = b"a" * BLOB_CHARACTERS


def is_blob(text: str) -> bool:
    """Whether the whole text is one data URL or one long run of base64."""
    return (
        len(text) >= BLOB_CHARACTERS
        and _LOOKS_SECRET.match(text) is None
        and _WHOLE.match(text) is not None
    )


def without_blobs(text: str) -> str:
    """``text`` with the contents of blobs replaced by as many NUL characters."""
    parts: list[str] = []
    end = 0
    for start, stop in sorted(_spans(text)):
        if start < end:
            start = end
        if start < stop:
            parts += [text[end:start], "\0" * (stop - start)]
            end = stop
    return "".join([*parts, text[end:]]) if parts else text


def _spans(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    if ";base64," in text:
        spans += [match.span(1) for match in _DATA_URL.finditer(text)]
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) >= BLOB_CHARACTERS and _RUN_NEEDLE in raw.translate(_RUN_TABLE):
        for match in _RUN.finditer(text):
            before = text[max(0, match.start() - 8) : match.start()]
            if "-----" not in before and _LOOKS_SECRET.match(text, match.start()) is None:
                spans.append(match.span())
    return spans
