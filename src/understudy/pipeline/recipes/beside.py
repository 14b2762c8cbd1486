"""Running the line of an agent in a process of its own, while this one does something else.

A small model is trained hardly quicker by two threads than by one: two lines that run beside each
other end long before two that run in turn.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy._util.cores import share_of_the_cores
from understudy._util.signals import stop_on_terminate
from understudy.errors import UnderstudyError

if TYPE_CHECKING:
    from understudy.pipeline.recipes.agent_recipe import AgentRecipe
    from understudy.pipeline.recipes.stage_line import Progress, Watcher
    from understudy.pipeline.stages import StageResult
    from understudy.train.watching import TrainProgress

_PATIENCE_S = 30.0
Wait = Callable[[], "list[StageResult]"]


@contextmanager
def agent_line_beside(workspace: Path, recipe: AgentRecipe, watcher: Watcher) -> Iterator[Wait]:
    """Run it while the block is run, each with half of the cores; gives what waits for its end.

    ``watcher`` is told from a thread of its own. What waits gives the results of the stages, and
    raises what one of them raised. A line that has not ended when the block ends is interrupted;
    what it has done by then stays done.
    """
    with share_of_the_cores(2):
        line = _LineBeside(workspace, recipe, watcher)
        try:
            yield line.wait
        finally:
            line.end()


class _LineBeside:
    """The other process, from this side."""

    def __init__(self, workspace: Path, recipe: AgentRecipe, watcher: Watcher) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(
            target=_run, args=(theirs, workspace, recipe), name="understudy-agent", daemon=True
        )
        self._process.start()
        theirs.close()
        self._results: list[StageResult] | None = None
        self._error: BaseException | None = None
        self._listener = threading.Thread(target=self._listen, args=(watcher,), daemon=True)
        self._listener.start()

    def wait(self) -> list[StageResult]:
        self._listener.join()
        if self._results is None:
            raise self._error or UnderstudyError(self._how_it_died())
        return self._results

    def end(self) -> None:
        if self._results is None:
            self._process.terminate()
        self._process.join(_PATIENCE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._listener.join()
        self._pipe.close()

    def _listen(self, watcher: Watcher) -> None:
        try:
            with ExitStack() as shown:
                self._hear(watcher, shown)
        except (EOFError, OSError):
            pass  # it has gone
        except Exception as error:  # whoever is told may raise anything
            self._error = error

    def _hear(self, watcher: Watcher, shown: ExitStack) -> None:
        told: Callable[..., None] = _unheard
        while True:
            kind, *given = self._pipe.recv()
            match kind:
                case "begin":
                    watcher.begin(*given)
                case "progress":
                    told = watcher.progress(*given)
                case "training":
                    told = shown.enter_context(watcher.training(*given))
                case "done":
                    told(*given)
                case "end":
                    shown.close()
                    watcher.end(*given)
                case "results":
                    [self._results] = given
                case "error":
                    [self._error] = given

    def _how_it_died(self) -> str:
        self._process.join(1.0)
        code = self._process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        return (
            f"the process that trained the agent {how}; look whether memory has run out, and run "
            "the same again: what was done stays done"
        )


def _unheard(*_: object) -> None:
    pass


class _Telling:
    """A watcher that tells the other process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def begin(self, stage: str) -> None:
        self._pipe.send(("begin", stage))

    def end(self, result: StageResult) -> None:
        self._pipe.send(("end", result))

    def progress(self, label: str) -> Progress:
        self._pipe.send(("progress", label))
        return self._done

    @contextmanager
    def training(self, name: str) -> Iterator[Callable[[TrainProgress], None]]:
        self._pipe.send(("training", name))
        yield self._done

    def _done(self, *given: Any) -> None:
        self._pipe.send(("done", *given))


def _run(pipe: Connection, workspace: Path, recipe: AgentRecipe) -> None:
    from understudy.pipeline.recipes.agent_line import AgentLine
    from understudy.session.workspace import Workspace

    # Ctrl-C reaches the whole terminal: only the parent listens, and interrupts once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        try:
            with stop_on_terminate(), Workspace(workspace, create=False) as opened:
                pipe.send(("results", AgentLine(opened, recipe, _Telling(pipe)).run()))
        except UnderstudyError as error:
            pipe.send(("error", error))
        except Exception as error:
            # Where it happened is known on this side alone.
            error.add_note(traceback.format_exc())
            pipe.send(("error", error))
