"""Pictures drawn for a terminal, read back the way a terminal would show them."""

from __future__ import annotations

import io
import os
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from understudy._util.terminal_picture import draw, wants_colour
from understudy.errors import UsageError

QUARTERS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
TOKEN = re.compile(r"\x1b\[([0-9;]*)m|([^\x1b])")


def shown(text):
    """The quarters of every cell as a terminal colours them; -1 where it keeps its own ground."""
    lines = []
    for line in text.split("\n"):
        front = back = (-1, -1, -1)
        cells = []
        for code, letter in TOKEN.findall(line):
            if letter:
                pattern = QUARTERS.index(letter)
                cells.append([front if pattern >> place & 1 else back for place in range(4)])
                continue
            layer, *colour = map(int, code.split(";"))
            if layer == 0:
                front = back = (-1, -1, -1)
            elif layer == 38:
                front = tuple(colour[1:])
            else:
                back = tuple(colour[1:])
        lines.append(cells)
    cells = np.array(lines)
    high, wide = cells.shape[:2]
    return cells.reshape(high, wide, 2, 2, 3).swapaxes(1, 2).reshape(2 * high, 2 * wide, 3)


def noise(high, wide, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (high, wide, 3), np.uint8)


def cells_of(text):
    """Columns and rows that a drawing takes."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in text.split("\n")]
    assert len({len(line) for line in lines}) == 1
    return len(lines[0]), len(lines)


# Colours -----------------------------------------------------------------------------------------


def test_a_picture_that_fits_is_drawn_to_the_last_pixel():
    picture = noise(144, 160)
    text = draw(picture, columns=160)
    assert cells_of(text) == (160, 72)
    assert np.array_equal(shown(text), picture.repeat(2, axis=1))


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(1, 7), st.integers(1, 9), st.just(3)),
        elements=st.sampled_from([0, 1, 2, 85, 170, 254, 255]),
    )
)
def test_few_colours_side_by_side_are_never_mixed_up(picture):
    high, wide = picture.shape[:2]
    drawn = shown(draw(picture, columns=wide))
    assert np.array_equal(drawn[:high], picture.repeat(2, axis=1))
    # The lower half of the last cells of an odd height stays as the terminal has it.
    assert (drawn[high:] == -1).all()


def test_a_larger_terminal_enlarges_by_whole_numbers_only():
    picture = noise(10, 20)
    text = draw(picture, columns=50, rows=100)
    assert cells_of(text) == (40, 10)
    assert np.array_equal(shown(text), picture.repeat(2, axis=0).repeat(4, axis=1))


@pytest.mark.parametrize(
    ("columns", "rows", "cells"),
    [
        (80, None, (80, 36)),
        (53, None, (53, 24)),
        (200, 36, (80, 36)),
        (200, 18, (40, 18)),
        (1, None, (1, 1)),
        (0, 0, (1, 1)),
    ],
)
def test_a_smaller_terminal_shrinks_it_in_its_proportions(columns, rows, cells):
    assert cells_of(draw(noise(144, 160), columns=columns, rows=rows)) == cells


def test_without_a_size_it_fits_the_terminal_with_a_line_to_spare(monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setenv("LINES", "31")
    assert cells_of(draw(noise(144, 160))) == (66, 30)
    monkeypatch.setenv("COLUMNS", "40")
    assert cells_of(draw(noise(144, 160))) == (40, 18)


def test_half_the_columns_still_show_strokes_of_one_pixel():
    # Given upright strokes as letters have them, black on white
    picture = np.full((16, 16, 3), 255, np.uint8)
    picture[:, ::4] = 0
    # When it is drawn at half its width, then every stroke is still black and as thin
    assert np.array_equal(shown(draw(picture, columns=8)), picture[::2])


def test_a_shrunken_picture_is_as_light_as_before():
    picture = noise(64, 64)
    assert abs(shown(draw(picture, columns=16)).mean() - picture.mean()) < 1


def test_a_run_of_one_colour_costs_one_escape_sequence_a_line():
    text = draw(np.full((20, 300, 3), 85, np.uint8), columns=300)
    assert text.count("\x1b") == 2 * 10


def test_each_line_begins_and_ends_without_colours_of_others():
    for line in draw(noise(8, 8), columns=8).split("\n"):
        assert line.startswith("\x1b[")
        assert line.endswith("\x1b[0m")


def test_grey_and_transparent_pictures_are_drawn_too():
    grey = noise(6, 6)[:, :, 0]
    for layers in (grey, grey[:, :, None]):
        assert np.array_equal(
            shown(draw(layers, columns=6)), grey[:, :, None].repeat(3, axis=2).repeat(2, axis=1)
        )
    see_through = np.dstack([np.full((4, 4, 3), 200, np.uint8), np.full((4, 4), 51, np.uint8)])
    assert (shown(draw(see_through, columns=4)) == 40).all()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(wrong):
    with pytest.raises(UsageError, match="drawn; give"):
        draw(wrong, columns=4)


# Shades ------------------------------------------------------------------------------------------


def test_without_colour_there_are_five_shades_and_no_escape_sequence():
    ramp = np.linspace(0, 255, 5).round().astype(np.uint8)[None, :].repeat(2, axis=0)
    assert draw(ramp, columns=5, colour=False) == " ░▒▓█"


def test_without_colour_strong_edges_between_the_halves_of_a_cell_stay():
    picture = np.array([[255, 0, 255], [0, 255, 255]], np.uint8)
    assert draw(picture, columns=3, colour=False) == "▀▄█"


def test_without_colour_an_odd_height_ends_in_half_a_cell():
    assert draw(np.full((3, 2), 255, np.uint8), columns=2, colour=False) == "██\n▀▀"


# Whether to colour -------------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch):
    """The writing end of a terminal that takes colours."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    ours, theirs = os.openpty()
    with open(theirs, "w") as stream:
        yield stream
    os.close(ours)


def test_a_terminal_has_colours_and_a_file_has_none(terminal):
    assert wants_colour(terminal)
    assert not wants_colour(io.StringIO())


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_has_no_colours_where_somebody_said_so(terminal, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert not wants_colour(terminal)
