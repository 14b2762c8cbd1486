"""Building versions: what goes in, what is left out, and that a version is whole or not there."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.datasets.played import play, play_many

from understudy.datasets.build import BuildRequest, Built, build_dataset
from understudy.datasets.rows import Source
from understudy.datasets.selection import Selection
from understudy.datasets.splits import SPLITS, Splits
from understudy.datasets.versions import (
    DatasetVersion,
    RowFiles,
    find_version,
    version_folders,
)
from understudy.errors import DatasetError, UsageError
from understudy.formats.dataset_rows import AgentRow, ChatRow
from understudy.formats.openai_jsonl import read_examples
from understudy.formats.vllm_instruction import read_records
from understudy.session.workspace import Workspace
from understudy.store.hashes import sha256_file
from understudy.store.lineage import descendants
from understudy.store.manifest import check_files, hash_tree

ALL = BuildRequest(selection=Selection())


def rows_of(built: Built) -> list[Any]:
    files = RowFiles(built.path)
    return [row for split in files.splits for row in files.rows(split)]


def left_out_of(built: Built) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (built.path / "left_out.jsonl").read_bytes().splitlines()]


def test_each_step_of_a_well_scored_session_is_a_row(ws: Workspace) -> None:
    id = play(ws, screens=(1, 2, 3), license="CC0-1.0", consent="asked")
    built = build_dataset(ws, "agent")
    rows = rows_of(built)
    assert [row.row.step_number for row in rows] == [1, 2, 3]
    assert all(isinstance(row, AgentRow) and row.session == id for row in rows)
    recorded = ws.session(id)
    assert [row.picture for row in rows] == [
        (recorded.path / str(row.row.screenshot)).read_bytes() for row in rows
    ]
    assert [row.row for row in rows] == list(recorded.instruction_rows())
    assert built.facts["licenses"] == {"CC0-1.0": 1}
    assert built.facts["consents"] == {"asked": 1}


def test_sessions_without_a_human_score_of_six_are_left_out_and_counted(ws: Workspace) -> None:
    good = play(ws, "a", score=6)
    play(ws, "b", score=5.5)
    play(ws, "c", score=None)
    judged = play(ws, "d", score=None)
    ws.session(judged).add_feedback(score=9, author="auto:rule")

    built = build_dataset(ws, "agent")
    assert {row.session for row in rows_of(built)} == {good}
    assert built.facts["left_out"] == {
        "it has no human score": 2,
        "its human score is below 6": 1,
    }
    any_score = BuildRequest(selection=Selection(min_score=6, score_source="any"))
    assert {row.session for row in rows_of(build_dataset(ws, "any", any_score))} == {good, judged}


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"game": "pocket"}, "abc"),
        ({"game": "chess"}, ""),
        ({"task": "a"}, "a"),
        ({"player": "human"}, "b"),
        ({"success": True}, "ac"),
        ({"success": False}, "b"),
        ({"tags": ("x",)}, "c"),
        ({"model": "m"}, "c"),
        ({"until": "2020-01-01"}, ""),
    ],
)
def test_sessions_are_chosen_by_query(
    ws: Workspace, selection: dict[str, Any], expected: str
) -> None:
    play(ws, "a", screens=(1,))
    play(ws, "b", screens=(2,), player="human", success=False)
    play(ws, "c", screens=(3,), tags=["x"], model="m")
    request = BuildRequest(selection=Selection(**selection))
    if not expected:
        with pytest.raises(DatasetError, match="nothing to build"):
            build_dataset(ws, "agent", request)
        return
    built = build_dataset(ws, "agent", request)
    assert sorted(row.row.task_id for row in rows_of(built)) == list(expected)
    assert built.facts["request"]["selection"] == msgspec.to_builtins(Selection(**selection))


def test_steps_nobody_should_learn_are_left_out(ws: Workspace) -> None:
    id = play(ws, screens=(1, 2))
    with ws.record(game="pocket", task="t", durability="interval") as odd:
        odd.step(action="press_a")
        odd.step(action="", observation="here")
        odd.step(action="press_b", observation="here", mistake=True)
        odd.step(action={"x": 1}, observation="here")
    (ws.session(id).path / "screenshots" / "step_01_before_action.png").unlink()
    built = build_dataset(ws, "agent", ALL)
    assert [row.row.action for row in rows_of(built) if row.session == odd.id] == ['{"x":1}']
    assert built.facts["left_out"] == {
        "its picture is missing": 1,
        "there is neither a picture nor the state in words": 1,
        "there is no action": 1,
        "the player made a mistake on purpose": 1,
    }
    kept = build_dataset(
        ws, "b", BuildRequest(selection=Selection(), source=Source(with_mistakes=True))
    )
    assert "press_b" in [row.row.action for row in rows_of(kept)]


def test_a_correction_takes_the_place_of_what_was_played(ws: Workspace) -> None:
    session = ws.session(play(ws, screens=(1, 2, 3, 4), step={"mistake": True}))
    session.add_feedback(author="human:ada", step=1, correction="press_b")
    better = {"action": "press_up", "reasoning": "It is up"}
    session.add_feedback(author="human:ada", step=2, correction=better)
    session.add_feedback(author="human:ada", step=3, correction={"button": 3})
    built = build_dataset(ws, "agent")
    assert [(r.row.action, r.row.reasoning, r.corrected) for r in rows_of(built)] == [
        ("press_b", "", True),
        ("press_up", "It is up", True),
    ]
    assert built.facts["corrected"] == 2
    assert built.facts["left_out"] == {
        "its correction is no action": 1,
        "the player made a mistake on purpose": 1,
    }


def test_copies_are_taken_once_and_each_is_named(ws: Workspace) -> None:
    first = play(ws, screens=(1, 2), seed=1)
    second = play(ws, screens=(1, 3), seed=2)
    third = play(ws, screens=(1,), seed=3, step={"reasoning": "otherwise"})
    built = build_dataset(ws, "agent", ALL)
    assert built.facts["duplicates"] == {"exact": 1, "near": 1}
    assert [(row.session, row.row.step_number) for row in rows_of(built)].count((first, 1)) == 1
    exact, near = left_out_of(built)
    assert (exact["session"], exact["step"], exact["copy"]) == (second, 1, "exact")
    assert (near["session"], near["copy"], near["copy_of"]) == (third, "near", [first, 1])

    keeping = build_dataset(ws, "all", BuildRequest(selection=Selection(), near_share=None))
    assert keeping.facts["duplicates"] == {"exact": 1, "near": 0}


@pytest.mark.slow
def test_sessions_are_split_as_a_whole_and_stay_when_others_are_added(ws: Workspace) -> None:
    request = BuildRequest(splits=Splits(fractions=(0.5, 0.3, 0.2)))
    play_many(ws, 12)
    before = build_dataset(ws, "agent", request)
    places = {s["id"]: s["split"] for s in before.facts["sessions"]}
    assert set(places.values()) == set(SPLITS)
    for split in SPLITS:
        inside = {row.session for row in RowFiles(before.path).rows(split)}
        assert inside == {id for id, place in places.items() if place == split}
    play(ws, "new", seed=77, screens=(991, 992))
    after = build_dataset(ws, "agent", request)
    assert after.version == "v0002"
    assert places.items() <= {s["id"]: s["split"] for s in after.facts["sessions"]}.items()
    assert after.facts["leaks"] == {"sessions": 0, "examples": 0, "sights": 0}


def test_the_same_picture_and_action_in_two_splits_is_counted(ws: Workspace) -> None:
    for n in range(8):
        play(ws, f"task-{n}", seed=n, screens=(1,))
    built = build_dataset(ws, "agent", BuildRequest(splits=Splits(fractions=(0.5, 0.5, 0))))
    assert built.facts["leaks"] == {"sessions": 0, "examples": 0, "sights": 1}


def test_the_manifest_names_sessions_with_their_seals_and_every_file(ws: Workspace) -> None:
    id = play(ws)
    built = build_dataset(ws, "agent", BuildRequest(formats=("vllm",)))
    version = DatasetVersion(built.path)
    (parent,) = version.manifest.parents
    assert (parent.kind, parent.id) == ("session", id)
    assert parent.sha256 == sha256_file(ws.session(id).path / "manifest.json")
    assert set(version.manifest.files) == {
        "README.md", "left_out.jsonl", "train.parquet",
        "exports/vllm.report.json", "exports/vllm/train.jsonl",
    }  # fmt: skip
    assert check_files(built.path, version.manifest) == []
    assert [made.path for made in descendants(ws, "session", id)] == [built.path]
    assert version.facts["code_version"]


@pytest.mark.slow
def test_formats_are_written_into_the_version_for_each_split(ws: Workspace) -> None:
    play_many(ws, 12)
    formats = ("vllm", "openai", "trl", "sharegpt", "parquet")
    built = build_dataset(ws, "agent", BuildRequest(formats=formats))
    count = built.facts["counts"]["rows"]
    for format in formats:
        assert built.facts["formats"][format]["examples"] == count
        report = json.loads((built.path / "exports" / f"{format}.report.json").read_bytes())
        assert all((built.path / "exports" / file["path"]).exists() for file in report["files"])
    records = [
        record
        for split in RowFiles(built.path).splits
        for _, record in read_records(built.path / "exports" / "vllm" / f"{split}.jsonl")
    ]
    assert [record["metadata"]["session_id"] for record in records] == [
        row.session for row in rows_of(built)
    ]
    _, chat = next(read_examples(built.path / "exports" / "openai" / "train.jsonl"))
    assert "Actions: press_a, press_down, press_start" in chat["messages"][0]["content"]


def test_the_same_content_makes_no_new_version(ws: Workspace) -> None:
    id = play(ws, score=7)
    first = build_dataset(ws, "agent")
    again = build_dataset(ws, "agent")
    assert (again.unchanged, again.path) == (True, first.path)
    assert build_dataset(ws, "agent", BuildRequest(formats=("vllm",))).version == "v0002"
    ws.session(id).add_feedback(score=9, author="human:me")
    assert build_dataset(ws, "agent", BuildRequest(formats=("vllm",))).version == "v0003"
    assert [f.name for f in version_folders(ws, "agent")] == ["v0001", "v0002", "v0003"]


def test_a_version_that_was_damaged_is_not_taken_for_the_same(ws: Workspace) -> None:
    play(ws)
    first = build_dataset(ws, "agent")
    (first.path / "manifest.json").write_text("{}")
    assert build_dataset(ws, "agent").version == "v0002"


def test_nothing_is_left_of_a_build_that_fails(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(ws)

    def refuse(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("understudy.datasets.build.write_manifest", refuse)
    with pytest.raises(KeyboardInterrupt):
        build_dataset(ws, "agent")
    assert not list(ws.datasets.iterdir())
    assert not list((ws.internal / "building").iterdir())


def test_no_row_is_an_error_that_says_why(ws: Workspace) -> None:
    with pytest.raises(DatasetError, match="no session fits"):
        build_dataset(ws, "agent")
    play(ws, score=2)
    with pytest.raises(DatasetError, match="1 x its human score is below 6"):
        build_dataset(ws, "agent")
    assert not list(ws.datasets.iterdir())


def test_a_session_that_is_forgotten_while_it_is_built_is_in_no_version(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = play(ws)
    real = hash_tree

    def forget_first(*arguments: Any) -> Any:
        if ws.rows():
            ws.forget(gone)
        return real(*arguments)

    monkeypatch.setattr("understudy.datasets.build.hash_tree", forget_first)
    with pytest.raises(DatasetError, match="was forgotten or moved"):
        build_dataset(ws, "agent")
    assert not list(ws.datasets.iterdir())


@pytest.mark.parametrize(
    ("name", "request_", "reason"),
    [
        ("a/b", ALL, "cannot be the name"),
        ("..", ALL, "ends with a dot"),
        (".hidden", ALL, "begins with a dot"),
        ("a@v0001", ALL, "cannot be the name"),
        ("NUL", ALL, "device on Windows"),
        ("", ALL, "cannot be the name"),
        ("x", BuildRequest(splits=Splits(fractions=(1, 1, 1))), "add up to 1"),
        ("x", BuildRequest(near_share=1.5), "below 1"),
        ("x", BuildRequest(formats=("papyrus",)), "no export format"),
        ("x", BuildRequest(source=Source(kind="chat"), formats=("vllm",)), "these are chats"),
    ],
)
def test_a_request_that_cannot_be_is_refused_at_once(
    ws: Workspace, name: str, request_: BuildRequest, reason: str
) -> None:
    play(ws)
    with pytest.raises(UsageError, match=reason):
        build_dataset(ws, name, request_)
    assert not list(ws.datasets.iterdir())


def test_a_name_may_be_whatever_a_folder_may(ws: Workspace) -> None:
    play(ws)
    for name in ("agent v1.0", "Grüße-龍", "v0001"):
        assert build_dataset(ws, name).path == ws.datasets / name / "v0001"
        assert find_version(ws, name).ref == f"{name}@v0001"


def test_a_session_that_is_still_recorded_is_left_out(ws: Workspace) -> None:
    play(ws)
    with ws.record(game="pocket", task="t", durability="interval") as running:
        running.step(action="press_a", observation="x")
        running.flush()
        built = build_dataset(ws, "agent", ALL)
    assert running.id not in {row.session for row in rows_of(built)}
    assert "not sealed" in next(iter(built.facts["left_out"]))


def test_chats_make_a_dataset_too(ws: Workspace) -> None:
    for number in range(3):
        with ws.record(game="tavern", player="eve") as session:
            for asked in ("Who?", f"Why {number}?"):
                session.chat(
                    messages=[{"role": "user", "content": asked}],
                    response={"role": "assistant", "content": f"So {asked}"},
                    model="dm-1",
                )
            session.chat(messages=[], response=None, status="upstream_error")
    request = BuildRequest(selection=Selection(), source=Source(kind="chat"), formats=("openai",))
    built = build_dataset(ws, "talk", request)
    rows = rows_of(built)
    assert sorted(row.example["messages"][0]["content"] for row in rows) == [
        "Who?", "Why 0?", "Why 1?", "Why 2?",
    ]  # fmt: skip
    assert all(isinstance(row, ChatRow) and row.model_used == "dm-1" for row in rows)
    assert built.facts["duplicates"] == {"exact": 2, "near": 0}
    assert built.facts["left_out"]["the call ended as upstream_error"] == 3
    assert built.facts["formats"]["openai"]["examples"] == 4


def _build_at_once(path: str, task: str) -> None:
    with Workspace(path) as workspace:
        build_dataset(workspace, "agent", BuildRequest(selection=Selection(task=task)))


@pytest.mark.slow
def test_two_builds_at_once_make_two_versions(ws: Workspace) -> None:
    play(ws, "a")
    play(ws, "b", screens=(7, 8))
    spawn = multiprocessing.get_context("spawn")
    builders = [spawn.Process(target=_build_at_once, args=(str(ws.path), t)) for t in "ab"]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(60)
    assert [builder.exitcode for builder in builders] == [0, 0]
    found = [DatasetVersion(folder) for folder in sorted((ws.datasets / "agent").iterdir())]
    assert [version.version for version in found] == ["v0001", "v0002"]
    assert [version.manifest.version for version in found] == ["v0001", "v0002"]
    held = [{row.session for split in v.splits for row in v.rows(split)} for v in found]
    assert sorted(map(len, held)) == [1, 1]
    assert held[0] != held[1]
    assert not list((ws.internal / "building").iterdir())


KILLED = """
import os, signal, sys
from understudy.datasets import build
from understudy.session.workspace import Workspace

