"""What OpenAI's fine-tuning accepts as a picture, read from the first bytes without decoding it."""

from __future__ import annotations

import base64
import binascii
import re

MOST_IMAGES = 10
LARGEST_IMAGE = 10 * 1024 * 1024
_DATA_URL = re.compile(r"data:(image/[a-z+.-]+);base64,", re.IGNORECASE)
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def image_problem(url: object) -> str | None:
    """Why the picture at ``url`` (base64 data, or on the web: not fetched) may not be used."""
    if not isinstance(url, str) or not url:
        return "an image has no URL"
    if url.startswith(("https://", "http://")):
        return None
    match = _DATA_URL.match(url)
    if not match:
        return "an image is neither a web address nor base64 data of an image"
    if (len(url) - match.end()) * 3 // 4 > LARGEST_IMAGE + 3:
        return "an image is larger than 10 MB"
    try:
        data = base64.b64decode(url[match.end() :], validate=True)
    except (binascii.Error, ValueError):
        return "an image's base64 is broken"
    if len(data) > LARGEST_IMAGE:
        return "an image is larger than 10 MB"
    channels = _channels(data)
    if channels is None:
        return "an image is not JPEG, PNG or WEBP"
    if channels not in (3, 4):
        return "an image is neither RGB nor RGBA"
    return None


def _channels(data: bytes) -> int | None:
    """Colour channels of a JPEG, PNG or WEBP; 0 when it is one without RGB; None for others."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) > 25:
        return {2: 3, 6: 4}.get(data[25], 0)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return 3
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg_channels(data)
    return None


def _jpeg_channels(data: bytes) -> int:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _JPEG_FRAMES:
            return 3 if data[at + 9] == 3 else 0
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0
