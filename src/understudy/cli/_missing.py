"""What is said where a package is needed that is not installed: which extra brings it."""

from __future__ import annotations

import re
from importlib import metadata

_EXTRA = re.compile(r"extra == ['\"]([\w.-]+)['\"]")
_NAME = re.compile(r"[\w.-]+")
_NOT_FOR_USERS = frozenset({"all", "dev"})
_DISTRIBUTIONS = {"PIL": "pillow", "yaml": "pyyaml"}
"""Modules of other names than their packages."""


def said_of_missing(error: ModuleNotFoundError) -> str | None:
    """A sentence about the package that is missing; None for one that nothing here brings."""
    module = (error.name or "").partition(".")[0]
    if module == "understudy":  # whose development installs itself with extras
        return None
    wanted = _plain(_DISTRIBUTIONS.get(module, module))
    extras = [extra for name, extra in _requirements() if name == wanted]
    if not extras:
        return None
    named = sorted(extra for extra in extras if extra and extra not in _NOT_FOR_USERS)
    if "" in extras:
        how = "install Understudy again, as in `pip install .`"
    elif named:
        how = f"install Understudy with the extra `{named[0]}`, as in `pip install '.[{named[0]}]'`"
    else:
        how = f"install it with `pip install {wanted}`"
    return f"this needs {wanted}, which is not installed; {how}"


def _requirements() -> list[tuple[str, str]]:
    """Name of a package and the extra that brings it; empty for what is always installed."""
    try:
        lines = metadata.requires("understudy") or []
    except metadata.PackageNotFoundError:
        return []
    found = []
    for line in lines:
        name = _NAME.match(line.strip())
        extra = _EXTRA.search(line)
        if name is not None:
            found.append((_plain(name[0]), extra[1] if extra else ""))
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
