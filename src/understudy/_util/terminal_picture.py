"""Pictures as text, for terminals: what people see of a game where they play and score it.

A cell of a terminal is about twice as high as wide and shows one letter in two colours. Where a
picture fits, a cell is two of its pixels, one above the other, and the drawing is exact. Where it
has to shrink, a cell is divided into quarters instead: twice the pixels across, of which each cell
keeps the two colours that come nearest. This is what keeps small letters legible.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, TextIO

from understudy.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHADES = " ░▒▓█"
_QUARTERS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
"""By the quarters that have the foreground: 1 upper left, 2 upper right, 4 and 8 below them."""
_ALL_QUARTERS = len(_QUARTERS) - 1
_RESET = "\x1b[0m"


def draw(
    picture: NDArray[np.uint8],
    *,
    columns: int | None = None,
    rows: int | None = None,
    colour: bool = True,
) -> str:
    """``picture`` as lines of text of one width, without a line end after the last.

    ``picture`` is uint8 [height, width] or [height, width, 1, 3 or 4]. It fills at most
    ``columns`` times ``rows`` cells in its own proportions, enlarged by whole numbers only;
    ``rows`` has no bound where only ``columns`` are given, and without either the drawing fits the
    terminal with a line to spare. With ``colour`` the text has 24-bit colours, each line by
    itself; without, it has the letters of five shades, for light text on a dark ground. Raises
    UsageError for what is no picture.
    """
    pixels = _rgb(picture)
    if columns is None:
        size = shutil.get_terminal_size()
        columns = size.columns
        rows = size.lines - 1 if rows is None else rows
    wide, high = _pixels_within(pixels.shape[1], pixels.shape[0], columns, rows)
    return _coloured(pixels, wide, high) if colour else _shaded(pixels, wide, high)


def wants_colour(stream: TextIO) -> bool:
    """Whether what is written to ``stream`` may have colours: a terminal that nobody told not to.

    ``NO_COLOR`` (to anything) and ``TERM=dumb`` are ways to say so.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def _rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import numpy as np

    shape = picture.shape
    if picture.dtype != np.uint8 or picture.size == 0 or len(shape) not in (2, 3):
        raise UsageError(
            f"an array of {picture.dtype} and the shape {shape} is no picture that can be drawn; "
            "give uint8 [height, width] or [height, width, channels]"
        )
    layers = picture if len(shape) == 3 else picture[:, :, None]
    if layers.shape[2] == 1:
        return np.repeat(layers, 3, axis=2)
    if layers.shape[2] == 4:
        return (layers[:, :, :3] * (layers[:, :, 3:] / 255)).round().astype(np.uint8)
    if layers.shape[2] != 3:
        raise UsageError(
            f"a picture of {layers.shape[2]} channels cannot be drawn; give 1, 3 or 4 of them"
        )
    return layers


def _pixels_within(wide: int, high: int, columns: int, rows: int | None) -> tuple[int, int]:
    """The width and height to draw in, in pixels of which a cell holds one above another."""
    scale = max(1, columns) / wide
    if rows is not None:
        scale = min(scale, 2 * max(1, rows) / high)
    if scale >= 1:
        return wide * int(scale), high * int(scale)
    # An even height: half a cell left open below would be a waste of what little there is.
    return max(1, int(wide * scale)), 2 * max(1, round(high * scale / 2))


