"""What recording promises: repeats once, numbering that goes on, nothing taken twice or lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from understudy.errors import CorruptionError, UsageError
from understudy.session.images import ImageReader, ImageWriter
from understudy.store.blocks import scan_blocks


def test_exact_repeats_get_the_index_of_the_first(pictures: Any, tmp_path: Path) -> None:
    a, b, c = pictures.noise(3)
    with ImageWriter(tmp_path / "images.blocks") as writer:
        assert writer.add(np.stack([a, b, a, a])).tolist() == [0, 1, 0, 0]
        writer.flush()
        assert writer.add(np.stack([b, c])).tolist() == [1, 2]
        assert writer.count == 3


def test_equal_bytes_of_another_shape_are_another_image(tmp_path: Path) -> None:
    data = np.arange(24, dtype=np.uint8)
    shapes = [(1, 4, 6), (1, 6, 4), (1, 4, 6, 1), (1, 2, 4, 3), (1, 4, 2, 3)]
    with ImageWriter(tmp_path / "images.blocks") as writer:
        indices = [int(writer.add(data.reshape(shape))[0]) for shape in shapes]
    assert indices == [0, 1, 2, 3, 4]


def test_the_array_handed_over_may_be_reused_at_once(pictures: Any, tmp_path: Path) -> None:
    frames = pictures.scrolling_tiles(4)
    expected = frames.copy()
    with ImageWriter(tmp_path / "images.blocks") as writer:
        writer.add(frames)
        frames[:] = 0
    with ImageReader(tmp_path / "images.blocks") as reader:
        np.testing.assert_array_equal(np.stack(list(reader.images(range(4)))), expected)


def test_arrays_that_are_not_contiguous_are_taken_as_they_look(
    pictures: Any, tmp_path: Path
) -> None:
    frames = pictures.scrolling_tiles(6)[::2, ::-1, 1::3]
    with ImageWriter(tmp_path / "images.blocks") as writer:
        writer.add(frames)
    with ImageReader(tmp_path / "images.blocks") as reader:
        np.testing.assert_array_equal(np.stack(list(reader.images(range(3)))), frames)


def test_opening_a_file_again_continues_its_numbering(pictures: Any, tmp_path: Path) -> None:
    path = tmp_path / "images.blocks"
    first, second = pictures.scrolling_tiles(70), pictures.photographs(3)
    with ImageWriter(path) as writer:
        writer.add(first)
    with ImageWriter(path) as writer:
        assert writer.count == 70
        assert writer.bytes_written == path.stat().st_size
        assert writer.add(second).tolist() == [70, 71, 72]
    with ImageReader(path) as reader:
        np.testing.assert_array_equal(reader.image(69), first[69])
        np.testing.assert_array_equal(reader.image(72), second[2])


def test_a_torn_file_is_not_continued_but_refused(pictures: Any, tmp_path: Path) -> None:
    path = tmp_path / "images.blocks"
    with ImageWriter(path) as writer:
        writer.add(pictures.noise(2))
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(CorruptionError, match="cut the file at byte 0"):
        ImageWriter(path)


def test_full_blocks_are_written_without_being_asked(pictures: Any, tmp_path: Path) -> None:
    path = tmp_path / "images.blocks"
    with ImageWriter(path) as writer:
        for frame in pictures.noise(200, 8, 8):
            writer.add(frame[None])
        assert writer.count == 200
        with ImageReader(path) as reader:
            assert 200 - 64 < reader.count <= 200
        writer.flush()
        with ImageReader(path) as reader:
            assert reader.count == 200


def test_a_batch_much_larger_than_a_block_becomes_several_blocks(
    pictures: Any, tmp_path: Path
) -> None:
    frames = pictures.noise(500, 6, 6)
    with ImageWriter(tmp_path / "images.blocks") as writer:
        writer.add(frames)
    assert len(scan_blocks(tmp_path / "images.blocks").blocks) > 5
    with ImageReader(tmp_path / "images.blocks") as reader:
        np.testing.assert_array_equal(np.stack(list(reader.images(range(500)))), frames)


def test_repeats_are_found_over_many_thousands_of_images(tmp_path: Path) -> None:
    frames = np.arange(40_000, dtype="<u4").view(np.uint8).reshape(-1, 1, 1, 4)
    with ImageWriter(tmp_path / "images.blocks") as writer:
        writer.add(frames)
        np.testing.assert_array_equal(writer.add(frames[8_000:]), np.arange(8_000, 40_000))
        assert writer.count == 40_000


@pytest.mark.slow
def test_the_table_of_repeats_stays_bounded(tmp_path: Path) -> None:
    frames = np.arange(200_000, dtype="<u4").view(np.uint8).reshape(-1, 1, 1, 4)
    with ImageWriter(tmp_path / "images.blocks") as writer:
        writer.add(frames)
        assert len(writer._newer) + len(writer._older) <= 65_536


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((0, 4, 4), np.uint8),
        np.zeros((1, 0, 4), np.uint8),
        np.zeros((1, 4, 4, 5), np.uint8),
        np.zeros((1, 4, 4, 3, 1), np.uint8),
        [[[0]]],
    ],
    ids=lambda wrong: str(getattr(wrong, "shape", "list")),
)
def test_what_is_no_image_is_refused_and_changes_nothing(
    pictures: Any, tmp_path: Path, wrong: object
) -> None:
    with ImageWriter(tmp_path / "images.blocks") as writer:
        with pytest.raises(UsageError, match=r"images must"):
            writer.add(wrong)  # type: ignore[arg-type]
        assert writer.count == 0
        assert writer.add(pictures.noise(1)).tolist() == [0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_images_taken_before_the_disk_was_full_are_kept_and_no_more_are_taken(
    pictures: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a writer whose file turns out to lie on a full disk
    path = tmp_path / "images.blocks"
    writer = ImageWriter(path)
    full = os.open("/dev/full", os.O_WRONLY)
    whole = writer._file._fd
    monkeypatch.setattr(os, "ftruncate", lambda fd, size: None)
    writer._file._fd = full
    frames = pictures.noise(200, 8, 8)
    # When more is recorded than may wait in memory
    with pytest.raises(OSError, match="No space"):
        writer.add(frames[:150])
    taken = writer.count
    with pytest.raises(OSError, match="No space"):
        writer.add(frames[150:])
    # Then the writer has not grown, and all it took is written once there is room again
    assert writer.count == taken == 150
    writer._file._fd = whole
    os.close(full)
    writer.close()
    with ImageReader(path) as reader:
        np.testing.assert_array_equal(np.stack(list(reader.images(range(150)))), frames[:150])
