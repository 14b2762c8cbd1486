"""Screenshots: whatever a game hands over becomes a PNG of the same pixels, masked where asked."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import understudy
from understudy.session.steps import AgentStep

SCREEN = np.random.default_rng(7).integers(1, 256, (12, 16, 3), np.uint8)
REGION = (slice(1, 5), slice(2, 5))
"""Rows and columns of [2, 1, 3, 4]."""


def encoded(form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(SCREEN).save(buffer, form, **options)
    return buffer.getvalue()


def as_file(folder: Path) -> Path:
    path = folder / "screen.bmp"
    path.write_bytes(encoded("BMP"))
    return path


FORMS: dict[str, Callable[[Path], Any]] = {
    "array": lambda _: SCREEN,
    "array that is not contiguous": lambda _: np.asfortranarray(SCREEN),
    "array with transparency": lambda _: np.dstack([SCREEN, np.full((12, 16), 255, np.uint8)]),
    "image": lambda _: Image.fromarray(SCREEN),
    "image with transparency": lambda _: Image.fromarray(SCREEN).convert("RGBA"),
    "PNG": lambda _: encoded("PNG"),
    "PNG in a bytearray": lambda _: bytearray(encoded("PNG")),
    "WebP": lambda _: encoded("WEBP", lossless=True),
    "path": as_file,
    "path as text": lambda folder: str(as_file(folder)),
}


@pytest.mark.slow
@pytest.mark.parametrize("regions", [[], [[2, 1, 3, 4]]], ids=["whole", "masked"])
@pytest.mark.parametrize("form", FORMS)
def test_a_screenshot_in_any_form_is_kept_pixel_by_pixel_and_masked_where_asked(
    tmp_path: Path, form: str, regions: list[list[int]]
) -> None:
    with understudy.Workspace(tmp_path / "ws") as ws:
        (ws.path / "understudy.toml").write_text(f"[mask]\nimage_regions = {regions}\n")
    with understudy.Workspace(tmp_path / "ws") as ws:
        with ws.record() as recorder:
            assert recorder.step(action="look", screenshot=FORMS[form](tmp_path))
        assert recorder.counters.bad_values == 0
        [step] = ws.session(recorder.id).trace()
        assert isinstance(step, AgentStep)
        assert step.screenshot == "screenshots/step_01_before_action.png"
        content = (recorder.path / step.screenshot).read_bytes()
    assert content.startswith(b"\x89PNG")
    kept = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    expected = SCREEN.copy()
    if regions:
        expected[REGION] = 0
    np.testing.assert_array_equal(kept, expected)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((4, 4), np.float32), "array of uint8"),
        (np.zeros((2, 2, 2, 2), np.uint8), "array of uint8"),
        (b"no picture", "no known image format"),
        ("there is no such file.png", "No such file"),
    ],
)
def test_what_is_no_picture_costs_the_picture_and_not_the_step(
    ws: understudy.Workspace, picture: Any, said: str
) -> None:
    with ws.record() as recorder:
        assert recorder.step(action="look", screenshot=picture)
    [step] = ws.session(recorder.id).trace()
    assert isinstance(step, AgentStep)
    assert (step.action, step.screenshot) == ("look", None)
    assert said in (recorder.counters.last_error or "")
    assert recorder.counters.dropped == 0
    assert ws.verify(recorder.id) == []


def test_a_picture_that_the_game_draws_over_is_kept_as_it_was_handed_over(
    ws: understudy.Workspace,
) -> None:
    screen = SCREEN.copy()
    with ws.record() as recorder:
        recorder.step(action="look", screenshot=screen, wait=False)
        screen[:] = 0
    kept = Image.open(recorder.path / "screenshots" / "step_01_before_action.png")
    np.testing.assert_array_equal(np.asarray(kept), SCREEN)


@pytest.mark.parametrize("shades", [1, 2, 4, 17, 256])
def test_a_screen_of_greys_is_kept_pixel_by_pixel_however_many_there_are(
    ws: understudy.Workspace, shades: int
) -> None:
    greys = np.unique(np.linspace(0, 255, shades).astype(np.uint8))
    flat = greys[np.arange(48 * 32) % len(greys)].reshape(32, 48)
    screen = np.repeat(flat[:, :, None], 3, axis=2)
    with ws.record() as recorder:
        recorder.step(action="look", screenshot=screen)
    with Image.open(recorder.path / "screenshots" / "step_01_before_action.png") as kept:
        np.testing.assert_array_equal(np.asarray(kept), flat)
        np.testing.assert_array_equal(np.asarray(kept.convert("RGB")), screen)


def test_a_screen_with_one_coloured_pixel_keeps_its_colour(ws: understudy.Workspace) -> None:
    screen = np.zeros((8, 8, 3), np.uint8)
    screen[3, 4] = (0, 0, 1)
    with ws.record() as recorder:
        recorder.step(action="look", screenshot=screen)
    kept = Image.open(recorder.path / "screenshots" / "step_01_before_action.png")
    np.testing.assert_array_equal(np.asarray(kept.convert("RGB")), screen)


def test_a_handhelds_screen_takes_less_room_and_is_masked_all_the_same(tmp_path: Path) -> None:
    greys = np.array([0, 85, 170, 255], np.uint8)
    rng = np.random.default_rng(3)
    tiles = greys[rng.integers(0, 4, (18, 20))].repeat(8, 0).repeat(8, 1)
    screen = np.repeat(tiles[:, :, None], 3, axis=2)
    with understudy.Workspace(tmp_path / "ws") as ws:
        (ws.path / "understudy.toml").write_text("[mask]\nimage_regions = [[0, 0, 16, 8]]\n")
    with understudy.Workspace(tmp_path / "ws") as ws, ws.record() as recorder:
        recorder.step(action="look", screenshot=screen)
    path = recorder.path / "screenshots" / "step_01_before_action.png"
    plain = io.BytesIO()
    Image.fromarray(screen).save(plain, "PNG", compress_level=6)
    assert path.stat().st_size < len(plain.getvalue()) * 0.85
    kept = np.asarray(Image.open(path).convert("RGB"))
    assert not kept[:8, :16].any()
    np.testing.assert_array_equal(kept[8:], screen[8:])
