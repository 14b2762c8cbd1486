"""The terminal at which sessions are scored: showing one, asking, and storing what was said."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import click

from understudy.cli._output import printable
from understudy.cli._scoring_queue import KEYS, Answer
from understudy.curate.exhibit import Exhibit, exhibit
from understudy.curate.guide import BANDS
from understudy.errors import UnderstudyError

if TYPE_CHECKING:
    from understudy.curate.exhibit import KeyPicture
    from understudy.session.workspace import Workspace

_BAND_WIDTH = 32
_GAP = 2
_WIDEST = 80
_READABLE = 62
"""Columns from which a screen of a handheld can be read; pictures share a line if each has them."""


class TerminalDesk:
    """Shows sessions of ``workspace`` and stores what ``author`` says about them.

    With ``on_error`` the dialogue goes to standard error, and standard output is left to facts.
    Where that is no terminal the names of the pictures are shown in place of the pictures.
    """

    def __init__(self, workspace: Workspace, author: str, *, on_error: bool = False) -> None:
        self._workspace = workspace
        self._author = author
        self._on_error = on_error
        self._stream = sys.stderr if on_error else sys.stdout
        self.seconds: list[float] = []
        """How long each score took that still stands."""
        reconfigure = getattr(sys.stdin, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")

    def say(self, text: str) -> None:
        click.echo(text, err=self._on_error)

    def ask(self, question: str) -> str:
        if sys.stdin is None:
            raise EOFError
        if sys.stdin.isatty() and not self._on_error:
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401 - lets what is typed be edited with the arrow keys
            return input(question)
        click.echo(question, nl=False, err=self._on_error)
        line = sys.stdin.readline()
        if not sys.stdin.isatty():
            self.say("")
        if not line:
            raise EOFError
        return line

    def show(self, session: str, place: int, total: int) -> bool:
        try:
            opened = self._workspace.session(session)
            try:
                shown = exhibit(opened)
            finally:
                opened.close()
        except UnderstudyError as error:  # gone or damaged since the queue was made
            self.say(f"passed over: {error}")
            return False
        self.say("\n".join(self._lines(shown, place, total)))
        return True

    def keep(self, session: str, answer: Answer) -> Callable[[], None]:
        opened = self._workspace.session(session)
        entry = opened.add_feedback(
            author=self._author,
            score=answer.score,
            comment=answer.feedback,
            reason=answer.justification,
            seconds=round(answer.seconds, 3),
        )
        self.seconds.append(answer.seconds)

        def take_back() -> None:
            opened.add_feedback(author=self._author, withdraws=entry.id)
            self.seconds.remove(answer.seconds)

        return take_back

    def _lines(self, shown: Exhibit, place: int, total: int) -> list[str]:
        width = shutil.get_terminal_size().columns
        who = " · ".join(
            printable(part) for part in (shown.game, shown.player, shown.model) if part
        )
        head = f"── {place} of {total} · {shown.id} · {who} "
        limit = "" if shown.max_steps is None else f"/{shown.max_steps}"
        reference = "" if shown.reference_steps is None else f" (reference {shown.reference_steps})"
        return [
            "",
            head.ljust(width, "─"),
            *guide_lines(width),
            "",
            *self._pictures(shown.pictures, width),
            f"Task: {printable(shown.task)}",
            f"Result: {printable(shown.result)}",
            f"Steps Used: {shown.steps}{limit}{reference}",
            f"Check: {printable(shown.check) or 'none, it was asked freely'}",
            f"({KEYS})",
        ]

    def _pictures(self, pictures: Sequence[KeyPicture], width: int) -> list[str]:
        """The pictures drawn, or their files named where nothing can be drawn."""
        if not pictures:
            return []
        if not self._stream.isatty():
            return [f"Picture {picture.caption}: {picture.path}" for picture in pictures]
        in_a_row = max(1, min(len(pictures), width // _READABLE))
        columns = min(_WIDEST, (width - _GAP * (in_a_row - 1)) // in_a_row)
        lines = []
        for start in range(0, len(pictures), in_a_row):
            drawn = [self._drawn(picture, columns) for picture in pictures[start:][:in_a_row]]
            rows = zip_longest(*drawn, fillvalue=" " * columns)
            lines += [(" " * _GAP).join(cells) for cells in rows]
        return [*lines, ""]

    def _drawn(self, picture: KeyPicture, columns: int) -> list[str]:
        """A picture under its caption, each line ``columns`` wide."""
        import numpy as np
        from PIL import Image

        from understudy._util.terminal_picture import draw, wants_colour

        try:
            with Image.open(picture.path) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (OSError, ValueError, SyntaxError):  # Pillow says a broken PNG in all three ways
            lines = ["(this picture cannot be read)"]
        else:
            colour = wants_colour(self._stream)
            lines = draw(pixels, columns=columns, colour=colour).split("\n")
        room = [columns - len(click.unstyle(line)) for line in lines]
        return [
            printable(picture.caption)[:columns].ljust(columns),
            *(line + " " * left for line, left in zip(lines, room, strict=True)),
        ]


def guide_lines(width: int) -> list[str]:
    """The scoring guide in as many columns as fit."""
    beside = max(1, min(len(BANDS), width // _BAND_WIDTH))
    lines = []
    for start in range(0, len(BANDS), beside):
        bands = [str(band).splitlines() for band in BANDS[start : start + beside]]
        high = max(map(len, bands))
        for place in range(high):
            cells = [band[place] if place < len(band) else "" for band in bands]
            lines.append("".join(cell.ljust(_BAND_WIDTH) for cell in cells).rstrip())
    return lines
