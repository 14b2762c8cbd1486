"""Exporting a dataset: files for each split, what a format cannot hold, and what is remembered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.datasets.played import play, play_many

from understudy.datasets.build import BuildRequest, build_dataset
from understudy.datasets.export import export_sessions, report_path
from understudy.datasets.export_version import export_version
from understudy.datasets.rows import Source
from understudy.datasets.selection import Selection
from understudy.datasets.splits import Splits
from understudy.datasets.versions import DatasetVersion, find_version, usable_version
from understudy.errors import DatasetError, UsageError
from understudy.formats.openai_jsonl import read_examples
from understudy.formats.sharegpt import images_folder
from understudy.formats.vllm_instruction import read_records
from understudy.session.workspace import Workspace
from understudy.store.lineage import descendants, exports

BUILT_IN = ("vllm", "openai", "openai-array", "trl", "sharegpt", "parquet")


@pytest.fixture
def version(ws: Workspace) -> DatasetVersion:
    """A dataset of twelve sessions, with rows in every split."""
    play_many(ws, 12)
    request = BuildRequest(splits=Splits(fractions=(0.5, 0.3, 0.2)))
    return DatasetVersion(build_dataset(ws, "agent", request).path)


def count(version: DatasetVersion) -> dict[str, int]:
    return {split: version.count(split) for split in version.splits}


@pytest.mark.slow
@pytest.mark.parametrize("format", BUILT_IN)
def test_a_folder_gets_a_file_for_each_split_and_the_card(
    ws: Workspace, version: DatasetVersion, tmp_path: Path, format: str
) -> None:
    output = tmp_path / "out" / "agent"
    report = export_version(ws, version, format=format, output=output)
    assert report.splits == count(version)
    assert report.examples == sum(count(version).values())
    assert sorted({Path(f.path).stem for f in report.files if Path(f.path).suffix}) == sorted(
        version.splits
    )
    assert (output / "README.md").exists()
    assert json.loads(report_path(output).read_bytes())["dataset"] == "agent@v0001"


@pytest.mark.slow
def test_the_card_of_an_export_names_its_own_files(
    ws: Workspace, version: DatasetVersion, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    output = tmp_path / "agent"
    export_version(ws, version, format="parquet", output=output)
    found = datasets.load_dataset(str(output), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in found.items()} == count(version)
    export_version(ws, version, format="vllm", output=tmp_path / "lines", max_bytes=3_000)
    assert '"train-*.jsonl"' in (tmp_path / "lines" / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_files_of_an_earlier_export_that_are_in_the_way_are_named(
    ws: Workspace, version: DatasetVersion, tmp_path: Path
) -> None:
    output = tmp_path / "agent"
    export_version(ws, version, format="vllm", output=output)
    report = export_version(ws, version, format="vllm", output=output, split="train")
    older = [warning for warning in report.warnings if "earlier export" in warning]
    assert [warning.split()[0] for warning in older] == [
        str(output / "test.jsonl"),
        str(output / "validation.jsonl"),
    ]


@pytest.mark.slow
def test_a_path_with_an_ending_is_one_file_of_all_rows_and_says_so(
    ws: Workspace, version: DatasetVersion, tmp_path: Path
) -> None:
    output = tmp_path / "agent.jsonl"
    report = export_version(ws, version, format="vllm", output=output)
    assert len(list(read_records(output))) == sum(count(version).values())
    assert "the file holds all splits" in report.warnings[-1]

    report = export_version(ws, version, format="vllm", output=output, split="test")
    assert len(list(read_records(output))) == count(version)["test"]
    assert report.warnings == []


def test_a_split_that_is_not_there_is_refused(ws: Workspace, tmp_path: Path) -> None:
    play(ws)
    request = BuildRequest(splits=Splits(fractions=(1, 0, 0)))
    version = DatasetVersion(build_dataset(ws, "agent", request).path)
    with pytest.raises(DatasetError, match="no rows in the split 'test'"):
        export_version(ws, version, format="vllm", output=tmp_path / "x.jsonl", split="test")
    with pytest.raises(UsageError, match="there is no split"):
        export_version(ws, version, format="vllm", output=tmp_path / "x.jsonl", split="dev")


def test_what_a_format_cannot_hold_is_reported_with_its_row(ws: Workspace, tmp_path: Path) -> None:
    id = play(ws, screens=(1, 2), step={"observation": "an <image> hangs here"})
    play(ws, "other", screens=(3,))
    version = DatasetVersion(build_dataset(ws, "agent").path)
    output = tmp_path / "agent.jsonl"
    report = export_version(ws, version, format="sharegpt", output=output)
    assert report.examples == 1
    assert [(one.session, one.step) for one in report.left_out] == [(id, 1), (id, 2)]
    assert "would stand for a file" in report.left_out[0].reason
    assert [Path(file.path) for file in report.files] == [output, images_folder(output)]


def test_a_chat_dataset_is_no_instruction_dataset(ws: Workspace, tmp_path: Path) -> None:
    with ws.record(game="tavern") as session:
        session.chat(
            messages=[{"role": "user", "content": "Hi"}],
            response={"role": "assistant", "content": "Ho"},
        )
    request = BuildRequest(selection=Selection(), source=Source(kind="chat"))
    version = DatasetVersion(build_dataset(ws, "talk", request).path)
    with pytest.raises(UsageError, match="holds steps of players"):
        export_version(ws, version, format="vllm", output=tmp_path / "x.jsonl")
    for format in ("openai", "trl", "sharegpt", "parquet"):
        report = export_version(ws, version, format=format, output=tmp_path / format)
        assert report.examples == 1


@pytest.mark.slow
def test_the_workspace_remembers_the_files_as_made_from_the_dataset(
    ws: Workspace, version: DatasetVersion, tmp_path: Path
) -> None:
    report = export_version(ws, version, format="sharegpt", output=tmp_path / "agent")
    assert [record.path for record in exports(ws)] == [file.path for file in report.files]
    made = descendants(ws, "session", version.sessions[0])
    assert [thing.kind for thing in made] == ["dataset", *["export"] * len(report.files)]


def test_a_version_is_found_by_its_name_and_number(ws: Workspace) -> None:
    id = play(ws)
    build_dataset(ws, "agent")
    ws.session(id).add_feedback(score=9, author="human:me")
    build_dataset(ws, "agent")
    assert find_version(ws, "agent").version == "v0002"
    assert find_version(ws, "agent@v0001").version == "v0001"
    with pytest.raises(DatasetError, match="has no version 'v0003'; there is: v0001, v0002"):
        find_version(ws, "agent@v0003")
    with pytest.raises(DatasetError, match="there is no dataset 'x'; there is: agent"):
        usable_version(ws, "x")
    with pytest.raises(UsageError):
        find_version(ws, "../agent")


def test_steps_are_exported_straight_from_sessions_too(ws: Workspace, tmp_path: Path) -> None:
    id = play(ws, screens=(1, 2), score=None)
    play(ws, screens=(1,), score=None)
    output = tmp_path / "steps.jsonl"
    report = export_sessions(ws, output=output, format="vllm", source=Source(kind="agent"))
    records: list[dict[str, Any]] = [record for _, record in read_records(output)]
    assert [r["metadata"]["session_id"] for r in records] == [id, id]
    assert (report.kind, report.duplicates) == ("agent", 1)

    export_sessions(ws, output=output, format="openai", source=Source(kind="agent"))
    _, chat = next(read_examples(output))
    assert "Actions: press_a, press_down\n" in chat["messages"][0]["content"]
