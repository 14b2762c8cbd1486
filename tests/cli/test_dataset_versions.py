"""The commands of versioned datasets, on sessions that were really recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.datasets.played import play, play_many

import understudy
from understudy.cli.main import main

pytestmark = pytest.mark.slow

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Twelve well scored sessions of a player, and one that was scored badly."""
    path = tmp_path / "workspace"
    with understudy.Workspace(path) as opened:
        play_many(opened, 12)
        play(opened, "bad", screens=(900,), score=2)
    return path


class Run:
    """Runs commands in one workspace."""

    def __init__(self, workspace: Path, capsys: Capsys) -> None:
        self._workspace, self._capsys = workspace, capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        given = [*map(str, arguments), "-w", str(self._workspace)]
        status = main(given)
        shown = self._capsys.readouterr()
        return status, shown.out, shown.err

    def json(self, *arguments: object) -> Any:
        status, out, err = self(*arguments, "--json")
        assert status == 0, err
        return json.loads(out)


@pytest.fixture
def run(workspace: Path, capsys: Capsys) -> Run:
    return Run(workspace, capsys)


def test_building_says_what_it_took_and_what_not(run: Run, workspace: Path) -> None:
    status, out, _ = run("dataset", "build", "agent-v1", "--min-score", 6, "--format", "vllm")
    assert status == 0
    assert "agent-v1@v0001: 36 rows from 12 sessions" in out
    assert "its human score is below 6" in out
    assert "vllm: 36 examples" in out
    folder = workspace / "datasets" / "agent-v1" / "v0001"
    lines = [
        json.loads(line)
        for path in (folder / "exports" / "vllm").glob("*.jsonl")
        for line in path.read_bytes().splitlines()
    ]
    assert len(lines) == 36
    assert list(lines[0]) == ["instruction", "input", "output", "metadata"]


def test_six_is_the_score_unless_another_or_none_is_asked_for(run: Run) -> None:
    assert run.json("dataset", "build", "a")["counts"]["sessions"] == 12
    assert run.json("dataset", "build", "b", "--min-score", 1)["counts"]["sessions"] == 13
    assert run.json("dataset", "build", "c", "--all-scores")["counts"]["sessions"] == 13
    status, _, err = run("dataset", "build", "d", "--all-scores", "--min-score", 3)
    assert (status, "say the opposite" in err) == (2, True)


def test_the_same_again_is_unchanged(run: Run) -> None:
    run("dataset", "build", "agent")
    status, out, _ = run("dataset", "build", "agent")
    assert status == 0
    assert out.startswith("unchanged: agent@v0001\n")
    assert run.json("dataset", "build", "agent")["unchanged"] is True


def test_options_reach_the_build(run: Run) -> None:
    found = run.json(
        "dataset", "build", "agent", "--splits", "0.5,0.5,0", "--seed", 3, "--near", 0.01,
        "--with-mistakes", "--success", "--task", "task-3", "--game", "pocket",
    )  # fmt: skip
    assert found["request"]["splits"] == {"fractions": [0.5, 0.5, 0.0], "seed": 3}
    assert found["request"]["near_share"] == 0.01
    assert found["request"]["source"]["with_mistakes"] is True
    assert found["request"]["selection"]["success"] is True
    assert found["counts"]["sessions"] == 1
    kept = run.json("dataset", "build", "agent", "--keep-near")
    assert kept["request"]["near_share"] is None
    assert run("dataset", "build", "agent", "--splits", "1,1,1")[0] == 2
    assert run("dataset", "build", "agent", "--failed")[0] == 1


def test_datasets_are_listed_and_shown(run: Run) -> None:
    status, out, err = run("dataset", "list")
    assert (status, out) == (0, "")
    assert "No dataset was built yet" in err
    run("dataset", "build", "agent")
    run("dataset", "build", "agent", "--seed", 1)
    status, out, _ = run("dataset", "list")
    assert [line.split()[:5] for line in out.splitlines()[1:]] == [
        ["agent", "v0001", "agent", "12", "36"],
        ["agent", "v0002", "agent", "12", "36"],
    ]
    assert [entry["version"] for entry in run.json("dataset", "list")] == ["v0001", "v0002"]
    status, out, _ = run("dataset", "show", "agent@v0001")
    assert "agent@v0001" in out
    assert "press_a (12), press_down (12), press_start (12)" in out
    assert "min_score 6.0" in out
    shown = run.json("dataset", "show", "agent")
    assert shown["version"] == "v0002"
    assert len(shown["sessions"]) == 12
    assert "train.parquet" in shown["files"]
    assert run("dataset", "show", "nobody")[0] == 1


