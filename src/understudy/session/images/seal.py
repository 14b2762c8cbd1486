"""Packing the images of a finished session tighter, and finding the repeats recording missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import zstandard
from numpy.typing import NDArray

from understudy.errors import CorruptionError
from understudy.session.images.codecs import DecodedBlock
from understudy.session.images.digest import image_digest, shape_seed
from understudy.session.images.encoder import SEALING, BlockEncoder
from understudy.session.images.layout import IMAGE_BLOCK_KIND
from understudy.session.images.reader import ImageReader
from understudy.store.atomic import TEMPORARY_SUFFIX, sync_folder
from understudy.store.blocks import BlockWriter

Bytes = NDArray[np.uint8]
Progress = Callable[[int, int], None]


def seal_images(
    source: Path, target: Path, *, progress: Progress | None = None
) -> NDArray[np.int64] | None:
    """Pack the images of ``source`` into ``target``, which appears whole or not at all.

    Returns for each old index the new one, or None when all stayed the same. ``source`` is left as
    it is. ``progress`` is called with images done and images in all. Every block is decoded and
    compared before it counts. Raises CorruptionError when ``source`` is damaged, OSError as the
    file system does.
    """
    unfinished = target.with_name(target.name + TEMPORARY_SUFFIX)
    unfinished.unlink(missing_ok=True)
    try:
        with ImageReader(source) as reader:
            kept, remap = _distinct(reader)
            with BlockWriter(unfinished) as file:
                _pack(reader, kept, file, progress)
                file.sync()
        unfinished.replace(target)
        sync_folder(target.parent)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return remap


def _distinct(reader: ImageReader) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Indices of the images to keep, ascending, and the way from old to new indices."""
    everything = np.arange(reader.count, dtype=np.int64)
    if reader.count < 2:
        return everything, None
    digests = np.empty((reader.count, 2), np.uint64)
    shape: tuple[int, ...] = ()
    seed = 0
    for index, image in enumerate(reader.images(range(reader.count))):
        if image.shape != shape:
            shape, seed = image.shape, shape_seed(image.shape)
        digests[index] = np.frombuffer(image_digest(image, seed), np.uint64)
    # The sort is stable: of equal images the first one comes first.
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    is_first = np.ones(reader.count, bool)
    is_first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    if is_first.all():
        return everything, None
    first_of = np.empty(reader.count, np.int64)
    first_of[order] = order[is_first][np.cumsum(is_first) - 1]
    keep = first_of == everything
    new_index = np.cumsum(keep) - 1
    return everything[keep], new_index[first_of]


def _pack(
    reader: ImageReader, kept: NDArray[np.int64], file: BlockWriter, progress: Progress | None
) -> None:
    encoder = BlockEncoder(SEALING)
    decompressor = zstandard.ZstdDecompressor()
    done = 0
    for start, end in pairwise(_block_bounds(reader, kept)):
        images = np.stack(list(reader.images(kept[start:end].tolist())))
        payload = encoder.encode(images, start)
        decoded = DecodedBlock(payload, f"a repacked block of {file.path}", decompressor)
        for position, image in enumerate(images):
            if not np.array_equal(decoded.image(position), image):
                raise CorruptionError(
                    f"image {start + position} of {file.path} does not decode to the recorded "
                    "pixels; the recording is left as it was: keep it and report this"
                )
        file.append(payload, IMAGE_BLOCK_KIND)
        done += len(images)
        if progress is not None:
            progress(done, len(kept))


def _block_bounds(reader: ImageReader, kept: NDArray[np.int64]) -> Iterator[int]:
    """Positions in ``kept`` at which a new block begins, and the end."""
    start = 0
    shape: tuple[int, ...] = ()
    capacity = 0
    for position, index in enumerate(kept):
        its_shape = reader.shape(int(index))
        if its_shape != shape or position - start == capacity:
            yield position
            start = position
            shape = its_shape
            capacity = SEALING.block_capacity(int(np.prod(shape)))
    if len(kept):
        yield len(kept)
