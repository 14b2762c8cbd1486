"""A file is the old one or the new one; names from outside never lead out of their folder."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import StorageError
from understudy.store.atomic import (
    TEMPORARY_SUFFIX,
    safe_join,
    safe_slug,
    sync_folder,
    write_atomic,
    write_json_atomic,
)


@pytest.mark.parametrize("sync", [True, False])
def test_a_file_is_written_and_replaced_whole(tmp_path: Path, sync: bool) -> None:
    file = tmp_path / "file"
    write_atomic(file, b"one", sync=sync)
    write_atomic(file, b"", sync=sync)
    assert file.read_bytes() == b""
    assert list(tmp_path.iterdir()) == [file]


def test_json_is_readable_utf8_that_ends_in_a_newline(tmp_path: Path) -> None:
    write_json_atomic(tmp_path / "f.json", {"a": ["日本", 1.5, None]})
    text = (tmp_path / "f.json").read_text(encoding="utf-8")
    assert text == '{\n  "a": [\n    "日本",\n    1.5,\n    null\n  ]\n}\n'


def test_a_folder_in_the_way_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "name").mkdir()
    with pytest.raises(StorageError, match="because it is a folder"):
        write_atomic(tmp_path / "name", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["name"]


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written") as caught:
        write_atomic(tmp_path / "no" / "file", b"x")
    assert str(tmp_path / "no" / "file") in str(caught.value)


def test_a_file_where_a_folder_is_needed_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    with pytest.raises(StorageError, match="cannot be written"):
        write_atomic(tmp_path / "file" / "below", b"x")
    assert (tmp_path / "file").read_bytes() == b"kept"


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from understudy.errors import StorageError
from understudy.store.atomic import write_atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_atomic(Path(sys.argv[1]), b"x" * 100_000)
except StorageError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_disk_that_takes_no_more_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(file)], capture_output=True, text=True, check=True
    )
    assert "cannot be written" in done.stdout
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_data_that_is_no_bytes_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_atomic(tmp_path / "file", "text")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs permissions and links as on Unix")
def test_permissions_and_symbolic_links_survive_a_replacement(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_atomic(link, b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o640


def test_readers_beside_writers_see_only_whole_files(tmp_path: Path) -> None:
    file = tmp_path / "file"
    contents = {bytes([65 + n]) * 50_000 for n in range(3)}
    write_atomic(file, next(iter(contents)))

    def write(content: bytes) -> None:
        for _ in range(40):
            write_atomic(file, content, sync=False)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert file.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [file]


_KILLED = """
import sys
from pathlib import Path
from understudy.store.atomic import write_atomic
n = 0
while True:
    n += 1
    write_atomic(Path(sys.argv[1]), str(n % 10).encode() * 200_000, sync=False)
    print(n, flush=True)
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_a_whole_file_and_at_most_a_temporary_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for delay in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(file)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        for _ in range(5 + 7 * delay):
            writer.stdout.readline()
        writer.kill()
        writer.communicate()
        content = file.read_bytes()
        assert len(content) == 200_000
        assert len(set(content)) == 1
        others = [path.name for path in tmp_path.iterdir() if path != file]
        assert all(name.endswith(TEMPORARY_SUFFIX) for name in others)


def test_a_folder_can_be_synced(tmp_path: Path) -> None:
    sync_folder(tmp_path)


@given(st.text())
def test_a_slug_is_one_safe_name_on_every_system(text: str) -> None:
    slug = safe_slug(text)
    assert 1 <= len(slug) <= 60
    assert len(slug.encode()) <= 180
    assert not re.search(r'[\s<>:"/\\|?*\x00-\x1f]', slug)
    assert slug[0] not in ".-"
    assert slug[-1] not in ". "
    assert ".." not in slug
    assert safe_slug(slug) == slug


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("tavern", "tavern"),
        ("My Game: Level 2!", "My_Game_Level_2"),
        ("../../etc/passwd", "etc_passwd"),
        ("", "session"),
        ("...", "session"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("日本 語", "日本_語"),
        ("C:\\x", "C_x"),
    ],
)
def test_slugs_stay_readable(text: str, slug: str) -> None:
    assert safe_slug(text) == slug


def test_the_fallback_of_a_slug_can_be_chosen() -> None:
    assert safe_slug("/", fallback="dataset") == "dataset"


def test_a_path_inside_is_joined(tmp_path: Path) -> None:
    assert safe_join(tmp_path, "a/b", "c.png") == tmp_path / "a" / "b" / "c.png"


@pytest.mark.parametrize(
    "part", ["../x", "a/../../x", "/etc/passwd", "C:/x", "C:x", "a\\b", "", "a\0b", "a/.."]
)
def test_a_path_that_leads_out_is_refused(tmp_path: Path, part: str) -> None:
    with pytest.raises(StorageError, match="not a path inside"):
        safe_join(tmp_path, part)


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_link_that_leads_out_is_refused_and_one_that_stays_is_not(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "out").symlink_to(tmp_path)
    (base / "in").symlink_to(base)
    assert safe_join(base, "in", "file") == base / "in" / "file"
    with pytest.raises(StorageError, match="symbolic link"):
        safe_join(base, "out", "file")
