"""The array file from the sessions, and without those of one session."""

from __future__ import annotations

import json
from pathlib import Path

from understudy.capture.collector import SimpleTrainingCollector
from understudy.datasets.rebuild import rebuild_array, remove_session_from_array
from understudy.session.workspace import Workspace


def collect(path: Path, workspace: Path, *questions: str) -> None:
    collector = SimpleTrainingCollector(path, workspace=workspace)
    for question in questions:
        collector.log_complete_interaction([{"role": "user", "content": question}], "ok")
    collector.close()


def test_a_deleted_array_file_comes_back_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    collect(path, tmp_path / "ws", "a", "mail me@home.example")
    collect(path, tmp_path / "ws", "c")
    before = path.read_bytes()
    path.unlink()
    with Workspace(tmp_path / "ws") as workspace:
        report = rebuild_array(workspace, path)
    assert report.examples == 3
    assert report.left_out == []
    assert path.read_bytes() == before


def test_rebuilding_keeps_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    collect(path, tmp_path / "ws", "a")
    path.write_text('[{"by": "someone else"}]')
    with Workspace(tmp_path / "ws") as workspace:
        rebuild_array(workspace, path)
    (kept,) = tmp_path.glob("training_data.json.replaced-*")
    assert kept.read_text() == '[{"by": "someone else"}]'
    assert json.loads(path.read_text())[0]["messages"][0]["content"] == "a"


def test_a_sessions_examples_can_be_taken_out_again(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    collect(path, tmp_path / "ws", "a", "b")
    collect(path, tmp_path / "ws", "c")
    with Workspace(tmp_path / "ws") as workspace:
        oldest = list(workspace.sessions())[-1]
        assert remove_session_from_array(path, oldest) == 2
        assert remove_session_from_array(path, oldest) == 0
    assert [e["messages"][0]["content"] for e in json.loads(path.read_text())] == ["c"]
    collect(path, tmp_path / "ws", "d")
    assert len(json.loads(path.read_text())) == 2
