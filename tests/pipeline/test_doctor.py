"""The doctor finds each thing that is wrong, says what to do, and touches nothing."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import understudy
from understudy.capture.proxy import ProxyServer
from understudy.cli.main import main
from understudy.pipeline.doctor import examine
from understudy.players.backends.scripted import ScriptedModelServer


@pytest.fixture
def path(tmp_path):
    """A workspace in good health, with two sessions."""
    with understudy.Workspace(tmp_path / "w") as workspace:
        for name in ("one", "two"):
            with workspace.record(name=name) as session:
                session.step(action="wait")
    return tmp_path / "w"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def findings(path, *, port=None, verdicts=("warning", "problem")):
    """Name → sentences of whatever is not in order."""
    found = {}
    for check in examine(path, proxy_port=port or free_port()).checks:
        if check.verdict in verdicts:
            found.setdefault(check.name, []).append(f"{check.verdict}: {check.said}")
    return found


def folder_of(path, name):
    [folder] = path.glob(f"runs/session_*_{name}")
    return folder


def everything_in(path):
    return {
        str(file.relative_to(path)): file.stat().st_size
        for file in path.rglob("*")
        if file.is_file() and not file.name.startswith("catalog.sqlite")
    }


def test_a_healthy_workspace_is_called_healthy_and_left_alone(path):
    before = everything_in(path)
    diagnosis = examine(path, proxy_port=free_port())
    assert diagnosis.ok
    assert [check.said for check in diagnosis.checks if check.verdict != "ok"] == []
    assert everything_in(path) == before


def test_everything_of_the_installation_is_named(path):
    said = {check.name: check.said for check in examine(path, proxy_port=free_port()).checks}
    assert "openai-chat" in said["plug-ins"]
    assert understudy.__version__ in said["packages"]
    assert "Python 3." in said["python"]
    assert "free" in said["space"]


def test_a_folder_that_is_no_workspace_is_a_warning_and_stays_none(tmp_path):
    assert "understudy init" in findings(tmp_path / "nowhere")["workspace"][0]
    assert not (tmp_path / "nowhere").exists()


def test_wrong_settings_are_a_problem_named_with_their_key(path):
    (path / "understudy.toml").write_text("[record]\nspeed = 9\n")
    assert "speed" in findings(path)["settings"][0]


def test_a_newer_workspace_is_a_problem(path):
    (path / ".understudy" / "workspace.json").write_text('{"schema": 99}')
    assert "update Understudy" in findings(path)["workspace"][0]


def test_masking_that_is_off_is_pointed_out(path):
    (path / "understudy.toml").write_text("[mask]\nenabled = false\n")
    assert findings(path)["settings"][0].startswith("warning: masking is off")


@pytest.mark.slow
def test_a_damaged_catalog_is_a_problem_and_the_rest_is_still_checked(path):
    for file in path.glob("catalog.sqlite*"):
        file.unlink()
    (path / "catalog.sqlite").write_bytes(b"this is no database" * 100)
    assert "understudy reindex" in findings(path)["catalog"][0]
    assert {"space", "leftovers"} <= set(findings(path, verdicts=("ok",)))


def test_sessions_gone_and_folders_that_are_no_sessions_are_named(path):
    (folder_of(path, "one") / "session.json").write_text("{")
    with understudy.Workspace(path) as workspace:
        identity = workspace.catalog.find(folder_of(path, "one").name).id
        workspace.catalog.delete_session(identity)
    shutil.rmtree(folder_of(path, "two"))
    new, gone = findings(path)["catalog"]
    assert new.startswith("problem: 1 folder in runs/ could not be taken into it")
    assert folder_of(path, "one").name in new
    assert "lists 1 session without a folder" in gone
    assert "_two" in gone


def test_a_session_that_was_copied_in_is_taken_in(path, tmp_path):
    with understudy.Workspace(tmp_path / "other") as other, other.record(name="guest") as session:
        session.step(action="wait")
    shutil.copytree(folder_of(tmp_path / "other", "guest"), path / "runs" / session.path.name)
    assert "catalog" not in findings(path)


@pytest.mark.slow
def test_a_session_in_a_folder_of_another_name_is_known_before_and_after_reindexing(path):
    folder_of(path, "one").rename(path / "runs" / "my best game")
    assert "catalog" not in findings(path)
    with understudy.Workspace(path) as workspace:
        workspace.reindex()
        assert workspace.session("my best").path.name == "my best game"
    assert "catalog" not in findings(path)


@pytest.mark.slow
def test_a_killed_recorder_and_one_at_work_are_told_apart(path):
    code = (
        "import os, sys, understudy\n"
        "session = understudy.Workspace(sys.argv[1]).record(name='killed')\n"
        "session.step(action='wait')\nos._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    with understudy.Workspace(path) as workspace, workspace.record(name="alive") as session:
        session.step(action="wait")
        diagnosis = examine(path, proxy_port=free_port())
    said = {check.name: check.said for check in diagnosis.checks}
    assert "1 recorder killed" in said["sessions"]
    assert "_killed" in said["sessions"]
    assert "1 session being recorded" in said["recording"]


def test_what_was_dropped_is_counted(path):
    with understudy.Workspace(path) as workspace:
        session = workspace.record(name="lossy")
        session.seal()
        session.step(action="too late")
        row = workspace.find(session.id)
        workspace.catalog.put_session(
            type(row)(**{name: getattr(row, name) for name in row.__struct_fields__}
                      | {"dropped": 3})
        )  # fmt: skip
    assert "3 records dropped by 1 session" in findings(path)["sessions"][0]


def test_a_session_from_the_future_points_at_the_clock(path):
    with understudy.Workspace(path) as workspace:
        row = workspace.rows()[0]
        facts = {name: getattr(row, name) for name in row.__struct_fields__}
        workspace.catalog.put_session(type(row)(**facts | {"started": "2999-01-01T00:00:00+00:00"}))
    assert "dated in the future" in findings(path)["clock"][0]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_folders_that_may_not_be_written_are_a_problem(path):
    assert findings(path) == {}  # and everything is imported that only root may be able to read
    with tempfile.TemporaryDirectory() as open_to_all:
        place = Path(open_to_all)
        place.chmod(0o755)
        understudy.Workspace(place / "w").close()
        (place / "w" / "runs").chmod(0o555)
        user = os.geteuid()
        if user == 0:  # root may write everywhere: look as somebody else
            os.seteuid(65534)
        try:
            [said] = findings(place / "w")["disk"]
        finally:
            os.seteuid(user)
        assert said.startswith("problem: cannot be written and synced")
        assert f"{place / 'w' / 'runs'} (permission denied)" in said


@pytest.mark.slow
def test_half_written_files_are_named_once_they_are_old(path):
    left = folder_of(path, "one") / "frames.parquet.partial"
    left.write_bytes(b"half")
    assert "leftovers" not in findings(path)
    os.utime(left, (time.time() - 7200,) * 2)
    assert "frames.parquet.partial" in findings(path)["leftovers"][0]


@pytest.mark.slow
def test_too_little_space_is_said_before_it_is_gone(path):
    free = shutil.disk_usage(path).free / 1e9
    (path / "understudy.toml").write_text(f"[disk]\nwarn_free_gb = {free * 2}\n")
    assert findings(path)["space"][0].startswith("warning")
    (path / "understudy.toml").write_text(f"[disk]\nwarn_free_gb = {free * 20}\n")
    assert findings(path)["space"][0].startswith("problem")


def test_a_workspace_that_grows_too_fast_gets_a_date(path):
    free = shutil.disk_usage(path).free
    with understudy.Workspace(path) as workspace:
        row = workspace.rows()[0]
        facts = {name: getattr(row, name) for name in row.__struct_fields__}
        workspace.catalog.put_session(type(row)(**facts | {"bytes": free // 10}))
    assert "enough for 10 days (until 2" in findings(path)["space"][0]


@pytest.mark.slow
def test_a_port_that_another_program_took_is_no_surprise_later(path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        other.settimeout(0.01)
        assert f"port {port}" in findings(path, port=port)["proxy"][0]


def test_a_proxy_of_ours_on_its_port_is_in_order(path):
    with (
        understudy.Workspace(path) as workspace,
        ScriptedModelServer() as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
    ):
        assert "proxy" not in findings(path, port=int(proxy.url.rpartition(":")[2]))


def test_a_plug_in_that_cannot_be_loaded_is_named(path, tmp_path, monkeypatch):
    info = tmp_path / "site" / "broken_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[understudy.dialects]\nodd = no_such_module:DIALECT\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert "broken-plugin 1.0" in findings(path)["plug-ins"][0]


@pytest.mark.slow
def test_the_command_leaves_with_1_on_a_problem_and_0_on_warnings(path, capsys):
    assert main(["doctor", "-w", str(path)]) == 0
    assert "0 problems" in capsys.readouterr().out
    (path / "understudy.toml").write_text("[record]\nspeed = 9\n")
    assert main(["doctor", "-w", str(path), "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["ok"] is False
    assert {check["verdict"] for check in facts["checks"]} >= {"ok", "problem"}
