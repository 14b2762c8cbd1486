"""Every error Understudy raises, one class for each boundary that was crossed.

A message is one sentence that says what was wrong, where, and what to do about it; the command
line prints it as it stands and leaves with ``exit_status``.
"""

from __future__ import annotations

from pathlib import Path


class UnderstudyError(Exception):
    """Base of the tree: catch this to catch whatever Understudy raises on purpose."""

    exit_status = 1


class UsageError(UnderstudyError):
    """The caller asked for something that cannot be asked for (a name, option or combination)."""

    exit_status = 2


class SettingsError(UnderstudyError):
    """``understudy.toml`` or another settings source cannot be read or holds a wrong value."""

    exit_status = 2


class WorkspaceError(UnderstudyError):
    """The workspace folder cannot be opened, created or understood."""


class StorageError(UnderstudyError):
    """The disk refused: no space, no permission, a directory where a file belongs."""


class CatalogError(UnderstudyError):
    """The catalog database cannot be reached or was made by a newer version."""


class SessionError(UnderstudyError):
    """A session cannot be found, opened, or is in a state that does not allow what was asked."""


class DatasetError(UnderstudyError):
    """A dataset or one of its versions cannot be found, built, or used for what was asked."""


class ModelError(UnderstudyError):
    """A model, its base or one of its versions cannot be found, made, or used as asked."""


class TrainingError(UnderstudyError):
    """A training cannot begin or go on: its data, its settings, its base, this machine."""


class NewerSchemaError(UnderstudyError):
    """A record or file was written by a newer Understudy than this one."""


class CorruptionError(UnderstudyError):
    """Bytes on disk are not what was written."""


class FormatError(UnderstudyError):
    """A foreign file does not hold what its format promises.

    ``path`` and ``position`` (a line, index or byte offset, in words) say where.
    """

    def __init__(
        self, message: str, *, path: Path | None = None, position: str | None = None
    ) -> None:
        place = ", ".join(str(part) for part in (path, position) if part is not None)
        super().__init__(f"{place}: {message}" if place else message)
        self.path = path
        self.position = position


class CaptureError(UnderstudyError):
    """Something that is to be captured cannot be: a client, an environment, a proxy setting."""


class UpstreamError(UnderstudyError):
    """The model server behind the proxy could not be reached or broke off."""


class PluginError(UnderstudyError):
    """A plug-in cannot be found, loaded, or does not keep its contract."""


class GameError(UnderstudyError):
    """A game cannot be found, described or played as asked: its file, ROM, task or action."""


class EmulatorError(GameError):
    """The emulator that runs a game crashed, refused or cannot be reached."""


class PlayerError(UnderstudyError):
    """A player cannot play or go on: its script, its model server, its keyboard, its money."""


class DeployError(UnderstudyError):
    """A model cannot be merged, converted, packed, deployed, tested or served."""
