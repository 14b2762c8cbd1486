"""The three files of a batch: what came of it, its training data, and how fast it went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from understudy._version import __version__
from understudy.curate.quality import measure_quality
from understudy.errors import StorageError, UnderstudyError
from understudy.pipeline.batch.folder import (
    DATA_NAME,
    METRICS_NAME,
    SUMMARY_NAME,
    BatchFolder,
    Stretch,
)
from understudy.pipeline.batch.worker import PlayedOne
from understudy.session.instruction import instruction_record
from understudy.session.workspace import Workspace
from understudy.store.atomic import TEMPORARY_SUFFIX, write_json_atomic
from understudy.store.catalog.schema import SessionRow

_MEGABYTE = 1_000_000
_HOUR_S = 3600


class BatchReport(msgspec.Struct, kw_only=True):
    """What came of a batch: the content of ``summary_report.json``."""

    batch: str
    path: str
    task_file: str
    created: str
    code_version: str
    planned: int
    finished: int
    """Played to the end, whether or not the task was done."""
    succeeded: int
    unsuccessful: int
    unchecked: int
    """Finished ones of which only a person can say whether they succeeded."""
    left: int
    """Still to be played: `understudy collect --resume` does."""
    stopped: str = ""
    """Why it ended before its end; empty when it did not."""
    tasks: dict[str, dict[str, int]] = {}
    """Task id or words → ``finished`` and ``succeeded``."""
    failures: list[dict[str, Any]] = []
    """Sessions that did not come to their end, with the reason, of the last stretch."""
    sessions: list[dict[str, Any]] = []
    training_examples: int = 0
    stretches: list[Stretch] = []


def write_report(
    workspace: Workspace,
    folder: BatchFolder,
    stretches: Sequence[Stretch],
    failures: Sequence[PlayedOne],
    stopped: str,
) -> BatchReport:
    """Write the three files anew from the sessions as they are. Raises StorageError."""
    finished = folder.finished()
    rows = [finished[number] for number in sorted(finished)]
    report = BatchReport(
        batch=folder.name,
        path=str(folder.path),
        task_file=folder.plan.task_file,
        created=folder.plan.created,
        code_version=__version__,
        planned=len(folder.plan.sessions),
        finished=len(rows),
        succeeded=sum(row.success is True for row in rows),
        unsuccessful=sum(row.success is False for row in rows),
        unchecked=sum(row.success is None for row in rows),
        left=len(folder.plan.sessions) - len(rows),
        stopped=stopped,
        failures=[
            {
                "number": failed.number,
                "session": failed.session or None,
                "completion": failed.completion,
                "reason": failed.reason,
            }
            for failed in failures
        ],
        sessions=[_session(number, finished[number]) for number in sorted(finished)],
        stretches=list(stretches),
    )
    for row in rows:
        task = report.tasks.setdefault(row.task_id or row.task, {"finished": 0, "succeeded": 0})
        task["finished"] += 1
        task["succeeded"] += row.success is True
    report.training_examples = _write_data(workspace, folder, rows)
    write_json_atomic(folder.path / METRICS_NAME, _metrics(rows, report))
    write_json_atomic(folder.path / SUMMARY_NAME, report)
    return report


def _session(number: int, row: SessionRow) -> dict[str, Any]:
    return {
        "number": number,
        "session": row.id,
        "directory": row.directory,
        "task": row.task_id or row.task,
        "seed": row.play.seed if row.play else None,
        "success": row.success,
        "steps": row.steps,
        "max_steps": row.play.max_steps if row.play else None,
    }


def _metrics(rows: Sequence[SessionRow], report: BatchReport) -> dict[str, Any]:
    seconds = sum(stretch.seconds for stretch in report.stretches)
    played = sum(stretch.played for stretch in report.stretches)
    steps, size = sum(row.steps for row in rows), sum(row.bytes for row in rows)
    examples = report.training_examples
    return {
        "batch": report.batch,
        "wall_seconds": round(seconds, 3),
        "sessions_played": played,
        "sessions_per_hour": _rate(played * _HOUR_S, seconds),
        "steps": steps,
        "steps_per_session": _rate(steps, len(rows)),
        "mb_per_session": _rate(size / _MEGABYTE, len(rows)),
        "mb_per_example": _rate(size / _MEGABYTE, examples),
        "records_dropped": sum(row.dropped for row in rows),
        "quality": msgspec.to_builtins(measure_quality(rows)),
    }


def _rate(amount: float, of: float) -> float | None:
    return round(amount / of, 6) if of else None


def _write_data(workspace: Workspace, folder: BatchFolder, rows: Sequence[SessionRow]) -> int:
    """Write the training data of ``rows``, one session in memory at a time; how many lines."""
    target = folder.path / DATA_NAME
    partial = target.with_name(target.name + TEMPORARY_SUFFIX)
    count = 0
    try:
        with open(partial, "wb") as file:
            for row in rows:
                try:
                    session = workspace.session(row.id)
                except UnderstudyError:  # archived or gone since: the summary still has it
                    continue
                for example in session.instruction_rows():
                    record = instruction_record(example, session.picture_of(example))
                    file.write(msgspec.json.encode(record) + b"\n")
                    count += 1
                session.close()
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"{target} cannot be written ({reason}); free space and run `understudy collect` with "
            "--resume: the sessions themselves are kept"
        ) from error
    return count
