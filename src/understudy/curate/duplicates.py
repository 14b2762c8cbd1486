"""Finding examples that say the same as one before: exact copies, and those nearly so.

*Exact*: the same instruction, state in words, previous actions, picture (byte for byte) and output
(action, reasoning, expected outcome).

*Near*: the same task, action and state in words, and nearly the same picture: of the same size,
with at most a given share of the pixels different (one is when any of its channels is). A picture
is compared with the latest ones that were kept of the same task, action and state, so that the time
does not grow with the square of the examples.
"""

from __future__ import annotations

import hashlib
import io
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from understudy.session.instruction import InstructionRow

if TYPE_CHECKING:
    import numpy as np

NEAR_SHARE = 0.001
"""The usual share of pixels: of a Game Boy's screen 23, less than a menu's cursor."""
COMPARED = 256
"""With how many kept pictures of a kind a new one is compared."""
_DIGEST_BYTES = 16
_PIXELS_KEPT = 64
_SKETCH_SIDE = 8
_LARGEST = 255


class Place(NamedTuple):
    """Where an example is from."""

    session: str
    n: int
    """The trace line."""


class Copy(NamedTuple):
    """That an example is a copy, and of which."""

    kind: Literal["exact", "near"]
    of: Place


class _Kept(NamedTuple):
    place: Place
    picture: bytes
    """Its digest."""
    read: Callable[[], bytes | None]


class _Alike:
    """The kept examples of one task, action and state."""

    __slots__ = ("by_picture", "latest", "sketches")

    def __init__(self) -> None:
        self.by_picture: dict[bytes, Place] = {}
        self.latest: list[_Kept] = []
        self.sketches: list[bytes | None] = []
        """Those of ``latest``; None where none was needed yet."""

    def keep(self, kept: _Kept, sketch: bytes | None) -> None:
        self.by_picture[kept.picture] = kept.place
        self.latest.append(kept)
        self.sketches.append(sketch)
        if len(self.latest) > COMPARED:
            del self.latest[0], self.sketches[0]


class Duplicates:
    """Tells of one example after the other whether it is a copy of one that was kept.

    ``near_share`` None looks for exact copies only.
    """

    def __init__(self, near_share: float | None = NEAR_SHARE) -> None:
        self._share = near_share
        self._exact: dict[bytes, Place] = {}
        self._alike: dict[bytes, _Kept | _Alike] = {}
        """Most examples are the only ones of their kind: of these nothing more is kept."""
        self._pixels: OrderedDict[bytes, np.ndarray[Any, Any] | None] = OrderedDict()

    def copy_of(
        self, row: InstructionRow, picture: bytes | None, read: Callable[[], bytes | None]
    ) -> Copy | None:
        """What ``row`` is a copy of; None for one that is new, which is then kept.

        ``read`` gives the PNG ``picture`` again, when a later one has to be compared with it.
        """
        place = Place(row.session, row.n)
        exact = exact_digest(row, picture)
        if exact in self._exact:
            return Copy("exact", self._exact[exact])
        if self._share is not None:
            near = self._near(row, picture, _Kept(place, digest(picture or b""), read))
            if near is not None:
                return Copy("near", near)
        self._exact[exact] = place
        return None

    def _near(self, row: InstructionRow, picture: bytes | None, new: _Kept) -> Place | None:
        """What ``new`` is nearly a copy of; None when it is not, and is kept."""
        kind = _near_digest(row)
        alike = self._alike.setdefault(kind, new)
        if alike is new:
            return None
        if isinstance(alike, _Kept):
            first, alike = alike, _Alike()
            alike.keep(first, None)
            self._alike[kind] = alike
        if new.picture in alike.by_picture:
            return alike.by_picture[new.picture]
        sketch = None
        if picture is not None and self._share:
            sketch = _sketch_of(picture)
            near = self._nearest(alike, new.picture, sketch, picture, self._share)
            if near is not None:
                return near
        alike.keep(new, sketch)
        return None

    def _nearest(
        self, alike: _Alike, seen: bytes, sketch: bytes, picture: bytes, share: float
    ) -> Place | None:
        """The latest kept one of whose picture at most ``share`` differs from ``picture``."""
        import numpy as np

        for index, known in enumerate(alike.sketches):
            if known is None:
                alike.sketches[index] = _sketch_of(alike.latest[index].read())
        others = np.frombuffer(b"".join(s or b"" for s in alike.sketches), np.uint8)
        ours = np.frombuffer(sketch, np.uint8)
        blocks = _SKETCH_SIDE * _SKETCH_SIDE
        apart = np.abs(others.reshape(-1, blocks).astype(np.int16) - ours).sum(axis=1)
        # Where the sketches are further apart, more than the share must be different.
        most = share * blocks * _LARGEST + blocks  # each mean is rounded
        for index in reversed(np.flatnonzero(apart <= most).tolist()):
            kept = alike.latest[index]
            theirs = self._decoded(kept.picture, kept.read)
            if _differing_share(self._decoded(seen, lambda: picture), theirs) <= share:
                return kept.place
        return None

    def _decoded(
        self, seen: bytes, read: Callable[[], bytes | None]
    ) -> np.ndarray[Any, Any] | None:
        if seen not in self._pixels:
            self._pixels[seen] = _pixels_of(read())
            if len(self._pixels) > _PIXELS_KEPT:
                self._pixels.popitem(last=False)
        return self._pixels[seen]


def digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()


def exact_digest(row: InstructionRow, picture: bytes | None) -> bytes:
    """Equal for exact copies."""
    said = msgspec.msgpack.encode(
        (
            row.instruction,
            row.memory_context,
            row.previous_actions,
            row.action,
            row.reasoning,
            row.expected_outcome,
            picture,
        )
    )
    return digest(said)


def state_digest(row: InstructionRow, picture: bytes | None) -> bytes:
    """Equal where a player was asked the same and saw the same."""
    return digest(msgspec.msgpack.encode((_task(row), row.memory_context, picture)))


def _near_digest(row: InstructionRow) -> bytes:
    return digest(msgspec.msgpack.encode((_task(row), row.action, row.memory_context)))


def _task(row: InstructionRow) -> tuple[str, str]:
    return row.game, row.task_id or row.instruction


def _pixels_of(png: bytes | None) -> np.ndarray[Any, Any] | None:
    """Height x width, a number for each colour; None for what cannot be decoded."""
    import numpy as np
    from PIL import Image

    if png is None:
        return None
    try:
        with Image.open(io.BytesIO(png)) as picture:
            return np.asarray(picture.convert("RGBA")).view(np.uint32)[..., 0]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _sketch_of(png: bytes | None) -> bytes:
    """The mean brightness of each of 8 x 8 blocks; black for what cannot be decoded."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(png or b"")) as picture:
            grey = picture.convert("L")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return bytes(_SKETCH_SIDE * _SKETCH_SIDE)
    size = (_SKETCH_SIDE, _SKETCH_SIDE)
    return grey.resize(size, Image.Resampling.BOX).tobytes()


def _differing_share(one: np.ndarray[Any, Any] | None, other: np.ndarray[Any, Any] | None) -> float:
    if one is None or other is None or one.shape != other.shape:
        return 1.0
    import numpy as np

    return np.count_nonzero(one != other) / one.size