def _resized(pixels: NDArray[np.uint8], wide: int, high: int) -> NDArray[np.uint8]:
    """Each pixel the mean of the area it stands for: sharper than any smoother filter here."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((wide, high), Image.Resampling.BOX))


def _coloured(pixels: NDArray[np.uint8], wide: int, high: int) -> str:
    import numpy as np

    quarters = _resized(pixels, 2 * wide, high)
    odd = high % 2
    if odd:
        quarters = np.concatenate([quarters, quarters[-1:]])
    cells = quarters.reshape(-1, 2, wide, 2, 3).swapaxes(1, 2).reshape(-1, wide, 4, 3)
    lines = [_line(*row) for row in _in_two_colours(cells).tolist()]
    if odd:
        lines[-1] = _upper_line(_packed(quarters[-1, ::2]).tolist())
    return "\n".join(lines)


def _in_two_colours(cells: NDArray[np.uint8]) -> NDArray[np.int64]:
    """For each cell of four quarters the pattern and the two colours that come nearest."""
    import numpy as np

    exact = cells.astype(np.float32)
    # The sum of squares is the same for all patterns, so the least error has the most of these.
    best = np.full(cells.shape[:2], -1, np.float32)
    pattern = np.zeros(cells.shape[:2], np.int64)
    colours = np.zeros((*cells.shape[:2], 2, 3), np.float32)
    # The other half of the patterns are these with the colours changed over. The whole cell comes
    # first and then the halves: of what fits equally well the plainest is taken.
    for tried in (15, 3, 5, 1, 2, 4, 6, 7):
        chosen = np.array([bool(tried >> quarter & 1) for quarter in range(4)])
        parts = (exact[:, :, chosen], exact[:, :, ~chosen] if tried < _ALL_QUARTERS else exact)
        means = np.stack([part.mean(axis=2) for part in parts], axis=2)
        weights = np.array([chosen.sum(), (~chosen).sum()], np.float32)
        fit = ((means**2).sum(axis=3) * weights).sum(axis=2)
        better = fit > best + 0.5
        best = np.where(better, fit, best)
        pattern = np.where(better, tried, pattern)
        colours = np.where(better[:, :, None, None], means, colours)
    packed = _packed(colours.round().astype(np.uint8))
    return np.stack([pattern, packed[:, :, 0], packed[:, :, 1]], axis=1)


def _packed(colours: NDArray[np.uint8]) -> NDArray[np.int64]:
    import numpy as np

    red, green, blue = np.moveaxis(colours.astype(np.int64), -1, 0)
    packed: NDArray[np.int64] = red << 16 | green << 8 | blue
    return packed


def _line(patterns: list[int], foreground: list[int], background: list[int]) -> str:
    """One line of cells, with as few changes of colour as a look at the last cell allows."""
    parts = []
    front = back = -1
    for pattern, fore, ground in zip(patterns, foreground, background, strict=True):
        if pattern == _ALL_QUARTERS or fore == ground:
            if fore == front and fore != back:
                pattern = _ALL_QUARTERS
            else:
                pattern, fore, ground = 0, front, fore
        elif (fore != front) + (ground != back) > (fore != back) + (ground != front):
            pattern, fore, ground = _ALL_QUARTERS - pattern, ground, fore
        if pattern and fore != front:
            parts.append(_colour(38, fore))
            front = fore
        if pattern != _ALL_QUARTERS and ground != back:
            parts.append(_colour(48, ground))
            back = ground
        parts.append(_QUARTERS[pattern])
    return "".join(parts) + _RESET


def _upper_line(colours: list[int]) -> str:
    """The last line of a picture of odd height: the lower half of its cells stays as it was."""
    parts = []
    last = -1
    for colour in colours:
        if colour != last:
            parts.append(_colour(38, colour))
            last = colour
        parts.append("▀")
    return "".join(parts) + _RESET


def _colour(layer: int, packed: int) -> str:
    return f"\x1b[{layer};2;{packed >> 16};{packed >> 8 & 255};{packed & 255}m"


def _shaded(pixels: NDArray[np.uint8], wide: int, high: int) -> str:
    import numpy as np

    light = _resized(pixels, wide, high) @ np.array([0.299, 0.587, 0.114])
    if high % 2:
        light = np.concatenate([light, np.zeros((1, wide))])
    levels = (light * ((len(_SHADES) - 1) / 255)).round().astype(int)
    upper, lower = levels[::2].tolist(), levels[1::2].tolist()
    return "\n".join("".join(map(_shade, *halves)) for halves in zip(upper, lower, strict=True))


def _shade(upper: int, lower: int) -> str:
    """Half blocks where the halves are far apart, else the mean of both."""
    if abs(upper - lower) >= 3:
        return "▀" if upper > lower else "▄"
    return _SHADES[(upper + lower + 1) // 2]
