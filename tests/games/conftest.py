"""What the tests of games share: the tiny ROM, and each emulator it can run on."""

from __future__ import annotations

import os

import pytest
from tests.games.skyemu_stand_in import SkyEmuStandIn, running
from tests.games.tiny_rom import build_rom, write_game

from understudy.config import GamesSettings


@pytest.fixture
def rom(tmp_path):
    path = tmp_path / "tiny.gb"
    path.write_bytes(build_rom())
    return path


@pytest.fixture
def game_file(tmp_path):
    return write_game(tmp_path)


@pytest.fixture
def stand_in():
    return SkyEmuStandIn()


@pytest.fixture(
    params=["pyboy", "stand-in", pytest.param("skyemu", marks=pytest.mark.skyemu)],
)
def settings(request):
    """The settings of each emulator: the same tests hold for all of them."""
    if request.param == "pyboy":
        yield GamesSettings()
    elif request.param == "stand-in":
        with running(SkyEmuStandIn()) as url:
            yield GamesSettings(emulator="skyemu", skyemu_url=url)
    else:
        url = os.environ.get("SKYEMU_URL")
        if not url:
            pytest.skip("SKYEMU_URL names no SkyEmu; the stand-in was tested instead")
        yield GamesSettings(emulator="skyemu", skyemu_url=url)
