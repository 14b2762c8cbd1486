"""The drop-in collector: its file, its console lines, and that it never raises into the game."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from understudy.capture.collector import SimpleTrainingCollector
from understudy.session.steps import ChatStep
from understudy.session.workspace import Workspace

HISTORY = [
    {"role": "system", "content": "You are the Dungeon Master."},
    {"role": "user", "content": "I open the door — quietly."},
]


@pytest.fixture
def collector(tmp_path: Path) -> Any:
    made = SimpleTrainingCollector(
        tmp_path / "training" / "training_data.json", workspace=tmp_path / "ws"
    )
    yield made
    made.close()


def load(collector: SimpleTrainingCollector) -> list[Any]:
    return json.loads(collector.output_file.read_text("utf-8"))


def test_an_interaction_is_logged_in_the_file_in_a_session_and_on_the_console(
    collector: SimpleTrainingCollector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collector.log_complete_interaction(HISTORY, "It creaks.")
    collector.log_complete_interaction(HISTORY, "It opens. 🚪")
    collector.close()

    expected = [
        {"messages": [*HISTORY, {"role": "assistant", "content": answer}]}
        for answer in ("It creaks.", "It opens. 🚪")
    ]
    assert collector.output_file.read_text("utf-8") == json.dumps(
        expected, indent=2, ensure_ascii=False
    )
    line = "[LOGGED] Training example with 3 messages\n"
    assert capsys.readouterr().out == line * 2
    with Workspace(tmp_path / "ws") as workspace:
        (session,) = workspace.sessions()
        assert session.status == "sealed"
        chats = [step for step in session.trace() if isinstance(step, ChatStep)]
        assert [c.response for c in chats] == [e["messages"][-1] for e in expected]
        assert chats[0].messages == HISTORY


def test_nothing_is_made_before_the_first_interaction(tmp_path: Path) -> None:
    SimpleTrainingCollector(tmp_path / "t" / "x.json", workspace=tmp_path / "ws").close()
    assert not list(tmp_path.iterdir())


class Said:
    def __init__(self, role: str, content: Any) -> None:
        self.role = role
        self.content = content


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("Hello", [{"role": "user", "content": "Hello"}]),
        (["Hello"], [{"role": "user", "content": "Hello"}]),
        ([("human", "a"), ["ai", "b"]], [("user", "a"), ("assistant", "b")]),
        ([{"role": "user", "content": "a", "timestamp": 1, "id": "x"}], [("user", "a")]),
        ([Said("User", "a")], [("user", "a")]),
        ([{"role": "model", "parts": [{"text": "a"}, {"text": "b"}]}], [("assistant", "ab")]),
        ({"messages": [{"role": "user", "content": "a"}]}, [("user", "a")]),
        ([{"role": "user", "content": {"hp": 3}}], [("user", '{"hp": 3}')]),
    ],
)
def test_conversations_of_games_become_openai_messages(
    collector: SimpleTrainingCollector, history: Any, expected: list[Any]
) -> None:
    collector.log_complete_interaction(history, "ok")
    wanted = [
        {"role": m[0], "content": m[1]} if isinstance(m, tuple) else m  # written short
        for m in expected
    ]
    assert load(collector) == [{"messages": [*wanted, {"role": "assistant", "content": "ok"}]}]


COMPLETION = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "ok", "refusal": None},
        }
    ],
}


@pytest.mark.parametrize(
    "response",
    [
        "ok",
        {"role": "assistant", "content": "ok", "extra": 1},
        {"content": "ok"},
        COMPLETION,
        ChatCompletion.model_validate(COMPLETION),
        ChatCompletion.model_validate(COMPLETION).choices[0].message,
        SimpleNamespace(choices=[SimpleNamespace(message=Said("assistant", "ok"))]),
        SimpleNamespace(content=[SimpleNamespace(type="text", text="ok")]),
        {"message": {"role": "assistant", "content": "ok"}},
        {"output_text": "ok"},
    ],
)
def test_answers_of_any_form_become_one_message(
    collector: SimpleTrainingCollector, response: Any
) -> None:
    collector.log_complete_interaction(HISTORY, response)
    assert load(collector)[0]["messages"][-1] == {"role": "assistant", "content": "ok"}


def test_an_answer_of_narration_and_actions_is_kept_as_json(
    collector: SimpleTrainingCollector,
) -> None:
    collector.log_complete_interaction(HISTORY, {"narration": "Grün", "actions": [{"hp": -3}]})
    answer = load(collector)[0]["messages"][-1]["content"]
    assert answer == '{"narration": "Grün", "actions": [{"hp": -3}]}'


def test_tool_calls_keep_their_arguments_as_text(collector: SimpleTrainingCollector) -> None:
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "roll", "arguments": '{"d":20}'},
        "index": 0,
    }
    collector.log_complete_interaction(HISTORY, {"content": None, "tool_calls": [call]})
    del call["index"]
    assert load(collector)[0]["messages"][-1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [call],
    }


@pytest.mark.parametrize(
    ("history", "response"),
    [
        (None, "ok"),
        (7, "ok"),
        ([None], "ok"),
        ([{"content": "no role"}], "ok"),
        ([{"role": "wizard", "content": "x"}], "ok"),
        ([{"role": "user"}], "ok"),
        ([{"role": "user", "content": object()}], "ok"),
        ([{"role": "user", "content": float("nan")}], "ok"),
        ([], "ok"),
        (HISTORY, None),
        (HISTORY, ""),
        (HISTORY, {}),
        (HISTORY, {"choices": []}),
        (HISTORY, b"bytes"),
        (HISTORY, {"content": object()}),
        (HISTORY, {"score": float("inf")}),
        (HISTORY, object()),
    ],
)
def test_malformed_data_is_skipped_with_an_error_line(
    collector: SimpleTrainingCollector,
    history: Any,
    response: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    collector.log_complete_interaction(HISTORY, "before")
    capsys.readouterr()
    collector.log_complete_interaction(history, response)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("[ERROR] Training example skipped: ")
    collector.log_complete_interaction(HISTORY, "after")
    assert [e["messages"][-1]["content"] for e in load(collector)] == ["before", "after"]


def test_user_input_joins_the_conversation_of_the_next_answer_once(
    collector: SimpleTrainingCollector,
) -> None:
    collector.add_user_input("I wait.")
    collector.log_complete_interaction(HISTORY, "Nothing happens.")
    collector.add_user_input(HISTORY[-1]["content"])
    collector.log_complete_interaction(HISTORY, "It opens.")
    collector.add_user_input(None)  # type: ignore[arg-type]
    collector.log_complete_interaction(HISTORY, "It shuts.")
    user = [[m["content"] for m in e["messages"] if m["role"] == "user"] for e in load(collector)]
    door = HISTORY[-1]["content"]
    assert user == [[door, "I wait."], [door], [door]]


def test_secrets_reach_neither_the_file_nor_the_session(
    collector: SimpleTrainingCollector, tmp_path: Path
) -> None:
    collector.log_complete_interaction("write to frodo@shire.example", "To frodo@shire.example!")
    collector.close()
    assert load(collector)[0]["messages"][0]["content"] == "write to [EMAIL]"
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"frodo@shire" not in file.read_bytes(), file


def test_a_failing_workspace_does_not_stop_the_file_and_still_masks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ws").write_text("a file")
    collector = SimpleTrainingCollector(tmp_path / "data.json", workspace=tmp_path / "ws")
    collector.log_complete_interaction("I am a@b.example", "ok")
    collector.log_complete_interaction("again", "ok")
    collector.close()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("]")[0] for line in lines] == ["[ERROR", "[LOGGED", "[LOGGED"]
    assert [e["messages"][0]["content"] for e in load(collector)] == ["I am [EMAIL]", "again"]


def test_a_failing_file_does_not_stop_the_session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data.json").mkdir()
    collector = SimpleTrainingCollector(tmp_path / "data.json", workspace=tmp_path / "ws")
    collector.log_complete_interaction("a", "b")
    collector.close()
    lines = capsys.readouterr().out.splitlines()
    assert "is a folder" in lines[0]
    assert lines[1] == "[LOGGED] Training example with 2 messages"
    with Workspace(tmp_path / "ws") as workspace:
        assert [s.metadata.chats for s in workspace.sessions()] == [1]


def test_an_unreadable_file_is_kept_and_named_on_the_console(
    collector: SimpleTrainingCollector, capsys: pytest.CaptureFixture[str]
) -> None:
    collector.output_file.parent.mkdir()
    collector.output_file.write_text('[{"messages": [')
    collector.log_complete_interaction(HISTORY, "ok")
    out = capsys.readouterr().out
    assert "[ERROR]" in out
    (kept,) = collector.output_file.parent.glob("training_data.json.unreadable-*")
    assert kept.name in out
    assert kept.read_text() == '[{"messages": ['
    assert len(load(collector)) == 1


def test_threads_and_collectors_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    collectors = [SimpleTrainingCollector(path, workspace=tmp_path / "ws") for _ in range(2)]

    def play(worker: int) -> None:
        for turn in range(5):
            collectors[worker % 2].log_complete_interaction(f"{worker}", f"{turn}")

    threads = [threading.Thread(target=play, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for collector in collectors:
        collector.close()
    found = [tuple(m["content"] for m in e["messages"]) for e in load(collectors[0])]
    assert sorted(found) == [(f"{w}", f"{t}") for w in range(4) for t in range(5)]


GAME = """
import sys
from understudy import SimpleTrainingCollector, log_complete_interaction
collector = SimpleTrainingCollector()
for turn in range(int(sys.argv[1])):
    collector.log_complete_interaction([{"role": "user", "content": sys.argv[2]}], str(turn))
