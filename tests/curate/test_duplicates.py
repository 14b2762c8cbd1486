"""Copies: what counts as exact, what as near, and what is another example."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.formats.example_rows import instruction_row

from understudy.curate.duplicates import COMPARED, Duplicates

HEIGHT, WIDTH = 40, 50


def picture(changed: int = 0, *, seed: int = 0, size: tuple[int, int] = (HEIGHT, WIDTH)) -> bytes:
    """A picture with this many pixels unlike those of the one of the same seed."""
    pixels = np.random.default_rng(seed).integers(0, 2, (*size, 3), dtype=np.uint8) * 200
    flat = pixels.reshape(-1, 3)
    flat[:changed, 0] = 255 - flat[:changed, 0]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


class Examples:
    """Asks of one example after the other whether it is a copy."""

    def __init__(self, near_share: float | None = 0.001) -> None:
        self._duplicates = Duplicates(near_share)
        self._count = 0

    def copy(self, shown: bytes | None, **changes: Any) -> tuple[str, int] | None:
        """How it is a copy, and of the how manieth example."""
        self._count += 1
        row = instruction_row(n=self._count, **changes)
        found = self._duplicates.copy_of(row, shown, lambda: shown)
        return None if found is None else (found.kind, found.of.n)


def test_the_same_in_all_that_is_learned_from_is_an_exact_copy() -> None:
    examples = Examples()
    assert examples.copy(picture()) is None
    assert examples.copy(picture(), session="another", step_number=9, timestamp="later") == (
        "exact",
        1,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"instruction": "other", "task_id": "other"},
        {"action": "press_a"},
        {"memory_context": "elsewhere"},
    ],
)
def test_another_task_action_or_state_is_another_example(change: dict[str, Any]) -> None:
    examples = Examples()
    assert examples.copy(picture()) is None
    assert examples.copy(picture(), **change) is None


@pytest.mark.parametrize(
    "change", [{"reasoning": "other"}, {"previous_actions": []}, {"expected_outcome": "other"}]
)
def test_the_same_decision_in_other_words_is_a_near_copy(change: dict[str, Any]) -> None:
    examples = Examples()
    assert examples.copy(picture()) is None
    assert examples.copy(picture(), **change) == ("near", 1)
    assert Examples(None).copy(picture(), **change) is None


@pytest.mark.parametrize(
    ("share", "changed", "near"),
    [(0.001, 2, True), (0.001, 3, False), (0.01, 20, True), (0.01, 21, False), (0.0, 1, False)],
)
def test_up_to_the_share_of_its_pixels_a_picture_is_nearly_the_same(
    share: float, changed: int, *, near: bool
) -> None:
    examples = Examples(share)
    assert examples.copy(picture()) is None
    assert examples.copy(picture(changed)) == (("near", 1) if near else None)


@pytest.mark.slow
@given(
    changed=st.integers(0, 40), share=st.sampled_from([0.001, 0.005, 0.02]), seed=st.integers(0, 9)
)
@settings(max_examples=80, deadline=None)
def test_the_quick_comparison_never_misses_what_the_definition_says(
    changed: int, share: float, seed: int
) -> None:
    examples = Examples(share)
    assert examples.copy(picture(seed=seed)) is None
    # Saying it in other words makes the same picture a near copy, too.
    found = examples.copy(picture(changed, seed=seed), reasoning="other")
    assert found == (("near", 1) if changed <= share * HEIGHT * WIDTH else None)


def test_pictures_of_another_size_are_never_near() -> None:
    examples = Examples(0.5)
    assert examples.copy(picture()) is None
    assert examples.copy(picture(size=(WIDTH, HEIGHT))) is None


def test_a_copy_is_compared_with_what_was_kept_not_with_what_was_dropped() -> None:
    examples = Examples(0.001)
    assert examples.copy(picture()) is None
    assert examples.copy(picture(2)) == ("near", 1)
    assert examples.copy(picture(4)) is None


def test_without_a_picture_the_state_in_words_decides() -> None:
    examples = Examples()
    assert examples.copy(None) is None
    assert examples.copy(None, reasoning="other") == ("near", 1)
    assert examples.copy(picture()) is None


def test_a_picture_that_cannot_be_decoded_is_only_like_itself() -> None:
    examples = Examples(0.5)
    assert examples.copy(b"no picture") is None
    assert examples.copy(b"none either") is None
    assert examples.copy(b"no picture", reasoning="other") == ("near", 1)


def test_a_picture_that_is_gone_when_it_is_compared_breaks_nothing() -> None:
    duplicates = Duplicates()
    assert duplicates.copy_of(instruction_row(n=1), picture(), lambda: None) is None
    assert duplicates.copy_of(instruction_row(n=2), picture(1), lambda: None) is None


@pytest.mark.slow
def test_only_the_latest_pictures_are_compared_pixel_by_pixel() -> None:
    examples = Examples()
    for seed in range(COMPARED + 1):
        assert examples.copy(picture(seed=seed)) is None
    assert examples.copy(picture(1, seed=COMPARED)) == ("near", COMPARED + 1)
    assert examples.copy(picture(1, seed=1)) == ("near", 2)
    assert examples.copy(picture(1, seed=0)) is None, "the oldest is no longer looked at"
    assert examples.copy(picture(seed=0), reasoning="other") == ("near", 1), "but still known"
