"""After a kill all whole blocks are there; damage is named and costs only the images it hit."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from understudy.errors import CorruptionError, NewerSchemaError
from understudy.session.images import ImageReader, ImageWriter, seal_images
from understudy.session.images.layout import HEAD_SIZE, Coder, Head, Prediction, read_head
from understudy.store.blocks import HEADER_SIZE, BlockWriter, scan_blocks

Bytes = NDArray[np.uint8]


def three_blocks(path: Path, pictures: Any) -> Bytes:
    frames = pictures.scrolling_tiles(9, 12, 16)
    with ImageWriter(path) as writer:
        for start in (0, 3, 6):
            writer.add(frames[start : start + 3])
            writer.flush()
    return frames


@pytest.mark.slow
def test_a_file_cut_at_any_byte_still_gives_all_images_of_its_whole_blocks(
    pictures: Any, tmp_path: Path
) -> None:
    path = tmp_path / "images.blocks"
    frames = three_blocks(path, pictures)
    ends = [block.offset + block.length for block in scan_blocks(path).blocks]
    data = path.read_bytes()
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        whole = sum(end <= size for end in ends)
        with ImageReader(path) as reader:
            assert reader.count == 3 * whole
            assert (reader.torn > 0) == (size not in (0, *ends))
            for index in range(reader.count):
                np.testing.assert_array_equal(reader.image(index), frames[index])


def test_recording_goes_on_after_a_torn_tail_was_cut(pictures: Any, tmp_path: Path) -> None:
    path = tmp_path / "images.blocks"
    frames = three_blocks(path, pictures)
    os.truncate(path, path.stat().st_size - 5)
    os.truncate(path, scan_blocks(path).end)
    with ImageWriter(path) as writer:
        assert writer.add(frames[6:]).tolist() == [6, 7, 8]
    with ImageReader(path) as reader:
        np.testing.assert_array_equal(np.stack(list(reader.images(range(9)))), frames)


def test_a_flipped_bit_in_pixels_costs_only_its_block(pictures: Any, tmp_path: Path) -> None:
    path = tmp_path / "images.blocks"
    frames = three_blocks(path, pictures)
    flip(path, scan_blocks(path).blocks[1].offset + HEAD_SIZE + 30)
    with ImageReader(path) as reader:
        assert_only_the_middle_block_is_lost(reader, frames)


@pytest.mark.parametrize("byte", range(HEAD_SIZE))
def test_a_flipped_bit_in_a_head_costs_only_its_block(
    pictures: Any, tmp_path: Path, byte: int
) -> None:
    path = tmp_path / "images.blocks"
    frames = three_blocks(path, pictures)
    flip(path, scan_blocks(path).blocks[1].offset + byte)
    with ImageReader(path) as reader:
        assert_only_the_middle_block_is_lost(reader, frames)


def test_a_damaged_recording_is_not_sealed_and_nothing_is_left_behind(
    pictures: Any, tmp_path: Path
) -> None:
    path = tmp_path / "images.blocks"
    three_blocks(path, pictures)
    flip(path, scan_blocks(path).blocks[1].offset + 40)
    with pytest.raises(CorruptionError):
        seal_images(path, tmp_path / "images.pack")
    assert [entry.name for entry in tmp_path.iterdir()] == ["images.blocks"]


@pytest.mark.parametrize("index", [-1, 9, 10**12])
def test_there_is_no_image_outside(pictures: Any, tmp_path: Path, index: int) -> None:
    three_blocks(tmp_path / "images.blocks", pictures)
    with ImageReader(tmp_path / "images.blocks") as reader:
        with pytest.raises(IndexError):
            reader.image(index)
        with pytest.raises(IndexError):
            reader.shape(index)


def test_a_damaged_head_at_the_end_is_damage_rather_than_an_end(
    pictures: Any, tmp_path: Path
) -> None:
    path = tmp_path / "images.blocks"
    three_blocks(path, pictures)
    flip(path, scan_blocks(path).blocks[2].offset)
    with ImageReader(path) as reader, pytest.raises(CorruptionError, match="head is damaged"):
        reader.image(6)


def test_an_image_behind_a_torn_place_is_not_there_and_the_error_tells_of_it(
    pictures: Any, tmp_path: Path
) -> None:
    path = tmp_path / "images.blocks"
    three_blocks(path, pictures)
    os.truncate(path, path.stat().st_size - 1)
    with ImageReader(path) as reader, pytest.raises(IndexError, match="torn"):
        reader.image(6)


@pytest.mark.parametrize("kind", ["noise", "scrolling_tiles", "photographs"])
def test_bytes_that_pass_the_checksum_but_make_no_sense_are_reported(
    pictures: Any, tmp_path: Path, kind: str
) -> None:
    # Given sealed blocks of each coder that were shortened and given a right checksum again
    source, target = tmp_path / "images.blocks", tmp_path / "images.pack"
    with ImageWriter(source) as writer:
        writer.add(pictures.of(kind, 3))
    seal_images(source, target)
    block = scan_blocks(target).blocks[0]
    payload = target.read_bytes()[block.offset :]
    for size in (HEAD_SIZE, HEAD_SIZE + 3, len(payload) - 1):
        path = tmp_path / f"{size}.pack"
        with BlockWriter(path) as file:
            file.append(payload[:size], block.kind)
        # Then reading says so
        with ImageReader(path) as reader, pytest.raises(CorruptionError, match="does not hold"):
            reader.image(0)


def test_a_layout_of_a_newer_version_is_refused_by_name() -> None:
    head = Head(
        first=0, count=1, height=1, width=1, channels=0, palette_rows=0,
        prediction=Prediction.NONE, coder=Coder.RAW,
    )  # fmt: skip
    fields = bytearray(head.pack()[:-4])
    fields[0] = 200
    newer = bytes(fields) + struct.pack("<I", zlib.crc32(fields))
    with pytest.raises(NewerSchemaError, match="image layout 200"):
        read_head(newer, "a block")


def flip(path: Path, position: int) -> None:
    assert position > HEADER_SIZE
    data = bytearray(path.read_bytes())
    data[position] ^= 0x10
    path.write_bytes(data)


def assert_only_the_middle_block_is_lost(reader: ImageReader, frames: Bytes) -> None:
    assert reader.count == 9
    for index in (0, 1, 2, 6, 7, 8):
        np.testing.assert_array_equal(reader.image(index), frames[index])
    for index in (3, 4, 5):
        with pytest.raises(CorruptionError, match=r"verify"):
            reader.image(index)
