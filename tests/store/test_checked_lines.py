"""A file of checked lines is plain JSON lines, and no bit of it can change unseen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.damage import flip_bit

from understudy.store.checked_lines import line_is_whole, scan_lines, seal_line, whole_lines

pytestmark = pytest.mark.slow

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
objects = st.dictionaries(st.text(max_size=8).filter(lambda name: name != "crc"), values).filter(
    bool
)
quick = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write(path: Path, records: list[dict[str, Any]]) -> list[int]:
    """Write the records to a new file; where each line ends."""
    lines = [seal_line(msgspec.json.encode(record)) for record in records]
    path.write_bytes(b"".join(lines))
    return [sum(map(len, lines[: number + 1])) for number in range(len(lines))]


def read(path: Path) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in whole_lines(path)]
    for record in records:
        del record["crc"]
    return records


@quick
@given(records=st.lists(objects, max_size=5))
def test_any_json_reader_reads_the_lines_and_every_line_is_whole(
    tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    path = tmp_path / "log.jsonl"
    write(path, records)
    assert read(path) == records
    scan = scan_lines(path)
    assert (scan.count, scan.end) == (len(records), path.stat().st_size)
    assert (scan.torn, scan.damaged) == (0, ())


@quick
@given(records=st.lists(objects, max_size=5), cut=st.integers(min_value=0))
def test_a_file_cut_at_any_byte_keeps_every_whole_line_and_says_how_much_is_torn(
    tmp_path: Path, records: list[dict[str, Any]], cut: int
) -> None:
    path = tmp_path / "log.jsonl"
    ends = write(path, records)
    left = cut % (path.stat().st_size + 1)
    path.write_bytes(path.read_bytes()[:left])
    whole = [end for end in ends if end <= left]
    scan = scan_lines(path)
    assert scan.count == len(whole)
    assert scan.end == (whole[-1] if whole else 0)
    assert scan.torn == left - scan.end
    assert scan.damaged == ()
    assert read(path) == records[: len(whole)]


@quick
@given(records=st.lists(objects, min_size=1, max_size=5), at=st.integers(min_value=0))
def test_any_flipped_bit_is_found_and_costs_its_own_line_or_the_two_that_it_joined(
    tmp_path: Path, records: list[dict[str, Any]], at: int
) -> None:
    path = tmp_path / "log.jsonl"
    ends = write(path, records)
    byte = flip_bit(path, at)
    hit = next(number for number, end in enumerate(ends) if byte < end)
    lost = {hit, hit + 1} if byte == ends[hit] - 1 else {hit}
    scan = scan_lines(path)
    assert scan.torn > 0 or scan.damaged
    kept = [record for number, record in enumerate(records) if number not in lost]
    assert scan.count == len(kept)
    assert read(path) == kept
    # A line that has its end was written whole: it is damage, and nobody may cut it off. Only one
    # without an end looks like what a kill leaves.
    assert bool(scan.damaged) == (byte != ends[-1] - 1)


@settings(max_examples=200, deadline=None)
@given(line=st.binary(max_size=60))
def test_garbage_is_no_whole_line(line: bytes) -> None:
    assert not line_is_whole(line)
