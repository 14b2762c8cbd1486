"""Taking away from pixels what their neighbours in space or time already tell, and giving it back.

Arrays are [n, H, W, C] of bytes unless said otherwise. Arithmetic is modulo 256, so nothing is
ever lost.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from understudy.session.images.layout import Prediction

Bytes = NDArray[np.uint8]


def predict(pixels: Bytes, prediction: Prediction) -> Bytes:
    """What is left of ``pixels``; the argument itself when nothing is taken away."""
    if prediction is Prediction.NONE:
        return pixels
    left = pixels.copy()
    if prediction is Prediction.KEY:
        left[1:] ^= pixels[0]
    elif prediction is Prediction.PREVIOUS:
        left[1:] ^= pixels[:-1]
    else:
        left[:, :, 1:] -= pixels[:, :, :-1]
        if prediction is Prediction.GRADIENT:
            # Both sides overlap; NumPy notices and subtracts the values from before.
            left[:, 1:] -= left[:, :-1]
    return left


def restore_in_time(left: Bytes, prediction: Prediction) -> Bytes:
    """Give back what other images of the block told; all of the block is needed for it."""
    if prediction is Prediction.KEY:
        pixels: Bytes = left ^ left[0]
        pixels[0] = left[0]
        return pixels
    if prediction is Prediction.PREVIOUS:
        # Image by image: NumPy's accumulate walks along the first axis and is thirty times slower.
        pixels = left.copy()
        for before, image in pairwise(pixels):
            image ^= before
        return pixels
    return left


def restore_in_space(left: Bytes, prediction: Prediction) -> Bytes:
    """Give back what neighbours in the same image told; ``left`` is one image [H, W, C]."""
    if prediction not in (Prediction.LEFT, Prediction.GRADIENT):
        return left
    if prediction is Prediction.GRADIENT:
        left = left.copy()
        for above, row in pairwise(left):
            row += above
    return np.add.accumulate(left, axis=1, dtype=np.uint8)
