"""``understudy import``, and datasets of scenarios and preferences from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import understudy
from understudy.cli.main import main

Capsys = pytest.CaptureFixture[str]
HI = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    with understudy.Workspace(tmp_path / "ws") as made:
        return made.path


class Run:
    """Runs commands in one workspace."""

    def __init__(self, workspace: Path, capsys: Capsys) -> None:
        self._workspace, self._capsys = workspace, capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        status = main([*map(str, arguments), "-w", str(self._workspace)])
        shown = self._capsys.readouterr()
        return status, shown.out, shown.err

    def json(self, *arguments: object) -> Any:
        status, out, err = self(*arguments, "--json")
        assert status == 0, err
        return json.loads(out)


@pytest.fixture
def run(workspace: Path, capsys: Capsys) -> Run:
    return Run(workspace, capsys)


def test_importing_says_what_came_in_and_what_could_not_be_read(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    path.write_text(f"{json.dumps(HI)}\n{json.dumps({**HI, 'id': 1})}\nnot json\n")
    status, out, _ = run("import", path, "--game", "tavern", "--tag", "2023")
    assert status == 0
    assert f"{path}: 1 session with 1 chat" in out
    assert "1 chat the same as an earlier one" in out
    assert "line 3" in out
    assert "it is not JSON" in out
    assert "not taken: the key 'id' (in 1 record)" in out
    assert "2 chats imported before" in run("import", path)[1]
    [session] = run.json("session", "list", "--game", "tavern")
    assert session["tags"] == ["imported", "2023"]


def test_facts_of_an_import_are_json(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    path.write_text(json.dumps(HI))
    [file] = run.json("import", path)["files"]
    assert (file["chats"], file["bad"], file["sha256"][:4].isalnum()) == (1, [], True)


def test_the_status_tells_that_nothing_could_be_read_or_that_the_usage_was_wrong(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "bad.json"
    path.write_text("{}")
    assert run("import", path)[0] == 1
    status, _, err = run("import", tmp_path / "missing.jsonl")
    assert (status, "there is no" in err) == (2, True)
    assert run("import")[0] == 2


@pytest.mark.slow
def test_a_dataset_of_scenarios_is_built_shown_and_exported(run: Run, tmp_path: Path) -> None:
    status, out, _ = run(
        "dataset", "build", "dm-v1", "--kind", "chat", "--scenarios", "packaged",
        "--generated", 30, "--seed", 1, "--scenario-turns", 6,
    )  # fmt: skip
    assert status == 0
    assert "scenarios" in out.splitlines()[0]
    assert "SCENARIOS" in out
    shown = run("dataset", "show", "dm-v1")[1]
    assert "30 made by seed 1" in shown
    assert "turns of a scenario 6" in shown
    assert run("dataset", "check", "dm-v1")[0] == 0
    assert "SCENARIOS" in run("dataset", "list")[1]
    output = tmp_path / "dm.jsonl"
    status, out, _ = run("export", "dm-v1", "--calls", "json", "--output", output)
    assert status == 0
    assert "scenarios" in out
    assert '"tool_calls"' in output.read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--kind", "chat", "--no-sessions"], "No scenarios are named"),
        (["--kind", "agent", "--generated", "2"], "scenarios are chats"),
        (["--kind", "chat", "--scenarios", "nowhere"], "there is no nowhere"),
    ],
)
def test_what_cannot_be_built_is_a_wrong_usage(run: Run, options: list[str], reason: str) -> None:
    status, _, err = run("dataset", "build", "x", *options)
    assert (status, reason in err) == (2, True), err


def test_corrections_are_exported_as_pairs(run: Run, workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    path.write_text(json.dumps(HI))
    [session] = run.json("import", path)["files"][0]["sessions"]
    with understudy.Workspace(workspace) as opened:
        opened.session(session).add_feedback(author="human:me", step=1, correction="Well met!")
    output = tmp_path / "pairs.jsonl"
    status, out, _ = run("export", "--format", "openai-preference", "--output", output)
    assert (status, "1 example" in out) == (0, True)
    assert json.loads(output.read_text())["preferred_output"][0]["content"] == "Well met!"
    built = run.json("dataset", "build", "pairs", "--kind", "preference")
    assert (built["kind"], built["counts"]["rows"]) == ("preference", 1)
