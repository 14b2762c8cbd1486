"""Sealing packs tighter, drops what recording met twice, and tells the new numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from understudy.session.images import ImageReader, ImageWriter, seal_images, writer


def test_repeats_too_far_apart_for_recording_are_found_when_sealing(
    pictures: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a recording that could remember only few images
    monkeypatch.setattr(writer, "_REMEMBERED", 8)
    source, target = tmp_path / "images.blocks", tmp_path / "images.pack"
    frames = pictures.scrolling_tiles(60)
    added = np.concatenate([frames, frames[::-1], frames[10:20]])
    with ImageWriter(source) as file:
        indices = file.add(added)
        assert file.count > 60
    # When it is sealed
    remap = seal_images(source, target)
    # Then each image is there once and the remapped indices show the same pictures
    assert remap is not None
    assert remap.dtype == np.int64
    assert len(remap) == indices.max() + 1
    with ImageReader(target) as reader:
        assert reader.count == 60
        for index, frame in zip(remap[indices], added, strict=True):
            np.testing.assert_array_equal(reader.image(int(index)), frame)


def test_the_order_of_first_appearance_is_kept(
    pictures: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_REMEMBERED", 1)
    a, b, c, d = pictures.noise(4)
    with ImageWriter(tmp_path / "images.blocks") as file:
        file.add(np.stack([a, b, c, a, d, b]))
    remap = seal_images(tmp_path / "images.blocks", tmp_path / "images.pack")
    assert remap is not None
    assert remap.tolist() == [0, 1, 2, 0, 3, 1]


def test_nothing_recorded_seals_to_nothing(tmp_path: Path) -> None:
    ImageWriter(tmp_path / "images.blocks").close()
    assert seal_images(tmp_path / "images.blocks", tmp_path / "images.pack") is None
    with ImageReader(tmp_path / "images.pack") as reader:
        assert reader.count == 0
        with pytest.raises(IndexError):
            reader.image(0)


def test_a_seal_that_was_killed_before_is_simply_done_again(pictures: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "images.blocks", tmp_path / "images.pack"
    with ImageWriter(source) as file:
        file.add(pictures.photographs(3))
    target.with_name("images.pack.partial").write_bytes(b"half a block")
    seal_images(source, target)
    with ImageReader(target) as reader:
        assert reader.count == 3
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["images.blocks", "images.pack"]


def test_a_pack_can_be_sealed_again(pictures: Any, tmp_path: Path) -> None:
    frames = pictures.scrolling_tiles(20)
    with ImageWriter(tmp_path / "images.blocks") as file:
        file.add(frames)
    seal_images(tmp_path / "images.blocks", tmp_path / "once.pack")
    seal_images(tmp_path / "once.pack", tmp_path / "twice.pack")
    assert (tmp_path / "once.pack").read_bytes() == (tmp_path / "twice.pack").read_bytes()


def test_progress_ends_with_all_images(pictures: Any, tmp_path: Path) -> None:
    with ImageWriter(tmp_path / "images.blocks") as file:
        file.add(pictures.noise(300, 5, 5))
        file.add(pictures.noise(7, 6, 5))
    seen: list[tuple[int, int]] = []
    seal_images(
        tmp_path / "images.blocks",
        tmp_path / "images.pack",
        progress=lambda done, of: seen.append((done, of)),
    )
    assert seen[-1] == (307, 307)
    assert seen == sorted(seen)
    assert len(seen) > 2


def test_a_failing_progress_leaves_no_half_pack(pictures: Any, tmp_path: Path) -> None:
    with ImageWriter(tmp_path / "images.blocks") as file:
        file.add(pictures.noise(3))

    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seal_images(tmp_path / "images.blocks", tmp_path / "images.pack", progress=stop)
    assert [entry.name for entry in tmp_path.iterdir()] == ["images.blocks"]


def test_photographs_become_webp_files_where_these_are_smaller(
    pictures: Any, tmp_path: Path
) -> None:
    source, target = tmp_path / "images.blocks", tmp_path / "images.pack"
    frames = pictures.photographs(4, 144, 160)
    with ImageWriter(source) as file:
        file.add(frames)
    seal_images(source, target)
    assert target.read_bytes().count(b"WEBPVP8L") == 4
    with ImageReader(target) as reader:
        np.testing.assert_array_equal(np.stack(list(reader.images(range(4)))), frames)
