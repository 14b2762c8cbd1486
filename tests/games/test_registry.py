"""Finding games: by name through entry points, by the path of a TOML."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from understudy import plugins
from understudy.errors import GameError, PluginError
from understudy.games.registry import game_names, open_game
from understudy.games.rom_game import RomGame


@pytest.fixture
def registered(monkeypatch):
    """Registers an object under the name `tiny`, as an installed package would."""

    def register(part):
        monkeypatch.setattr(plugins, "names", lambda group: ["tiny"])
        monkeypatch.setattr(plugins, "load_one", lambda group, name: part)

    return register


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_opens_the_game_of_a_toml(game_file, kind):
    game = open_game(kind(game_file))
    assert game.name == "tiny"
    game.close()


def test_a_path_without_a_file_is_named(tmp_path):
    with pytest.raises(GameError, match=r"none\.toml cannot be read"):
        open_game(tmp_path / "none.toml")


def test_a_registered_path_is_a_game(registered, game_file):
    registered(game_file)
    game = open_game("tiny")
    assert isinstance(game, RomGame)
    game.close()


def test_a_registered_factory_makes_a_game(registered, game_file):
    registered(lambda *, settings: RomGame(game_file, settings=settings))
    game = open_game("tiny")
    assert game.name == "tiny"
    game.close()


@pytest.mark.parametrize(
    ("part", "message"),
    [(3, "is no game: it must be the Path"), (lambda *, settings: 3, "made int, which is no")],
)
def test_what_is_no_game_is_refused(registered, part, message):
    registered(part)
    with pytest.raises(PluginError, match=message):
        open_game("tiny")


def test_a_name_that_nobody_registered_is_refused_with_those_that_are(registered):
    registered(None)
    with pytest.raises(GameError, match=r"no game 'tny'; there is: tiny; a ROM of your own"):
        open_game("tny")


@pytest.mark.slow
def test_naming_games_imports_none(tmp_path):
    code = (
        "import sys; from understudy.games.registry import game_names; game_names(); "
        "print('gymnasium' in sys.modules or 'numpy' in sys.modules or 'pyboy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
    assert isinstance(game_names(), list)
