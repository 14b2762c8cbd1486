"""The pictures of a session: kept losslessly, each distinct one once, in blocks.

While recording they go to ``images.blocks``; sealing packs them tighter into ``images.pack``. Both
are files of the same layout, read by the same reader. An image is known by its index, counted
from 0 over the whole file; what an index means is the business of the rows that carry it.
"""

from __future__ import annotations

from understudy.session.images.reader import ImageReader
from understudy.session.images.seal import seal_images
from understudy.session.images.writer import ImageWriter

__all__ = ["ImageReader", "ImageWriter", "seal_images"]
