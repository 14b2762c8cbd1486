"""Looking a dataset over, and telling two versions apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.datasets.played import play, play_many
from tests.formats.example_rows import agent_row, chat_row, png

from understudy.datasets.build import BuildRequest, build_dataset
from understudy.datasets.check import CheckReport, check_version, sealed_anew
from understudy.datasets.diff import diff_versions
from understudy.datasets.game_actions import known_actions
from understudy.datasets.selection import Selection
from understudy.datasets.splits import Splits
from understudy.datasets.versions import DatasetVersion
from understudy.formats.dataset_rows import AgentRow, Row
from understudy.formats.hf_parquet import RowFile
from understudy.session.workspace import Workspace
from understudy.store.manifest import Manifest, hash_tree, write_manifest
from understudy.store.ulids import new_ulid

EVEN = ["press_a", "press_b"]


def made_of(folder: Path, **splits: list[Row]) -> DatasetVersion:
    """A version of rows that no build would let through."""
    place = folder / "odd" / "v0001"
    for split, rows in splits.items():
        file = RowFile(place / f"{split}.parquet")
        for row in rows:
            file.write(row)
        file.finish()
    kind = "agent" if isinstance(next(iter(splits.values()))[0], AgentRow) else "chat"
    counts = {split: len(rows) for split, rows in splits.items()}
    names = [f"{split}.parquet" for split in splits]
    manifest = Manifest(
        kind="dataset",
        id=new_ulid(),
        name="odd",
        version="v0001",
        files=hash_tree(place, names),
        facts={"kind": kind, "counts": counts},
    )
    write_manifest(place, manifest)
    return DatasetVersion(place)


def found(report: CheckReport) -> list[tuple[str, str, str]]:
    return [(one.level, one.what, one.row) for one in report.findings]


def reasons(report: CheckReport) -> str:
    return "\n".join(one.reason for one in report.findings)


def even(n: int, **changes: Any) -> AgentRow:
    """One of rows that have nothing wrong."""
    given = {"n": n, "memory_context": f"Place {n}", "action": EVEN[n % 2]}
    return agent_row(png(n), **{**given, **changes})


@pytest.mark.slow
def test_a_dataset_that_was_built_is_all_right(ws: Workspace) -> None:
    play_many(ws, 12)
    version = DatasetVersion(build_dataset(ws, "agent").path)
    report = check_version(
        version, known_actions={"pocket": ("press_a", "press_down", "press_start")}
    )
    assert (report.ok, report.findings, report.notes) == (True, [], [])
    assert sum(report.rows.values()) == 36
    assert report.actions == {"press_a": 12, "press_down": 12, "press_start": 12}
    assert report.lengths["reasoning"]["shortest"] >= 10


def test_a_flipped_bit_and_a_missing_file_are_errors(ws: Workspace) -> None:
    play(ws)
    version = DatasetVersion(build_dataset(ws, "agent").path)
    card = version.folder / "README.md"
    card.write_bytes(card.read_bytes().replace(b"Where", b"There", 1))
    (version.folder / "left_out.jsonl").unlink()
    report = check_version(version)
    assert not report.ok
    assert "README.md does not match its SHA-256" in reasons(report)
    assert "left_out.jsonl is missing" in reasons(report)


def test_a_split_that_is_cut_short_is_an_error_and_the_others_are_read(tmp_path: Path) -> None:
    version = made_of(tmp_path, train=[even(1)], test=[even(2, session="other")])
    torn = version.path("train")
    torn.write_bytes(torn.read_bytes()[:-20])
    # The count needs the torn file's footer, which is gone.
    report = check_version(version)
    assert "train.parquet cannot be read on" in reasons(report)
    assert "train has 0 rows where 1 were sealed" in reasons(report)
    assert report.rows == {"train": 0, "test": 1}


def test_each_problem_is_named_with_its_row(tmp_path: Path) -> None:
    rows: list[Row] = [
        even(1),
        even(2, instruction=" "),
        even(3, reasoning=""),
        AgentRow(row=even(4).row, picture=None),
        AgentRow(row=even(5).row, picture=b"GIF"),
        even(6, action="fly"),
        even(7, memory_context="x" * 9_000),
        even(8),
        even(8, session="another"),
    ]
    report = check_version(made_of(tmp_path, train=rows), known_actions={"pocket": EVEN})
    assert found(report) == [
        ("error", "empty", "train:2"),
        ("warning", "empty", "train:3"),
        ("warning", "picture", "train:4"),
        ("error", "picture", "train:5"),
        ("error", "action", "train:6"),
        ("warning", "length", "train:7"),
        ("warning", "duplicate", "train:9"),
    ]
    assert (report.errors, report.warnings) == (3, 4)
    assert report.findings[-1].session == "another"
    assert report.lengths["memory_context"]["longest"] == 9_000


def test_a_session_or_an_example_in_two_splits_is_an_error(tmp_path: Path) -> None:
    report = check_version(
        made_of(
            tmp_path,
            train=[even(1, session="a"), even(2, session="b")],
            test=[even(3, session="a"), even(2, session="c")],
        )
    )
    assert [one for one in found(report) if one[0] == "error"] == [
        ("error", "leak", "test:1"),
        ("error", "leak", "test:2"),
    ]
    assert report.leaks.sessions == report.leaks.examples == report.leaks.sights == 1
    assert not report.ok


def test_one_action_for_most_rows_is_warned_of(tmp_path: Path) -> None:
    rows: list[Row] = [even(n, action="press_a" if n < 7 else "press_b") for n in range(10)]
    report = check_version(made_of(tmp_path, train=rows))
    assert found(report) == [("warning", "balance", "")]
    assert "press_a is the action of 70% of the rows" in reasons(report)
    assert report.ok


def test_the_same_state_with_two_actions_is_a_conflict(tmp_path: Path) -> None:
    rows: list[Row] = [even(1), even(1, action="press_a"), even(1, previous_actions=[])]
    report = check_version(made_of(tmp_path, train=rows))
    assert [one for one in found(report) if one[1] == "conflict"] == [
        ("warning", "conflict", "train:2")
    ]
    assert "the same state as in train:1, where the action is 'press_b'" in reasons(report)


def test_actions_of_a_game_that_is_not_installed_are_not_judged(tmp_path: Path) -> None:
    report = check_version(made_of(tmp_path, train=[even(1, action="fly"), even(2)]))
    assert report.ok
    assert "is not known here" in report.notes[0]


def test_chats_are_checked_by_the_rules_of_chats(tmp_path: Path) -> None:
    report = check_version(
        made_of(tmp_path, train=[chat_row(), chat_row({"messages": [{"role": "user"}]}, n=4)])
    )
    assert {one[:2] for one in found(report)} == {("error", "schema")}
    assert report.lengths["answer"]["shortest"] == 0


def test_very_many_findings_are_counted_rather_than_listed(tmp_path: Path) -> None:
    rows: list[Row] = [even(n, reasoning="") for n in range(1_100)]
    report = check_version(made_of(tmp_path, train=rows))
    assert len([one for one in report.findings if one.what == "empty"]) == 1_000
    assert report.unnamed == {"empty": 100}


def test_a_session_that_was_masked_since_is_named(ws: Workspace) -> None:
    id = play(ws, "a", step={"reasoning": "ask Bartholomew"})
    play(ws, "b", screens=(8,))
    version = DatasetVersion(build_dataset(ws, "agent").path)
    assert sealed_anew(ws, version) == []
    toml = ws.path / "understudy.toml"
    toml.write_text(toml.read_text("utf-8").replace("[mask]", '[mask]\nwords = ["Bartholomew"]'))
    with Workspace(ws.path) as masking:
        masking.scan([id], mask=True)
        changed = sealed_anew(masking, version)
    assert changed == [id]
    report = check_version(version, changed_sessions=changed)
    assert report.ok
    assert "sealed anew" in reasons(report)


@pytest.mark.slow
def test_the_actions_of_an_installed_game_are_known(ws: Workspace) -> None:
    known = known_actions(["pocket", "a game of strangers"], ws.settings.games)
    assert list(known) == ["pocket"]
    assert {"press_a", "wait", "report"} <= set(known["pocket"])


def version_of(ws: Workspace, request: BuildRequest | None = None) -> DatasetVersion:
    return DatasetVersion(build_dataset(ws, "agent", request).path)


def test_two_versions_differ_in_sessions_rows_and_scores(ws: Workspace) -> None:
    kept, rescored, gone = (play(ws, f"t{n}", screens=(n, n + 100)) for n in range(3))
    before = version_of(ws)
    ws.session(rescored).add_feedback(score=10, author="human:me")
    ws.session(gone).add_feedback(score=1, author="human:me")
    ws.session(kept).add_feedback(step=1, correction="press_b", author="human:me")
    added = play(ws, "t9", screens=(9,))
    after = version_of(ws)

    difference = diff_versions(before, after)

    assert (difference.before, difference.after) == ("agent@v0001", "agent@v0002")
    assert (difference.sessions_added, difference.sessions_removed) == ([added], [gone])
    assert [(row.session, row.step) for row in difference.rows_added] == [(added, 1)]
    assert [(row.session, row.step) for row in difference.rows_removed] == [(gone, 1), (gone, 2)]
    assert [(row.session, row.step) for row in difference.rows_changed] == [(kept, 1)]
    assert [(one.session, one.before, one.after) for one in difference.scores] == [
        (rescored, 8, 10)
    ]
    assert difference.query == {}
    assert diff_versions(before, before).none


@pytest.mark.slow
def test_another_request_is_told_and_so_is_where_rows_have_moved(ws: Workspace) -> None:
    play_many(ws, 6)
    before = version_of(ws)
    request = BuildRequest(
        selection=Selection(min_score=7, game="pocket"), splits=Splits(fractions=(0, 0, 1), seed=1)
    )
    after = version_of(ws, request)
    difference = diff_versions(before, after)
    assert difference.query == {
        "selection.game": (None, "pocket"),
        "selection.min_score": (6, 7),
        "splits.fractions": ([0.8, 0.1, 0.1], [0, 0, 1]),
        "splits.seed": (0, 1),
    }
    assert difference.rows_added == difference.rows_removed == []
    assert {(row.was, row.split) for row in difference.rows_moved} <= {
        ("train", "test"), ("validation", "test"),
    }  # fmt: skip
    assert difference.rows_moved
    assert msgspec.json.encode(difference)
