"""The workspace folder: its layout, its version, and what is opened from it on first use."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from understudy.errors import NewerSchemaError, StorageError, WorkspaceError
from understudy.store.atomic import write_atomic, write_json_atomic
from understudy.store.ulids import new_ulid

if TYPE_CHECKING:
    from understudy.config import Settings
    from understudy.store.catalog import Catalog

WORKSPACE_SCHEMA = 1
SETTINGS_NAME = "understudy.toml"
INTERNAL_NAME = ".understudy"
CATALOG_NAME = "catalog.sqlite"
_MARKER_NAME = "workspace.json"


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """``.understudy/workspace.json``: the version of the layout and the workspace's identity."""

    schema: int
    id: str = ""


def resolve_workspace_path(path: str | os.PathLike[str] | None = None) -> Path:
    """Where the workspace lies: ``path``, else ``UNDERSTUDY_WORKSPACE``, else the current directory
    when it holds ``understudy.toml``, else ``./understudy``.
    """
    if path is not None:
        return Path(path).expanduser().absolute()
    named = os.environ.get("UNDERSTUDY_WORKSPACE")
    if named:
        return Path(named).expanduser().absolute()
    here = Path.cwd()
    return here if (here / SETTINGS_NAME).is_file() else here / "understudy"


def read_marker(workspace: Path) -> Marker | None:
    """The version and identity of the workspace in a folder; None where it has none yet.

    Raises NewerSchemaError for a later version's, WorkspaceError when it cannot be read.
    """
    path = workspace / INTERNAL_NAME / _MARKER_NAME
    try:
        marker = msgspec.json.decode(path.read_bytes(), type=Marker)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise WorkspaceError(f"{path} cannot be read ({reason}); check its permissions") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WorkspaceError(
            f"{path} does not say which version the workspace has ({error}); delete that file "
            "to have it written again"
        ) from error
    if marker.schema > WORKSPACE_SCHEMA:
        raise NewerSchemaError(
            f"the workspace {workspace} has layout {marker.schema} and this Understudy knows "
            f"up to {WORKSPACE_SCHEMA}; update Understudy to use it"
        )
    return marker


class WorkspaceFolder:
    """A folder with ``understudy.toml``, ``runs/``, ``datasets/``, ``models/``, ``bundles/`` and
    ``archive/``; opened, and made where it is missing.

    Raises WorkspaceError when it cannot be made or, with ``create=False``, is not there, and
    NewerSchemaError for one made by a later version; in both cases nothing has been changed.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, create: bool = True) -> None:
        self.path = resolve_workspace_path(path)
        self.runs = self.path / "runs"
        self.datasets = self.path / "datasets"
        self.models = self.path / "models"
        self.bundles = self.path / "bundles"
        self.archive = self.path / "archive"
        self.internal = self.path / INTERNAL_NAME
        marker = self._check()
        if marker is None and not create and not (self.path / SETTINGS_NAME).exists():
            raise WorkspaceError(
                f"there is no workspace at {self.path}; run `understudy init {self.path}` to make "
                "one"
            )
        self.id = self._complete(marker)

    @cached_property
    def settings(self) -> Settings:
        """The settings, read once. Raises SettingsError."""
        from understudy.config import load_settings

        return load_settings(self.path / SETTINGS_NAME)

    @cached_property
    def catalog(self) -> Catalog:
        """The index of the sessions, opened on first use. Raises CatalogError."""
        from understudy.store.catalog import Catalog

        return Catalog(self.catalog_url)

    @property
    def catalog_url(self) -> str | Path:
        """What ``Catalog`` is to be opened with: a file in the workspace, or the settings' URL."""
        # Checking settings takes longer than listing sessions: only where they say something.
        if "settings" in self.__dict__ or _has_section(self.path / SETTINGS_NAME, "catalog"):
            return self.settings.catalog.url or self.path / CATALOG_NAME
        return self.path / CATALOG_NAME

    def empty_catalog(self) -> Path | None:
        """Begin the catalog anew, also where it is damaged, to be filled from the directories.

        Returns where a damaged file was put. Raises CatalogError.
        """
        from understudy.store.catalog import Catalog

        self.close()
        self.__dict__["catalog"], aside = Catalog.rebuild(self.catalog_url)
        return aside

    def close(self) -> None:
        """Let go of the catalog; what is used afterwards is opened again."""
        catalog = self.__dict__.pop("catalog", None)
        if catalog is not None:
            catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @property
    def _folders(self) -> tuple[Path, ...]:
        return (
            self.runs,
            self.datasets,
            self.models,
            self.bundles,
            self.archive,
            self.internal,
        )

    def _check(self) -> Marker | None:
        """Look whether this can be a workspace of ours, before anything is touched."""
        for path in (self.path, *self._folders):
            if os.path.lexists(path) and not path.is_dir():
                raise WorkspaceError(
                    f"{path} is a file where a folder of the workspace belongs; move it away or "
                    "choose another place"
                )
        for path in (self.path / SETTINGS_NAME, self.internal / _MARKER_NAME):
            if path.is_dir():
                raise WorkspaceError(
                    f"{path} is a folder where a file of the workspace belongs; move it away"
                )
        return read_marker(self.path)

    def _complete(self, marker: Marker | None) -> str:
        """Make what is missing, the marker last; return the workspace's identity."""
        try:
            for folder in self._folders:
                folder.mkdir(parents=True, exist_ok=True)
            if not (self.path / SETTINGS_NAME).exists():
                from understudy.config import default_toml

                write_atomic(self.path / SETTINGS_NAME, default_toml().encode())
            if marker is None:
                marker = self._first_marker()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise WorkspaceError(
                f"a workspace cannot be made at {self.path} ({reason}); choose another place or "
                "check its permissions"
            ) from error
        except StorageError as error:
            raise WorkspaceError(str(error)) from error
        return marker.id

    def _first_marker(self) -> Marker:
        """Write the marker; where another process is making the same workspace, take its one."""
        from filelock import FileLock

        with FileLock(self.internal / ".workspace.lock"):
            marker = read_marker(self.path)
            if marker is None:
                marker = Marker(schema=WORKSPACE_SCHEMA, id=new_ulid())
                write_json_atomic(self.internal / _MARKER_NAME, marker)
        return marker


def _has_section(settings: Path, name: str) -> bool:
    """Whether a settings file has such a section with anything in it, or cannot be read."""
    import tomllib

    try:
        return bool(tomllib.loads(settings.read_text(encoding="utf-8-sig")).get(name))
    except (OSError, ValueError, RecursionError):  # reading it in earnest says what is wrong
        return True
