"""Every emulator keeps the contract: the same calls give the same machine."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from understudy.config import GamesSettings
from understudy.errors import EmulatorError
from understudy.games.emulators import open_emulator
from understudy.games.emulators.emulator import SHADES

POTIONS, X, Y, RESTING, BUTTONS = 0xC010, 0xC003, 0xC004, 0xC015, 0xC002


@pytest.fixture
def emulator(rom, settings):
    with open_emulator(rom, settings) as emulator:
        emulator.run(90)
        yield emulator


def test_a_held_button_reaches_the_game_and_is_let_go(emulator):
    emulator.press(["a"], 3)
    emulator.run(2)
    assert emulator.read(POTIONS) == b"\x01"
    assert emulator.read(BUTTONS) == b"\x00"


@pytest.mark.parametrize(
    ("button", "address", "change"),
    [
        ("up", Y, -1),
        ("down", Y, 1),
        ("left", X, -1),
        ("right", X, 1),
        ("start", 0xC012, 1),
        ("select", 0xC013, 7 * 5 + 17),
        ("a", POTIONS, 1),
    ],
)
def test_each_button_is_its_own(emulator, button, address, change):
    before = emulator.read(0xC000, 0x20)
    emulator.press([button], 3)
    emulator.run(2)
    after = emulator.read(0xC000, 0x20)
    changed = {i for i in range(0x20) if before[i] != after[i]} - {0, 1, 0x15, 0x18}
    assert after[address - 0xC000] == before[address - 0xC000] + change
    assert changed <= {address - 0xC000, 0x14, 0x16}


def test_two_buttons_are_held_together(emulator):
    emulator.press(["down", "right"], 3)
    emulator.run(2)
    assert emulator.read(X, 2) == bytes([5, 5])


def test_a_button_that_no_game_boy_has_is_refused(emulator):
    with pytest.raises(EmulatorError, match="no button 'A'; its buttons are a, b"):
        emulator.press(["A"], 1)


def test_time_passes_only_while_running(emulator):
    def frames():
        return int.from_bytes(emulator.read(0xC000, 2), "little")

    before = frames()
    emulator.screen()
    assert frames() == before
    emulator.run(300)
    assert frames() == before + 300


def test_the_screen_shows_the_hero_in_the_four_greys(emulator):
    screen = emulator.screen()
    assert screen.shape == (144, 160, 3)
    assert screen.dtype == np.uint8
    assert set(np.unique(screen)) <= set(SHADES)
    assert screen[32:40, 32:40].max() == 0
    assert screen[0:32].min() == 255


def test_the_screen_belongs_to_the_caller(emulator):
    mine = emulator.screen()
    mine[:] = 7
    assert (emulator.screen() != 7).all()


def test_memory_is_written_and_read_in_order(emulator):
    data = bytes(range(256)) + bytes(range(200))
    emulator.write(0xC100, data)
    assert emulator.read(0xC100, len(data)) == data


def test_waiting_for_a_byte_ends_when_it_is_there(emulator):
    emulator.press(["a"], 3)
    assert emulator.read(RESTING) == b"\x00"
    assert emulator.run_until(RESTING, 1, at_most=40) == 6
    assert emulator.run_until(RESTING, 1, at_most=40) == 0
    assert emulator.run_until(RESTING, 99, at_most=5) is None


def test_a_saved_state_brings_back_memory_and_screen(emulator):
    state = emulator.save_state()
    before = emulator.read(0xC000, 0x40), emulator.screen()
    emulator.press(["right"], 3)
    emulator.run(20)
    assert emulator.read(X) == b"\x05"
    emulator.load_state(state)
    assert emulator.read(0xC000, 0x40) == before[0]
    assert (emulator.screen() == before[1]).all()


def test_a_state_that_is_none_is_refused(emulator):
    with pytest.raises(EmulatorError, match="load this state"):
        emulator.load_state(b"nonsense")


def test_a_rom_that_is_not_there_is_named(tmp_path, settings):
    with pytest.raises(EmulatorError, match=r"missing\.gb cannot be read"):
        open_emulator(tmp_path / "missing.gb", settings)


def test_a_file_that_is_no_rom_is_refused(tmp_path, settings):
    path = tmp_path / "short.gb"
    path.write_bytes(b"short")
    with pytest.raises(EmulatorError, match="no Game Boy ROM: it has 5 bytes"):
        open_emulator(path, settings)


def test_nothing_is_left_beside_the_rom(rom, emulator):
    emulator.press(["a"], 3)
    emulator.close()
    assert [path.name for path in rom.parent.iterdir()] == ["tiny.gb"]


def test_a_closed_emulator_says_so_and_closes_twice(emulator):
    emulator.close()
    emulator.close()
    with pytest.raises(EmulatorError, match="no ROM is loaded"):
        emulator.run(1)


def test_without_pyboy_the_extra_is_named(rom, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyboy", None)
    with pytest.raises(EmulatorError, match="install the extra `games`"):
        open_emulator(rom, GamesSettings())
