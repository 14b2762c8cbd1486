"""Playing a batch: hands the planned sessions to the workers, and goes on whatever happens."""

from __future__ import annotations

import datetime
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path

from understudy._util.signals import StopSignals
from understudy.errors import UsageError
from understudy.games.registry import open_game
from understudy.pipeline.batch.folder import BatchFolder, Stretch
from understudy.pipeline.batch.plan import KnownGame, Planned, make_plan
from understudy.pipeline.batch.report import BatchReport, write_report
from understudy.pipeline.batch.task_file import TaskFile
from understudy.pipeline.batch.worker import PlayedOne, Worker
from understudy.session.workspace import Workspace

MOST_ALIKE = 5
"""So many sessions in a row that fail for the same reason end the batch: it can be resumed."""
_ENDED = ("success", "failure", "step_limit", "quit")

Progress = Callable[[int, int], None]


def plan_batch(
    workspace: Workspace, file: TaskFile, *, most: int | None, resume: bool
) -> BatchFolder:
    """The batch that ``file`` asks for: a new one, or with ``resume`` the last one of it.

    Raises UsageError where there is nothing to resume or ``most`` is not what was planned.
    """
    if resume:
        folder = BatchFolder.latest(workspace, file.path, file.sha256)
        planned = len(folder.plan.sessions)
        if most is not None and most != planned:
            raise UsageError(
                f"{folder.name} was planned with {planned} sessions; resume it without "
                "--max-sessions, or begin another batch without --resume"
            )
        return folder
    known: dict[str, KnownGame] = {}

    def game_of(name: str) -> KnownGame:
        if name not in known:
            opened = open_game(name, settings=workspace.settings.games)
            known[name] = KnownGame(opened.name, opened.tasks)
            opened.close()
        return known[name]

    sessions = make_plan(file, game_of, most)
    return BatchFolder.make(workspace, sessions, file.path, file.sha256)


def collect(
    workspace: Workspace,
    folder: BatchFolder,
    *,
    workers: int,
    on_played: Callable[[Planned, PlayedOne], None] | None = None,
    progress: Progress | None = None,
) -> BatchReport:
    """Play what is left of a batch with ``workers`` processes, and write its report.

    A session that fails is reported and does not stop the rest. Ctrl-C lets the workers seal what
    they play, and ends the batch early; so do many failures in a row for the same reason.
    """
    with folder.held():
        finished = folder.finished()
        left = deque(one for one in folder.plan.sessions if one.number not in finished)
        run = _Run(workspace.path, folder.name, left, len(finished), on_played, progress)
        started, clock = _now(), time.monotonic()
        with StopSignals() as stop:
            try:
                run.play(workers, stop)
            except KeyboardInterrupt:
                run.stopped = "interrupted"
        stretch = Stretch(
            started=started,
            ended=_now(),
            seconds=round(time.monotonic() - clock, 3),
            workers=workers,
            played=run.ended_well,
        )
        workspace.adopt()
        stretches = [*folder.stretches(), stretch]
        return write_report(workspace, folder, stretches, run.failures, run.stopped)


class _Run:
    """One stretch of playing."""

    def __init__(
        self,
        workspace: Path,
        batch: str,
        left: deque[Planned],
        done: int,
        on_played: Callable[[Planned, PlayedOne], None] | None,
        progress: Progress | None,
    ) -> None:
        self._workspace = workspace
        self._batch = batch
        self._left = left
        self._done = done
        self._total = done + len(left)
        self._on_played = on_played
        self._progress = progress
        self._alike: deque[str] = deque(maxlen=MOST_ALIKE)
        self.failures: list[PlayedOne] = []
        self.ended_well = 0
        self.stopped = ""

    def play(self, count: int, stop: StopSignals) -> None:
        """Play until nothing is left, or it is stopped."""
        workers: list[Worker] = []
        self._tell()
        try:
            workers.extend(self._start() for _ in range(min(count, len(self._left))))
            while workers:
                with stop.at_once():
                    ready = wait([worker.pipe for worker in workers])
                for worker in [one for one in workers if one.pipe in ready]:
                    self._answered(worker, workers)
        except BaseException:
            for worker in workers:
                worker.interrupt()
            raise
        finally:
            for worker in workers:
                worker.end()

    def _start(self) -> Worker:
        worker = Worker(self._workspace, self._batch)
        worker.give(self._left.popleft())
        return worker

    def _answered(self, worker: Worker, workers: list[Worker]) -> None:
        planned = worker.current
        if planned is None:
            raise LookupError("a worker answered that had nothing to play")
        try:
            answer = worker.take()
            alive = True
        except (EOFError, OSError):
            answer = PlayedOne(number=planned.number, reason=worker.exit_words)
            alive = False
        self._note(planned, answer)
        if alive and self._left and not self.stopped:
            worker.give(self._left.popleft())
            return
        workers.remove(worker)
        worker.end()
        if not alive and self._left and not self.stopped:
            workers.append(self._start())

    def _note(self, planned: Planned, answer: PlayedOne) -> None:
        if answer.completion in _ENDED:
            self.ended_well += 1
            self._done += 1
            self._alike.clear()
        else:
            self.failures.append(answer)
            self._alike.append(answer.reason)
            if len(self._alike) == MOST_ALIKE and len(set(self._alike)) == 1:
                self.stopped = f"{MOST_ALIKE} sessions in a row failed alike: {answer.reason}"
            if answer.completion == "interrupted":
                self.stopped = "interrupted"
        if self._on_played is not None:
            self._on_played(planned, answer)
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._done, self._total)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
