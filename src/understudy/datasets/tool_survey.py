"""A look at the tools over all data there is: what is called, what is missing in the registry.

The registry of a workspace lies beside its settings as ``tool_registry.json``; where there is none,
the six tools of the table are the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from understudy.chat.tools.documentation import FILE_NAME as DOCUMENTATION_NAME
from understudy.chat.tools.documentation import documentation
from understudy.chat.tools.extending import extend
from understudy.chat.tools.registry import FILE_NAME as REGISTRY_NAME
from understudy.chat.tools.registry import TOOLS, ToolRegistry, ToolSpec
from understudy.chat.tools.scanning import GameText, ToolScan, scan
from understudy.datasets.game_texts import texts_in, texts_of_sessions
from understudy.errors import UsageError
from understudy.formats.scenario_markdown import TRAINING, VALIDATION
from understudy.store.atomic import write_atomic
from understudy.store.folder import SETTINGS_NAME, resolve_workspace_path

Progress = Callable[[int, int], None]


class ToolSurvey(msgspec.Struct):
    """What was found, by which registry, and the workspace where there is one."""

    found: ToolScan
    registry: ToolRegistry
    workspace: Path | None


def survey(
    paths: Sequence[Path] = (),
    *,
    registry_path: Path | None = None,
    workspace_path: Path | None = None,
    progress: Progress | None = None,
) -> ToolSurvey:
    """Scans ``paths``; without any, the packaged scenarios and the workspace's sessions.

    Raises WorkspaceError for a named workspace that is not there, UsageError and FormatError for
    paths and registries that cannot be used.
    """
    workspace = _workspace(workspace_path)
    registry = _registry(registry_path, workspace)
    unread: list[str] = []
    found = scan(_texts(paths, workspace, unread.append, progress), registry)
    found.unread = unread
    return ToolSurvey(found, registry, workspace)


def extend_registry(found: ToolSurvey, output: Path | None = None) -> tuple[list[ToolSpec], Path]:
    """Adds what was found unknown, and writes the registry; gives what is new and the file."""
    path = _target(found, output, REGISTRY_NAME)
    before = set(found.registry.names)
    found.registry = extend(found.registry, found.found.unknown)
    found.registry.save(path)
    return [tool for tool in found.registry if tool.name not in before], path


def write_documentation(found: ToolSurvey, output: Path | None = None) -> Path:
    """Writes ``tool_documentation.md`` and gives its place."""
    path = _target(found, output, DOCUMENTATION_NAME)
    write_atomic(path, documentation(found.registry, found.found.by_tool).encode())
    return path


def _texts(
    paths: Sequence[Path],
    workspace: Path | None,
    unread: Callable[[str], None],
    progress: Progress | None,
) -> Iterator[GameText]:
    if paths:
        yield from texts_in(paths, unread)
        return
    yield from texts_in((TRAINING, VALIDATION), unread)
    if workspace is not None:
        from understudy.session.workspace import Workspace

        with Workspace(workspace, create=False) as opened:
            yield from texts_of_sessions(opened, unread, progress=progress)


def _workspace(named: Path | None) -> Path | None:
    """The workspace that is meant; None where nobody named one and there is none."""
    path = resolve_workspace_path(named)
    if named is None and not (path / SETTINGS_NAME).is_file():
        return None
    from understudy.session.workspace import Workspace

    with Workspace(path, create=False):
        return path


def registry_in(workspace: Path) -> ToolRegistry:
    """The registry of the workspace in this folder. FormatError when its file cannot be read."""
    standing = workspace / REGISTRY_NAME
    return ToolRegistry.load(standing) if standing.exists() else TOOLS


def _registry(named: Path | None, workspace: Path | None) -> ToolRegistry:
    if named is not None:
        return ToolRegistry.load(named)
    return registry_in(workspace) if workspace is not None else TOOLS


def _target(found: ToolSurvey, output: Path | None, name: str) -> Path:
    if output is not None:
        return output
    if found.workspace is None:
        raise UsageError(
            f"there is no workspace to write {name} into; name a file with --output, or run "
            "`understudy init` first"
        )
    return found.workspace / name
