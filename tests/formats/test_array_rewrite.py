"""Writing a whole array file anew, and taking examples out of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from understudy.errors import FormatError, StorageError
from understudy.formats.array_rewrite import remove_from_array, write_array
from understudy.formats.openai_array import ArrayFile


def load(path: Path) -> list[Any]:
    return json.loads(path.read_text())


@pytest.mark.parametrize("amount", [0, 1, 3])
def test_it_writes_what_json_dump_would_write(tmp_path: Path, amount: int) -> None:
    path = tmp_path / "new" / "training_data.json"
    examples = [{"n": n, "x": 1e16, "empty": [], "text": "é"} for n in range(amount)]
    assert write_array(path, examples) == amount
    assert path.read_text() == json.dumps(examples, indent=2, ensure_ascii=False)
    ArrayFile(path).append({"n": "next"})
    assert load(path) == [*examples, {"n": "next"}]


def test_a_failure_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    path.write_text("[1]")

    def breaking() -> Iterator[dict[str, Any]]:
        yield {"n": 1}
        raise OSError("the source is gone")

    with pytest.raises(StorageError, match="the source is gone"):
        write_array(path, breaking())
    with pytest.raises(FormatError, match="example 0"):
        write_array(path, [{"n": object()}])
    assert path.read_text() == "[1]"
    assert not list(tmp_path.glob("*partial*")) + list(tmp_path.glob(".*partial*"))


def test_what_others_append_meanwhile_is_taken_over_once(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    array = ArrayFile(path)
    array.append({"n": "old"})

    def examples() -> Iterator[dict[str, Any]]:
        yield {"n": "from a session"}
        array.append({"n": "meanwhile"})
        array.append({"n": "meanwhile, and read from its session too"})
        yield {"n": "meanwhile, and read from its session too"}

    assert write_array(path, examples(), keep_old=True) == 3
    assert [e["n"] for e in load(path)] == [
        "from a session",
        "meanwhile, and read from its session too",
        "meanwhile",
    ]
    (old,) = tmp_path.glob("training_data.json.replaced-*")
    assert load(old)[0] == {"n": "old"}
    array.append({"n": "after"})
    assert load(path)[-1] == {"n": "after"}
    assert not array.notices


def test_removing_examples_leaves_the_others_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    path.write_text('[{"n":  0}, {"n": 1},\n\n{"n":\t2}, "text"]')
    assert remove_from_array(path, lambda example: example["n"] == 1) == 1
    assert load(path) == [{"n": 0}, {"n": 2}, "text"]
    assert '{"n":\t2}' in path.read_text()
    before = path.read_bytes()
    assert remove_from_array(path, lambda example: example["n"] == 1) == 0
    assert path.read_bytes() == before
    assert remove_from_array(path, lambda example: True) == 2
    assert load(path) == ["text"]


def test_nothing_is_removed_from_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "training_data.json"
    path.write_text('[{"n": 0}, {"n": ')
    with pytest.raises(FormatError, match="nothing was removed"):
        remove_from_array(path, lambda example: True)
    assert path.read_text() == '[{"n": 0}, {"n": '


def test_a_folder_in_the_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is a folder"):
        write_array(tmp_path, [{}])
