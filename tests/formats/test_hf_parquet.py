"""Rows in Parquet: Hugging Face's reader and ours see the same, and nothing is lost."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.formats.example_rows import agent_row, chat_row, instruction_row, png, tool_chat

from understudy.errors import FormatError, StorageError, UsageError
from understudy.formats.dataset_rows import AgentRow, Row
from understudy.formats.hf_parquet import (
    AGENT_FEATURES,
    CHAT_FEATURES,
    HuggingFaceParquet,
    RowFile,
    read_rows,
)
from understudy.formats.vllm_instruction import validate_record
from understudy.session.instruction import instruction_record


def written(path: Path, *rows: Row) -> Path:
    file = RowFile(path)
    for row in rows:
        file.write(row)
    assert file.finish() == [path]
    return path


def loaded(path: Path, tmp_path: Path) -> Any:
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(
        "parquet", data_files={"train": str(path)}, cache_dir=str(tmp_path / "cache"), split="train"
    )


@pytest.mark.slow
def test_hugging_face_loads_steps_with_their_declared_features(tmp_path: Path) -> None:
    rows = [agent_row(png(number), n=number, human_score=None) for number in range(3)]
    found = loaded(written(tmp_path / "train.parquet", *rows), tmp_path)
    assert list(found.features) == list(AGENT_FEATURES)
    assert type(found.features["screenshot"]).__name__ == "Image"
    for values, row in zip(found, rows, strict=True):
        with Image.open(io.BytesIO(row.picture or b"")) as picture:
            assert values["screenshot"].tobytes() == picture.tobytes()
        assert values["action"] == row.row.action
        assert values["previous_actions"] == row.row.previous_actions
        assert values["human_score"] is None
        assert values["line"] == row.n


def test_hugging_face_loads_chats_as_lists_of_messages(tmp_path: Path) -> None:
    plain = {
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    }
    found = loaded(written(tmp_path / "train.parquet", chat_row(), chat_row(plain)), tmp_path)
    assert list(found.features) == list(CHAT_FEATURES)
    assert [values["messages"] for values in found] == [tool_chat()["messages"], plain["messages"]]
    assert [values["tools"] for values in found] == [tool_chat()["tools"], None]


def test_every_field_of_a_step_is_read_back(tmp_path: Path) -> None:
    rows = [
        agent_row(),
        AgentRow(
            row=instruction_row(
                screenshot=None,
                screen=None,
                effect=None,
                success=None,
                human_score=None,
                auto_score=3.5,
                mistake=True,
                previous_actions=[],
            ),
            picture=None,
            corrected=True,
        ),
    ]
    assert list(read_rows(written(tmp_path / "rows.parquet", *rows))) == rows


def test_every_field_of_a_chat_is_read_back(tmp_path: Path) -> None:
    rows = [
        chat_row(),
        chat_row({**tool_chat(), "parallel_tool_calls": False}, corrected=True, success=False),
        chat_row({"messages": [{"role": "user", "content": "?"}], "functions": [{"name": "f"}]}),
    ]
    assert list(read_rows(written(tmp_path / "rows.parquet", *rows))) == rows


def test_the_columns_of_the_instruction_jsonl_are_among_those_of_steps(tmp_path: Path) -> None:
    row = next(read_rows(written(tmp_path / "rows.parquet", agent_row())))
    assert isinstance(row, AgentRow)
    assert validate_record(instruction_record(row.row, row.picture)) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@given(words=st.text(), content=json_values)
@settings(max_examples=50, deadline=None)
def test_any_text_and_any_json_survives(
    tmp_path_factory: pytest.TempPathFactory, words: str, content: Any
) -> None:
    folder = tmp_path_factory.mktemp("any")
    step = agent_row(memory_context=words, reasoning=words, previous_actions=[words])
    chat = chat_row({"messages": [{"role": "user", "content": content, words: words}]})
    assert list(read_rows(written(folder / "a.parquet", step))) == [step]
    assert list(read_rows(written(folder / "c.parquet", chat))) == [chat]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (agent_row(memory_context="\ud800"), "no valid Unicode"),
        (chat_row({"messages": [{"n": 2**64}]}), "more than 64 bits"),
        (chat_row({"messages": [{"n": float("nan")}]}), "JSON"),
    ],
)
def test_what_its_readers_could_not_take_is_refused(tmp_path: Path, row: Row, reason: str) -> None:
    file = RowFile(tmp_path / "rows.parquet")
    with pytest.raises(FormatError, match=reason):
        file.write(row)
    assert file.count == 0


def test_steps_and_chats_do_not_share_a_file(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "rows.parquet")
    file.write(agent_row())
    with pytest.raises(FormatError, match="a row of chats does not belong"):
        file.write(chat_row())


def test_nothing_is_in_its_place_before_the_end_nor_after_giving_up(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "rows.parquet")
    for number in range(1_500):
        file.write(agent_row(n=number))
    assert not list(tmp_path.glob("rows*"))
    file.abandon()
    assert not list(tmp_path.iterdir())
    assert RowFile(tmp_path / "none.parquet").finish() == []


def test_a_file_that_is_no_such_file_is_refused_by_name(tmp_path: Path) -> None:
    torn = written(tmp_path / "rows.parquet", agent_row())
    torn.write_bytes(torn.read_bytes()[:-9])
    with pytest.raises(FormatError, match=r"rows\.parquet: it cannot be read as Parquet"):
        list(read_rows(torn))
    with pytest.raises(StorageError, match="cannot be read"):
        list(read_rows(tmp_path / "nothing.parquet"))
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(FormatError, match=r"row 1: the column 'screenshot' is missing"):
        list(read_rows(tmp_path / "other.parquet"))


def test_parquet_is_not_split(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not split"):
        HuggingFaceParquet().open(tmp_path / "rows.parquet", max_bytes=1000)
    with pytest.raises(UsageError, match="is a folder"):
        HuggingFaceParquet().open(tmp_path, max_bytes=None)
