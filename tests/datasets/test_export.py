"""Exporting chats: what is taken, what is left out and why, and what the workspace remembers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from understudy.datasets.export import export_chats, export_format, report_path
from understudy.datasets.selection import Selection
from understudy.errors import SessionError, StorageError, UsageError
from understudy.session.workspace import Workspace
from understudy.store.lineage import descendants, exports

TOOL = {"type": "function", "function": {"name": "roll", "parameters": {"type": "object"}}}

CALL = {"id": "c", "type": "function", "function": {"name": "roll", "arguments": "{}"}}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "ws") as opened:
        yield opened


def ask(text: str) -> list[dict[str, Any]]:
    return [{"role": "system", "content": "DM"}, {"role": "user", "content": text}]


def answer(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def play(workspace: Workspace, *questions: str, **facts: Any) -> str:
    with workspace.record(**facts) as session:
        for question in questions:
            assert session.chat(messages=ask(question), response=answer(f"A: {question}"))
    return session.id


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_each_complete_call_is_one_example_with_its_whole_history(
    workspace: Workspace, tmp_path: Path
) -> None:
    with workspace.record() as session:
        session.event("note")
        session.step(action="look")
        session.chat(messages=ask("Grüße 龍"), response=answer("Hallo"), tools=None)
        session.chat(
            messages=ask("roll"),
            response={
                "role": "assistant",
                "content": None,
                "refusal": None,
                "reasoning_content": "hm",
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "index": 0,
                        "function": {"name": "roll", "arguments": "{}"},
                    }
                ],
            },
            tools=[TOOL],
            params={"parallel_tool_calls": False, "temperature": 1},
        )
    output = tmp_path / "out" / "data.jsonl"

    report = export_chats(workspace, output=output)

    assert lines(output) == [
        {"messages": [*ask("Grüße 龍"), answer("Hallo")]},
        {
            "messages": [
                *ask("roll"),
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "c",
                            "type": "function",
                            "function": {"name": "roll", "arguments": "{}"},
                        }
                    ],
                },
            ],
            "tools": [TOOL],
            "parallel_tool_calls": False,
        },
    ]
    assert report.examples == 2
    assert report.left_out == []
    assert "at least 10" in report.warnings[0]
    assert json.loads(report_path(output).read_text())["sessions"] == [session.id]


def test_every_example_left_out_is_named_with_its_reason(
    workspace: Workspace, tmp_path: Path
) -> None:
    with workspace.record() as session:
        session.chat(messages=ask("a"), response=answer("good"))
        session.chat(messages=ask("b"), response=answer("cut"), status="truncated")
        session.chat(messages=ask("c"), response=None, status="upstream_error")
        session.chat(messages=ask("d"), response=answer(""))
        session.chat(
            messages=[{"role": "tool", "content": "1", "tool_call_id": "x"}], response=answer("e")
        )
        session.chat(messages=ask("a"), response=answer("good"))
        session.chat(messages=ask("big"), response=answer("x" * 5000))
    output = tmp_path / "data.jsonl"

    report = export_chats(workspace, output=output, max_bytes=2000)

    found = {entry.step: entry.reason for entry in report.left_out}
    assert all(entry.session == session.id for entry in report.left_out)
    assert found.pop(7).startswith("it is 5")
    assert found == {
        2: "the call ended as truncated",
        3: "the call ended as upstream_error",
        4: "the answer is empty",
        5: "message 1 answers a tool call that does not stand open before it",
        6: f"it is the same as step 1 of session {session.id}",
    }
    assert report.duplicates == 1
    assert report.examples == len(lines(output)) == 1
    written = json.loads(report_path(output).read_text())
    assert [entry["step"] for entry in written["left_out"]] == [2, 3, 4, 5, 6, 7]
    assert dict(report.reasons())["the call ended as truncated"] == 1

    both = export_chats(workspace, output=output, statuses=("complete", "truncated"))
    assert both.examples == 3


def test_a_correction_takes_the_place_of_the_answer_and_is_named(
    workspace: Workspace, tmp_path: Path
) -> None:
    session = workspace.session(play(workspace, "a", "b", "c"))
    session.add_feedback(author="human:eve", step=1, correction="first try")
    session.add_feedback(author="human:ada", step=1, correction="better", reason="tone")
    session.add_feedback(author="human:ada", step=2, correction={**answer("best"), "x": 1})
    session.add_feedback(author="human:ada", step=3, correction=7)
    output = tmp_path / "data.jsonl"

    report = export_chats(workspace, output=output)

    assert [e["messages"][-1] for e in lines(output)] == [answer("better"), answer("best")]
    assert [(c.step, c.author, c.reason) for c in report.corrected] == [
        (1, "human:ada", "tone"),
        (2, "human:ada", None),
    ]
    assert [(e.step, e.reason) for e in report.left_out] == [(3, "its correction is no answer")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("selection", "expected", "left_out"),
    [
        ({}, ["a", "b", "c"], []),
        ({"game": "tavern"}, ["a", "b"], []),
        ({"player": "eve"}, ["b"], []),
        ({"tags": ("x",)}, ["a", "b"], []),
        ({"tags": ("x", "y")}, ["b"], []),
        ({"min_score": 7}, ["a"], ["its human score 3 is below 7", "it has no human score"]),
        ({"min_score": 7, "score_source": "any"}, ["a", "c"], ["its score 3 is below 7"]),
        ({"require_license": True}, ["a"], ["its licence is not known"] * 2),
        ({"require_consent": True}, ["b"], ["there is no note of consent"] * 2),
        ({"until": "2020-01-01"}, [], []),
        ({"since": "2020-01-01"}, ["a", "b", "c"], []),
    ],
)
def test_sessions_are_chosen_by_filters(
    workspace: Workspace,
    tmp_path: Path,
    selection: dict[str, Any],
    expected: list[str],
    left_out: list[str],
) -> None:
    first = play(workspace, "a", game="tavern", tags=["x"], license="CC0-1.0")
    second = play(workspace, "b", game="tavern", player="eve", tags=["x", "y"], consent="asked")
    third = play(workspace, "c", game="other")
    workspace.session(first).add_feedback(score=8, author="human:me")
    workspace.session(second).add_feedback(score=3, author="human:me")
    workspace.session(third).add_feedback(score=9, author="auto:rule")
    output = tmp_path / "data.jsonl"

    report = export_chats(workspace, output=output, selection=Selection(**selection))

    found = lines(output) if output.exists() else []
    assert [e["messages"][1]["content"] for e in found] == expected
    assert [entry.reason for entry in report.left_out] == left_out


def test_named_sessions_only(workspace: Workspace, tmp_path: Path) -> None:
    play(workspace, "a")
    wanted = play(workspace, "b")
    output = tmp_path / "data.jsonl"
    export_chats(workspace, output=output, selection=Selection(sessions=(wanted,)))
    assert [e["messages"][1]["content"] for e in lines(output)] == ["b"]
    with pytest.raises(SessionError):
        export_chats(workspace, output=output, selection=Selection(sessions=("nobody",)))
    assert len(lines(output)) == 1


def test_a_damaged_session_is_left_out_and_the_others_are_exported(
    workspace: Workspace, tmp_path: Path
) -> None:
    broken = workspace.session(play(workspace, "a"))
    play(workspace, "b")
    (broken.path / "session.json").write_text("{")
    output = tmp_path / "data.jsonl"
    report = export_chats(workspace, output=output)
    assert [e["messages"][1]["content"] for e in lines(output)] == ["b"]
    assert [entry.session for entry in report.left_out] == [broken.id]
    assert "cannot be opened" in report.left_out[0].reason


def test_the_workspace_remembers_which_sessions_went_into_which_file(
    workspace: Workspace, tmp_path: Path
) -> None:
    used = play(workspace, *"abcdefghijkl", license="CC0-1.0")
    with workspace.record() as unused:
        unused.chat(messages=ask("x"), response=None, status="upstream_error")
    output = tmp_path / "data.jsonl"
    report = export_chats(workspace, output=output, max_bytes=500)
    assert len(report.files) > 1
    assert [e.path for e in exports(workspace)] == [str(Path(f.path)) for f in report.files]
    assert {e.sha256 for e in exports(workspace)} == {f.sha256 for f in report.files}
    assert len(descendants(workspace, "session", used)) == len(report.files)
    assert not descendants(workspace, "session", unused.id)
    assert report.licenses == {"CC0-1.0": 1}

    again = export_chats(workspace, output=output)
    assert sum("earlier export" in warning for warning in again.warnings) == len(report.files)


def test_the_array_format_is_the_collectors_layout(workspace: Workspace, tmp_path: Path) -> None:
    play(workspace, "a", "b")
    output = tmp_path / "data.json"
    export_chats(workspace, output=output, format="openai-array")
    expected = [{"messages": [*ask(q), answer(f"A: {q}")]} for q in "ab"]
    assert output.read_text() == json.dumps(expected, indent=2, ensure_ascii=False)


def test_without_an_example_what_was_there_stays(workspace: Workspace, tmp_path: Path) -> None:
    output = tmp_path / "data.jsonl"
    output.write_text("mine")
    report = export_chats(workspace, output=output)
    assert output.read_text() == "mine"
    assert report.files == []
    assert "was not written" in report.warnings[-1]
    assert not list(tmp_path.glob(".*partial"))


def test_bad_requests_are_refused_before_anything_is_written(
    workspace: Workspace, tmp_path: Path
) -> None:
    play(workspace, "a")
    with pytest.raises(UsageError, match=r"choose one of .*openai"):
        export_format("word")
    with pytest.raises(UsageError, match="give 1 or more"):
        export_chats(workspace, output=tmp_path / "d", max_bytes=0)
    with pytest.raises(StorageError, match="is a folder"):
        export_chats(workspace, output=tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="cannot be written"):
        export_chats(workspace, output=tmp_path / "file" / "data.jsonl")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "ws"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
def test_a_full_disk_leaves_the_former_export(workspace: Workspace, tmp_path: Path) -> None:
    play(workspace, *(str(n) * 900 for n in range(20)))
    workspace.close()
    output = tmp_path / "data.jsonl"
    output.write_text("former")
    script = (
        "import resource, sys\n"
        "from understudy.datasets.export import export_chats\n"
        "from understudy.errors import StorageError\n"
        "from understudy.session.workspace import Workspace\n"
        "with Workspace(sys.argv[1]) as ws:\n"
        "    ws.rows()\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "    try:\n"
        "        export_chats(ws, output=sys.argv[2])\n"
        "    except StorageError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(workspace.path), str(output)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "file too large" in done.stdout, done.stderr
    assert output.read_text() == "former"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data.jsonl", "ws"]


def test_progress_counts_the_sessions(workspace: Workspace, tmp_path: Path) -> None:
    play(workspace, "a")
    play(workspace, "b")
    told: list[tuple[int, int]] = []
    export_chats(
        workspace,
        output=tmp_path / "d.jsonl",
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(0, 2), (1, 2), (2, 2)]
