"""What the chat player remembers: in a session, from one to the next, and in several at once."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from understudy.players.chat.memory import (
    FILE_NAME,
    MOST_LESSONS,
    SHOWN_CHARACTERS,
    SHOWN_LESSONS,
    SHOWN_NOTES,
    ChatMemory,
)


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        yield made


def open_memory(
    database: sqlite3.Connection, folder: Path | None, *, game: str = "pocket", task: str = "shop"
) -> ChatMemory:
    return ChatMemory(
        database,
        game=game,
        task=task,
        folder=folder,
        masked=lambda text: text.replace("secret", "[WORD]"),
    )


def session(folder: Path | None, *notes: str, game: str = "pocket", task: str = "shop") -> str:
    """Plays a session in which ``notes`` are made; the lessons it was told."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        memory = open_memory(database, folder, game=game, task=task)
        told = memory.lessons()
        for step, note in enumerate(notes, 1):
            memory.note(step, note)
        memory.keep()
        return told


def test_notes_are_in_the_sessions_own_database_each_once(database: sqlite3.Connection) -> None:
    memory = open_memory(database, None)
    assert memory.notes() == "none"
    for step, text in enumerate(["the shop is north", "A talks", "the shop is north", ""], 1):
        memory.note(step, text)
    assert memory.notes() == "- the shop is north\n- A talks"
    rows = database.execute("SELECT step, text FROM notes").fetchall()
    assert rows == [(1, "the shop is north"), (2, "A talks")]


def test_a_prompt_shows_the_latest_notes_and_not_too_much(database: sqlite3.Connection) -> None:
    memory = open_memory(database, None)
    for step in range(30):
        memory.note(step, f"note {step}")
    assert memory.notes().splitlines() == [f"- note {n}" for n in range(30 - SHOWN_NOTES, 30)]
    for step in range(30):
        memory.note(step, f"{step} " + "x" * 290)
    assert len(memory.notes()) <= SHOWN_CHARACTERS
    assert "- 29 x" in memory.notes()


def test_what_one_session_learned_the_next_of_the_same_game_is_told(tmp_path: Path) -> None:
    assert session(tmp_path, "B goes back", "START opens the menu") == "nothing yet"
    assert session(tmp_path, "another") == "- B goes back\n- START opens the menu"
    assert session(tmp_path, game="other") == "nothing yet"


def test_lessons_stand_in_the_sessions_database_before_and_after(
    database: sqlite3.Connection, tmp_path: Path
) -> None:
    session(tmp_path, "B goes back")
    memory = open_memory(database, tmp_path)
    texts = "SELECT text, times FROM lessons ORDER BY text"
    assert database.execute(texts).fetchall() == [("B goes back", 1)]
    memory.note(1, "A talks")
    memory.note(2, "B goes back")
    memory.keep()
    assert database.execute(texts).fetchall() == [("A talks", 1), ("B goes back", 2)]


def test_lessons_of_the_same_task_come_first(tmp_path: Path) -> None:
    session(tmp_path, "the gym is north", task="battle")
    for number in range(SHOWN_LESSONS):
        session(tmp_path, f"lesson {number}")
    assert session(tmp_path, task="battle").splitlines()[0] == "- the gym is north"
    assert "gym" not in session(tmp_path)


def test_the_way_that_worked_is_a_lesson(tmp_path: Path, database: sqlite3.Connection) -> None:
    memory = open_memory(database, tmp_path)
    memory.learn_way(["press_start", "press_down", "press_down", "press_a"])
    memory.keep()
    assert session(tmp_path) == (
        '- "shop" was done in 4 steps: press_start, press_down x2, press_a'
    )


def test_without_a_folder_nothing_outlives_the_session() -> None:
    session(None, "B goes back")
    assert session(None) == "nothing yet"


def test_what_must_not_be_kept_is_masked_everywhere(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    memory = open_memory(database, tmp_path, task="find the secret")
    memory.note(1, "the secret is out")
    memory.learn_way(["press_a"])
    memory.keep()
    assert memory.notes() == "- the [WORD] is out"
    lessons = session(tmp_path)
    assert "[WORD]" in lessons
    assert "secret" not in lessons


def test_the_file_is_bounded_and_what_was_met_again_stays(tmp_path: Path) -> None:
    session(tmp_path, "first", *[f"lesson {n}" for n in range(MOST_LESSONS - 1)])
    session(tmp_path, "first")
    session(tmp_path, *[f"more {n}" for n in range(MOST_LESSONS - 1)])
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as kept:
        texts = {text for (text,) in kept.execute("SELECT text FROM lessons")}
    assert len(texts) == MOST_LESSONS
    assert {"first", "more 0"} <= texts
    assert "lesson 0" not in texts


def _play_many(folder: Path, name: str, ready: object) -> None:
    ready.wait()  # type: ignore[attr-defined]
    for number in range(20):
        session(folder, f"{name} {number}", "both know this")


@pytest.mark.slow
def test_two_processes_learn_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(2)
    players = [
        context.Process(target=_play_many, args=(tmp_path, name, ready)) for name in ("one", "two")
    ]
    for player in players:
        player.start()
    for player in players:
        player.join()
    assert [player.exitcode for player in players] == [0, 0]
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as kept:
        lessons = dict(kept.execute("SELECT text, times FROM lessons"))
    assert lessons.pop("both know this") == 40
    assert lessons == {f"{name} {n}": 1 for name in ("one", "two") for n in range(20)}
