"""Pictures of the kinds games show, small ones, for the tests of the image track."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def scrolling_tiles(count: int, height: int = 48, width: int = 64, channels: int = 3) -> Bytes:
    """A map of eight colours that slides past, with a counter that changes each time."""
    rng = np.random.default_rng(7)
    colours = rng.integers(0, 256, (8, channels), np.uint8)
    world = np.kron(rng.integers(0, 8, (height, width)), np.ones((4, 4), np.uint8))
    frames = np.stack(
        [world[i % height :, i // 2 % width :][:height, :width] for i in range(count)]
    )
    frames[:, 0, :16] = (np.arange(count)[:, None] >> np.arange(16)) & 1
    return colours[frames]


def noise(count: int, height: int = 24, width: int = 32, channels: int = 3) -> Bytes:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, channels), np.uint8)


def photographs(count: int, height: int = 40, width: int = 56, channels: int = 3) -> Bytes:
    """Smooth fields of colour with a grain that differs from picture to picture."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:height, 0:width]
    field = np.stack(
        [120 + 90 * np.sin(x / (7 + 5 * c) + y / 19) for c in range(channels)], axis=-1
    )
    grain = rng.normal(0, 1.5, (count, height, width, channels))
    return (field + grain).clip(0, 255).astype(np.uint8)


def still_scene(count: int, height: int = 40, width: int = 56) -> Bytes:
    """The same noisy picture each time, but for a small square that moves."""
    frames = np.repeat(noise(1, height, width), count, axis=0)
    for i in range(count):
        frames[i, 8:16, i % (width - 8) :][:, :8] = i % 256
    return frames


def transparent(count: int) -> Bytes:
    """Few colours and a transparency that varies; fully transparent pixels keep their colour."""
    frames = scrolling_tiles(count, channels=4)
    frames[..., 3] = np.arange(frames.shape[2]) * 4
    return frames


CONTENTS: dict[str, Bytes] = {
    "scrolling tiles": scrolling_tiles(150),
    "scrolling tiles, opaque RGBA": np.concatenate(
        [scrolling_tiles(150), np.full((150, 48, 64, 1), 255, np.uint8)], axis=-1
    ),
    "two channels": scrolling_tiles(70, channels=2),
    "gray without a channel axis": scrolling_tiles(70, channels=1)[..., 0],
    "gray with a channel axis": scrolling_tiles(70, channels=1),
    "noise": noise(70),
    "photographs": photographs(20),
    "RGBA photographs": photographs(20, channels=4),
    "still scene": still_scene(80),
    "transparent": transparent(20),
    "single pixel": noise(300, 1, 1),
    "one row": noise(5, 1, 200),
    "one column": noise(5, 200, 1),
    "one image": photographs(1),
    "large": scrolling_tiles(10, 720, 1280),
}


class Pictures:
    """The makers of pictures, for tests that choose among them."""

    scrolling_tiles = staticmethod(scrolling_tiles)
    noise = staticmethod(noise)
    photographs = staticmethod(photographs)

    @staticmethod
    def of(name: str, count: int) -> Bytes:
        return cast("Callable[[int], Bytes]", getattr(Pictures, name))(count)


@pytest.fixture(scope="session")
def pictures() -> type[Pictures]:
    return Pictures


@pytest.fixture(scope="session", params=CONTENTS)
def frames(request: pytest.FixtureRequest) -> Bytes:
    """Each kind of content in turn."""
    return CONTENTS[request.param]
