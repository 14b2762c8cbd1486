"""Single keys and lines from the keyboard of a terminal, on POSIX and on Windows.

While it is open the terminal hands over every key at once and shows none of them; Ctrl-C raises
KeyboardInterrupt as always. Closing puts the terminal back as it was, and so does the end of the
program.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import sys
from abc import ABC, abstractmethod
from typing import Any, TextIO

from understudy.errors import PlayerError

END = ""
"""What ``key`` returns at the end of the input."""
UNKNOWN = "unknown"
"""What ``key`` returns for a key that has no name here."""

_NAMED = {
    "\r": "enter",
    "\n": "enter",
    "\t": "tab",
    " ": "space",
    "\x08": "backspace",
    "\x7f": "backspace",
    "\x1b": "escape",
    "\x04": END,
}
_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}


class Keyboard(ABC):
    """A keyboard, which shows what is typed and hands over lines until it is opened."""

    @abstractmethod
    def open(self) -> None:
        """Hand over single keys; may be called again.

        PlayerError when the terminal does not do that.
        """

    @abstractmethod
    def key(self) -> str:
        """The next key of an open keyboard.

        It is a printable letter, or ``up``, ``down``, ``left``, ``right``, ``enter``, ``tab``,
        ``space``, ``backspace``, ``escape``; END or UNKNOWN.
        """

    @abstractmethod
    def line(self) -> str | None:
        """The next line of a closed keyboard; None at the end of the input."""

    @abstractmethod
    def close(self) -> None:
        """Put the terminal back as it was; may be called at any time, and again."""


def open_keyboard(stdin: TextIO) -> Keyboard:
    """The keyboard behind ``stdin``, which is a terminal."""
    return _Terminal(stdin)


if sys.platform == "win32":
    import msvcrt

    _CODES = {"H": "up", "P": "down", "M": "right", "K": "left"}

    class _Terminal(Keyboard):
        """The console of Windows. It hands over single keys without being told to."""

        def __init__(self, stdin: TextIO) -> None:
            self._stdin = stdin
            _show_colours()

        def open(self) -> None:
            pass

        def key(self) -> str:
            letter = msvcrt.getwch()
            if letter == "\x03":
                raise KeyboardInterrupt
            if letter in ("\x00", "\xe0"):
                return _CODES.get(msvcrt.getwch(), UNKNOWN)
            if letter == "\x1a":
                return END
            return _named(letter)

        def line(self) -> str | None:
            return self._stdin.readline() or None

        def close(self) -> None:
            pass

    def _show_colours() -> None:
        """Let the console of Windows understand escape sequences, which older ones do not."""
        import ctypes

        standard_error, understand_sequences = -12, 4
        kernel = ctypes.windll.kernel32
        console = kernel.GetStdHandle(standard_error)
        mode = ctypes.c_uint32()
        if kernel.GetConsoleMode(console, ctypes.byref(mode)):
            kernel.SetConsoleMode(console, mode.value | understand_sequences)

else:
    import select
    import termios
    import tty

    _SEQUENCE_WAIT_S = 0.05
    """Within this time the rest of a key's sequence follows its escape, also over a network."""
    _LONGEST_LINE = 4096
    _SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O[@-~])?")
    """Keys such as the arrows leave these in a line, to which they mean nothing."""

    class _Terminal(Keyboard):
        """A terminal of POSIX, read past Python's buffers so that none of them holds a key back."""

        def __init__(self, stdin: TextIO) -> None:
            self._terminal = stdin.fileno()
            self._before: Any = None

        def open(self) -> None:
            if self._before is not None:
                return
            try:
                before = termios.tcgetattr(self._terminal)
                self._before = before
                atexit.register(self.close)
                tty.setcbreak(self._terminal, termios.TCSADRAIN)
                mode = termios.tcgetattr(self._terminal)
                # Ctrl-Z would leave the shell with a terminal that shows nothing of what is typed.
                mode[6][termios.VSUSP] = b"\0"
                termios.tcsetattr(self._terminal, termios.TCSADRAIN, mode)
            except termios.error as error:
                self.close()
                raise PlayerError(
                    f"the terminal does not hand over single keys ({error}); play in another "
                    "terminal, or send lines with the names of the actions through a pipe"
                ) from error

        def key(self) -> str:
            letter = self._letter()
            if letter == "\x1b" and self._more():
                return self._sequence()
            return _named(letter)

        def line(self) -> str | None:
            typed = self._read(_LONGEST_LINE)
            return _SEQUENCE.sub("", typed.decode(errors="replace")) if typed else None

        def close(self) -> None:
            if self._before is not None:
                before, self._before = self._before, None
                atexit.unregister(self.close)
                with contextlib.suppress(termios.error):  # the terminal is gone
                    termios.tcsetattr(self._terminal, termios.TCSADRAIN, before)

        def _letter(self) -> str:
            """One letter, which may be several bytes; empty at the end of the input."""
            first = self._read(1)
            following = sum(first >= lead for lead in (b"\xc0", b"\xe0", b"\xf0"))
            rest = b"".join(self._read(1) for _ in range(following))
            return (first + rest).decode(errors="replace")

        def _read(self, most: int) -> bytes:
            try:
                return os.read(self._terminal, most)
            except OSError:  # the terminal was closed
                return b""

        def _more(self) -> bool:
            return bool(select.select([self._terminal], [], [], _SEQUENCE_WAIT_S)[0])

        def _sequence(self) -> str:
            """The key of ``ESC [ … A`` or ``ESC O A``; whatever else follows is read away."""
            kind = self._letter()
            if kind not in ("[", "O"):
                return UNKNOWN
            last = self._letter()
            while kind == "[" and last and not "@" <= last <= "~" and self._more():
                last = self._letter()
            return _ARROWS.get(last, UNKNOWN)


def _named(letter: str) -> str:
    if letter in _NAMED:
        return _NAMED[letter]
    return letter if letter.isprintable() else UNKNOWN
