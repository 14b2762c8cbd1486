"""From a recipe's file to its line: what a recipe does not need is not asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_WITHOUT_GAMES = """
import sys
for missing in ("gymnasium", "pyboy", "wyrdbound_dice"):
    sys.modules[missing] = None
sys.argv[0] = "understudy"
from understudy.cli.main import main
main()
"""


def test_a_dungeon_master_is_trained_where_nothing_that_plays_games_is_installed(
    tmp_path: Path,
) -> None:
    pytest.importorskip("datasets")
    recipe = tmp_path / "dm.toml"
    recipe.write_text(
        'schema = 1\nname = "dm"\n[data]\ngenerated = 30\n[train]\nbase = "embedded"\n'
    )
    given = ["run", str(recipe), "--until", "data", "--workspace", str(tmp_path / "w")]
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_GAMES, *given], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "dm-data@v0001" in done.stdout
