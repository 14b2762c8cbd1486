"""The game as a picture: its words, written on a page of one size.

A game in words has no screen; whoever looks at pictures (a recording, a contact sheet, a player
that sees) gets this one. The same words make the same picture.
"""

from __future__ import annotations

import textwrap
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 400
_MARGIN = 12
_LINE = 15
_COLUMNS = 88
_PAPER, _INK, _HEAD = (246, 241, 228), (40, 34, 28), (120, 40, 30)
_LINES = (HEIGHT - 2 * _MARGIN) // _LINE


def page(title: str, words: str) -> NDArray[np.uint8]:
    """``words`` below ``title``; of more than the page holds, the last lines."""
    import numpy as np
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    pen = ImageDraw.Draw(picture)
    pen.text((_MARGIN, _MARGIN), _plain(title), fill=_HEAD, font=_font())
    lines = [
        line
        for paragraph in words.split("\n")
        for line in textwrap.wrap(_plain(paragraph), _COLUMNS) or [""]
    ]
    room = _LINES - 2
    for number, line in enumerate(lines[-room:], start=2):
        pen.text((_MARGIN, _MARGIN + number * _LINE), line, fill=_INK, font=_font())
    return np.asarray(picture).copy()


@cache
def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.load_default_imagefont()


def _plain(text: str) -> str:
    """What the built-in font can write: it knows the letters of Latin-1."""
    return text.encode("latin-1", "replace").decode("latin-1")