log_complete_interaction("by the module", "ok")
"""


@pytest.mark.slow
def test_an_existing_game_runs_unchanged_in_several_processes_and_seals_at_exit(
    tmp_path: Path,
) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "UNDERSTUDY_WORKSPACE"}
    games = [
        subprocess.Popen(
            [sys.executable, "-c", GAME, "4", f"game {number}"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for game in games:
        out, _ = game.communicate(timeout=60)
        assert out == "[LOGGED] Training example with 2 messages\n" * 5
    found = json.loads((tmp_path / "training" / "training_data.json").read_text())
    assert len(found) == 10
    with Workspace(tmp_path / "understudy") as workspace:
        assert sorted((s.status, s.metadata.chats) for s in workspace.sessions()) == [
            ("sealed", 1),
            ("sealed", 1),
            ("sealed", 4),
            ("sealed", 4),
        ]


def test_a_console_that_cannot_print_does_not_stop_the_game(
    collector: SimpleTrainingCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def write(self, text: str) -> int:
            raise OSError("the console is gone")

        def flush(self) -> None:
            raise OSError("the console is gone")

    monkeypatch.setattr(sys, "stdout", Broken())
    collector.log_complete_interaction(HISTORY, "ok")
    collector.log_complete_interaction(None, None)
    assert len(load(collector)) == 1
