"""The commands that make training files, on chats that were really recorded."""

from __future__ import annotations

import json

import pytest

import understudy
from understudy.cli.main import main


@pytest.fixture
def workspace(tmp_path):
    """Twelve whole chats of a tavern and one that was cut off."""
    path = tmp_path / "workspace"
    with understudy.Workspace(path) as opened, opened.record(game="tavern") as session:
        for number in range(13):
            session.chat(
                messages=[{"role": "user", "content": f"Knock {number}"}],
                response={"role": "assistant", "content": f"Come in, {number}."},
                status="complete" if number else "truncated",
            )
    return path


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_an_export_says_what_it_took_and_what_not(workspace, tmp_path, capsys):
    output = tmp_path / "train.jsonl"
    status, out, _ = run(capsys, "dataset", "export", "--output", output, "-w", workspace)
    assert status == 0
    assert "12 examples from 1 session\n" in out
    assert "1 left out" in out
    lines = output.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["messages"][-1] == {"role": "assistant", "content": "Come in, 1."}
    assert len(lines) == 12
    assert (tmp_path / "train.jsonl.report.json").is_file()


def test_an_export_in_json_names_files_and_reasons(workspace, tmp_path, capsys):
    output = tmp_path / "train.json"
    status, out, _ = run(
        capsys, "dataset", "export", "--format", "openai-array", "--output", output,
        "--status", "complete", "--status", "truncated", "-w", workspace, "--json",
    )  # fmt: skip
    assert status == 0
    facts = json.loads(out)
    assert facts["examples"] == len(json.loads(output.read_text(encoding="utf-8"))) == 13
    assert facts["left_out"] == []


def test_a_small_limit_splits_the_file(workspace, tmp_path, capsys):
    status, out, _ = run(
        capsys, "dataset", "export", "--output", tmp_path / "train.jsonl", "--max-mb", "0.0005",
        "-w", workspace, "--json",
    )  # fmt: skip
    assert status == 0
    assert len(json.loads(out)["files"]) > 1


def test_an_export_without_an_example_fails_and_says_so(workspace, tmp_path, capsys):
    output = tmp_path / "train.jsonl"
    status, _, err = run(
        capsys, "dataset", "export", "--output", output, "--game", "chess", "-w", workspace
    )
    assert status == 1
    assert "no example was found" in err
    assert "there are 0" not in err
    assert not output.exists()


def test_an_unknown_format_is_wrong_usage_and_the_known_ones_are_named(workspace, tmp_path, capsys):
    status, _, err = run(
        capsys,
        "dataset",
        "export",
        "--format",
        "papyrus",
        "--output",
        tmp_path / "x",
        "-w",
        workspace,
    )
    assert status == 2
    assert "openai-array" in err


def test_the_array_file_comes_back_from_the_sessions(workspace, tmp_path, capsys):
    array = tmp_path / "training_data.json"
    status, out, _ = run(capsys, "dataset", "rebuild-array", array, "-w", workspace)
    assert status == 0
    assert "12 examples" in out
    assert len(json.loads(array.read_text(encoding="utf-8"))) == 12
