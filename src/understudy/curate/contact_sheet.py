"""A contact sheet: many sessions on one picture, each a row of its screenshots with a caption.

What a page of numbers does not show is seen here at a glance: who walks in circles, who opens the
wrong menu, what a success looks like.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from understudy._util.counting import counted
from understudy.errors import FormatError
from understudy.store.atomic import write_atomic

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

MOST_SESSIONS = 20
MOST_PICTURES = 6
"""Screenshots of one session; of a longer one they are chosen evenly, the first and last among
them."""
CELL = 320
"""Screens are enlarged as long as they are no wider or higher than this, in pixels."""

_MARGIN, _GAP, _ROW_GAP = 36, 12, 28
_CAPTION, _LABEL = 48, 28
"""Height of the line above the screens of a session, and of the one below."""
_LARGE, _MEDIUM, _SMALL = 28, 22, 17
"""Sizes of letters."""
_MARK = 28
_LEAST_WIDTH = 720
_GROUND, _EDGE = "#f4f2ed", "#c9c5bc"
_TEXT, _QUIET = "#22201c", "#77736a"
_STROKES: dict[bool | None, list[list[tuple[float, float]]]] = {
    True: [[(7.5, 14.5), (12.5, 19.5), (20.5, 9.5)]],
    False: [[(9, 9), (19, 19)], [(19, 9), (9, 19)]],
    None: [[(8.5, 14), (19.5, 14)]],
}
_MARKS = {True: "#2e8b57", False: "#c0392b", None: "#a9a498"}


@dataclass(frozen=True)
class Caption:
    """What stands over the screenshots of a session."""

    words: str
    """What was asked."""
    success: bool | None = None
    """None: nobody has said."""
    steps: int | None = None
    max_steps: int | None = None
    score: float | None = None

    def facts(self) -> str:
        """Steps and score in words."""
        parts = []
        if self.steps is not None and self.max_steps is not None:
            parts.append(f"{self.steps} of {counted(self.max_steps, 'step')}")
        elif self.steps is not None:
            parts.append(counted(self.steps, "step"))
        if self.score is not None:
            parts.append(f"score {self.score:g}")
        return "  ·  ".join(parts)


def contact_sheet(entries: Sequence[tuple[Caption, Sequence[Path]]], path: Path) -> None:
    """Write a PNG at ``path`` with a row for each of ``entries``, their screenshots PNG files.

    Screens are enlarged by whole numbers without smoothing, as pixel art wants it. More than
    MOST_SESSIONS are counted in the last line instead of shown. Raises FormatError for a file that
    is no picture, StorageError as the disk does.
    """
    rows = [
        (caption, [(_label(file, number), _screen(file)) for number, file in _chosen(files)])
        for caption, files in entries[:MOST_SESSIONS]
    ]
    more = len(entries) - len(rows)
    encoded = io.BytesIO()
    _sheet(rows, more).save(encoded, "png", optimize=True)
    write_atomic(path, encoded.getvalue(), sync=False)


def _chosen(files: Sequence[Path]) -> list[tuple[int, Path]]:
    """At most MOST_PICTURES of ``files``, evenly, with their numbers from 1."""
    numbered = list(enumerate(files, start=1))
    if len(numbered) <= MOST_PICTURES:
        return numbered
    last = len(numbered) - 1
    return [numbered[round(place * last / (MOST_PICTURES - 1))] for place in range(MOST_PICTURES)]


def _label(file: Path, number: int) -> str:
    """The step that a screenshot of a session belongs to, else its number."""
    found = re.fullmatch(r"step_0*(\d+)_(before|after)_action", file.stem)
    if found is None:
        return str(number)
    return f"{'after ' if found[2] == 'after' else ''}step {found[1]}"


def _screen(file: Path) -> Image:
    from PIL import Image

    try:
        with Image.open(file) as opened:
            picture = opened.convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        raise FormatError(
            f"this is no picture that could be shown ({error}); leave its session out", path=file
        ) from error
    largest = max(picture.size)
    if largest > CELL:
        return picture.reduce(-(-largest // CELL))
    scale = CELL // largest
    size = (picture.width * scale, picture.height * scale)
    return picture.resize(size, Image.Resampling.NEAREST)


def _sheet(rows: Sequence[tuple[Caption, list[tuple[str, Image]]]], more: int) -> Image:
    from PIL import Image, ImageDraw

    widths = [sum(screen.width + _GAP for _, screen in shown) - _GAP for _, shown in rows]
    inner = max([_LEAST_WIDTH, *widths])
    heights = [
        _CAPTION + _LABEL + max((s.height for _, s in shown), default=0) for _, shown in rows
    ]
    last_line = _CAPTION if more or not rows else 0
    height = 2 * _MARGIN + sum(heights) + _ROW_GAP * max(0, len(rows) - 1) + last_line
    sheet = Image.new("RGB", (inner + 2 * _MARGIN, height), _GROUND)
    pen = ImageDraw.Draw(sheet)
    y = _MARGIN
    for (caption, shown), row_height in zip(rows, heights, strict=True):
        sheet.paste(_mark(caption.success), (_MARGIN, y + 4))
        _draw_caption(pen, caption, y, inner)
        _draw_screens(sheet, pen, shown, y + _CAPTION)
        y += row_height + _ROW_GAP
    if not rows:
        _write(pen, "There is nothing to show yet.", _MARGIN, y, _MEDIUM, _QUIET)
    elif more:
        _write(pen, f"and {more} more", _MARGIN, y - _ROW_GAP // 2, _MEDIUM, _QUIET)
    return sheet


def _draw_caption(pen: ImageDraw, caption: Caption, y: int, width: int) -> None:
    facts = caption.facts()
    facts_width = int(_font(_MEDIUM).getlength(facts))
    _write(pen, facts, _MARGIN + width - facts_width, y + 6, _MEDIUM, _QUIET)
    left = _MARK + _GAP
    words = _cut(caption.words, _LARGE, width - left - facts_width - 2 * _GAP)
    _write(pen, words, _MARGIN + left, y, _LARGE, _TEXT)


def _draw_screens(sheet: Image, pen: ImageDraw, shown: list[tuple[str, Image]], y: int) -> None:
    x = _MARGIN
    for label, screen in shown:
        pen.rectangle((x - 1, y - 1, x + screen.width, y + screen.height), outline=_EDGE)
        sheet.paste(screen, (x, y))
        _write(pen, label, x, y + screen.height + 5, _SMALL, _QUIET)
        x += screen.width + _GAP
    if not shown:
        _write(pen, "no screenshots were kept", _MARGIN + _MARK + _GAP, y, _SMALL, _QUIET)


def _mark(success: bool | None) -> Image:
    """A tick, a cross or a dash in a circle, smooth at its small size."""
    from PIL import Image, ImageDraw

    fine = 4
    mark = Image.new("RGB", (_MARK * fine, _MARK * fine), _GROUND)
    pen = ImageDraw.Draw(mark)
    pen.ellipse((0, 0, _MARK * fine - 1, _MARK * fine - 1), fill=_MARKS[success])
    for stroke in _STROKES[success]:
        pen.line([(x * fine, y * fine) for x, y in stroke], "white", width=3 * fine, joint="curve")
    return mark.reduce(fine)


def _write(pen: ImageDraw, text: str, x: int, y: int, size: int, colour: str) -> None:
    pen.text((x, y), text, fill=colour, font=_font(size))


def _cut(text: str, size: int, width: float) -> str:
    """``text`` on one line, its end left out where it is wider than ``width``."""
    font = _font(size)
    line = " ".join(text.split())
    if font.getlength(line) <= width:
        return line
    kept = len(line)
    while kept and font.getlength(f"{line[:kept].rstrip()}…") > width:
        kept -= 1
    return f"{line[:kept].rstrip()}…"


@cache
def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