def test_two_versions_are_compared(run: Run, workspace: Path) -> None:
    run("dataset", "build", "agent")
    with understudy.Workspace(workspace) as opened:
        added = play(opened, "new", screens=(800, 801))
        newest = play(opened, "newer", screens=(810,))
    run("dataset", "build", "agent", "--seed", 1)
    status, out, _ = run("dataset", "diff", "agent@v0001", "agent@v0002")
    assert status == 0
    assert "asked for splits.seed: 0, now 1" in out
    assert "2 sessions added" in out
    assert "3 rows added" in out
    assert added in out
    found = run.json("dataset", "diff", "agent@v0001", "agent")
    assert found["sessions_added"] == [added, newest]
    assert "No difference." in run("dataset", "diff", "agent", "agent")[1]


def test_checking_fails_on_errors_and_not_on_warnings(run: Run, workspace: Path) -> None:
    run("dataset", "build", "agent", "--task", "task-1")
    status, out, _ = run("dataset", "check", "agent")
    assert status == 0
    assert "agent@v0001: 3 rows, 0 errors, 0 warnings" in out
    (workspace / "datasets" / "agent" / "v0001" / "README.md").unlink()
    status, out, _ = run("dataset", "check", "agent", "--json")
    found = json.loads(out)
    assert (status, found["ok"], found["errors"]) == (1, False, 1)
    assert found["findings"][0]["reason"] == "README.md is missing"


def test_export_is_a_command_of_its_own_and_one_of_datasets(run: Run, tmp_path: Path) -> None:
    run("dataset", "build", "agent")
    one, two = tmp_path / "one", tmp_path / "two"
    status, out, _ = run("export", "agent", "--format", "vllm", "--output", one)
    assert status == 0
    assert "36 examples of agent@v0001 from 12 sessions" in out
    assert run("dataset", "export", "agent", "--format", "vllm", "--output", two)[0] == 0
    same = sorted(path.name for path in one.iterdir())
    assert same == sorted(path.name for path in two.iterdir())
    assert all((one / n).read_bytes() == (two / n).read_bytes() for n in same)
    single = tmp_path / "train.jsonl"
    found = run.json("export", "agent", "--split", "train", "--output", single)
    assert found["splits"] == {"train": len(single.read_bytes().splitlines())}


def test_filters_do_not_go_with_a_dataset_nor_a_split_with_sessions(
    run: Run, tmp_path: Path
) -> None:
    run("dataset", "build", "agent")
    output = tmp_path / "x.jsonl"
    status, _, err = run("export", "agent", "--game", "pocket", "--output", output)
    assert (status, "--game does not go with NAME" in err) == (2, True)
    status, _, err = run("export", "--split", "train", "--output", output)
    assert (status, "--split goes with NAME" in err) == (2, True)
    assert not output.exists()


def test_steps_are_exported_without_a_dataset_in_a_format_of_steps(
    run: Run, tmp_path: Path
) -> None:
    output = tmp_path / "steps.jsonl"
    found = run.json("export", "--format", "vllm", "--min-score", 6, "--output", output)
    assert (found["kind"], found["examples"]) == ("agent", 36)
    found = run.json("export", "--kind", "agent", "--format", "openai", "--output", output)
    assert (found["kind"], found["examples"]) == ("agent", 37)


def test_a_forgotten_session_is_told_of_and_gone_with_rebuild(run: Run, workspace: Path) -> None:
    run("dataset", "build", "agent")
    with understudy.Workspace(workspace) as opened:
        first, second = [row.id for row in opened.rows()][-2:]
    run("session", "forget", first, "--yes")
    assert "of its sessions, forgotten since: 1" in run("dataset", "list")[1]
    assert "forgotten since: 1" in run("dataset", "show", "agent")[1]
    assert "which was forgotten" in run("dataset", "check", "agent")[1]
    status, out, _ = run("session", "forget", second, "--yes", "--rebuild")
    assert status == 0
    assert "made again without it, as agent@v0002" in out
    assert "lost its data" in run("export", "agent@v0001", "--output", workspace / "x")[2]
    assert run.json("dataset", "show", "agent")["counts"]["sessions"] == 10
