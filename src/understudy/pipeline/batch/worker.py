"""A worker of a batch: a process of its own that plays one planned session after another.

A process, so that an emulator that crashes takes one session along and not the batch; Python alone
starts it, so that nothing of the parent's threads and locks comes with it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from understudy._util.signals import stop_on_terminate
from understudy.errors import UnderstudyError

if TYPE_CHECKING:
    from understudy.pipeline.batch.plan import Planned
    from understudy.pipeline.play import Players
    from understudy.session.workspace import Workspace


class PlayedOne(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker says of one planned session."""

    number: int
    session: str = ""
    """Empty when it could not even begin."""
    completion: str = "error"
    success: bool | None = None
    steps: int = 0
    dropped: int = 0
    reason: str = ""


class Worker:
    """One worker process, from the parent's side."""

    def __init__(self, workspace: Path, batch: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_work, args=(theirs, workspace, batch), name=f"understudy-{batch}", daemon=True
        )
        self._process.start()
        theirs.close()
        self.current: Planned | None = None
        """What it plays at the moment."""

    def give(self, planned: Planned) -> None:
        """Let it play ``planned``; the answer comes through ``pipe``, as does that it died."""
        self.current = planned
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(planned)

    def take(self) -> PlayedOne:
        """What it says of the session it was given; EOFError when it died."""
        answer: PlayedOne = self.pipe.recv()
        self.current = None
        return answer

    def interrupt(self) -> None:
        """Let it seal what it plays at the moment, as incomplete."""
        self._process.terminate()

    def end(self, patience_s: float = 30.0) -> None:
        """Let it finish and go; one that does not is killed."""
        self.pipe.close()
        self._process.join(patience_s)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    @property
    def exit_words(self) -> str:
        """How a worker that died ended."""
        self._process.join(1.0)
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"its worker was killed by signal {-code}"
        return f"its worker ended with status {code}"


def _work(pipe: Connection, workspace: Path, batch: str) -> None:
    from understudy.pipeline.batch.folder import at_work
    from understudy.pipeline.play import Players
    from understudy.session.workspace import Workspace

    # Ctrl-C reaches the whole terminal: only the parent listens, and interrupts once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    with (
        contextlib.suppress(KeyboardInterrupt, EOFError, BrokenPipeError, ConnectionResetError),
        stop_on_terminate(),
        Workspace(workspace, create=False) as opened,
        at_work(opened, batch),
        Players(opened) as players,
    ):
        # Asked while its work can be seen: a batch that is resumed waits for it, or it goes.
        while parent is not None and parent.is_alive():
            planned = pipe.recv()
            pipe.send(_play(opened, players, planned, batch))


def _play(workspace: Workspace, players: Players, planned: Planned, batch: str) -> PlayedOne:
    from understudy.pipeline.play import play_session

    try:
        done = play_session(workspace, players, planned.request(batch))
    except KeyboardInterrupt:
        return PlayedOne(number=planned.number, completion="interrupted", reason="interrupted")
    except UnderstudyError as error:
        return PlayedOne(number=planned.number, reason=str(error))
    except Exception as error:
        return PlayedOne(number=planned.number, reason=f"{type(error).__name__}: {error}")
    played = done.played
    completion, reason = played.completion, played.reason or ""
    if not done.sealed:
        completion, reason = "error", "; ".join(done.problems)
    return PlayedOne(
        number=planned.number,
        session=done.id,
        completion=completion,
        success=played.success,
        steps=played.steps,
        dropped=done.dropped,
        reason=reason,
    )
