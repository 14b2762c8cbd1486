"""From the values of Gymnasium's spaces to named columns, and what fits no column.

Leaves with a fixed shape and numbers in them are columns. Texts, sequences, graphs and spaces that
nobody here has heard of are not: they are kept as plain data in the trace.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from gymnasium import spaces  # noqa: TID253 - imported by nothing but the wrapper

Path = tuple[Any, ...]
Numbers = dict[str, np.ndarray[Any, Any]]

_NUMBERED = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
_MOST_CHANNELS = 4
_MOST_INFO_FIELDS = 12
_LARGEST_INFO = 64
"""Arrays with more numbers than this in ``info`` are debugging output, not facts of the step."""


class SpaceFields:
    """How the values of one space are laid out. ``name`` is what their columns begin with.

    At most ``most`` leaves become columns; more of them are treated as if they had no shape.
    """

    def __init__(self, space: spaces.Space[Any], name: str, *, most: int) -> None:
        leaves = list(_leaves(space, name, ()))
        shaped = [leaf for leaf in leaves if _is_numbered(leaf[2])]
        self.columns = [(name, path) for name, path, _ in shaped[:most]]
        kept = {name for name, _ in self.columns}
        self.others = [(name, path) for name, path, _ in leaves if name not in kept]
        self.pictures = [name for name, _, leaf in shaped[:most] if _is_picture(leaf)]
        """The columns whose values can be kept as images."""

    def take_out(self, name: str) -> Path:
        """Make a column none of the row's: its place in the value, for whoever keeps it then."""
        path = dict(self.columns)[name]
        self.columns = [(other, where) for other, where in self.columns if other != name]
        return path

    def numbers(self, value: Any) -> Numbers:
        """Own copies of the columns' values: environments may write into theirs again."""
        return {name: np.array(value_at(value, path)) for name, path in self.columns}

    def rest(self, value: Any) -> dict[str, Any]:
        """Own copies of what fits no column."""
        return {name: copy.deepcopy(value_at(value, path)) for name, path in self.others}


class InfoFields:
    """The numbers in ``info``, by the names ``info.KEY``, each with the shape it first had.

    Environments may put anything there, so it is bounded: the first dozen of numbers or small
    arrays.
    """

    def __init__(self) -> None:
        self._shapes: dict[str, tuple[int, ...] | None] = {}

    def numbers(self, info: dict[str, Any]) -> Numbers:
        found: Numbers = {}
        for name, value in _numeric_items(info, "info"):
            if name not in self._shapes:
                if sum(shape is not None for shape in self._shapes.values()) >= _MOST_INFO_FIELDS:
                    continue
                self._shapes[name] = value.shape if value.size <= _LARGEST_INFO else None
            if self._shapes[name] == value.shape:
                found[name] = value
        return found


def value_at(value: Any, path: Path) -> Any:
    """The leaf at ``path`` in a value of nested Dict and Tuple spaces."""
    for key in path:
        value = value[key]
    return value


def _leaves(
    space: spaces.Space[Any], name: str, path: Path
) -> Iterator[tuple[str, Path, spaces.Space[Any]]]:
    if isinstance(space, spaces.Dict):
        parts: Any = space.spaces.items()
    elif isinstance(space, spaces.Tuple):
        parts = enumerate(space.spaces)
    else:
        yield name, path, space
        return
    for key, part in parts:
        yield from _leaves(part, f"{name}.{key}", (*path, key))


def _is_numbered(space: spaces.Space[Any]) -> bool:
    if not isinstance(space, _NUMBERED) or space.dtype is None:
        return False
    return space.dtype.kind in "biuf" and space.dtype.itemsize <= 8


def _is_picture(space: spaces.Space[Any]) -> bool:
    """Height and width, and channels last; a stack of frames or a byte vector is no picture."""
    if not isinstance(space, spaces.Box) or space.dtype != np.uint8:
        return False
    shape = space.shape
    if len(shape) == 3 and shape[2] > _MOST_CHANNELS:
        return False
    return len(shape) in (2, 3) and min(shape[:2]) > _MOST_CHANNELS


def _numeric_items(info: dict[Any, Any], prefix: str) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    for key, value in info.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict):
            yield from _numeric_items(value, name)
        elif isinstance(value, bool | int | float | np.generic | np.ndarray):
            array = np.array(value)
            if array.dtype.kind in "biuf" and array.dtype.itemsize <= 8:
                yield name, array
