"""The array file: its layout, its appends, and what a kill or another program leaves of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import FormatError, StorageError
from understudy.formats.openai_array import ArrayFile, SkippedElement, iterate_array

EXAMPLE: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Du bist der Spielleiter — 龍."},
        {"role": "user", "content": 'I say "hello"\nand \\bow\t{[}]'},
        {"role": "assistant", "content": "The innkeeper nods. 🍺"},
    ]
}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)
examples = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5), json_values, max_size=3
)

LAYOUTS: dict[str, Any] = {
    "ours": lambda v: json.dumps(v, indent=2, ensure_ascii=False).encode(),
    "compact": lambda v: json.dumps(v, separators=(",", ":")).encode(),
    "one line": lambda v: json.dumps(v).encode(),
    "indent 1": lambda v: json.dumps(v, indent=1).encode(),
    "indent 4": lambda v: json.dumps(v, indent=4).encode(),
    "tabs": lambda v: json.dumps(v, indent="\t").encode(),
    "CRLF": lambda v: json.dumps(v, indent=2).replace("\n", "\r\n").encode() + b"\r\n",
    "byte order mark": lambda v: b"\xef\xbb\xbf" + json.dumps(v, indent=2).encode(),
    "trailing newline": lambda v: json.dumps(v, indent=2).encode() + b"\n",
    "much white space": lambda v: b" \n" * 300 + json.dumps(v).encode() + b"\t\n " * 300,
}


def load(path: Path) -> list[Any]:
    return json.loads(path.read_text("utf-8-sig"))


def aside(path: Path, word: str) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.{word}-*"))


@pytest.mark.slow
@given(st.lists(examples, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_the_file_is_byte_for_byte_what_json_dump_writes(
    tmp_path_factory: pytest.TempPathFactory, added: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("array") / "training_data.json"
    with ArrayFile(path, sync=False) as array:
        for number, example in enumerate(added, start=1):
            array.append(example)
            expected = json.dumps(added[:number], indent=2, ensure_ascii=False)
            assert path.read_bytes() == expected.encode()
            assert array.count == number


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
@given(st.lists(examples, max_size=3), st.lists(examples, min_size=1, max_size=3))
@settings(max_examples=15, deadline=None)
def test_a_file_of_another_collector_is_continued_without_losing_an_element(
    tmp_path_factory: pytest.TempPathFactory,
    layout: str,
    before: list[dict[str, Any]],
    added: list[dict[str, Any]],
) -> None:
    path = tmp_path_factory.mktemp("array") / "training_data.json"
    original = LAYOUTS[layout](before)
    path.write_bytes(original)

    array = ArrayFile(path, sync=False)
    for number, example in enumerate(added, start=1):
        array.append(example)
        assert load(path) == before + added[:number]
        assert array.count == len(before) + number

    if before:
        untouched = original.rstrip()[:-1].rstrip()
        assert path.read_bytes().startswith(untouched), "what was there is not rewritten"
    assert not array.notices


@pytest.mark.slow
@given(
    st.sampled_from(sorted(LAYOUTS)),
    st.lists(examples, min_size=1, max_size=3),
    st.lists(st.tuples(examples, st.floats(0, 1)), min_size=1, max_size=4),
)
@settings(max_examples=80, deadline=None)
def test_appends_that_are_killed_at_any_byte_lose_no_finished_example(
    tmp_path_factory: pytest.TempPathFactory,
    layout: str,
    before: list[dict[str, Any]],
    appends: list[tuple[dict[str, Any], float]],
) -> None:
    path = tmp_path_factory.mktemp("array") / "training_data.json"
    path.write_bytes(LAYOUTS[layout](before))
    expected: list[Any] = list(before)
    for example, moment in appends:
        ArrayFile(path, sync=False).append(example)  # finished
        expected.append(example)
        kill_while_appending(path, {"torn": example}, moment)

        ArrayFile(path, sync=False)

        found = load(path)
        assert found in (expected, [*expected, {"torn": example}])
        expected = found


def kill_while_appending(path: Path, example: dict[str, Any], moment: float) -> None:
    """Leave the file as a kill does after a fraction of the bytes have been written."""
    old = path.read_bytes()
    array = ArrayFile(path, sync=False)
    array.append(example)
    new = path.read_bytes()
    begin = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(old))
    torn = begin + int((len(new) - begin) * moment)
    path.write_bytes(new[:torn] + old[torn:])


def test_every_single_byte_of_an_append_may_be_the_last() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "training_data.json"
        ArrayFile(path, sync=False).append(EXAMPLE)
        old = path.read_bytes()
        ArrayFile(path, sync=False).append({"second": 2})
        new = path.read_bytes()
        end = len(old) - len("\n]")
        for torn in range(end, len(new) + 1):
            path.write_bytes(new[:torn] + old[torn:])
            notices: list[str] = []
            array = ArrayFile(path, sync=False, notify=notices.append)
            found = load(path)
            assert found in ([EXAMPLE], [EXAMPLE, {"second": 2}])
            array.append({"third": 3})
            assert load(path) == [*found, {"third": 3}]
            whole = new[:torn] + old[torn:] in (old, new)
            assert bool(notices) is not whole, "a cut is reported, and nothing else is"


def test_the_text_that_was_cut_is_kept_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    ArrayFile(path).append(EXAMPLE)
    with path.open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(b',\n  {\n    "messages": [{"content": "half a sent')

    array = ArrayFile(path)

    assert load(path) == [EXAMPLE]
    (kept,) = aside(path, "cut")
    assert b"half a sent" in kept.read_bytes()
    assert "47 bytes were cut" in array.notices[0]
    assert kept.name in array.notices[0]


@pytest.mark.parametrize(
    "content",
    [
        b'[{"messages": []}, {"messa',
        b'{"messages": []}',
        b'{"messages": []}\n{"messages": []}\n',
        b"\x00\xff\xfe binary",
        b"[{},]",
        b"[{}] and more",
        b'[{"a": 1} {"b": 2}]',
        b'[{"a": \xff}]',
        '[{"a": 1}]'.encode("utf-16"),
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_array_is_kept_under_another_name_and_reported(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "training_data.json"
    path.write_bytes(content)

    array = ArrayFile(path)
    array.append(EXAMPLE)

    (kept,) = aside(path, "unreadable")
    assert kept.read_bytes() == content
    assert load(path) == [EXAMPLE]
    assert kept.name in array.notices[0]


@pytest.mark.parametrize("content", [b"", b" \n", b"[]", b"[ \r\n ]\n", b"\xef\xbb\xbf", b"[\n]"])
def test_an_empty_file_is_begun_with_its_permissions(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "training_data.json"
    path.write_bytes(content)
    path.chmod(0o640)

    array = ArrayFile(path)
    array.append(EXAMPLE)

    assert path.read_bytes() == json.dumps([EXAMPLE], indent=2, ensure_ascii=False).encode()
    assert path.stat().st_mode & 0o777 == 0o640
    assert not array.notices


def test_nan_of_pythons_json_is_read_but_never_written(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    path.write_bytes(b'[{"reward": NaN}]')
    array = ArrayFile(path)

    with pytest.raises(FormatError, match="cannot be written as JSON"):
        array.append({"reward": float("nan")})
    array.append(EXAMPLE)

    assert load(path)[1] == EXAMPLE


@pytest.mark.parametrize("bad", [{1: 2}, {"a": b"bytes"}, {"a": object()}, {"a": {1, 2}}, ["no"]])
def test_what_json_cannot_express_changes_nothing(tmp_path: Path, bad: Any) -> None:
    path = tmp_path / "training_data.json"
    array = ArrayFile(path)
    array.append(EXAMPLE)
    before = path.read_bytes()

    with pytest.raises(FormatError):
        array.append(bad)

    assert path.read_bytes() == before


def test_half_a_surrogate_pair_is_kept_escaped(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    array = ArrayFile(path)
    array.append({"content": "cut \ud83c"})
    array.append(EXAMPLE)
    path.with_name(f".{path.name}.state").unlink()

    assert ArrayFile(path).count == 2
    assert load(path)[0] == {"content": "cut \ud83c"}


def test_another_writer_of_the_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    one, two = ArrayFile(path), ArrayFile(path)
    for number in range(6):
        (one if number % 2 else two).append({"n": number})
    assert [e["n"] for e in load(path)] == list(range(6))
    assert one.count == 6

    rewritten = [*load(path), {"n": "by a rewriting collector"}]
    path.write_text(json.dumps(rewritten, indent=4))
    one.append({"n": 7})
    assert load(path) == [*rewritten, {"n": 7}]

    other = tmp_path / "other.json"
    other.write_text('[{"n": "replaced"}]')
    other.replace(path)
    two.append({"n": 8})
    assert load(path) == [{"n": "replaced"}, {"n": 8}]
    assert not one.notices + two.notices


def test_a_removed_file_starts_again_with_new_examples_only(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "training_data.json"
    array = ArrayFile(path)
    array.append({"n": 1})
    path.unlink()
    array.append({"n": 2})
    assert load(path) == [{"n": 2}]
    assert "has been removed" in array.notices[0]


def test_a_link_stays_a_link_and_shares_the_lock(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "data.json"
    target.parent.mkdir()
    target.write_text("[]")
    link = tmp_path / "training_data.json"
    link.symlink_to(target)
    ArrayFile(link).append(EXAMPLE)
    assert link.is_symlink()
    assert load(target) == [EXAMPLE]
    assert not list(tmp_path.glob(".training_data.json*"))


def test_a_folder_in_the_place_of_the_file_is_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    path.mkdir()
    with pytest.raises(StorageError, match="is a folder where the array file belongs"):
        ArrayFile(path)
    assert not list(path.iterdir())


def test_a_file_in_the_place_of_the_folder_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "training").write_text("mine")
    with pytest.raises(StorageError, match="training is a file where the folder"):
        ArrayFile(tmp_path / "training" / "training_data.json").append(EXAMPLE)
    assert (tmp_path / "training").read_text() == "mine"


def test_threads_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    shared = ArrayFile(path, sync=False)

    def work(worker: int) -> None:
        own = ArrayFile(path, sync=False)
        for number in range(20):
            (own if number % 2 else shared).append({"worker": worker, "n": number})

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = load(path)
    assert len(found) == 80
    for worker in range(4):
        assert [e["n"] for e in found if e["worker"] == worker] == list(range(20))


APPENDER = """
import sys
from understudy.formats.openai_array import ArrayFile
array = ArrayFile(sys.argv[1], sync=False)
worker, amount, size = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for n in range(amount):
    array.append({"worker": worker, "n": n, "text": "x" * size})
    print(n, flush=True)
