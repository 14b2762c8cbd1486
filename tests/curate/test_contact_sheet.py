"""Contact sheets, looked at as pictures: what is where, to the pixel where it matters."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from understudy.curate.contact_sheet import MOST_PICTURES, MOST_SESSIONS, Caption, contact_sheet
from understudy.errors import FormatError, StorageError
from understudy.games.registry import open_game


@pytest.fixture
def shots(tmp_path):
    """Makes screenshots of a session, each of one grey."""

    def make(count, size=(160, 144)):
        files = []
        for step in range(1, count + 1):
            file = tmp_path / f"step_{step:02d}_before_action.png"
            Image.new("RGB", size, (step, step, step)).save(file)
            files.append(file)
        return files

    return make


@pytest.fixture
def sheet(tmp_path):
    """Draws a sheet and opens it."""

    def draw(*entries):
        path = tmp_path / "sheet.png"
        contact_sheet(entries, path)
        with Image.open(path) as opened:
            assert (opened.format, opened.mode) == ("PNG", "RGB")
            return np.asarray(opened)

    return draw


def greys(pixels):
    """The greys of the screens on a sheet whose screens each have one, by size of their area."""
    values, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    return {
        int(value[0]): int(count)
        for value, count in zip(values, counts, strict=True)
        if len(set(value.tolist())) == 1 and count >= 1000
    }


@pytest.mark.slow
def test_a_screen_of_a_game_is_enlarged_without_smoothing(tmp_path, sheet):
    game = open_game("pocket")
    game.reset(seed=1)
    screen = game.screenshot()
    game.close()
    file = tmp_path / "screen.png"
    Image.fromarray(screen).save(file)
    pixels = sheet((Caption("look around"), [file]))
    twice = screen.repeat(2, axis=0).repeat(2, axis=1)
    places = [
        (y, x)
        for y in range(30, 120)
        for x in range(30, 60)
        if np.array_equal(pixels[y : y + 288, x : x + 320], twice)
    ]
    assert len(places) == 1


@pytest.mark.slow
def test_a_short_session_shows_every_screen(shots, sheet):
    assert set(greys(sheet((Caption("walk"), shots(4))))) == {1, 2, 3, 4}


@pytest.mark.slow
def test_of_a_long_session_screens_are_chosen_evenly_from_first_to_last(shots, sheet):
    found = sorted(greys(sheet((Caption("walk"), shots(51)))))
    assert len(found) == MOST_PICTURES
    assert (found[0], found[-1]) == (1, 51)
    assert all(gap == 10 for gap in np.diff(found))


@pytest.mark.slow
def test_screens_larger_than_a_cell_are_made_smaller(shots, sheet):
    [pixels] = greys(sheet((Caption("walk"), shots(1, size=(640, 480))))).values()
    assert pixels == pytest.approx(320 * 240, rel=0.01)


@pytest.mark.slow
def test_more_sessions_than_fit_are_counted_not_shown(shots, sheet):
    entry = (Caption("walk"), shots(1))
    full = sheet(*[entry] * MOST_SESSIONS)
    fuller = sheet(*[entry] * (MOST_SESSIONS + 1))
    fullest = sheet(*[entry] * (MOST_SESSIONS + 500))
    assert full.shape[0] < fuller.shape[0] < full.shape[0] + 100
    assert fuller.shape == fullest.shape
    assert not np.array_equal(fuller, fullest)


@pytest.mark.slow
def test_long_words_are_cut_before_they_reach_the_facts(shots, sheet):
    files = shots(1)
    facts = {"success": True, "steps": 12, "max_steps": 15, "score": 8}
    short = sheet((Caption("walk", **facts), files))
    long = sheet((Caption("walk\nand walk " * 40, **facts), files))
    assert short.shape == long.shape
    assert np.array_equal(short[:90, -250:], long[:90, -250:])
    assert not np.array_equal(short, long)


def test_success_failure_and_neither_have_marks_of_their_own(shots, sheet):
    files = shots(1)
    drawn = [sheet((Caption("walk", success), files)) for success in (True, False, None)]
    assert len({picture.tobytes() for picture in drawn}) == 3


@pytest.mark.parametrize(
    ("caption", "facts"),
    [
        (Caption("a", None, 12, 15, 8), "12 of 15 steps  ·  score 8"),
        (Caption("a", None, 1, None, 6.5), "1 step  ·  score 6.5"),
        (Caption("a"), ""),
    ],
)
def test_the_facts_are_steps_and_score_where_they_are_known(caption, facts):
    assert caption.facts() == facts


def test_without_sessions_or_screens_there_is_still_a_picture(sheet):
    empty = sheet()
    bare = sheet((Caption("walk"), []))
    assert empty.shape[1] == bare.shape[1]
    assert empty.std() > 0


def test_a_file_that_is_no_picture_is_named(tmp_path, sheet):
    wrong = tmp_path / "wrong.png"
    wrong.write_bytes(b"no picture")
    with pytest.raises(FormatError, match=r"wrong\.png: this is no picture"):
        sheet((Caption("walk"), [wrong]))


def test_a_place_that_cannot_be_written_is_named(tmp_path, shots):
    with pytest.raises(StorageError, match="nowhere"):
        contact_sheet([(Caption("walk"), shots(1))], tmp_path / "nowhere" / "sheet.png")
