"""What Dungeon Masters said, gathered from scenarios, chat files and sessions."""

from __future__ import annotations

import json

import pytest

from understudy.datasets.game_texts import texts_in, texts_of_sessions
from understudy.errors import UsageError

SCENARIO = """\
# SYSTEM
Party:
- Mira (Rogue, Level 1, HP: 9/9)

# USER
May I [roll: d20]?

# DM
You may. [check: stealth, Mira]
"""
SYSTEM = {"role": "system", "content": "Party:\n- Mira (Rogue, Level 1, HP: 9/9)"}
USER = {"role": "user", "content": "I sneak."}
FIRST = {"role": "assistant", "content": "Softly. [check: stealth, Mira]"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "roll", "arguments": '{"d": 6}'}}
    ],
}


@pytest.fixture
def unread():
    return []


def test_only_the_dungeon_masters_turns_of_a_scenario_are_given_with_their_lines(tmp_path, unread):
    path = tmp_path / "inn.md"
    path.write_text(SCENARIO, encoding="utf-8")
    (text,) = texts_in([path], unread.append)
    assert text.text == "You may. [check: stealth, Mira]"
    assert text.where() == f"{path}, line 9"
    assert text.names == ("Mira",)


def test_a_growing_history_is_told_once(tmp_path, unread):
    """Given a collector's file, in which each example holds all that went before."""
    histories = [[SYSTEM, USER, FIRST], [SYSTEM, USER, FIRST, USER, CALL]]
    path = tmp_path / "training_data.json"
    path.write_text(json.dumps([{"messages": each} for each in histories]), encoding="utf-8")
    first, second = texts_in([path], unread.append)
    assert (first.text, first.names) == (FIRST["content"], ("Mira",))
    assert second.calls == (("roll", '{"d": 6}'),)
    assert second.where() == f"{path}, element 1, message 5"


def test_the_same_words_in_another_conversation_are_told_again(tmp_path, unread):
    path = tmp_path / "chats.jsonl"
    lines = [{"messages": [{"role": "user", "content": who}, FIRST]} for who in ("a", "b")]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert len(list(texts_in([path], unread.append))) == 2


def test_what_cannot_be_read_in_a_folder_is_told_and_passed_over(tmp_path, unread):
    (tmp_path / "a.md").write_text("no scenario", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text("no json\n", encoding="utf-8")
    (tmp_path / "c.json").write_text("{}", encoding="utf-8")
    (tmp_path / "d.md").write_text(SCENARIO, encoding="utf-8")
    (tmp_path / "e.txt").write_text("no matter", encoding="utf-8")
    assert len(list(texts_in([tmp_path], unread.append))) == 1
    assert ["a.md, line 1" in unread[0], "b.jsonl, line 1" in unread[1], "c.json" in unread[2]] == [
        True, True, True,
    ]  # fmt: skip
    assert len(unread) == 3


@pytest.mark.parametrize("name", ["missing.md", "there.txt"])
def test_a_path_that_is_none_of_these_is_wrong_usage(tmp_path, unread, name):
    (tmp_path / "there.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match=name):
        list(texts_in([tmp_path / name], unread.append))


def test_the_answers_of_sessions_are_given_each_once(ws, unread):
    with ws.record(game="tavern") as session:
        session.chat(messages=[SYSTEM, USER], response=FIRST)
        session.step(action="wait")
        session.chat(messages=[SYSTEM, USER, FIRST, USER], response=CALL)
    texts = list(texts_of_sessions(ws, unread.append))
    assert [text.text for text in texts] == [FIRST["content"], ""]
    assert texts[0].where() == f"session {session.path.name}, step 1"
    assert texts[0].names == ("Mira",)
    assert list(texts_in([ws.path], unread.append)) == texts
    assert unread == []


def test_an_archived_session_is_told_and_passed_over(ws, unread):
    with ws.record(game="tavern") as session:
        session.chat(messages=[USER], response=FIRST)
    ws.archive_session(session.id)
    assert list(texts_of_sessions(ws, unread.append)) == []
    assert "archive" in unread[0]
