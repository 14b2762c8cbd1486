"""The wire formats that can be captured, found by the request that speaks them.

Built-in dialects and those of plug-ins register alike under the entry points
``understudy.dialects``, each a class without arguments, or an
instance, that keeps the contract in ``dialect.py``.
"""

from __future__ import annotations

from functools import cache

from understudy import plugins
from understudy.chat.dialects.dialect import Dialect
from understudy.errors import PluginError

__all__ = ["Dialect", "dialect_for", "dialects"]


@cache
def dialects() -> tuple[Dialect, ...]:
    """All registered dialects, by name; read once in a process.

    PluginError when a registered object cannot be loaded or does not keep the contract.
    """
    found = []
    for name, candidate in sorted(plugins.load_group(plugins.DIALECTS).items()):
        dialect = candidate() if isinstance(candidate, type) else candidate
        if not isinstance(dialect, Dialect):
            raise PluginError(
                f"the plug-in {name!r} of {plugins.DIALECTS} is not a dialect: it must have the "
                f"members of understudy.chat.dialects.Dialect"
            )
        found.append(dialect)
    return tuple(found)


def dialect_for(method: str, path: str) -> Dialect | None:
    """The dialect that a request speaks; None when it is none of the registered ones.

    ``path`` is the path as the client sent it, without the query.
    """
    for dialect in dialects():
        if dialect.matches(method, path):
            return dialect
    return None
