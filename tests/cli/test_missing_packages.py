"""A package that is not installed is no fault of the program: it is said which extra brings it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.cli import main as entry
from understudy.cli._missing import said_of_missing

SOURCE = Path(__file__).parents[2] / "src"


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("trl", "this needs trl, which is not installed; install Understudy with the extra `llm`"),
        ("psycopg.sql", "with the extra `postgres`, as in `pip install '.[postgres]'`"),
        ("PIL", "this needs pillow, which is not installed; install Understudy again"),
        ("mkdocs_material", "install it with `pip install mkdocs-material`"),
    ],
)
def test_the_extra_that_brings_a_package_is_named(module, said):
    found = said_of_missing(ModuleNotFoundError(f"No module named {module!r}", name=module))
    assert found is not None
    assert said in found


def test_a_module_that_nothing_brings_stays_a_fault(monkeypatch, capsys):
    def broken(*arguments, **options):
        raise ModuleNotFoundError("No module named 'understudy.nowhere'", name="understudy.nowhere")

    monkeypatch.setattr(entry.root, "invoke", broken)
    assert entry.main(["doctor"]) == 1
    assert "This is a fault of Understudy's own" in capsys.readouterr().err


@pytest.fixture
def without_training(tmp_path):
    """Runs Understudy where all packages can be found but those that train."""
    import click

    here = Path(click.__file__).parents[1]
    site = tmp_path / "site"
    site.mkdir()
    for path in here.iterdir():
        if path.name.partition("-")[0] not in {"torch", "transformers", "trl", "peft"}:
            (site / path.name).symlink_to(path)
    found = os.pathsep.join(map(str, (SOURCE, site)))

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-S", "-m", "understudy", *arguments],
            env=os.environ | {"PYTHONPATH": found, "UNDERSTUDY_WORKSPACE": str(tmp_path / "w")},
            capture_output=True,
            text=True,
        )

    return run


@pytest.mark.slow
def test_training_without_its_libraries_says_so_at_once(without_training):
    assert without_training("init").returncode == 0
    done = without_training("train", "sft")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: training needs torch, transformers, trl, peft, which this environment does not "
        "have; install Understudy with the extra `llm`, as in `pip install '.[llm]'`\n"
    )
