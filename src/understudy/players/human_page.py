"""What a person sees of a step: the picture with the text beside or below it."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from itertools import zip_longest
from typing import TextIO

from understudy._util.terminal_picture import draw
from understudy.players.player import View

_BESIDE = 28
"""Columns that the text gets at least where it stands beside the picture."""
_GAP = 2
_LEAST = 4
"""A picture of fewer rows or columns shows nothing; the text has the room then."""


def page(view: View, texts: list[str], size: os.terminal_size, *, colour: bool) -> list[str]:
    """The lines of a page of ``size``: the text stands where the picture can be larger."""
    wrapped = _wrapped(texts, size.columns)
    below = _drawn(view, size.columns, size.lines - len(wrapped), colour)
    beside = _drawn(view, size.columns - _BESIDE - _GAP, size.lines, colour)
    if len(below) >= len(beside):
        return [*below, *wrapped]
    width = len(re.sub(r"\x1b\[[0-9;]*m", "", beside[0]))
    wrapped = _wrapped(texts, size.columns - width - _GAP)
    return [
        f"{left or ' ' * width}{' ' * _GAP}{right or ''}"
        for left, right in zip_longest(beside, wrapped)
    ]


def count_of_steps(view: View) -> str:
    """Which step is to come, and whether there are few left."""
    return f"Step {view.step} of {view.max_steps}" + (f" ({view.warning})" if view.warning else "")


def terminal_size(stream: TextIO) -> os.terminal_size:
    """Of the terminal behind ``stream``, else of whichever is known."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return shutil.get_terminal_size()
    return size if all(size) else shutil.get_terminal_size()


def printable(text: str, *, keep: str = "") -> str:
    """``text`` of a game or a stranger's task: it must not be able to move the cursor."""
    return "".join(c if c.isprintable() or c in keep else "\N{REPLACEMENT CHARACTER}" for c in text)


def _drawn(view: View, columns: int, rows: int, colour: bool) -> list[str]:
    if columns < _LEAST or rows < _LEAST:
        return []
    return draw(view.screenshot, columns=columns, rows=rows, colour=colour).split("\n")


def _wrapped(texts: list[str], columns: int) -> list[str]:
    return [line for text in texts for line in textwrap.wrap(text, max(columns, 10)) or [""]]
