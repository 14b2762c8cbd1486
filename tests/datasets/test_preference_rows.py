"""What people said of captured answers: corrections and thumbs as preferences to learn from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from understudy.datasets.build import BuildRequest, build_dataset
from understudy.datasets.check import check_version
from understudy.datasets.export import export_sessions, report_path, source_of
from understudy.datasets.export_version import export_version
from understudy.datasets.rows import Source
from understudy.datasets.selection import Selection
from understudy.datasets.versions import DatasetVersion, RowFiles
from understudy.errors import UsageError
from understudy.formats.openai_preference import read_preferences as read_openai
from understudy.formats.trl_preference import read_preferences
from understudy.formats.trl_unpaired import read_judgements
from understudy.session.workspace import Workspace
from understudy.store.lineage import exports

SYSTEM = {"role": "system", "content": "Role: Dungeon Master\nRules: [check: ability, name] sneak"}
CHATS = Source(kind="chat")
PREFERENCES = Source(kind="preference")
ROLL = {"type": "function", "function": {"name": "roll", "parameters": {"type": "object"}}}


def ask(text: str) -> list[dict[str, Any]]:
    return [SYSTEM, {"role": "user", "content": text}]


def dm(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def play(workspace: Workspace, *answers: Any, tools: Any = None) -> str:
    with workspace.record(game="tavern") as session:
        for number, answer in enumerate(answers):
            said = dm(answer) if isinstance(answer, str) else answer
            session.chat(messages=ask(f"Question {number}"), response=said, tools=tools)
    return session.id


def correct(workspace: Workspace, session: str, step: int, correction: Any) -> None:
    workspace.session(session).add_feedback(author="human:eve", step=step, correction=correction)


def rows_of(workspace: Workspace, source: Source = CHATS) -> list[Any]:
    built = build_dataset(workspace, "dm", BuildRequest(selection=Selection(), source=source))
    files = RowFiles(built.path)
    return [row for split in files.splits for row in files.rows(split)]


def test_a_correction_is_an_example_at_once_and_a_pair_with_what_was_said(
    ws: Workspace, tmp_path: Path
) -> None:
    session = play(ws, "You fall. [check: athletics, Mira]", "Fine.")
    correct(ws, session, 1, "Quietly. [check: stealth, Mira]")
    corrected, untouched = rows_of(ws)
    assert corrected.example["messages"][-1] == dm("Quietly. [check: stealth, Mira]")
    assert corrected.rejected == dm("You fall. [check: athletics, Mira]")
    assert (untouched.rejected, untouched.corrected) == (None, False)

    output = tmp_path / "pairs.parquet"
    report = export_sessions(ws, output=output, format="trl-preference", source=CHATS)
    assert (report.examples, report.left_out, report.kind) == (1, [], "preference")
    [pair] = read_preferences(output)
    assert (pair.prompt, pair.chosen, pair.rejected) == (
        ask("Question 0"),
        dm("Quietly. [check: stealth, Mira]"),
        dm("You fall. [check: athletics, Mira]"),
    )
    [corrected_by] = report.corrected
    assert (corrected_by.author, corrected_by.step) == ("human:eve", 1)


def test_a_correction_may_be_a_message_with_tool_calls_and_needs_no_ids(
    ws: Workspace, tmp_path: Path
) -> None:
    session = play(ws, "You rolled a 20!", tools=[ROLL])
    call = {"function": {"name": "roll", "arguments": {"dice_expression": "d20"}}}
    correct(ws, session, 1, {"tool_calls": [call]})
    output = tmp_path / "pairs.jsonl"
    report = export_sessions(ws, output=output, format="openai-preference", source=CHATS)
    assert report.left_out == []
    [(_, pair)] = read_openai(output)
    assert pair.chosen == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "roll", "arguments": '{"dice_expression": "d20"}'},
            }
        ],
    }
    assert pair.tools == [ROLL]


@pytest.mark.parametrize(
    ("correction", "tools", "reason"),
    [
        ("Quietly. [check: flying, Mira]", None, "check: ability is 'flying'"),
        ("Quietly. [save: wisdom, Mira]", None, "save: dc is missing"),
        (
            {"tool_calls": [{"function": {"name": "roll", "arguments": "{}"}}]},
            [ROLL],
            "roll: dice_expression is missing",
        ),
    ],
)
def test_a_correction_that_calls_a_tool_wrongly_is_named_and_not_learned(
    ws: Workspace, correction: Any, tools: Any, reason: str
) -> None:
    session = play(ws, "Hm.", "Fine.", tools=tools)
    correct(ws, session, 1, correction)
    built = build_dataset(ws, "dm", BuildRequest(selection=Selection(), source=CHATS))
    assert built.facts["counts"]["rows"] == 1
    [line] = (built.path / "left_out.jsonl").read_text().splitlines()
    assert reason in json.loads(line)["reason"]
    assert built.facts["left_out"] == {"its correction calls a tool wrongly": 1}


def test_brackets_are_words_where_no_tools_are_spoken_of(ws: Workspace) -> None:
    with ws.record() as session:
        session.chat(messages=[{"role": "user", "content": "Save?"}], response=dm("No."))
    correct(ws, session.id, 1, "[save: the game]")
    [row] = rows_of(ws)
    assert row.example["messages"][-1] == dm("[save: the game]")


def test_thumbs_are_the_median_of_what_people_gave_to_that_answer(
    ws: Workspace, tmp_path: Path
) -> None:
    session = play(ws, "good", "bad", "so so", "unseen", "judged by a rule", "scored as a whole")
    recorded = ws.session(session)
    for step, author, score in (
        (1, "human:eve", 4), (1, "human:eve", 9), (2, "human:eve", 2), (2, "human:max", 4),
        (3, "human:eve", 5), (5, "auto:rule", 9),
    ):  # fmt: skip
        recorded.add_feedback(author=author, step=step, score=score)
    recorded.add_feedback(author="human:eve", score=10)
    output = tmp_path / "thumbs.parquet"
    report = export_sessions(ws, output=output, format="trl-unpaired", source=CHATS)
    found = {one.completion["content"]: one.label for one in read_judgements(output)}
    assert found == {"good": True, "bad": False}
    assert report.left_out == []
    assert {row.answer_score for row in rows_of(ws)} == {9.0, 3.0, 5.0, None}


def test_an_answer_that_was_right_before_does_not_hide_a_pair(
    ws: Workspace, tmp_path: Path
) -> None:
    play(ws, "right")
    correct(ws, play(ws, "wrong"), 1, "right")
    correct(ws, play(ws, "worse"), 1, "right")
    assert len(rows_of(ws)) == 1, "as an example it is one"
    output = tmp_path / "pairs.parquet"
    export_sessions(ws, output=output, format="trl-preference", source=CHATS)
    assert [pair.rejected["content"] for pair in read_preferences(output)] == ["wrong", "worse"]


def test_a_confirmed_answer_is_good_and_no_pair(ws: Workspace, tmp_path: Path) -> None:
    correct(ws, play(ws, "right"), 1, "right")
    [row] = rows_of(ws)
    assert (row.corrected, row.rejected) == (True, None)
    output = tmp_path / "thumbs.parquet"
    export_sessions(ws, output=output, format="trl-unpaired", source=CHATS)
    assert [one.label for one in read_judgements(output)] == [True]


def test_preferences_make_a_dataset_of_their_own(ws: Workspace, tmp_path: Path) -> None:
    session = play(ws, "wrong", "not judged", "good")
    correct(ws, session, 1, "right")
    ws.session(session).add_feedback(author="human:eve", step=3, score=8)
    request = BuildRequest(
        selection=Selection(), source=PREFERENCES, formats=("trl-preference", "trl-unpaired")
    )
    built = build_dataset(ws, "pairs", request)
    version = DatasetVersion(built.path)
    assert (version.kind, built.facts["counts"]["rows"]) == ("preference", 2)
    assert check_version(version).ok
    assert built.facts["formats"]["trl-preference"]["examples"] == 1
    assert built.facts["formats"]["trl-unpaired"]["examples"] == 3
    assert "corrected or judged" in (built.path / "README.md").read_text()
    report = export_version(ws, version, format="openai-preference", output=tmp_path / "p.jsonl")
    assert report.examples == 1
    assert report.left_out[0].reason == "nobody corrected it, so there is no worse answer"


def test_steps_of_players_are_no_preferences(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="corrected or judged, and these are steps"):
        export_sessions(
            ws, output=tmp_path / "x", format="trl-preference", source=Source(kind="agent")
        )


def test_an_export_of_preferences_can_be_made_again_from_what_was_noted(
    ws: Workspace, tmp_path: Path
) -> None:
    correct(ws, play(ws, "wrong"), 1, "right [check: stealth, Mira]")
    output = tmp_path / "pairs.parquet"
    source = Source(kind="chat", calls="json")
    export_sessions(ws, output=output, format="trl-preference", source=source)
    [record] = exports(ws)
    again = source_of(record.query)
    assert again == (Selection(), Source(kind="preference", calls="json"))
    [pair] = read_preferences(output)
    assert pair.chosen["tool_calls"][0]["function"]["name"] == "check"
    assert pair.tools is not None
    assert report_path(output).exists()
