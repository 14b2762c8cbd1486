"""Reading costs what it must: one block for one image, each block once in order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from understudy.session.images import ImageReader, ImageWriter, reader
from understudy.session.images.codecs import DecodedBlock


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first index of each block that was decompressed, in order."""
    firsts: list[int] = []

    class Watched(DecodedBlock):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]
            firsts.append(self.head.first)

    monkeypatch.setattr(reader, "DecodedBlock", Watched)
    return firsts


@pytest.fixture
def path(pictures: Any, tmp_path: Path) -> Path:
    """Ten blocks of ten images."""
    frames = pictures.scrolling_tiles(100)
    with ImageWriter(tmp_path / "images.blocks") as writer:
        for start in range(0, 100, 10):
            writer.add(frames[start : start + 10])
            writer.flush()
    return tmp_path / "images.blocks"


def test_one_image_costs_one_block(pictures: Any, path: Path, decoded: list[int]) -> None:
    with ImageReader(path) as images:
        np.testing.assert_array_equal(images.image(57), pictures.scrolling_tiles(100)[57])
        images.shape(3)
    assert decoded == [50]


def test_images_in_order_decode_each_block_once(
    pictures: Any, path: Path, decoded: list[int]
) -> None:
    with ImageReader(path) as images:
        shown = [0, 0, 1, 15, 16, 99, 99]
        for image, index in zip(images.images(shown), shown, strict=True):
            np.testing.assert_array_equal(image, pictures.scrolling_tiles(100)[index])
    assert decoded == [0, 10, 90]


def test_kept_blocks_are_bounded(
    path: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_KEPT_BYTES", 3 * 10 * 48 * 64)
    with ImageReader(path) as images:
        for index in (0, 10, 20, 0, 30, 0, 10):
            images.image(index)
    assert decoded == [0, 10, 20, 30, 10]


def test_what_is_handed_out_may_be_changed(pictures: Any, path: Path) -> None:
    with ImageReader(path) as images:
        images.image(5)[:] = 0
        np.testing.assert_array_equal(images.image(5), pictures.scrolling_tiles(100)[5])


def test_threads_may_share_a_reader(pictures: Any, path: Path) -> None:
    frames = pictures.scrolling_tiles(100)
    wanted = np.random.default_rng(0).permutation(np.repeat(np.arange(100), 3)).tolist()
    with ImageReader(path) as images, ThreadPoolExecutor(4) as pool:
        for index, image in zip(wanted, pool.map(images.image, wanted), strict=True):
            np.testing.assert_array_equal(image, frames[index])


def test_a_file_that_is_still_growing_shows_what_stood_when_it_was_opened(
    pictures: Any, tmp_path: Path
) -> None:
    frames = pictures.scrolling_tiles(20)
    with ImageWriter(tmp_path / "images.blocks") as writer:
        writer.add(frames[:10])
        writer.flush()
        with ImageReader(tmp_path / "images.blocks") as images:
            writer.add(frames[10:])
            writer.flush()
            assert images.count == 10
        with ImageReader(tmp_path / "images.blocks") as images:
            assert images.count == 20