def die(*_):
    print("dying", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

build.move_into_place = die
with Workspace(sys.argv[1]) as workspace:
    build.build_dataset(workspace, "agent")
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_build_is_swept_away_by_the_next(ws: Workspace) -> None:
    play(ws)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(ws.path)], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.returncode) == ("dying\n", -signal.SIGKILL), done.stderr
    assert not list(ws.datasets.iterdir())
    assert list((ws.internal / "building").iterdir())
    assert build_dataset(ws, "agent").version == "v0001"
    assert not list((ws.internal / "building").iterdir())


@pytest.mark.slow
def test_the_folder_of_a_version_loads_by_its_card(ws: Workspace, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    play_many(ws, 12)
    built = build_dataset(ws, "agent")
    found = datasets.load_dataset(str(built.path), cache_dir=str(tmp_path / "cache"))
    counts = {split: built.facts["counts"][split] for split in RowFiles(built.path).splits}
    assert {split: len(rows) for split, rows in found.items()} == counts


@pytest.mark.slow
def test_the_card_counts_sessions_that_were_named_one_by_one(ws: Workspace) -> None:
    named = BuildRequest(selection=Selection(sessions=tuple(play_many(ws, 24))))
    built = build_dataset(ws, "agent", named)
    assert '"sessions": "24 of them"' in (built.path / "README.md").read_text("utf-8")
    assert len(built.facts["request"]["selection"]["sessions"]) == 24


def test_the_card_says_where_it_is_from_and_survives_odd_words(ws: Workspace) -> None:
    play(ws, "a | b\n# c", license="CC-BY-4.0")
    text = (build_dataset(ws, "agent").path / "README.md").read_text("utf-8")
    assert 'license: "cc-by-4.0"' in text
    assert "| task a \\| b \\# c | 1 |" in text
    assert re.search(r"\| (train|validation|test) \| 3 \| 1 \|", text)
