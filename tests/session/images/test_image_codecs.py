"""Every way of coding gives back the same pixels, also the ways a trial would rarely choose."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from understudy.errors import CorruptionError
from understudy.session.images.codecs import Codec, DecodedBlock, encode_pixels
from understudy.session.images.layout import Coder, Head, Prediction
from understudy.session.images.palette import Palettiser

Bytes = NDArray[np.uint8]

BLOCKS = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 6), st.integers(1, 4)),
    elements=st.integers(0, 255) | st.integers(0, 2),
)
PALETTISER = Palettiser()
DECOMPRESSOR = zstandard.ZstdDecompressor()


def payload_of(codec: Codec, pixels: Bytes, body: bytes, palette_rows: int = 0) -> bytes:
    count, height, width, channels = pixels.shape
    head = Head(
        first=0,
        count=count,
        height=height,
        width=width,
        channels=channels,
        palette_rows=palette_rows,
        prediction=codec.prediction,
        coder=codec.coder,
    )
    return head.pack() + body


def decode(pixels: Bytes, codec: Codec, coded: Bytes, rows: Bytes | None) -> Bytes:
    table = b"" if rows is None else rows.tobytes()
    body = table + encode_pixels(coded, codec, zstandard.ZstdCompressor())
    payload = payload_of(codec, pixels, body, 0 if rows is None else len(rows))
    block = DecodedBlock(payload, "it", DECOMPRESSOR)
    return np.stack([block.image(position) for position in range(len(pixels))])


@pytest.mark.parametrize(
    ("prediction", "coder"), list(product(Prediction, (Coder.RAW, Coder.ZSTD)))
)
@settings(max_examples=30, deadline=None)
@given(pixels=BLOCKS)
def test_each_prediction_is_taken_back_exactly(
    prediction: Prediction, coder: Coder, pixels: Bytes
) -> None:
    decoded = decode(pixels, Codec(False, prediction, coder), pixels, None)
    np.testing.assert_array_equal(decoded, pixels)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(pixels=BLOCKS.filter(lambda pixels: pixels.shape[3] >= 3))
def test_webp_files_keep_every_pixel_transparent_ones_included(pixels: Bytes) -> None:
    codec = Codec(False, Prediction.NONE, Coder.WEBP)
    np.testing.assert_array_equal(decode(pixels, codec, pixels, None), pixels)


@pytest.mark.slow
@pytest.mark.parametrize("prediction", [Prediction.NONE, Prediction.KEY, Prediction.PREVIOUS])
@settings(max_examples=60, deadline=None)
@given(pixels=BLOCKS.filter(lambda pixels: pixels.shape[3] >= 2))
def test_palettes_keep_every_pixel_whatever_colours_came_before(
    prediction: Prediction, pixels: Bytes
) -> None:
    indexed = PALETTISER.index(pixels)
    if indexed is None:
        assert pixels.shape[3] == 4
        assert len(np.unique(pixels[..., 3])) > 1
        return
    indices, rows = indexed
    assert indices.min() >= 1
    codec = Codec(True, prediction, Coder.ZSTD)
    np.testing.assert_array_equal(decode(pixels, codec, indices, rows), pixels)


@pytest.mark.parametrize(("colours", "fits"), [(255, True), (256, False)])
def test_a_palette_holds_255_colours_and_no_more(colours: int, fits: bool) -> None:
    pixels = np.zeros((1, 1, colours, 3), np.uint8)
    pixels[..., 0] = np.arange(colours)
    palettiser = Palettiser()
    assert (palettiser.index(pixels) is not None) == fits
    # And colours that did not fit are no burden on the next block.
    assert palettiser.index(pixels[:, :, :200] + np.uint8(7)) is not None


def test_a_palette_full_of_past_colours_makes_room_for_new_ones() -> None:
    palettiser = Palettiser()
    for scene in range(20):
        pixels = np.full((2, 3, 100, 3), scene, np.uint8)
        pixels[..., 1] = np.arange(100)
        indexed = palettiser.index(pixels)
        assert indexed is not None
        indices, rows = indexed
        np.testing.assert_array_equal(rows[indices[..., 0].astype(int) - 1], pixels)


def test_large_pictures_are_palettised_over_all_their_pixels() -> None:
    pixels = np.zeros((1, 700, 500, 3), np.uint8)
    pixels[0, -1, -1] = (1, 2, 3)
    pixels[0, 300] = 9
    indexed = Palettiser().index(pixels)
    assert indexed is not None
    indices, rows = indexed
    np.testing.assert_array_equal(rows[indices[..., 0].astype(int) - 1], pixels)


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[:3],
        lambda body: body[:-1],
        lambda body: body[:20] + b"?" * (len(body) - 20),
        lambda body: body + b"?",
    ],
)
def test_webp_files_that_are_damaged_are_reported_as_such(damage: Callable[[bytes], bytes]) -> None:
    pixels = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    codec = Codec(False, Prediction.NONE, Coder.WEBP)
    body = damage(encode_pixels(pixels, codec, zstandard.ZstdCompressor()))
    with pytest.raises(CorruptionError, match="does not hold the 2 images"):
        DecodedBlock(payload_of(codec, pixels, body), "it", DECOMPRESSOR).image(0)


def test_webp_files_of_another_size_than_the_head_tells_are_reported() -> None:
    pixels = np.zeros((1, 4, 5, 3), np.uint8)
    codec = Codec(False, Prediction.NONE, Coder.WEBP)
    body = encode_pixels(pixels[:, :2], codec, zstandard.ZstdCompressor())
    with pytest.raises(CorruptionError, match="does not hold the 1 images"):
        DecodedBlock(payload_of(codec, pixels, body), "it", DECOMPRESSOR).image(0)


@pytest.mark.parametrize("body", [b"\1\1", b"\1\1\1" + b"\2"], ids=["cut rows", "missing row"])
def test_a_palette_that_does_not_hold_its_colours_is_reported(body: bytes) -> None:
    pixels = np.zeros((1, 1, 1, 3), np.uint8)
    payload = payload_of(Codec(True, Prediction.NONE, Coder.RAW), pixels, body, palette_rows=1)
    with pytest.raises(CorruptionError, match="does not hold the 1 images"):
        DecodedBlock(payload, "it", DECOMPRESSOR).image(0)
