"""A batch's folder in ``runs/``: its plan, its report, and which of its sessions are finished.

What is finished is read from the sessions themselves, so that a batch that was killed at any
moment goes on where it was.
"""

from __future__ import annotations

import datetime
import logging
import os
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import filelock
import msgspec

from understudy.errors import (
    CorruptionError,
    NewerSchemaError,
    StorageError,
    UnderstudyError,
    UsageError,
)
from understudy.pipeline.batch.plan import Planned
from understudy.session.header import read_header
from understudy.session.workspace import Workspace
from understudy.store.atomic import write_json_atomic
from understudy.store.catalog.schema import SessionRow

PREFIX = "batch_training_"
PLAN_NAME = "plan.json"
SUMMARY_NAME = "summary_report.json"
DATA_NAME = "aggregated_training_data.jsonl"
METRICS_NAME = "performance_metrics.json"
_WORKER = ".worker-"
_SCHEMA = 1

logger = logging.getLogger("understudy.batch")


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """One run of ``collect`` on the batch."""

    started: str
    ended: str
    seconds: float
    workers: int
    played: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch consists of; written before its first session."""

    schema: int = _SCHEMA
    name: str
    created: str
    task_file: str
    task_file_sha256: str
    sessions: list[Planned]


class BatchFolder:
    """The folder of one batch."""

    def __init__(self, workspace: Workspace, path: Path, plan: Plan) -> None:
        self.path = path
        self.plan = plan
        self.name = plan.name
        self._workspace = workspace

    @classmethod
    def make(
        cls, workspace: Workspace, sessions: Sequence[Planned], task_file: Path, sha256: str
    ) -> BatchFolder:
        """A new batch of today. Raises StorageError as the disk does."""
        now = datetime.datetime.now(datetime.UTC)
        stem = f"{PREFIX}{now:%Y%m%d}"
        for attempt in range(1, 10_000):
            path = workspace.runs / (stem if attempt == 1 else f"{stem}-{attempt}")
            try:
                path.mkdir()
            except FileExistsError:
                continue
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise StorageError(f"{path} cannot be made ({reason})") from error
            break
        else:
            raise StorageError(f"{workspace.runs} has too many batches of one day")
        plan = Plan(
            name=path.name,
            created=now.isoformat(timespec="seconds"),
            task_file=str(task_file),
            task_file_sha256=sha256,
            sessions=list(sessions),
        )
        write_json_atomic(path / PLAN_NAME, plan)
        return cls(workspace, path, plan)

    @classmethod
    def latest(cls, workspace: Workspace, task_file: Path, sha256: str) -> BatchFolder:
        """The last batch of this task file. UsageError when there is none."""
        found = []
        for path in workspace.runs.glob(f"{PREFIX}*/{PLAN_NAME}"):
            try:
                plan = msgspec.json.decode(path.read_bytes(), type=Plan)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise CorruptionError(
                    f"{path} is not the plan of a batch ({error}); remove its folder"
                ) from error
            if plan.schema > _SCHEMA:
                raise NewerSchemaError(
                    f"{path} was written by a newer Understudy; upgrade to go on with its batch"
                )
            if plan.task_file_sha256 == sha256:
                found.append((plan.created, path.stat().st_mtime_ns, path.parent, plan))
        if not found:
            raise UsageError(
                f"no batch of {task_file} as it is now has been begun, so none can be resumed; "
                "leave out --resume"
            )
        _, _, folder, plan = max(found, key=lambda one: one[:2])
        return cls(workspace, folder, plan)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nobody else play this batch meanwhile; UsageError when somebody does.

        Where a run of it was killed, its workers go on to the end of their sessions: waits for
        them, so that no session is played twice.
        """
        folder = _locks(self._workspace)
        lock = filelock.FileLock(folder / f"{self.name}.batch.lock")
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout as error:
            raise UsageError(
                f"{self.name} is being collected by another process; wait until it has ended"
            ) from error
        try:
            for path in folder.glob(f"{self.name}{_WORKER}*.lock"):
                _wait_for(path)
            yield
        finally:
            lock.release()

    def rows(self) -> list[SessionRow]:
        """The catalog's lines of all its sessions, those that were played again included."""
        return self._workspace.rows(tag=self.name, newest_first=False)

    def finished(self) -> dict[int, SessionRow]:
        """Number in the plan → the session that was played to its end."""
        found: dict[int, SessionRow] = {}
        archived: list[SessionRow] = []
        for row in self.rows():
            if row.status == "sealed" and row.archived:
                archived.append(row)
            elif row.status == "sealed":
                number = self._number(row)
                if number is not None:
                    found[number] = row
        return found | self._among_the_rest(archived, found)

    def stretches(self) -> list[Stretch]:
        """The runs of ``collect`` until now."""
        path = self.path / SUMMARY_NAME
        try:
            summary = msgspec.json.decode(path.read_bytes())
            return msgspec.convert(summary["stretches"], type=list[Stretch])
        except (OSError, KeyError, msgspec.MsgspecError):
            return []

    def _number(self, row: SessionRow) -> int | None:
        try:
            batch = read_header(self._workspace.runs / row.directory).metadata.get("batch")
        except (UnderstudyError, OSError):
            return None
        if not isinstance(batch, dict) or batch.get("name") != self.name:
            return None
        return batch.get("number")

    def _among_the_rest(
        self, archived: Sequence[SessionRow], found: Mapping[int, SessionRow]
    ) -> dict[int, SessionRow]:
        """Which of the sessions not in ``found`` the archived ones are, by what the catalog knows.

        Which of several that are alike does not matter.
        """
        rest: dict[tuple[str, int, str], deque[int]] = defaultdict(deque)
        for planned in self.plan.sessions:
            if planned.number not in found:
                rest[planned.asked, planned.seed, planned.settings["player"]].append(planned.number)
        numbers: dict[int, SessionRow] = {}
        for row in archived:
            seed = row.play.seed if row.play and row.play.seed is not None else -1
            for asked in (row.task_id, row.task):
                alike = rest.get((asked, seed, row.player))
                if alike:
                    numbers[alike.popleft()] = row
                    break
        return numbers


@contextmanager
def at_work(workspace: Workspace, batch: str) -> Iterator[None]:
    """Let it be seen that this process, a worker, plays sessions of ``batch``."""
    lock = filelock.FileLock(_locks(workspace) / f"{batch}{_WORKER}{os.getpid()}.lock")
    with lock:
        try:
            yield
        finally:
            Path(lock.lock_file).unlink(missing_ok=True)


def _locks(workspace: Workspace) -> Path:
    folder = workspace.internal / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _wait_for(path: Path) -> None:
    lock = filelock.FileLock(path)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        logger.warning("a worker of the run before still plays; waiting for its session to end")
        lock.acquire()
    path.unlink(missing_ok=True)
    lock.release()
