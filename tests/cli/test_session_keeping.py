"""The commands that move sessions and mask them after the fact."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from tests.session.abandoned import abandon_session

import understudy
from understudy.cli.main import main


@pytest.fixture
def recorded(tmp_path):
    """A workspace with one chat about Lady Ashdown; returns its path and the session's id."""
    path = tmp_path / "workspace"
    with understudy.Workspace(path) as workspace, workspace.record(game="tavern") as session:
        session.chat(
            messages=[{"role": "user", "content": "Is Lady Ashdown here?"}],
            response={"role": "assistant", "content": "Upstairs."},
        )
    return path, session.id


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_an_archived_session_stays_listed_and_comes_back_whole(recorded, capsys):
    path, identity = recorded
    status, out, err = run(capsys, "session", "archive", identity, "-w", path)
    assert status == 0, err
    assert identity in out
    [row] = json.loads(run(capsys, "session", "list", "-w", path, "--json")[1])
    assert row["archived"] is True
    assert not list(path.glob("runs/session_*"))

    status, _, err = run(capsys, "session", "show", identity, "-w", path)
    assert status == 1
    assert "understudy session restore" in err

    status, _, err = run(capsys, "session", "restore", identity, "-w", path)
    assert status == 0, err
    assert run(capsys, "session", "show", identity, "-w", path)[0] == 0
    assert run(capsys, "session", "verify", identity, "-w", path)[0] == 0


def test_scan_says_where_and_never_what(recorded, capsys):
    path, identity = recorded
    (path / "understudy.toml").write_text('schema = 1\n[mask]\nwords = ["Ashdown"]\n')
    status, out, _ = run(capsys, "session", "scan", "-w", path)
    assert status == 1
    assert "trace.jsonl" in out
    assert "WORD" in out
    assert "Ashdown" not in out
    assert "Ashdown" in next(path.glob("runs/*/trace.jsonl")).read_text()

    status, out, _ = run(capsys, "session", "scan", "--mask", "-w", path, "--json")
    assert status == 0
    assert json.loads(out)["masked"] == [identity]
    assert run(capsys, "session", "scan", "-w", path)[0] == 0
    assert run(capsys, "session", "verify", "-w", path)[0] == 0
    assert "Ashdown" not in next(path.glob("runs/*/trace.jsonl")).read_text()


def test_the_rules_are_shown_first_and_kept_only_on_request(recorded, capsys):
    path, identity = recorded
    (path / "understudy.toml").write_text("schema = 1\n[retention]\nkeep_total_gb = 0\n")
    status, out, _ = run(capsys, "session", "archive", "--by-rules", "-w", path, "--json")
    assert status == 0
    [planned] = json.loads(out)
    assert (planned["session"], planned["action"]) == (identity, "archive")
    assert list(path.glob("runs/session_*"))

    status, _, err = run(capsys, "session", "archive", "--by-rules", "--apply", "-w", path)
    assert status == 0, err
    assert not list(path.glob("runs/session_*"))
    assert "ask for nothing" in run(capsys, "session", "archive", "--by-rules", "-w", path)[1]


@pytest.mark.parametrize("arguments", [[], ["--by-rules", "01"], ["--apply", "01"]])
def test_archiving_is_by_name_or_by_rule(arguments, recorded, capsys):
    path, _ = recorded
    assert run(capsys, "session", "archive", *arguments, "-w", path)[0] == 2


def test_doctor_is_content_with_a_fresh_workspace(recorded, capsys):
    path, _ = recorded
    status, out, _ = run(capsys, "doctor", "-w", path, "--json")
    facts = json.loads(out)
    assert status == 0, facts
    assert facts["ok"] is True
    assert {check["name"] for check in facts["checks"]} >= {"settings", "catalog", "disk", "space"}


def test_doctor_warns_before_the_disk_is_full(recorded, capsys):
    path, _ = recorded
    (path / "understudy.toml").write_text("schema = 1\n[disk]\nwarn_free_gb = 1e9\n")
    _, out, _ = run(capsys, "doctor", "-w", path, "--json")
    [space] = [check for check in json.loads(out)["checks"] if check["name"] == "space"]
    assert space["verdict"] != "ok"


def test_doctor_says_what_is_wrong_with_the_settings_and_fails(recorded, capsys):
    path, _ = recorded
    (path / "understudy.toml").write_text("schema = 1\n[mask]\nenabeld = true\n")
    status, out, _ = run(capsys, "doctor", "-w", path)
    assert status == 1
    assert "enabeld" in out


def test_merge_takes_in_what_is_new_and_only_once(recorded, tmp_path, capsys):
    path, identity = recorded
    here = tmp_path / "here"
    assert run(capsys, "init", here)[0] == 0
    status, out, err = run(capsys, "session", "merge", path, "-w", here, "--json")
    assert status == 0, err
    assert json.loads(out)["taken"] == [identity]
    status, out, _ = run(capsys, "session", "merge", path, "-w", here)
    assert status == 0
    assert "0 taken in, 1 known" in out
    assert run(capsys, "session", "verify", "-w", here)[0] == 0


def test_forgetting_asks_first_and_then_leaves_nothing(recorded, capsys):
    path, identity = recorded
    status, out, err = run(capsys, "session", "forget", identity, "-w", path)
    assert status == 2
    assert "--yes" in err
    assert identity in out
    assert run(capsys, "session", "show", identity, "-w", path)[0] == 0

    status, out, err = run(capsys, "session", "forget", identity, "--yes", "-w", path, "--json")
    assert status == 0, err
    [report] = json.loads(out)
    assert report["forgotten"]["done"] is True
    assert json.loads(run(capsys, "session", "list", "-w", path, "--json")[1]) == []
    assert not any("Ashdown" in p.read_text("utf-8", "ignore") for p in path.rglob("*.json*"))


@pytest.mark.slow
def test_verify_seals_what_a_killed_recorder_left_when_asked(tmp_path, capsys):
    identity = abandon_session(tmp_path / "workspace")
    assert run(capsys, "session", "verify", "-w", tmp_path / "workspace")[0] == 0
    with understudy.Workspace(tmp_path / "workspace") as workspace:
        assert not workspace.session(identity).sealed
    status, _, err = run(capsys, "session", "verify", "--seal", "-w", tmp_path / "workspace")
    assert status == 0, err
    with understudy.Workspace(tmp_path / "workspace") as workspace:
        assert workspace.session(identity).sealed


def test_forgetting_takes_examples_out_of_the_array_file_and_rebuilds_exports(
    recorded, tmp_path, capsys
):
    path, identity = recorded
    output = tmp_path / "out.jsonl"
    assert run(capsys, "dataset", "export", "--output", output, "-w", path)[0] == 0
    array = tmp_path / "training_data.json"
    assert run(capsys, "dataset", "rebuild-array", array, "-w", path)[0] == 0
    status, out, err = run(
        capsys, "session", "forget", identity, "--yes", "--rebuild", "--array", array, "-w", path
    )
    assert status == 0, err
    assert "1 example taken out" in out
    assert "held nothing else and was removed" in out
    assert json.loads(array.read_text()) == []
    assert not output.exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="closing the input before the start is the shell's")
def test_where_nobody_can_be_asked_it_says_so_and_leaves_the_output_to_json(recorded):
    path, identity = recorded
    forget = [sys.executable, "-m", "understudy", "session", "forget", identity, "--json"]
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *forget, "-w", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "Nothing was forgotten" in done.stderr
    assert identity in done.stderr
