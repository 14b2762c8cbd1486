"""What is put away stays listed, is checked to the last bit, and comes back as it was."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
import zstandard
from tests.session.abandoned import abandon_session, record_a_little

import understudy
from understudy.errors import CorruptionError, SessionError, StorageError
from understudy.session.keeping.archive_file import read_sidecar, unpack
from understudy.session.verify import verify


@pytest.fixture
def recorded(ws: understudy.Workspace) -> str:
    with ws.record(game="tavern", tags=["first"]) as recorder:
        record_a_little(recorder)
    with_feedback = ws.session(recorder.id)
    with_feedback.add_feedback(score=8, author="human:ann")
    with_feedback.close()
    return recorder.id


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


def test_an_archived_session_comes_back_byte_for_byte(
    ws: understudy.Workspace, recorded: str
) -> None:
    folder = ws.session(recorded).path
    before, row = files_of(folder), ws.find(recorded)
    archived = ws.archive_session(recorded)
    assert archived.archived
    assert not folder.exists()
    assert (archived.frames, archived.human_score, archived.tags) == (12, 8, ["first"])
    restored = ws.restore(recorded)
    assert files_of(ws.runs / restored.directory) == before
    assert restored == row
    assert list(ws.archive.iterdir()) == []
    assert ws.verify(recorded) == []


def test_it_stays_listed_when_the_catalog_is_lost(ws: understudy.Workspace, recorded: str) -> None:
    archived = ws.archive_session(recorded)
    ws.close()
    (ws.path / "catalog.sqlite").unlink()
    assert ws.rows() == [archived]
    ws.reindex()
    assert ws.rows(tag="first", archived=True) == [archived]


def test_an_archived_session_says_how_to_have_it_back(
    ws: understudy.Workspace, recorded: str
) -> None:
    ws.archive_session(recorded)
    with pytest.raises(SessionError, match="session restore"):
        ws.session(recorded)
    assert list(ws.sessions()) == []


def test_doing_it_twice_changes_nothing(ws: understudy.Workspace, recorded: str) -> None:
    assert ws.archive_session(recorded) == ws.archive_session(recorded)
    assert ws.restore(recorded) == ws.restore(recorded)


@pytest.mark.slow
def test_a_killed_session_is_sealed_before_it_is_packed(ws: understudy.Workspace) -> None:
    identity = abandon_session(ws.path)
    archived = ws.archive_session(identity)
    assert (archived.status, archived.archived) == ("killed", True)
    assert archived.sealed_sha256 is not None
    ws.restore(identity)
    assert verify(ws.session(identity).path) == []


def test_a_session_that_is_being_recorded_is_refused(ws: understudy.Workspace) -> None:
    with ws.record() as recorder:
        recorder.step(action="a")
        with pytest.raises(SessionError, match="still being recorded"):
            ws.archive_session(recorder.id)
        assert list(ws.archive.iterdir()) == []
    assert ws.session(recorder.id).status == "sealed"


def test_a_damaged_session_is_not_packed_away(ws: understudy.Workspace, recorded: str) -> None:
    trace = ws.session(recorded).path / "trace.jsonl"
    data = bytearray(trace.read_bytes())
    data[30] ^= 1
    trace.write_bytes(data)
    with pytest.raises(CorruptionError, match=r"trace\.jsonl"):
        ws.archive_session(recorded)
    assert trace.read_bytes() == data
    assert list(ws.archive.iterdir()) == []


def test_a_session_with_something_odd_in_it_is_not_packed_away(
    ws: understudy.Workspace, recorded: str
) -> None:
    folder = ws.session(recorded).path
    (folder / "link").symlink_to(folder / "trace.jsonl")
    with pytest.raises(SessionError, match="neither a file nor a folder"):
        ws.archive_session(recorded)
    assert ws.verify(recorded) == []


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".tar.zst", ".json"])
def test_a_flipped_bit_in_an_archive_is_found_and_nothing_is_restored(
    ws: understudy.Workspace, recorded: str, ending: str
) -> None:
    [file] = [ws.archive / f"{row.directory}{ending}" for row in [ws.archive_session(recorded)]]
    whole = file.read_bytes()
    for position in range(0, len(whole), max(1, len(whole) // 150)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        file.write_bytes(damaged)
        [problem] = ws.verify(recorded)
        assert problem.file == f"archive/{file.name}"
    with pytest.raises(CorruptionError):
        ws.restore(recorded)
    assert list(ws.runs.iterdir()) == []
    file.write_bytes(whole)
    ws.restore(recorded)
    assert ws.verify(recorded) == []


def test_a_missing_archive_is_named(ws: understudy.Workspace, recorded: str) -> None:
    row = ws.archive_session(recorded)
    (ws.archive / f"{row.directory}.tar.zst").unlink()
    [problem] = ws.verify(recorded)
    assert (problem.file, problem.reason) == (f"archive/{row.directory}.tar.zst", "is missing")
    with pytest.raises(CorruptionError, match="is missing"):
        ws.restore(recorded)


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "a/../../escaped", "C:\\escaped"])
def test_an_archive_writes_nothing_outside_its_folder(tmp_path: Path, name: str) -> None:
    archive = packed(tmp_path, tarfile.TarInfo(name))
    with pytest.raises(StorageError, match="not a path inside"):
        unpack(archive, tmp_path / "here")
    assert not list(tmp_path.glob("**/*escaped*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_an_archive_makes_nothing_but_files_and_folders(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("odd")
    member.type, member.linkname = kind, "/etc/hostname"
    with pytest.raises(CorruptionError, match="neither a file nor a folder"):
        unpack(packed(tmp_path, member), tmp_path / "here")
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x28\xb5\x2f\xfd\x00"])
def test_what_is_no_archive_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar.zst").write_bytes(content)
    with pytest.raises(CorruptionError, match="cannot be unpacked"):
        unpack(tmp_path / "a.tar.zst", tmp_path / "here")


def test_two_archives_of_one_name_stay_apart(ws: understudy.Workspace, recorded: str) -> None:
    first = ws.archive_session(recorded)
    with ws.record() as recorder:
        recorder.step(action="b")
    ws.session(recorder.id).path.rename(ws.runs / first.directory)
    second = ws.archive_session(recorder.id)
    assert second.directory == f"{first.directory}-2"
    assert {row.id for row in ws.rows(archived=True)} == {recorded, recorder.id}
    for identity in (recorded, recorder.id):
        ws.restore(identity)
        assert ws.verify(identity) == []
        assert ws.session(identity).id == identity


def test_progress_is_told_in_bytes_up_to_the_end(ws: understudy.Workspace, recorded: str) -> None:
    told: list[tuple[int, int]] = []
    ws.archive_session(recorded, progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > 0
    assert told == sorted(told)


@pytest.mark.slow
def test_the_file_beside_an_archive_is_plain_json(ws: understudy.Workspace, recorded: str) -> None:
    row = ws.archive_session(recorded)
    sidecar = read_sidecar(ws.archive / f"{row.directory}.json")
    assert (sidecar.id, sidecar.row) == (recorded, row)
    assert sidecar.manifest_sha256 == row.sealed_sha256


def packed(folder: Path, member: tarfile.TarInfo) -> Path:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(member, io.BytesIO())
    path = folder / "a.tar.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(buffer.getvalue()))
    return path
