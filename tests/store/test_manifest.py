"""A manifest names every file of its folder, and one flipped bit is found."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from understudy.errors import CorruptionError, NewerSchemaError, StorageError
from understudy.store.manifest import (
    MANIFEST_SCHEMA,
    FileEntry,
    Manifest,
    Parent,
    check_files,
    hash_tree,
    read_manifest,
    write_manifest,
)
from understudy.store.ulids import new_ulid


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures" / "deep").mkdir(parents=True)
    (tmp_path / "trace.jsonl").write_bytes(b"line\n" * 100)
    (tmp_path / "pictures" / "a.png").write_bytes(b"png")
    (tmp_path / "pictures" / "deep" / "b.png").write_bytes(b"")
    return tmp_path


def sealed(folder: Path) -> Manifest:
    files = hash_tree(folder, ["trace.jsonl", "pictures"])
    manifest = Manifest(kind="session", id=new_ulid(), files=files)
    write_manifest(folder, manifest)
    return manifest


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = Manifest(
        kind="dataset",
        id=new_ulid(),
        name="tavern",
        version="v0003",
        created="2026-01-01T00:00:00Z",
        parents=[Parent(kind="session", id="a", sha256="ff"), Parent(kind="dataset", id="b@v0001")],
        files={"rows.jsonl": FileEntry(sha256="00", size=3)},
        facts={"rows": 5, "query": {"min_score": 7.5}, "none": None},
    )
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest


def test_a_tree_is_hashed_by_relative_names_without_files_in_the_making(folder: Path) -> None:
    (folder / "pictures" / ".x.partial").write_bytes(b"half")
    files = hash_tree(folder, ["trace.jsonl", "pictures"])
    assert list(files) == ["pictures/a.png", "pictures/deep/b.png", "trace.jsonl"]
    assert files["pictures/deep/b.png"].size == 0
    assert files["pictures/a.png"].size == 3


def test_a_name_that_does_not_exist_cannot_be_hashed(folder: Path) -> None:
    with pytest.raises(StorageError, match=r"nothing\.here.*cannot be read"):
        hash_tree(folder, ["nothing.here"])


def test_an_untouched_folder_has_no_problems_even_with_files_beside(folder: Path) -> None:
    manifest = sealed(folder)
    (folder / "session_metadata.json").write_text("{}")
    assert check_files(folder, manifest) == []


@pytest.mark.slow
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=st.integers(0, 499), bit=st.integers(0, 7))
def test_one_flipped_bit_is_found(folder: Path, position: int, bit: int) -> None:
    manifest = sealed(folder)
    file = folder / "trace.jsonl"
    whole = file.read_bytes()
    damaged = bytearray(whole)
    damaged[position] ^= 1 << bit
    file.write_bytes(damaged)
    try:
        (problem,) = check_files(folder, manifest)
        assert problem.file == "trace.jsonl"
        assert "SHA-256" in problem.reason
    finally:
        file.write_bytes(whole)


def test_missing_longer_and_replaced_files_are_each_named_with_the_reason(folder: Path) -> None:
    manifest = sealed(folder)
    (folder / "pictures" / "a.png").unlink()
    (folder / "pictures" / "deep" / "b.png").unlink()
    (folder / "pictures" / "deep" / "b.png").mkdir()
    with (folder / "trace.jsonl").open("ab") as file:
        file.write(b"x")
    problems = {problem.file: problem.reason for problem in check_files(folder, manifest)}
    assert problems == {
        "pictures/a.png": "is missing",
        "pictures/deep/b.png": "is not a file",
        "trace.jsonl": "has 501 bytes where 500 were sealed",
    }


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "a/../../x"])
def test_a_manifest_that_names_a_file_outside_its_folder_is_a_problem(
    folder: Path, name: str
) -> None:
    manifest = Manifest(kind="session", id="x", files={name: FileEntry(sha256="", size=1)})
    (problem,) = check_files(folder, manifest)
    assert "not a path inside" in problem.reason


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    base = tmp_path / "pictures"
    (base / "link").symlink_to(tmp_path / "trace.jsonl")
    with pytest.raises(StorageError, match="symbolic link"):
        hash_tree(base, ["link"])


def test_no_manifest_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"there is no manifest\.json"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(StorageError, match="cannot be read"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b'{"schema":1', b"\xff\xfe\x00", b"[1]", b'{"schema":1,"kind":"x","id":"a"}']
)
def test_what_is_no_manifest_is_one_sentence_and_stays(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "manifest.json"
    file.write_bytes(content)
    with pytest.raises(CorruptionError, match="is not a manifest"):
        read_manifest(tmp_path)
    assert file.read_bytes() == content


def test_a_manifest_of_a_later_version_is_refused_whatever_it_holds(tmp_path: Path) -> None:
    later = f'{{"schema": {MANIFEST_SCHEMA + 1}, "kind": "galaxy"}}'
    (tmp_path / "manifest.json").write_text(later)
    with pytest.raises(NewerSchemaError, match="update Understudy"):
        read_manifest(tmp_path)


@pytest.mark.slow
def test_every_flipped_bit_of_the_manifest_itself_is_found(folder: Path) -> None:
    sealed(folder)
    file = folder / "manifest.json"
    whole = file.read_bytes()
    for position in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            file.write_bytes(damaged)
            with pytest.raises((CorruptionError, NewerSchemaError)):
                read_manifest(folder)


def test_a_manifest_without_its_checksum_or_with_bytes_behind_it_is_refused(folder: Path) -> None:
    sealed(folder)
    file = folder / "manifest.json"
    whole = file.read_bytes()
    for changed in (whole + b"\n", whole.rstrip(), b'{"schema":1,"kind":"session","id":"a"}'):
        file.write_bytes(changed)
        with pytest.raises(CorruptionError, match="does not match its own checksum"):
            read_manifest(folder)


def test_other_programs_read_a_manifest_as_json(folder: Path) -> None:
    manifest = sealed(folder)
    plain = json.loads((folder / "manifest.json").read_text())
    assert plain["id"] == manifest.id
    assert len(plain["checksum"]) == 64
