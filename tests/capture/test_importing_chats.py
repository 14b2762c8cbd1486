"""Bringing chats in: a session for each conversation, each chat once, and nothing lost silently."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

import understudy
from understudy.capture.collector import SimpleTrainingCollector
from understudy.capture.importing.chats import About, import_chats
from understudy.capture.importing.imported import content_of, imported_contents
from understudy.datasets.export import export_chats
from understudy.errors import StorageError, UsageError
from understudy.session.steps import ChatStep
from understudy.session.workspace import Workspace
from understudy.store.hashes import sha256_file

TOOL = {"type": "function", "function": {"name": "roll", "parameters": {"type": "object"}}}
CALL = {"id": "c", "type": "function", "function": {"name": "roll", "arguments": '{"die": 20}'}}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def dm(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def chat(*texts: str) -> dict[str, Any]:
    """Questions and answers in turn."""
    said = [(user, dm)[number % 2](text) for number, text in enumerate(texts)]
    return {"messages": [{"role": "system", "content": "DM"}, *said]}


def lines(path: Path, *records: Any) -> Path:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), "utf-8")
    return path


def steps_of(workspace: Workspace, session: str) -> list[ChatStep]:
    return [step for step in workspace.session(session).trace() if isinstance(step, ChatStep)]


def test_each_conversation_becomes_a_sealed_session_that_says_where_it_is_from(
    ws: Workspace, tmp_path: Path
) -> None:
    path = lines(tmp_path / "old.jsonl", chat("Hi", "Ho"), chat("Who?", "Me."))
    about = About(game="tavern", tags=("2023",), license="CC0-1.0", consent="asked")
    [file] = import_chats(ws, [path], about).files
    assert (file.records, file.chats, file.known, file.bad) == (2, 2, 0, [])
    first = ws.session(file.sessions[0])
    assert first.status == "sealed"
    assert first.header.tags == ("imported", "2023")
    assert (first.header.game, first.header.license, first.header.consent) == (
        "tavern", "CC0-1.0", "asked"
    )  # fmt: skip
    assert first.header.name == "old-line-1"
    content = content_of(chat("Hi", "Ho"))
    assert first.header.metadata["import"] == {
        "file": "old.jsonl",
        "sha256": sha256_file(path),
        "form": "openai",
        "places": ["line 1"],
        "contents": [content],
    }
    [step] = steps_of(ws, first.id)
    assert (step.messages, step.response) == (chat("Hi", "Ho")["messages"][:-1], dm("Ho"))
    assert step.call["import"] == {"place": "line 1", "content": content}
    assert ws.verify(first.id) == []


def test_what_was_imported_is_exported_as_it_was(ws: Workspace, tmp_path: Path) -> None:
    examples = [
        {
            "messages": [
                user("Roll"),
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c", "content": "17"},
                {**dm("A 17."), "weight": 1},
            ],
            "tools": [TOOL],
            "parallel_tool_calls": False,
        },
        {"messages": [user("Ruf ihn, 龍!"), dm("Er kommt.")], "functions": [{"name": "f"}]},
    ]
    import_chats(ws, [lines(tmp_path / "a.jsonl", *examples)])
    export_chats(ws, output=tmp_path / "b.jsonl")
    exported = (tmp_path / "b.jsonl").read_bytes().splitlines()
    assert [json.loads(line) for line in exported] == examples


def test_the_file_of_a_collector_becomes_one_session_for_each_conversation(
    ws: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "training_data.json"
    collector = SimpleTrainingCollector(path, workspace=tmp_path / "theirs")
    history: list[dict[str, Any]] = [{"role": "system", "content": "DM"}]
    for number in range(3):
        history.append(user(f"Question {number}"))
        collector.log_complete_interaction(history, f"Answer {number}")
        collector.log_complete_interaction([user(f"Aside {number}")], "Hm.")
        history.append(dm(f"Answer {number}"))
    collector.close()

    [file] = import_chats(ws, [path]).files

    assert (file.records, file.chats, len(file.sessions)) == (6, 6, 4)
    steps = steps_of(ws, file.sessions[0])
    assert [step.response for step in steps] == [dm(f"Answer {n}") for n in range(3)]
    assert ws.session(file.sessions[0]).header.metadata["import"]["places"] == [
        "element 0", "element 2", "element 4"
    ]  # fmt: skip


def test_the_same_again_brings_nothing_new_whatever_the_file_is_called(
    ws: Workspace, tmp_path: Path
) -> None:
    path = lines(tmp_path / "a.jsonl", chat("Hi", "Ho"), chat("Who?", "Me."))
    import_chats(ws, [path])
    array = tmp_path / "b.json"
    array.write_text(json.dumps([chat("Who?", "Me."), chat("New?", "Yes.")], indent=4))
    again, other = import_chats(ws, [path, array]).files
    assert (again.known, again.chats) == (2, 0)
    assert (other.known, other.chats) == (1, 1)
    assert len(ws.rows()) == 3


def test_a_chat_that_stands_there_twice_is_imported_once(ws: Workspace, tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", chat("Hi", "Ho"), chat("Hi", "Ho"))
    other = lines(tmp_path / "b.jsonl", dict(reversed(chat("Hi", "Ho").items())))
    first, second = import_chats(ws, [path, other, path]).files
    assert (first.chats, first.copies, second.copies) == (1, 1, 1)


def test_what_was_added_to_a_file_since_is_imported(ws: Workspace, tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", chat("1", "A"))
    import_chats(ws, [path])
    lines(path, chat("1", "A"), chat("1", "A", "2", "B"))
    [file] = import_chats(ws, [path]).files
    assert (file.known, file.chats) == (1, 1)


def test_what_lies_in_the_archive_is_known_and_what_was_forgotten_is_not(
    ws: Workspace, tmp_path: Path
) -> None:
    path = lines(tmp_path / "a.jsonl", chat("Hi", "Ho"), chat("Who?", "Me."))
    [file] = import_chats(ws, [path]).files
    ws.archive_session(file.sessions[0])
    ws.forget(file.sessions[1])
    [again] = import_chats(ws, [path]).files
    assert (again.known, again.chats) == (1, 1)


def test_an_import_that_was_killed_goes_on_where_it_stopped(ws: Workspace, tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", chat("1", "A"), chat("1", "A", "2", "B"))
    [file] = import_chats(ws, [path]).files
    folder = ws.session(file.sessions[0]).path
    # As after a kill: not sealed, and only the first of its two chats is there.
    (folder / "manifest.json").unlink()
    first, _ = (folder / "trace.jsonl").read_bytes().splitlines(keepends=True)[:2]
    (folder / "trace.jsonl").write_bytes(first)
    with Workspace(ws.path) as later:
        later.reindex()
        assert len(imported_contents(later)) == 1
        [again] = import_chats(later, [path]).files
    assert (again.known, again.chats) == (1, 1)


def test_every_record_that_cannot_be_read_is_named_and_the_others_come_in(
    ws: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    lines(path, chat("Hi", "Ho"), {"messages": [user("Hi")]}, {"text": "?"}, chat("Who?", "Me."))
    with open(path, "ab") as file:
        file.write(b'{"messages": [')
    report = import_chats(ws, [path])
    [found] = report.files
    assert found.chats == 2
    assert [(bad.place, bad.reason.split("; ")[0].split(":")[0]) for bad in found.bad] == [
        ("line 2", "the last message is of role user, not the assistant's"),
        ("line 3", "it has neither messages nor conversations"),
        ("line 5", "it is not JSON"),
    ]
    told = msgspec.json.decode(msgspec.json.encode(report))
    assert told["files"][0]["bad"][0]["place"] == "line 2"


def test_a_file_with_nothing_in_it_is_told_of(ws: Workspace, tmp_path: Path) -> None:
    for text in ("", "[]", "\n\n"):
        path = tmp_path / "a.json"
        path.write_text(text)
        report = import_chats(ws, [path])
        assert report.files[0].bad[0].reason == "there is no record in it"
        assert not report.any_read
    assert ws.rows() == []


def test_secrets_are_masked_on_their_way_in_and_the_chat_is_known_all_the_same(
    ws: Workspace, tmp_path: Path
) -> None:
    key = "sk-proj-" + "a1B2" * 12
    path = lines(tmp_path / "a.jsonl", chat(f"My key is {key}", "Keep it to yourself."))
    [file] = import_chats(ws, [path]).files
    folder = ws.session(file.sessions[0]).path
    assert all(key.encode() not in one.read_bytes() for one in folder.rglob("*") if one.is_file())
    assert import_chats(ws, [path]).files[0].known == 1


def test_folders_are_walked_and_reports_of_exports_passed_over(
    ws: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "deep"
    folder.mkdir(parents=True)
    lines(folder / "a.jsonl", chat("Hi", "Ho"))
    (folder / "a.jsonl.report.json").write_text("{}")
    (folder / ".hidden.json").write_text("{}")
    (folder / "notes.txt").write_text("no chat")
    assert [Path(one.path).name for one in import_chats(ws, [tmp_path / "data"]).files] == [
        "a.jsonl"
    ]


def test_paths_that_hold_no_chats_are_refused_before_anything_is_done(
    ws: Workspace, tmp_path: Path
) -> None:
    good = lines(tmp_path / "a.jsonl", chat("Hi", "Ho"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.csv").write_text("x")
    for path, reason in (
        (tmp_path / "missing.jsonl", "there is no"),
        (tmp_path / "empty", "no file below"),
        (tmp_path / "a.csv", "does not end in"),
    ):
        with pytest.raises(UsageError, match=reason):
            import_chats(ws, [good, path])
    assert ws.rows() == []


def test_two_imports_at_once_do_not_bring_in_the_same_twice(ws: Workspace, tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", chat("Hi", "Ho"))
    place = ws.internal / "locks"
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / "import.lock"), pytest.raises(UsageError, match="another import"):
        import_chats(ws, [path])


def test_a_disk_that_refuses_ends_the_import_with_its_reason(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lines(tmp_path / "a.jsonl", chat("Hi", "Ho"))

    def refuse(*_: object, **__: object) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("understudy.session.recording.recorder.make_session_folder", refuse)
        with pytest.raises(StorageError, match=r"imported to its end: .* No space left"):
            import_chats(ws, [path])
    assert import_chats(ws, [path]).files[0].chats == 1


@pytest.mark.slow
def test_progress_is_told_of_reading_and_of_importing(ws: Workspace, tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", *(chat(f"{n}", "Ho") for n in range(40)))
    told: list[tuple[str, int, int]] = []

    def begin(what: str) -> Any:
        return lambda done, total: told.append((what, done, total))

    import_chats(ws, [path], told=begin)
    assert ("reading a.jsonl", 32, 0) in told
    assert ("importing a.jsonl", 32, 40) in told


TEXTS = st.lists(st.text(max_size=5), min_size=2, max_size=6)


@pytest.mark.slow
@given(chats=st.lists(TEXTS, min_size=1, max_size=5))
@settings(max_examples=8, deadline=None)
def test_whatever_is_said_comes_in_once_and_comes_out_again(
    tmp_path_factory: pytest.TempPathFactory, chats: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = lines(folder / "a.jsonl", *(chat(*texts) for texts in chats))
    with understudy.Workspace(folder / "ws") as ws:
        [file] = import_chats(ws, [path]).files
        assert file.records == file.chats + file.copies
        assert len(file.bad) + file.records == len(chats)
        export_chats(ws, output=folder / "b.jsonl")
        assert import_chats(ws, [path]).files[0].chats == 0
        if file.chats:
            exported = (folder / "b.jsonl").read_bytes().splitlines()
            found = {content_of(json.loads(line)) for line in exported}
            assert found == imported_contents(ws)
