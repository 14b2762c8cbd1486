"""What watches a training while it runs: progress, the time it may take, checkpoints, its curves.

A checkpoint counts only when `MARK` lies in it, which is written last: what a kill left unfinished
is passed over when the training is resumed.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.store.atomic import write_json_atomic

if TYPE_CHECKING:
    from transformers import TrainerCallback

CHECKPOINTS = "checkpoints"
CURVES = "tensorboard"
MARK = "finished.json"
_MEGA = 1e6


class TrainProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a training has come."""

    step: int
    steps: int
    """How many are planned."""
    loss: float | None = None
    """Of the last steps."""
    validation_loss: float | None = None
    """The last one."""
    seconds: float
    """Since it began, those before an interruption included."""
    remaining_s: float | None = None
    """About how many are left; None before the first step is done."""


Progress = Callable[[TrainProgress], None]


class Mark(msgspec.Struct, frozen=True):
    """What a finished checkpoint says of itself."""

    step: int
    seconds: float
    """How long the training had taken by then."""
    tokens: int
    """How many it had seen by then."""


class Watch(msgspec.Struct, kw_only=True):
    """What is watched for, and what was seen."""

    out: Path
    progress: Progress | None = None
    budget_s: float | None = None
    """Seconds after which no further step is begun; None: no limit."""
    checkpoint_s: float = 0.0
    """Seconds after which a checkpoint is written; 0: never by time."""
    before_s: float = 0.0
    """Seconds that the training took before it was interrupted."""
    before_tokens: int = 0
    """Tokens that it had seen by then."""
    count_tokens: Callable[[], int] = lambda: 0
    """Those seen since."""
    stopped: str = ""
    """Why it ended before its last step; empty when it did not."""
    seconds: float = 0.0
    """How long it has taken by now."""
    curves: Any = None
    """Writes the TensorBoard events while the training runs; None at other times."""

    @property
    def tokens(self) -> int:
        """Seen in all."""
        return self.before_tokens + self.count_tokens()

    def close(self) -> None:
        """Finish the file of events."""
        if self.curves is not None:
            self.curves.close()
            self.curves = None


def finished_checkpoints(out: Path) -> list[Path]:
    """The whole checkpoints of a training, the newest last."""
    place = out / CHECKPOINTS
    found = [path.parent for path in place.glob(f"checkpoint-*/{MARK}")]
    return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))


def read_mark(checkpoint: Path) -> Mark:
    return msgspec.json.decode((checkpoint / MARK).read_bytes(), type=Mark)


def drop_unfinished(out: Path) -> None:
    """Remove what a kill left half-written, so that nothing mistakes it for a checkpoint."""
    for path in (out / CHECKPOINTS).glob("checkpoint-*"):
        if not (path / MARK).is_file():
            shutil.rmtree(path, ignore_errors=True)


def peak_memory() -> int | None:
    """The most bytes that this process held; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        peak = getattr(psutil.Process().memory_info(), "peak_wset", None)
        return None if peak is None else int(peak)
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


def peak_gpu_memory() -> int | None:
    """The most bytes that were taken on the GPU; None without one."""
    import torch

    return int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else None


def watcher(watch: Watch) -> TrainerCallback:
    """The callback that does what ``watch`` says."""
    from tensorboardX import SummaryWriter
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):
        """Told of every step by the trainer."""

        def __init__(self) -> None:
            self._began = time.monotonic()
            self._saved = self._began
            self._first_step = 0
            self._loss: float | None = None
            self._validation: float | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self._began = self._saved = time.monotonic()
            self._first_step = state.global_step
            folder = watch.out / CURVES
            # What was drawn beyond the checkpoint that is resumed from is drawn again.
            watch.curves = SummaryWriter(str(folder), purge_step=state.global_step + 1)
            self._tell(state)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            now = time.monotonic()
            watch.seconds = watch.before_s + now - self._began
            if watch.budget_s is not None and watch.seconds >= watch.budget_s:
                watch.stopped = "budget"
                control.should_training_stop = True
            elif watch.checkpoint_s and now - self._saved >= watch.checkpoint_s:
                control.should_save = True
            control.should_log = control.should_log or control.should_training_stop

        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
        ) -> None:
            if watch.curves is None:  # what is measured before the training is not part of it
                return
            for name, value in (logs or {}).items():
                if name == "loss":
                    self._loss = float(value)
                elif name == "eval_loss":
                    self._validation = float(value)
                if isinstance(value, int | float):
                    watch.curves.add_scalar(_curve(name), value, state.global_step)
            self._tell(state)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self._saved = time.monotonic()
            seconds = watch.before_s + self._saved - self._began
            place = watch.out / CHECKPOINTS / f"checkpoint-{state.global_step}"
            write_json_atomic(place / MARK, Mark(state.global_step, seconds, watch.tokens))

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            watch.seconds = watch.before_s + time.monotonic() - self._began
            if state.global_step < state.max_steps and not watch.stopped:
                watch.stopped = "early stopping"

        def _tell(self, state: Any) -> None:
            if watch.progress is None:
                return
            now = time.monotonic() - self._began
            done = state.global_step - self._first_step
            left = None
            if done > 0:
                left = now / done * (state.max_steps - state.global_step)
                if watch.budget_s is not None:
                    left = max(0.0, min(left, watch.budget_s - watch.before_s - now))
            watch.progress(
                TrainProgress(
                    step=state.global_step,
                    steps=state.max_steps,
                    loss=self._loss,
                    validation_loss=self._validation,
                    seconds=watch.before_s + now,
                    remaining_s=left,
                )
            )

    return Watcher()


def _curve(name: str) -> str:
    return f"validation/{name[5:]}" if name.startswith("eval_") else f"train/{name}"
