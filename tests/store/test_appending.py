"""Lines added by several processes are all there; a torn tail costs only the torn line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from understudy.errors import StorageError
from understudy.store.appending import append_checked
from understudy.store.checked_lines import scan_lines, whole_lines


def numbers(file: Path) -> list[int]:
    return [json.loads(line)["n"] for line in whole_lines(file)]


def test_lines_are_added_in_order_and_checked(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    assert append_checked(file, [{"n": 1}, {"n": 2}]) == 0
    assert append_checked(file, [{"n": 3}], sync=False) == 0
    assert append_checked(file, []) == 0
    assert numbers(file) == [1, 2, 3]
    assert scan_lines(file).torn == 0


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.integers(min_value=0), size=st.integers(min_value=0, max_value=200_000))
def test_after_a_kill_at_any_byte_the_whole_lines_are_kept_and_the_rest_counted(
    tmp_path: Path, cut: int, size: int
) -> None:
    file = tmp_path / "log.jsonl"
    file.unlink(missing_ok=True)
    append_checked(file, [{"n": 1}, {"n": 2, "filler": "x" * size}, {"n": 3}], sync=False)
    content = file.read_bytes()[: cut % (file.stat().st_size + 1)]
    file.write_bytes(content)
    ends = [at + 1 for at, byte in enumerate(content) if byte == 10]
    lost = append_checked(file, [{"n": 4}], sync=False)
    scan = scan_lines(file)
    assert (scan.torn, scan.damaged) == (0, ())
    kept = numbers(file)[:-1]
    assert kept == [1, 2, 3][: len(kept)]
    assert len(kept) >= len(ends)
    assert lost == (0 if len(kept) > len(ends) else len(content) - (ends[-1] if ends else 0))


def test_a_folder_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(StorageError, match="cannot be added to"):
        append_checked(tmp_path / "log.jsonl", [{"n": 1}])


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from understudy.errors import StorageError
from understudy.store.appending import append_checked
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    append_checked(Path(sys.argv[1]), [{"n": 2, "filler": "x" * 10_000}])
except StorageError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_disk_that_takes_no_more_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    append_checked(file, [{"n": 1}])
    before = file.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(file)], capture_output=True, text=True, check=True
    )
    assert "cannot be added to" in done.stdout
    assert file.read_bytes() == before


_WRITER = """
import sys
from pathlib import Path
from understudy.store.appending import append_checked
for n in range(100):
    append_checked(Path(sys.argv[1]), [{"n": n}], sync=False)
"""


@pytest.mark.slow
def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(file)]) for _ in range(3)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    assert sorted(numbers(file)) == sorted([*range(100)] * 3)
    assert scan_lines(file).damaged == ()
