"""Reading the pictures of a session's steps, thousands a second.

The usual ones, files of their own in ``screenshots/``, are opened without following links; whatever
else a record names goes through the slower check that it lies inside the session.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from understudy.errors import StorageError
from understudy.store.atomic import safe_join

_FOLDER = "screenshots"
_USUAL = re.compile(_FOLDER + r"/[A-Za-z0-9_-]+\.png")
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Screenshots:
    """The pictures of the session in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begin = f"{folder}{os.sep}"
        self._plain = hasattr(os, "O_NOFOLLOW") and not (folder / _FOLDER).is_symlink()

    def read(self, name: str | None) -> bytes | None:
        """The bytes of the picture that a step names; None where it is not there.

        Raises StorageError for a name that leads out of the session.
        """
        if name is None:
            return None
        try:
            if self._plain and _USUAL.fullmatch(name):
                with open(os.open(self._begin + name, _FLAGS), "rb", buffering=0) as file:
                    return file.readall()
            return safe_join(self._folder, name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f"{self._folder / name} cannot be read ({reason}); check its permissions"
            ) from error
