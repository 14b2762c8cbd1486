"""Every image comes back exactly as it was given, whatever it shows and however it is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from understudy.session.images import ImageReader, ImageWriter, seal_images

Bytes = NDArray[np.uint8]

WITHIN_A_FIXTURE = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def batches(draw: st.DrawFn) -> list[Bytes]:
    """Batches of images of some shapes, in which images repeat."""
    shapes = draw(
        st.lists(
            st.tuples(st.integers(1, 9), st.integers(1, 9))
            | st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)),
            min_size=1,
            max_size=3,
        )
    )
    known: list[Bytes] = []
    result = []
    for _ in range(draw(st.integers(1, 6))):
        shape = draw(st.sampled_from(shapes))
        batch = draw(hnp.arrays(np.uint8, (draw(st.integers(1, 5)), *shape)))
        repeats = [image for image in known if image.shape == shape]
        if repeats and draw(st.booleans()):
            batch[0] = draw(st.sampled_from(repeats))
        known.extend(batch)
        result.append(batch)
    return result


def record(path: Path, added: list[Bytes], *, flush_after_each: bool = False) -> list[int]:
    indices: list[int] = []
    with ImageWriter(path) as writer:
        for batch in added:
            indices += writer.add(batch).tolist()
            if flush_after_each:
                writer.flush()
    return indices


@pytest.mark.slow
@WITHIN_A_FIXTURE
@given(added=batches(), flush_after_each=st.booleans())
def test_any_sequence_of_images_round_trips_recorded_and_sealed(
    tmp_path: Path, added: list[Bytes], flush_after_each: bool
) -> None:
    source, target = tmp_path / "images.blocks", tmp_path / "images.pack"
    source.unlink(missing_ok=True)
    indices = record(source, added, flush_after_each=flush_after_each)
    images = [image for batch in added for image in batch]
    distinct = {(image.shape, image.tobytes()) for image in images}

    remap = seal_images(source, target)

    assert remap is None
    for path in (source, target):
        with ImageReader(path) as reader:
            assert reader.count == len(distinct) == max(indices) + 1
            for index, image in zip(indices, images, strict=True):
                assert reader.shape(index) == image.shape
                np.testing.assert_array_equal(reader.image(index), image, strict=True)


@pytest.mark.slow
def test_each_kind_of_content_round_trips_recorded_and_sealed(
    tmp_path: Path, frames: Bytes
) -> None:
    source, target = tmp_path / "images.blocks", tmp_path / "images.pack"
    indices = record(source, [frames[i : i + 8] for i in range(0, len(frames), 8)])

    seal_images(source, target)

    for path in (source, target):
        with ImageReader(path) as reader:
            for image, frame in zip(reader.images(indices), frames, strict=True):
                np.testing.assert_array_equal(image, frame, strict=True)


def test_drawn_screens_take_a_small_part_of_their_bytes_and_less_after_sealing(
    pictures: Any, tmp_path: Path
) -> None:
    source, target = tmp_path / "images.blocks", tmp_path / "images.pack"
    frames = pictures.scrolling_tiles(150)
    record(source, [frames])
    seal_images(source, target)
    assert source.stat().st_size < frames.nbytes / 20
    assert target.stat().st_size < source.stat().st_size


def test_noise_takes_hardly_more_than_its_bytes(pictures: Any, tmp_path: Path) -> None:
    frames = pictures.noise(70)
    record(tmp_path / "images.blocks", [frames])
    assert (tmp_path / "images.blocks").stat().st_size < frames.nbytes + 500


def test_a_game_that_changes_its_look_is_followed(tmp_path: Path) -> None:
    # Given scenes of one shape that each want another codec
    rng = np.random.default_rng(0)
    tiles = np.kron(rng.integers(0, 2, (100, 10, 10, 3)), np.ones((1, 4, 4, 1))).astype(np.uint8)
    smooth = np.arange(40 * 40 * 3).reshape(1, 40, 40, 3) // 7 + np.arange(100)[:, None, None, None]
    scenes = [
        tiles,
        rng.integers(0, 256, (100, 40, 40, 3), np.uint8),
        smooth.astype(np.uint8),
        tiles + 9,
    ]
    # When they follow each other
    path = tmp_path / "images.blocks"
    indices = record(path, scenes)
    # Then none is lost
    with ImageReader(path) as reader:
        everything = np.concatenate(scenes)
        for image, frame in zip(reader.images(indices), everything, strict=True):
            np.testing.assert_array_equal(image, frame)
