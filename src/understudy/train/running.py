"""Running a training to its end: what all methods do alike, whatever trainer of TRL they use.

A training that was killed goes on from its last checkpoint as if nothing had happened.
"""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from understudy.errors import TrainingError
from understudy.models.registry import ADAPTER, MERGED
from understudy.store.atomic import write_json_atomic
from understudy.train.base.memory import keep_freed_memory
from understudy.train.folded import fold_adapters
from understudy.train.loading import Numbers, quiet, save_model
from understudy.train.settings import TrainSettings
from understudy.train.watching import (
    CHECKPOINTS,
    CURVES,
    Watch,
    drop_unfinished,
    finished_checkpoints,
    peak_gpu_memory,
    peak_memory,
    read_mark,
    watcher,
)

RUN_NAME = "run.json"
_KEEP_CHECKPOINTS = 2
_LAST_LOSSES = 10
"""The loss at the end is the mean of so many."""


class TrainFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a training came to."""

    form: str
    """``adapter`` or ``merged``: the folder below ``out`` that holds the weights."""
    steps: int
    planned_steps: int
    stopped: str
    """Why it ended early: ``budget`` or ``early stopping``; empty when all steps were made."""
    seconds: float
    loss: float | None
    """Mean of the last steps."""
    validation_loss: float | None
    validation_loss_before: float | None
    """Before the first step: of the base, or of the version that was gone on from."""
    tokens: int
    """Seen in all steps."""
    peak_memory: int | None
    """Bytes of this process at most."""
    peak_gpu_memory: int | None
    device: str
    precision: str
    template: str
    """How the assistant's words were found; see `ChatText`."""
    checks: dict[str, Any]
    history: list[dict[str, Any]]
    """What the trainer logged, step by step."""

    def metrics(self) -> dict[str, Any]:
        """The numbers of a manifest."""
        told = msgspec.structs.asdict(self)
        for name in ("form", "template", "checks", "history", "device", "precision"):
            del told[name]
        speed = round(self.tokens / self.seconds, 1) if self.seconds else None
        return {**told, "tokens_per_second": speed, **self.checks}


class _Run(msgspec.Struct, kw_only=True):
    """``run.json``: what is being trained, so that a resumed training is the same one."""

    fingerprint: str
    validation_loss_before: float | None = None


