"""Blackening parts of pictures before they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt


def mask_image(image: npt.NDArray[Any], regions: Iterable[Sequence[int]]) -> npt.NDArray[Any]:
    """Set rectangles ``[x, y, width, height]`` (pixels, from the top left) to black.

    ``image`` is height × width, with or without a last axis of channels; of four channels the last
    is transparency and is made opaque. Rectangles are clipped to the image; empty ones do nothing.
    Returns the image itself when no rectangle touches it, else a copy.
    """
    height, width = image.shape[:2]
    masked = image
    for x, y, region_width, region_height in regions:
        left, top = max(0, x), max(0, y)
        right, bottom = min(width, x + region_width), min(height, y + region_height)
        if left >= right or top >= bottom:
            continue
        if masked is image:
            masked = image.copy()
        masked[top:bottom, left:right] = 0
        if masked.ndim == 3 and masked.shape[2] == 4:
            masked[top:bottom, left:right, 3] = 255 if masked.dtype.kind in "ui" else 1
    return masked
