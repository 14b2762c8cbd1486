"""Sessions of another workspace come in once, checked, and never over what is here."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from tests.session.abandoned import abandon_session, record_a_little

import understudy
from understudy.errors import NewerSchemaError, UsageError, WorkspaceError


@pytest.fixture
def here(tmp_path: Path):
    with understudy.Workspace(tmp_path / "here") as workspace:
        yield workspace


@pytest.fixture
def there(tmp_path: Path):
    with understudy.Workspace(tmp_path / "there") as workspace:
        yield workspace


def record(ws: understudy.Workspace, **facts: object) -> str:
    with ws.record(**facts) as recorder:
        record_a_little(recorder, 4)
    return recorder.id


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
def test_sessions_come_in_whole_with_what_was_said_and_the_other_is_only_read(
    here: understudy.Workspace, there: understudy.Workspace
) -> None:
    own = record(here)
    taken = record(there, game="tavern", tags=["x"])
    packed = record(there)
    there.session(taken).add_feedback(score=7, author="human:ann")
    there.archive_session(packed)
    before = content(there.path)
    report = here.merge(there.path)
    assert content(there.path) == before
    assert sorted(report.taken) == sorted([taken, packed])
    assert {row.id for row in here.rows()} == {own, taken, packed}
    assert here.find(taken) == there.find(taken)
    assert here.find(packed).archived
    assert [here.verify(row.id) for row in here.rows()] == [[], [], []]
    here.restore(packed)
    assert here.verify(packed) == []


@pytest.mark.slow
def test_doing_it_twice_changes_nothing(
    here: understudy.Workspace, there: understudy.Workspace
) -> None:
    taken = [record(there), record(there)]
    there.archive_session(taken[1])
    here.merge(there.path)
    before = content(here.runs), content(here.archive)
    report = here.merge(there.path)
    assert (report.taken, sorted(report.known)) == ([], sorted(taken))
    assert (report.conflicts, report.problems, report.feedback) == ([], [], 0)
    assert (content(here.runs), content(here.archive)) == before


@pytest.mark.slow
@pytest.mark.parametrize("archived_here", [False, True])
@pytest.mark.parametrize("archived_there", [False, True])
def test_what_was_said_in_both_places_is_united(
    here: understudy.Workspace,
    there: understudy.Workspace,
    archived_here: bool,
    archived_there: bool,
) -> None:
    identity = record(there)
    here.merge(there.path)
    here.session(identity).add_feedback(score=2, author="human:ann")
    there.session(identity).add_feedback(score=8, author="human:ben")
    if archived_here:
        here.archive_session(identity)
    if archived_there:
        there.archive_session(identity)
    assert here.merge(there.path).feedback == 1
    assert here.find(identity).archived is archived_here
    assert here.find(identity).human_score == 5
    assert here.verify(identity) == []
    assert here.merge(there.path).feedback == 0


def test_a_session_with_other_content_here_is_reported_and_left_alone(
    here: understudy.Workspace, there: understudy.Workspace
) -> None:
    identity = record(there, task="Ashdown")
    here.merge(there.path)
    (there.path / "understudy.toml").write_text('schema = 1\n[mask]\nwords = ["Ashdown"]\n')
    with understudy.Workspace(there.path) as masking:
        masking.scan(mask=True)
    before = content(here.runs)
    [conflict] = here.merge(there.path).conflicts
    assert conflict.session == identity
    assert content(here.runs) == before


@pytest.mark.slow
def test_a_name_that_is_taken_gets_a_suffix(
    here: understudy.Workspace, there: understudy.Workspace
) -> None:
    own, other = record(here), record(there)
    name = here.session(own).path.name
    there.session(other).path.rename(there.runs / name)
    assert here.merge(there.path).taken == [other]
    assert here.session(other).path.name == f"{name}-2"
    assert here.session(own).path.name == name
    assert here.verify(own) == here.verify(other) == []


@pytest.mark.slow
def test_a_killed_session_comes_in_repaired(
    here: understudy.Workspace, there: understudy.Workspace
) -> None:
    identity = abandon_session(there.path)
    [folder] = there.runs.iterdir()
    with open(folder / "trace.jsonl", "ab") as file:
        file.write(b'{"torn')
    before = content(folder)
    assert here.merge(there.path).taken == [identity]
    assert content(folder) == before
    assert here.session(identity).status == "killed"
    assert here.verify(identity) == []


@pytest.mark.slow
def test_a_killed_session_that_was_sealed_in_both_places_is_the_same(
    here: understudy.Workspace, there: understudy.Workspace
) -> None:
    identity = abandon_session(there.path)
    here.merge(there.path)
    here.seal_killed(identity).close()
    assert here.merge(there.path).known == [identity]
    there.seal_killed(identity).close()
    assert here.merge(there.path).known == [identity]


@pytest.mark.slow
def test_a_damaged_session_stays_out_and_is_named(
    here: understudy.Workspace, there: understudy.Workspace
) -> None:
    damaged, packed, whole = record(there), record(there), record(there)
    trace = there.session(damaged).path / "trace.jsonl"
    trace.write_bytes(trace.read_bytes().replace(b"press_a", b"press_b", 1))
    row = there.archive_session(packed)
    archive = there.archive / f"{row.directory}.tar.zst"
    packed_bytes = archive.read_bytes()
    archive.write_bytes(packed_bytes[:-1] + bytes([packed_bytes[-1] ^ 1]))
    report = here.merge(there.path)
    assert report.taken == [whole]
    assert {note.session for note in report.problems} == {damaged, packed}
    assert [path.name for path in here.runs.iterdir()] == [there.session(whole).path.name]
    assert list(here.archive.iterdir()) == []


def test_a_session_that_is_being_recorded_there_is_left_for_later(
    here: understudy.Workspace, there: understudy.Workspace
) -> None:
    with there.record() as recorder:
        recorder.step(action="a")
        [problem] = here.merge(there.path).problems
        assert "being recorded" in problem.reason
        assert here.rows() == []
    assert here.merge(there.path).taken == [recorder.id]


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_link_is_not_followed(
    here: understudy.Workspace, there: understudy.Workspace, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    identity = record(there)
    (there.session(identity).path / "link").symlink_to(tmp_path / "secret")
    [problem] = here.merge(there.path).problems
    assert "neither a file nor a folder" in problem.reason
    assert list(here.runs.iterdir()) == []


def test_a_catalog_that_names_what_was_removed_by_hand_keeps_nothing_out(
    here: understudy.Workspace, there: understudy.Workspace
) -> None:
    identity = record(there)
    here.merge(there.path)
    shutil.rmtree(here.session(identity).path)
    assert here.merge(there.path).taken == [identity]
    assert here.verify(identity) == []


def test_what_is_no_other_workspace_is_refused(here: understudy.Workspace, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="is no workspace"):
        here.merge(tmp_path / "nothing")
    with pytest.raises(UsageError, match="this workspace itself"):
        here.merge(here.path)


def test_a_workspace_of_a_later_version_is_refused(
    here: understudy.Workspace, there: understudy.Workspace
) -> None:
    record(there)
    (there.internal / "workspace.json").write_text('{"schema": 99}')
    with pytest.raises(NewerSchemaError):
        here.merge(there.path)
    assert here.rows() == []


@pytest.mark.slow
def test_progress_goes_up_to_the_end(
    here: understudy.Workspace, there: understudy.Workspace
) -> None:
    for _ in range(3):
        record(there)
    told: list[tuple[int, int]] = []
    here.merge(there.path, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
