"""A screenshot as a model is sent it: large enough to be read, small enough to be cheap."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST_SIDE = 1024
_MOST_COLOURS = 256


def data_url(screenshot: NDArray[np.uint8], upscale: int) -> str:
    """A PNG of ``screenshot`` (height x width x RGB) as a data URL.

    Each pixel becomes a square of up to ``upscale`` pixels a side, whole and without blur; fewer
    where the picture would be longer than ``LONGEST_SIDE``. Pictures of up to 256 colours get a
    palette, with which a drawn screen takes a few kilobytes.
    """
    from PIL import Image

    factor = max(1, min(upscale, LONGEST_SIDE // max(screenshot.shape[:2])))
    numbers = screenshot.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, indices = np.unique(numbers, return_inverse=True)
    if len(colours) <= _MOST_COLOURS:
        small = indices.reshape(numbers.shape).astype(np.uint8)
        image = Image.fromarray(_enlarged(small, factor))
        image.putpalette(b"".join(int(colour).to_bytes(3, "big") for colour in colours))
    else:
        image = Image.fromarray(_enlarged(screenshot, factor))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _enlarged(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
