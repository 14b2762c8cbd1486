"""Verifying names the file in which a bit flipped, whatever file it is, and what is missing."""

from __future__ import annotations

import os
import random
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.session.abandoned import abandon_session, record_a_little

import understudy
from understudy.session.verify import verify
from understudy.store.manifest import read_manifest, write_manifest

FLIPS_A_FILE = 60


@pytest.fixture
def folder(ws: understudy.Workspace, tmp_path: Path) -> Path:
    """A sealed session with every kind of file that a session may have."""
    (tmp_path / "memory.txt").write_text("the door is locked\n" * 20)
    with ws.record(game="tavern", task="a task", metadata={"pace": 1e-7}) as recorder:
        record_a_little(recorder)
        recorder.snapshot("before_session", tmp_path / "memory.txt")
    session = ws.session(recorder.id)
    session.add_feedback(score=8, comment="nice \x01", author="human:ann")
    session.close()
    return session.path


def names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    )


def flips(data: bytes) -> list[bytes]:
    """The data with one bit flipped: at the beginning, at the end, and at random places."""
    chance = random.Random(7)
    places = {0, len(data) - 1, *(chance.randrange(len(data)) for _ in range(FLIPS_A_FILE))}
    flipped = []
    for place in sorted(places):
        damaged = bytearray(data)
        damaged[place] ^= 1 << chance.randrange(8)
        flipped.append(bytes(damaged))
    return flipped


@pytest.mark.slow
def test_every_single_bit_of_who_a_session_is_and_of_its_seal_is_watched(folder: Path) -> None:
    for name in ("session.json", "manifest.json"):
        path = folder / name
        whole = path.read_bytes()
        for place in range(0, len(whole), 3):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << place % 8
            path.write_bytes(damaged)
            assert name in {problem.file for problem in verify(folder)}, place
        path.write_bytes(whole)


def check_every_file(folder: Path) -> set[str]:
    """Flip bits in every file of a session and see that verify names that file."""
    checked = set()
    for name in names(folder):
        path = folder / name
        whole = path.read_bytes()
        for damaged in flips(whole):
            path.write_bytes(damaged)
            found = {problem.file for problem in verify(folder)}
            assert name in found, f"a flipped bit in {name} was not found, only {found}"
        path.write_bytes(whole)
        checked.add(name)
    assert verify(folder) == []
    return checked


def test_an_untouched_session_has_no_problems(folder: Path) -> None:
    assert verify(folder) == []


@pytest.mark.slow
def test_a_flipped_bit_in_any_file_of_a_sealed_session_is_found(folder: Path) -> None:
    checked = check_every_file(folder)
    assert checked >= {
        "execution_trace.json",
        "feedback.jsonl",
        "frames.parquet",
        "images.pack",
        "manifest.json",
        "memory_snapshots/before_session.txt",
        "session.json",
        "session_metadata.json",
        "trace.jsonl",
    }
    assert any(name.startswith("screenshots/") for name in checked)


@pytest.mark.slow
def test_a_flipped_bit_in_what_a_killed_recorder_left_is_found(ws: understudy.Workspace) -> None:
    identity = abandon_session(ws.path)
    folder = ws.session(identity).path
    for name in ("trace.jsonl", "frames.blocks", "images.blocks"):
        path = folder / name
        whole = path.read_bytes()
        for damaged in flips(whole):
            path.write_bytes(damaged)
            assert {problem.file for problem in verify(folder)} == {name}
        path.write_bytes(whole)
    assert verify(folder) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "session.json",
        "trace.jsonl",
        "frames.parquet",
        "images.pack",
        "memory_snapshots/before_session.txt",
        "session_metadata.json",
        "execution_trace.json",
    ],
)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    [problem] = [problem for problem in verify(folder) if problem.file == name]
    assert "missing" in problem.reason or "no such file" in problem.reason


def test_a_manifest_that_was_replaced_is_not_the_one_that_the_catalog_knows(
    ws: understudy.Workspace, folder: Path
) -> None:
    manifest = read_manifest(folder)
    write_manifest(folder, msgspec.structs.replace(manifest, created="2020-01-01T00:00:00Z"))
    identity = manifest.id
    assert [problem.file for problem in ws.verify(identity)] == ["manifest.json"]


@pytest.mark.parametrize("name", ["steps", "chats", "frames", "images"])
def test_a_count_that_does_not_match_is_named(folder: Path, name: str) -> None:
    manifest = read_manifest(folder)
    facts = {**manifest.facts, name: manifest.facts[name] + 1}
    write_manifest(folder, msgspec.structs.replace(manifest, facts=facts))
    problems = {problem.file: problem.reason for problem in verify(folder)}
    assert f"{facts[name]} {name}" in problems["manifest.json"]


@pytest.mark.slow
def test_what_did_not_add_up_when_it_was_sealed_is_said(folder: Path) -> None:
    manifest = read_manifest(folder)
    facts = {**manifest.facts, "disagreements": ["two frames are not there"]}
    write_manifest(folder, msgspec.structs.replace(manifest, facts=facts))
    problems = [problem for problem in verify(folder) if "although" in problem.reason]
    assert [problem.reason for problem in problems] == [
        "was sealed although two frames are not there"
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("trace.jsonl", "3 lines of the trace were counted as stored and 2 are there"),
        ("frames.blocks", "4 frames were counted as stored and 2 are there"),
        ("images.blocks", "2 frames name an image that is not there"),
    ],
)
def test_a_seal_says_what_of_the_recording_is_gone(
    ws: understudy.Workspace, name: str, said: str
) -> None:
    # Given a game that has brought two halves of its session to the disk
    recorder = ws.record(game="tavern")
    picture = np.zeros((8, 8, 3), np.uint8)
    for half in range(2):
        recorder.step(action=half)
        for number in range(2):
            picture[half, number] = 255
            recorder.frame(state=float(number), image=picture)
        assert recorder.flush()
        if half == 0:
            size = (recorder.path / name).stat().st_size
    recorder.step(action="leave")
    # When the second half of one file is lost before the end
    if name == "trace.jsonl":
        lines = (recorder.path / name).read_bytes().splitlines(keepends=True)
        size = sum(map(len, lines[:2]))
    os.truncate(recorder.path / name, size)
    # Then the session is sealed all the same, and its seal says what is not there
    assert recorder.seal()
    assert read_manifest(recorder.path).facts["disagreements"] == [said]
    assert [problem.reason for problem in verify(recorder.path)] == [f"was sealed although {said}"]


def test_a_seal_says_when_the_counters_do_not_add_up(ws: understudy.Workspace) -> None:
    recorder = ws.record(game="tavern")
    recorder.step(action="knock")
    recorder.counters.see_trace()  # as if a record had been lost on the way
    assert recorder.seal()
    assert read_manifest(recorder.path).facts["disagreements"] == [
        "1 of 2 records are neither stored nor dropped"
    ]


def test_a_manifest_of_another_session_is_found(folder: Path) -> None:
    manifest = read_manifest(folder)
    write_manifest(folder, msgspec.structs.replace(manifest, id="01ARZ3NDEKTSV4RRFFQ69G5FAV"))
    assert any("belongs to session" in problem.reason for problem in verify(folder))


def test_verifying_changes_nothing(folder: Path) -> None:
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    verify(folder)
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before
