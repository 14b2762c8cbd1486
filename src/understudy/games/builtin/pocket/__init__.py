"""`pocket`: a small role-playing game for the Game Boy. Its source lies in `games/pocket/`."""

from __future__ import annotations

from pathlib import Path

GAME_FILE = Path(__file__).with_name("game.toml")
