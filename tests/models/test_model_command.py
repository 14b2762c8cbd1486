"""``understudy model`` at the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.models.weights import add

import understudy
from understudy.cli.main import main
from understudy.models.registry import VALIDATION, add_result, find_model, promote


class Shell:
    """Runs ``understudy model`` in one workspace."""

    def __init__(self, ws: understudy.Workspace, capsys: pytest.CaptureFixture[str]) -> None:
        self.ws = ws
        self._capsys = capsys

    def run(self, *words: str, status: int = 0) -> tuple[str, str]:
        code = main(["model", *words, "--workspace", str(self.ws.path)])
        printed = self._capsys.readouterr()
        assert code == status, printed.err
        return printed.out, printed.err

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json")[0])


@pytest.fixture
def shell(ws: understudy.Workspace, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(ws, capsys)


def test_versions_are_listed_with_the_one_in_use(shell: Shell) -> None:
    assert "No model was trained yet" in shell.run("list")[1]
    add(shell.ws)
    add(shell.ws)
    add(shell.ws, "other")
    promote(shell.ws, "dm@v0001", "better")
    listed = shell.json("list")
    assert [(one["model"], one["version"], one["promoted"]) for one in listed] == [
        ("dm", "v0001", True),
        ("dm", "v0002", False),
        ("other", "v0001", False),
    ]
    out, _ = shell.run("list", "dm")
    assert "embedded" in out
    assert "other" not in out


def test_a_version_that_cannot_be_read_does_not_hide_the_others(shell: Shell) -> None:
    add(shell.ws)
    broken = add(shell.ws)
    manifest = broken.folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"embedded", b"imbedded"))
    listed = shell.json("list")
    assert listed[0]["version"] == "v0001"
    assert "does not match its own checksum" in listed[1]["problem"]


def test_a_version_is_shown_with_its_settings_and_results(shell: Shell) -> None:
    add_result(add(shell.ws), VALIDATION, {"tuned": {"tool_call_accuracy": 0.9}})
    shown = shell.json("show", "dm")
    assert shown["base"]["id"] == "embedded"
    assert shown["results"][VALIDATION]["tuned"]["tool_call_accuracy"] == 0.9
    out, _ = shell.run("show", "dm")
    assert "learning_rate" in out


def test_two_versions_are_compared(shell: Shell) -> None:
    add(shell.ws)
    add(shell.ws, facts={"metrics": {"loss": 1.0, "steps": 60}})
    out, _ = shell.run("compare", "dm@v0001", "dm@v0002")
    assert "-0.25" in out
    same, _ = shell.run("compare", "dm@v0001", "dm@v0001")
    assert "Their facts are the same." in same


def test_a_version_is_put_in_use_and_taken_out_again(shell: Shell) -> None:
    add(shell.ws)
    add(shell.ws)
    shell.run("promote", "dm@v0001")
    assert shell.json("promote", "dm@v0002", "--reason", "better")["version"] == "v0002"
    assert shell.json("rollback", "dm")["version"] == "v0001"
    _, err = shell.run("promote", "dm", status=2)
    assert "name the version that is to be used, such as dm@v0003" in err
    _, err = shell.run("rollback", "dm", status=1)
    assert "there is none to go back to" in err


def test_a_clean_up_says_what_it_frees_before_it_does(shell: Shell) -> None:
    for _ in range(3):
        add(shell.ws)
    out, _ = shell.run("cleanup", "dm", "--keep", "1", "--dry-run")
    assert "would be removed" in out
    assert "200 B would be freed." in out
    facts = shell.json("cleanup", "dm", "--keep", "1")
    assert facts["freed"] == 200
    assert [one["removed"] for one in facts["versions"]] == [True, True, False]
    assert "its weights were cleaned up" in shell.run("list")[0]


def test_lineage_is_told(shell: Shell) -> None:
    add(shell.ws)
    out, _ = shell.run("lineage", "dm")
    assert "trained on tavern@v0001: 4 examples" in out


@pytest.mark.slow
def test_a_base_is_made_as_a_version_or_into_a_folder(shell: Shell, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    facts = shell.json("make-base", "own", "--size", "tiny", "--steps", "2", "--seed", "3")
    assert (facts["model"], facts["version"], facts["steps"]) == ("own", "v0001", 2)
    version = find_model(shell.ws, "own")
    assert version.merged is not None
    assert (version.merged / "tokenizer.model").is_file()
    assert (version.facts["seed"], version.method) == (3, "base")

    told = shell.json("make-base", "--to", str(tmp_path / "b"), "--size", "tiny", "--steps", "2")
    assert told["path"] == str(tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "ws"]
