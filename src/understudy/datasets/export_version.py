"""Writing the rows of a dataset in a foreign format: a file for each split, or one file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from understudy.datasets.card import card
from understudy.datasets.export import (
    ExportReport,
    Filling,
    largest_size,
    new_report,
    spelling_of,
    write_report,
)
from understudy.datasets.export_format import ExportWriter, check_kind
from understudy.datasets.splits import SPLITS
from understudy.datasets.versions import DatasetVersion, RowFiles
from understudy.errors import DatasetError, UsageError
from understudy.formats.hf_parquet import Kind
from understudy.formats.instruction_chat import Actions
from understudy.formats.tool_spelling import KEPT, Calls, Spelling
from understudy.store.atomic import write_atomic
from understudy.store.hashes import sha256_file
from understudy.store.lineage import record_export
from understudy.store.manifest import MANIFEST_NAME, Parent
from understudy.store.versions import CARD_NAME

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

Progress = Callable[[int, int], None]
_ENDING = re.compile(r"\.[A-Za-z]\w*")
_TOLD_EVERY = 64
"""Rows."""


def export_version(
    workspace: Workspace,
    version: DatasetVersion,
    *,
    format: str,
    output: Path,
    split: str | None = None,
    calls: Calls = "kept",
    max_bytes: int | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write ``version`` in ``format`` at ``output``, with the report beside it.

    ``output`` is one file when its name has an ending (``.jsonl``): of all rows, or those of
    ``split``. Otherwise it is a folder with a file for each split and the dataset's card. The
    workspace remembers the files. Raises UsageError for a format that cannot hold the rows,
    DatasetError for a split without rows, StorageError as the disk does.
    """
    kind = check_kind(format, version.kind)
    splits = _chosen(version, split)
    is_file = _ENDING.fullmatch(output.suffix) is not None and not output.is_dir()
    query = {
        "dataset": version.ref,
        "output": str(output.absolute()),
        "split": split,
        "max_bytes": max_bytes,
        **({} if calls == "kept" else {"calls": calls}),
    }
    report = new_report(format, output, query, version.kind)
    report.dataset = version.ref
    files = _write(
        version,
        report,
        {s: output if is_file else output / f"{s}{kind.suffix}" for s in splits},
        actions=version.facts.get("actions", {}),
        spelling=spelling_of(workspace, calls),
        max_bytes=max_bytes,
        progress=progress,
    )
    report.licenses = version.facts.get("licenses", {})
    if is_file and len(report.splits) > 1:
        held = ", ".join(f"{count} of {name}" for name, count in report.splits.items())
        report.warnings.append(f"the file holds all splits: {held}; --split writes one of them")
    if files and not is_file:
        report.warnings += _older_files(output, kind.suffix, files)
        there = {s: _pattern(output, s, kind.suffix) for s in report.splits}
        text = card(version.name, version.version, version.facts, there)
        write_atomic(output / CARD_NAME, text.encode())
    parent = Parent(
        kind="dataset", id=version.manifest.id, sha256=sha256_file(version.folder / MANIFEST_NAME)
    )
    for file, entry in zip(files, report.files, strict=True):
        record_export(
            workspace,
            path=file,
            format=format,
            sha256=entry.sha256,
            sessions=(),
            query=query,
            parents=[parent],
        )
    write_report(output, report)
    return report


def export_into(
    rows: RowFiles,
    folder: Path,
    *,
    format: str,
    kind: Kind,
    actions: Actions,
    spelling: Spelling = KEPT,
    progress: Progress | None = None,
) -> ExportReport:
    """Write all rows in ``format`` below ``folder``; the paths in the report are relative to it."""
    found = check_kind(format, kind)
    output = folder / format
    report = new_report(format, Path(format), {}, kind)
    targets = {split: output / f"{split}{found.suffix}" for split in rows.splits}
    _write(
        rows,
        report,
        targets,
        actions=actions,
        spelling=spelling,
        max_bytes=None,
        progress=progress,
    )
    report.files = [
        msgspec.structs.replace(file, path=Path(file.path).relative_to(folder).as_posix())
        for file in report.files
    ]
    if report.examples:
        write_report(output, report)
    return report


def _write(
    rows: RowFiles,
    report: ExportReport,
    targets: dict[str, Path],
    *,
    actions: Actions,
    spelling: Spelling,
    max_bytes: int | None,
    progress: Progress | None,
) -> list[Path]:
    """Fill a file for each target, or one for all that are the same; all or none of them."""
    kind = check_kind(report.format, cast("Kind", report.kind))
    filling = Filling(kind, report, actions, spelling)
    size = largest_size(kind, max_bytes)
    total = sum(rows.count(split) for split in targets)
    writers: dict[Path, ExportWriter] = {}
    done = 0
    try:
        for split, path in targets.items():
            if path not in writers:
                writers[path] = kind.open(path, max_bytes=size)
            taken = 0
            for row in rows.rows(split):
                taken += filling.put(row, writers[path])
                done += 1
                if progress is not None and done % _TOLD_EVERY == 0:
                    progress(done, total)
            report.splits[split] = taken
        output = next(iter(targets.values()))
        report.sessions = list(dict.fromkeys(report.sessions))
        return filling.finish(writers.values(), output)
    except BaseException:
        for writer in writers.values():
            writer.abandon()
        raise


def _older_files(folder: Path, suffix: str, files: Sequence[Path]) -> list[str]:
    """Of files of splits that an earlier export to the folder left, and this one has not."""
    older = {path for split in SPLITS for path in folder.glob(f"{split}*{suffix}")}
    return [
        f"{path} is from an earlier export and does not belong to this one; remove it"
        for path in sorted(older - set(files))
    ]


def _pattern(folder: Path, split: str, suffix: str) -> str:
    """What names the files of a split, also where it took several."""
    name = f"{split}{suffix}"
    return name if (folder / name).exists() else f"{split}-*{suffix}"


def _chosen(version: DatasetVersion, split: str | None) -> Sequence[str]:
    if split is None:
        return version.splits
    if split not in SPLITS:
        raise UsageError(f"there is no split {split!r}; choose one of {', '.join(SPLITS)}")
    if split not in version.splits:
        raise DatasetError(
            f"{version.ref} has no rows in the split {split!r}; it has: {', '.join(version.splits)}"
        )
    return [split]