"""


def appender(path: Path, worker: str, amount: int, size: int = 100) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(path), worker, str(amount), str(size)],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_processes_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    workers = [appender(path, str(worker), 40) for worker in range(3)]
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    found = load(path)
    for number in range(3):
        assert [e["n"] for e in found if e["worker"] == str(number)] == list(range(40))
    assert path.read_text() == json.dumps(found, indent=2, ensure_ascii=False)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("lines", [1, 7, 40])
def test_a_killed_writer_loses_nothing_that_it_was_told_is_stored(
    tmp_path: Path, lines: int
) -> None:
    path = tmp_path / "training_data.json"
    path.write_text('[{"worker": "another collector"}]')
    worker = appender(path, "killed", 1_000_000, size=200_000)
    assert worker.stdout is not None
    told = [worker.stdout.readline() for _ in range(lines)]
    worker.send_signal(signal.SIGKILL)
    acknowledged = int((told + worker.stdout.readlines())[-1])
    worker.wait(timeout=60)
    worker.stdout.close()

    ArrayFile(path).append({"worker": "next"})

    found = load(path)
    assert found[0] == {"worker": "another collector"}
    assert found[-1] == {"worker": "next"}
    assert [e["n"] for e in found[1:-1]][: acknowledged + 1] == list(range(acknowledged + 1))
    assert len(found) - 2 - (acknowledged + 1) in (0, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    ArrayFile(path).append(EXAMPLE)
    before = path.read_bytes()
    # The limit stops a write half way, exactly as a disk that fills up does.
    script = (
        "import resource, sys\n"
        "from understudy.errors import StorageError\n"
        "from understudy.formats.openai_array import ArrayFile\n"
        "array = ArrayFile(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "for size in (100_000, 20_000):\n"
        "    try:\n"
        "        array.append({'text': 'x' * size})\n"
        "    except StorageError as error:\n"
        "        print(error)\n"
        "array.append({'n': 1})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cannot be read or written (file too large)") == 2
    assert path.read_bytes().startswith(before[:-2])
    assert load(path) == [EXAMPLE, {"n": 1}]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to drop rights")
def test_without_permission_there_is_one_clear_sentence_and_no_change(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    path.write_text('[{"a": 1}]')
    script = (
        "import os, sys\n"
        "from understudy.errors import StorageError\n"
        "from understudy.formats.openai_array import ArrayFile\n"
        "os.setuid(65534)\n"
        "try:\n"
        "    ArrayFile(sys.argv[1]).append({'b': 2})\n"
        "except StorageError as error:\n"
        "    print(error)\n"
    )
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and folder != Path("/") and folder.name.startswith("pytest"):
            folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "permission denied" in done.stdout
    assert path.read_text() == '[{"a": 1}]'


def test_opening_reads_only_what_came_after_the_last_check(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    with ArrayFile(path) as array:
        for number in range(50):
            array.append({"n": number, "text": "x" * 200})
    # Damage in the part that is remembered as checked is not looked for on opening.
    data = bytearray(path.read_bytes())
    data[20] = ord("}")
    path.write_bytes(data)
    assert not ArrayFile(path).notices
    # Without the memory (as after a copy to another machine) everything is checked.
    path.with_name(f".{path.name}.state").unlink()
    assert "cannot be read as a JSON array" in ArrayFile(path).notices[0]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reading_reports_bad_elements_by_index_and_goes_on(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "training_data.json"
    whole = LAYOUTS[layout]([{"n": 0}, {"n": "BAD"}, "text", {"n": 3}])
    path.write_bytes(whole.replace(b'"BAD"', b"BAD"))
    skipped: list[SkippedElement] = []

    found = list(iterate_array(path, report=skipped.append))

    assert found == [(0, {"n": 0}), (3, {"n": 3})]
    assert [(s.index, s.reason.split(":")[0]) for s in skipped] == [
        (1, "it is not JSON"),
        (2, "it is a str, not an object"),
    ]


def test_reading_a_torn_file_gives_what_is_whole_and_reports_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    path.write_bytes(json.dumps([{"n": n} for n in range(5)], indent=2).encode()[:-8])
    skipped: list[SkippedElement] = []
    found = [example["n"] for _, example in iterate_array(path, report=skipped.append)]
    assert found == [0, 1, 2, 3]
    assert [s.index for s in skipped] == [4]


def test_reading_what_is_no_array_says_so(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    path.write_text('{"messages": []}')
    with pytest.raises(FormatError, match="does not begin with a bracket"):
        list(iterate_array(path))
    with pytest.raises(StorageError):
        list(iterate_array(tmp_path / "missing.json"))


@pytest.mark.slow
@given(st.binary(max_size=200) | st.text('[]{},:"\\\n 1ae', max_size=60).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_no_bytes_break_the_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("array") / "training_data.json"
    path.write_bytes(content)
    skipped: list[SkippedElement] = []
    try:
        found = list(iterate_array(path, report=skipped.append))
    except FormatError:
        return
    try:
        expected = json.loads(content.decode("utf-8-sig"))
    except ValueError:
        assert skipped
    else:
        assert [e for _, e in found] == [e for e in expected if isinstance(e, dict)]
