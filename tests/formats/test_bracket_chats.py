"""Chats in brackets, whose results name no call: which formats hold them, and how rows do."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.formats.bracket_chats import SYSTEM, bracket_chat, dm, user
from tests.formats.example_rows import chat_row, tool_chat

from understudy.formats.dataset_rows import ChatRow, ScenarioPart
from understudy.formats.hf_parquet import CHAT_FEATURES, RowFile, read_rows
from understudy.formats.openai_array_export import OpenAIArray
from understudy.formats.openai_jsonl import OpenAIJsonl
from understudy.formats.openai_rules import validate_example
from understudy.formats.sharegpt import ShareGPT
from understudy.formats.sharegpt import read_conversations as read_sharegpt
from understudy.formats.trl_conversational import TrlConversational
from understudy.formats.trl_conversational import read_conversations as read_trl


def test_openai_takes_no_result_without_its_call() -> None:
    for format in (OpenAIJsonl(), OpenAIArray()):
        [reason] = format.validate(bracket_chat())
        assert reason.startswith("message 4: it does not say which tool call it answers")


def test_trl_and_sharegpt_hold_them_and_give_them_back(tmp_path: Path) -> None:
    trl, sharegpt = TrlConversational(), ShareGPT()
    assert trl.validate(bracket_chat()) == sharegpt.validate(bracket_chat()) == []
    for writer in (
        trl.open(tmp_path / "a.parquet", max_bytes=None),
        sharegpt.open(tmp_path / "a.jsonl", max_bytes=None),
    ):
        writer.write(bracket_chat())
        writer.finish()
    assert list(read_trl(tmp_path / "a.parquet")) == [bracket_chat()]
    assert [found for _, found in read_sharegpt(tmp_path / "a.jsonl")] == [bracket_chat()]


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "tool", "content": "17"}, dm("Ho")],
        [user("Hi"), {"role": "tool", "content": "17"}, dm("Ho")],
        [*tool_chat()["messages"][:3], {"role": "tool", "content": "17"}, dm("Ho")],
    ],
)
def test_a_result_that_follows_no_words_of_the_model_is_none(
    messages: list[dict[str, str]],
) -> None:
    reasons = validate_example({"messages": messages}, bare_results=True)
    assert any("no call in brackets stands before it" in reason for reason in reasons)


ROWS = [
    chat_row(
        bracket_chat(),
        session="",
        scenario=ScenarioPart(name="scenarios/combat/duel.md", sha256="ab" * 32),
    ),
    chat_row(bracket_chat(), session="", scenario=ScenarioPart(name="generated/1/17", seed=1)),
    chat_row({"messages": [SYSTEM, user("Hi"), dm("Ho")]}, corrected=True, rejected=dm("[laughs]")),
    chat_row(answer_score=7.5),
]


def test_rows_keep_their_scenario_their_rejected_answer_and_its_score(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "rows.parquet")
    for row in ROWS:
        file.write(row)
    file.finish()
    assert list(read_rows(tmp_path / "rows.parquet")) == ROWS
    assert [row.origin for row in ROWS[:3]] == [
        "scenarios/combat/duel.md",
        "generated/1/17",
        ROWS[2].session,
    ]


def test_files_from_before_scenarios_are_still_read(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "rows.parquet")
    file.write(chat_row())
    file.finish()
    table = pq.read_table(tmp_path / "rows.parquet")
    later = ["rejected", "answer_score", "scenario", "scenario_sha256", "scenario_seed"]
    assert list(CHAT_FEATURES)[-5:] == later
    pq.write_table(table.drop_columns(later), tmp_path / "old.parquet")
    assert list(read_rows(tmp_path / "old.parquet")) == [chat_row()]


@pytest.mark.slow
def test_the_datasets_library_loads_the_rows(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    file = RowFile(tmp_path / "rows.parquet")
    for row in ROWS:
        file.write(row)
    file.finish()
    loaded = datasets.load_dataset(
        "parquet",
        data_files={"train": str(tmp_path / "rows.parquet")},
        cache_dir=str(tmp_path / "c"),
        split="train",
    )
    assert [row["scenario_seed"] for row in loaded] == [None, 1, None, None]
    assert [row["rejected"] for row in loaded] == [None, None, [dm("[laughs]")], None]
    assert all(isinstance(row, ChatRow) for row in ROWS)