class Training(msgspec.Struct, kw_only=True):
    """A training that is ready to run: what all methods do alike, whatever trainer they use."""

    out: Path
    base: Path
    settings: TrainSettings
    numbers: Numbers
    fingerprint: str
    watch: Watch

    def arguments(self, *, validates: bool) -> dict[str, Any]:
        """The arguments of the trainer that follow from the settings."""
        s = self.settings
        stops_early = bool(s.early_stopping) and validates
        # The best weights can only be kept where a checkpoint is written at each validation.
        save_steps = s.eval_steps if stops_early else s.checkpoint_steps
        return {
            "output_dir": str(self.out / CHECKPOINTS),
            "max_steps": -1 if s.epochs else s.max_steps,
            "num_train_epochs": s.epochs or 1,
            "per_device_train_batch_size": s.batch_size,
            "per_device_eval_batch_size": max(s.batch_size, 8),
            "gradient_accumulation_steps": s.gradient_accumulation,
            "learning_rate": s.learning_rate,
            "warmup_steps": s.warmup_steps,
            "lr_scheduler_type": s.schedule,
            "optim": s.optimizer,
            "weight_decay": s.weight_decay,
            "max_grad_norm": s.max_grad_norm,
            "max_length": s.max_seq_length,
            "bf16": self.numbers.precision == "bf16",
            "fp16": self.numbers.precision == "fp16",
            "use_cpu": self.numbers.device == "cpu",
            "gradient_checkpointing": s.gradient_checkpointing,
            "seed": s.seed,
            "data_seed": s.seed,
            "logging_steps": s.log_steps,
            "logging_nan_inf_filter": False,
            "eval_strategy": "steps" if validates and s.eval_steps else "no",
            "eval_steps": s.eval_steps or None,
            "save_strategy": "steps" if save_steps else "no",
            "save_steps": save_steps or 500,
            "save_total_limit": _KEEP_CHECKPOINTS,
            "load_best_model_at_end": stops_early,
            "metric_for_best_model": "eval_loss" if stops_early else None,
            "greater_is_better": False if stops_early else None,
            "restore_callback_states_from_checkpoint": True,
            "report_to": [],
            "disable_tqdm": True,
            "dataloader_pin_memory": self.numbers.device == "cuda",
            "log_level": "error",
        }

    def callbacks(self, *, validates: bool) -> list[Any]:
        from transformers import EarlyStoppingCallback

        found: list[Any] = [watcher(self.watch)]
        if self.settings.early_stopping and validates:
            found.append(EarlyStoppingCallback(self.settings.early_stopping))
        return found

    def train(
        self, trainer: Any, tokenizer: Path, *, resume: bool, template: str | None = None
    ) -> TrainFacts:
        """Run ``trainer`` to its end and write what it has learned.

        The files of the tokenizer in the folder ``tokenizer`` go with it, and ``template`` where
        they have no chat template.
        """
        validates = trainer.eval_dataset is not None
        checkpoint = self._begin(resume=resume)
        self.watch.count_tokens = lambda: int(trainer._total_train_tokens)
        if self.numbers.device == "cpu":
            keep_freed_memory()
            fold_adapters(trainer.model)
        with quiet():
            try:
                before = self._loss_before(trainer, resumed=checkpoint is not None)
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
                check_losses(trainer.state.log_history)
                after = trainer.evaluate()["eval_loss"] if validates else None
            except (MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                raise TrainingError(
                    "the memory is too small for this training; lower batch_size "
                    "(gradient_accumulation makes up for it) or max_seq_length, set "
                    "gradient_checkpointing=yes, or take a smaller base"
                ) from error
            finally:
                self.watch.close()
        form = ADAPTER if self.settings.weights == "lora" else MERGED
        shutil.rmtree(self.out / form, ignore_errors=True)
        save_model(trainer, tokenizer, self.out / form, template=template)
        history = [entry for entry in trainer.state.log_history if "step" in entry]
        losses = [entry["loss"] for entry in history if "loss" in entry]
        last = losses[-_LAST_LOSSES:]
        return TrainFacts(
            form=form,
            steps=trainer.state.global_step,
            planned_steps=trainer.state.max_steps,
            stopped=self.watch.stopped,
            seconds=round(self.watch.seconds, 3),
            loss=sum(last) / len(last) if last else None,
            validation_loss=after,
            validation_loss_before=before,
            tokens=self.watch.tokens,
            peak_memory=peak_memory(),
            peak_gpu_memory=peak_gpu_memory(),
            device=self.numbers.device,
            precision=self.numbers.precision,
            template="",
            checks={},
            history=history,
        )

    def _begin(self, *, resume: bool) -> Path | None:
        """The checkpoint to go on from; an empty place where there is none."""
        drop_unfinished(self.out)
        checkpoints = finished_checkpoints(self.out) if resume else []
        if not checkpoints:
            for name in (CHECKPOINTS, CURVES):
                shutil.rmtree(self.out / name, ignore_errors=True)
            self.out.mkdir(parents=True, exist_ok=True)
            write_json_atomic(self.out / RUN_NAME, _Run(fingerprint=self.fingerprint))
            return None
        if self._run().fingerprint != self.fingerprint:
            raise TrainingError(
                "what was interrupted was trained on other data, from another base or with other "
                "settings; resume it with those, or train anew without --resume"
            )
        mark = read_mark(checkpoints[-1])
        self.watch.before_s, self.watch.before_tokens = mark.seconds, mark.tokens
        return checkpoints[-1]

    def _run(self) -> _Run:
        return msgspec.json.decode((self.out / RUN_NAME).read_bytes(), type=_Run)

    def _loss_before(self, trainer: Any, *, resumed: bool) -> float | None:
        """The validation loss before the first step, measured once."""
        if trainer.eval_dataset is None:
            return None
        run = self._run()
        if not resumed:
            run.validation_loss_before = trainer.evaluate()["eval_loss"]
            write_json_atomic(self.out / RUN_NAME, run)
        return run.validation_loss_before


@contextlib.contextmanager
def setting_up() -> Iterator[None]:
    """Turn what a library says of a setting into a sentence. Raises TrainingError."""
    try:
        yield
    except (ValueError, ImportError) as error:
        first = str(error).strip().split("\n", 1)[0][:300]
        raise TrainingError(
            f"the training cannot be set up ({first}); correct the setting that is meant"
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    said = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in said or "allocate memory" in said


def check_settings(settings: TrainSettings, adapter: Path | None) -> None:
    """Settings that do not go together. Raises TrainingError."""
    if settings.early_stopping and not settings.eval_steps:
        raise TrainingError(
            "early_stopping watches the validations, and eval_steps says when there are any; set "
            "eval_steps too"
        )
    if adapter is not None and settings.weights == "full":
        raise TrainingError(
            f"{adapter} is an adapter, which is gone on with as one; leave out weights=full"
        )


def check_losses(history: Sequence[dict[str, Any]]) -> None:
    for entry in history:
        loss = entry.get("loss")
        if loss is not None and not math.isfinite(loss):
            raise TrainingError(
                f"the loss became no number at step {entry.get('step')}; lower learning_rate, or "
                "set precision to fp32"
            )
