"""A block file gives back what was put in, up to the first byte that a kill or a disk spoiled."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.damage import flip_bit

from understudy.errors import CorruptionError
from understudy.store.blocks import (
    HEADER_SIZE,
    BlockWriter,
    iterate_payloads,
    read_block,
    scan_blocks,
)

payloads = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=8)
quick = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write(path: Path, blocks: list[tuple[int, bytes]]) -> list[int]:
    """Write the blocks to a new file; where each of them ends."""
    path.unlink(missing_ok=True)
    ends = []
    with BlockWriter(path) as writer:
        for kind, payload in blocks:
            writer.append(payload, kind)
            ends.append(writer.size)
    return ends


def read(path: Path) -> list[tuple[int, bytes]]:
    return [(block.kind, payload) for block, payload in iterate_payloads(path)]


@quick
@given(blocks=payloads)
def test_blocks_come_back_in_order_with_kind_and_place(
    tmp_path: Path, blocks: list[tuple[int, bytes]]
) -> None:
    path = tmp_path / "log.blocks"
    write(path, blocks)
    assert read(path) == blocks
    scan = scan_blocks(path)
    assert (scan.end, scan.torn, scan.reason) == (path.stat().st_size, 0, None)
    with open(path, "rb") as file:
        backwards = [read_block(file, block, path) for block in reversed(scan.blocks)]
    assert backwards == [payload for _, payload in reversed(blocks)]


@pytest.mark.slow
@quick
@given(blocks=payloads, cut=st.integers(min_value=0))
def test_a_file_cut_at_any_byte_keeps_every_whole_block_and_says_how_much_is_torn(
    tmp_path: Path, blocks: list[tuple[int, bytes]], cut: int
) -> None:
    path = tmp_path / "log.blocks"
    ends = write(path, blocks)
    left = cut % (path.stat().st_size + 1)
    with open(path, "r+b") as file:
        file.truncate(left)
    whole = [end for end in ends if end <= left]
    for check in (True, False):
        scan = scan_blocks(path, check=check)
        assert len(scan.blocks) == len(whole)
        assert scan.end == (whole[-1] if whole else 0)
        assert scan.torn == left - scan.end
        assert (scan.reason is None) == (scan.torn == 0)
    assert read(path) == blocks[: len(whole)]


@pytest.mark.slow
@quick
@given(blocks=payloads.filter(bool), at=st.integers(min_value=0))
def test_any_flipped_bit_is_found_and_nothing_wrong_is_handed_out(
    tmp_path: Path, blocks: list[tuple[int, bytes]], at: int
) -> None:
    path = tmp_path / "log.blocks"
    ends = write(path, blocks)
    byte = flip_bit(path, at)
    before = sum(end <= byte for end in ends)
    scan = scan_blocks(path)
    assert len(scan.blocks) == before
    assert scan.torn > 0
    assert scan.reason is not None
    handed_out = []
    with contextlib.suppress(CorruptionError):
        for block, payload in iterate_payloads(path):
            handed_out.append((block.kind, payload))
    assert handed_out == blocks[:before]


@quick
@given(before=payloads, torn=st.binary(min_size=1, max_size=40), after=payloads)
def test_appending_goes_on_where_the_torn_tail_was_cut(
    tmp_path: Path,
    before: list[tuple[int, bytes]],
    torn: bytes,
    after: list[tuple[int, bytes]],
) -> None:
    path = tmp_path / "log.blocks"
    write(path, before)
    with open(path, "ab") as file:
        file.write(torn)
    scan = scan_blocks(path)
    assert len(scan.blocks) == len(before)
    with open(path, "r+b") as file:
        file.truncate(scan.end)
    with BlockWriter(path) as writer:
        for kind, payload in after:
            writer.append(payload, kind)
    assert read(path) == before + after


@settings(max_examples=200, deadline=None)
@given(garbage=st.binary(max_size=200))
def test_garbage_is_no_block_and_no_crash(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.blocks"
    path.write_bytes(garbage)
    scan = scan_blocks(path)
    assert scan.blocks == ()
    assert scan.torn == len(garbage)


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from understudy.store.blocks import BlockWriter

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
with BlockWriter(path) as writer:
    writer.append(b"before", 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (writer.size + 100, resource.RLIM_INFINITY))
    try:
        writer.append(b"x" * 1000, 2)
    except OSError:
        print("refused at", writer.size, path.stat().st_size)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    writer.append(b"after", 3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_write_that_the_disk_refuses_leaves_nothing_torn_and_the_next_one_stands(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log.blocks"
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(path)], check=True, capture_output=True, text=True
    )
    size = HEADER_SIZE + len(b"before")
    assert done.stdout.split() == ["refused", "at", str(size), str(size)]
    assert read(path) == [(1, b"before"), (3, b"after")]
