"""Pictures on their way into training files: PNG in the pixel formats that every reader takes."""

from __future__ import annotations

import base64
import binascii
import io

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPE = 25
"""Where a PNG says how its pixels are made."""
_RGB, _RGBA = 2, 6
_PREFIX = "data:image/png;base64,"


def is_png(data: bytes) -> bool:
    """Whether ``data`` begins as a PNG does; nothing is decoded."""
    return data.startswith(_SIGNATURE) and len(data) > _COLOUR_TYPE


def rgb_png(data: bytes) -> bytes:
    """The picture as a PNG in RGB or RGBA: the same bytes where it is one already.

    Pixels are never changed. What is no picture comes back as it is, to be refused where it is
    checked.
    """
    if is_png(data) and data[_COLOUR_TYPE] in (_RGB, _RGBA):
        return data
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            see_through = "A" in picture.mode or "transparency" in picture.info
            converted = picture.convert("RGBA" if see_through else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return data
    buffer = io.BytesIO()
    converted.save(buffer, "PNG")
    return buffer.getvalue()


def data_url(png: bytes) -> str:
    """``png`` as a URL that carries it."""
    return _PREFIX + base64.b64encode(png).decode()


def picture_in(url: str) -> bytes | None:
    """The bytes that a URL carries; None for one that only says where a picture lies."""
    head, mark, data = url.partition(";base64,")
    if not mark or not head.lower().startswith("data:image/"):
        return None
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
