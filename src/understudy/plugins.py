"""Finding what is registered under an entry-point group: our own parts and strangers' alike.

Built-ins are declared in our ``pyproject.toml`` under the same groups a plug-in uses, so there is
one way in. Nothing is imported until it is asked for.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

from understudy.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

DIALECTS = "understudy.dialects"
EXPORTS = "understudy.exports"
GAMES = "understudy.games"
PLAYERS = "understudy.players"
SCRIPTS = "understudy.scripts"
TARGETS = "understudy.targets"


def names(group: str) -> list[str]:
    """The registered names of ``group``, sorted; imports nothing of them."""
    return sorted(_entry_points(group))


def load_group(group: str) -> dict[str, object]:
    """Everything registered under ``group`` by name, imported, in the order of the names.

    Raises PluginError naming the distribution of the first part that cannot be loaded.
    """
    found = _entry_points(group)
    return {name: _load(found[name]) for name in sorted(found)}


def load_one(group: str, name: str) -> object:
    """What is registered as ``name`` under ``group``; PluginError when there is no such name."""
    found = _entry_points(group)
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise PluginError(f"nothing is registered as {name!r} under {group}; there is: {known}")
    return _load(found[name])


def _entry_points(group: str) -> dict[str, EntryPoint]:
    return _entry_points_on(group, tuple(sys.path))


@functools.cache
def _entry_points_on(group: str, path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Looked up once for each search path: reading the metadata of all packages takes a while."""
    # Imported here: it costs more than the rest of a start of the command line.
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise PluginError(
                f"both {_distribution(other)} and {_distribution(point)} register {point.name!r} "
                f"under {group}; uninstall one of them"
            )
    return found


def _load(point: EntryPoint) -> object:
    try:
        loaded: object = point.load()
    except Exception as error:
        raise PluginError(
            f"the plug-in {point.name!r} of {_distribution(point)} cannot be loaded from "
            f"{point.value!r} ({type(error).__name__}: {error}); update or uninstall it"
        ) from error
    return loaded


def _distribution(point: EntryPoint) -> str:
    if point.dist is None:
        return "an unknown distribution"
    return f"{point.dist.name} {point.dist.version}"
