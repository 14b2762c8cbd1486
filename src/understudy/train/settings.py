"""Every setting of a training of a language model, what it means, and reading it from words.

The defaults are those of models from a hub; a recipe for another model sets its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from understudy.errors import SettingsError

INCREMENTAL: Mapping[str, Any] = {"learning_rate": 1e-6, "max_steps": 20, "warmup_steps": 2}
"""Gentler defaults for going on from a version."""
S = TypeVar("S", bound="TrainSettings")


class TrainSettings(BaseModel):
    """What all methods share."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )
    title: ClassVar[str]

    weights: Literal["lora", "full"] = Field(
        default="lora",
        description="`lora` trains a small adapter beside the base; `full` changes all weights.",
    )
    lora_r: int = Field(default=16, gt=0, le=1024, description="Rank of the adapter.")
    lora_alpha: int = Field(
        default=16,
        gt=0,
        description="What the adapter adds is multiplied by `lora_alpha` / `lora_r`.",
    )
    lora_dropout: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the adapter's inputs that is dropped."
    )
    lora_targets: str = Field(
        default="all-linear",
        min_length=1,
        description="`all-linear`, or names of layers with commas between them, such as "
        "`q_proj,v_proj`.",
    )
    lora_layers: int = Field(
        default=0,
        ge=0,
        description="Give only this many of the last layers an adapter; 0: all. Below them nothing "
        "has to be computed backwards: training is quicker and needs less memory.",
    )
    load_in_4bit: bool = Field(
        default=False,
        description="Hold the base in 4 bits while an adapter is trained (QLoRA): needs a GPU and "
        "the package bitsandbytes.",
    )
    learning_rate: float = Field(default=2e-4, gt=0, le=1, description="The highest it gets.")
    max_steps: int = Field(default=60, gt=0, description="How many steps are trained.")
    epochs: float = Field(
        default=0.0,
        ge=0,
        description="Train this many times over the data instead of `max_steps`; 0: do not.",
    )
    batch_size: int = Field(default=2, gt=0, description="Examples (or packed rows) at once.")
    gradient_accumulation: int = Field(
        default=1, gt=0, description="Batches that make up one step: more of them need no memory."
    )
    max_seq_length: int = Field(default=2048, gt=1, description="The most tokens of an example.")
    too_long: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="What happens to longer examples: `refuse` stops before training, `drop` "
        "leaves them out and counts them. None is ever cut.",
    )
    warmup_steps: int = Field(
        default=0, ge=0, description="Steps in which the learning rate rises to its highest."
    )
    schedule: Literal["linear", "cosine", "constant"] = Field(
        default="linear", description="How the learning rate falls after that."
    )
    optimizer: str = Field(
        default="adamw_torch",
        min_length=1,
        description="One that transformers knows, such as `adamw_torch` or `adamw_8bit`.",
    )
    weight_decay: float = Field(default=0.0, ge=0, description="How strongly weights shrink.")
    max_grad_norm: float = Field(default=1.0, ge=0, description="Longer gradients are cut.")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto",
        description="Numbers to compute with. `auto` is bf16 where that is quicker here, on a "
        "CPU too, else fp32.",
    )
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2"] = Field(
        default="auto",
        description="How attention is computed. `auto` is what the model prefers, or what is "
        "quicker in bf16 on a CPU (Llama, Mistral, Qwen).",
    )
    gradient_checkpointing: bool = Field(
        default=False,
        description="Compute activations twice instead of holding them: less memory, a fifth "
        "slower.",
    )
    validation_share: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="Share of the examples held back for validation where the data brings none. An "
        "example always falls on the same side, also in later trainings.",
    )
    validation_most: int = Field(
        default=200, ge=0, description="At most this many examples are validated on; 0: none."
    )
    eval_steps: int = Field(
        default=0, ge=0, description="Validate each so many steps; 0: only at the end."
    )
    early_stopping: int = Field(
        default=0,
        ge=0,
        description="Stop after this many validations without a better loss, and take the best "
        "weights; 0: do not. Needs `eval_steps`.",
    )
    checkpoint_steps: int = Field(
        default=0, ge=0, description="Write a checkpoint each so many steps; 0: not by steps."
    )
    checkpoint_seconds: float = Field(
        default=120.0, ge=0, description="Write one after so many seconds; 0: not by time."
    )
    log_steps: int = Field(default=1, gt=0, description="Note the loss each so many steps.")
    seed: int = Field(
        default=1, ge=0, lt=2**32, description="Decides the order, the adapter's beginning, all."
    )
    calls: Literal["auto", "brackets", "json"] = Field(
        default="auto",
        description="How the model writes calls of tools. `brackets`: `[roll: 1d20+5]`; `json`: as "
        "its chat template does; `auto`: `brackets` where `tools` holds all that an example calls, "
        "else `json`.",
    )
    tools: str = Field(
        default="",
        description="A `tool_registry.json` that calls are checked against. Empty: that of the "
        "workspace, else the tools of the Dungeon Master; `none`: brackets are no calls.",
    )
    must_convert: bool = Field(
        default=False,
        description="Refuse a base that llama.cpp's converter is known not to take, instead of "
        "saying so and going on.",
    )


class SftSettings(TrainSettings):
    """Settings of ``understudy train sft``."""

    title: ClassVar[str] = "train sft"

    packing: bool = Field(
        default=False,
        description="Fill each step with `batch_size` times `max_seq_length` tokens of short "
        "examples, each seeing only itself: in shared rows, on a CPU in more rows of like length.",
    )
    group_by_length: bool = Field(
        default=False,
        description="Put examples of about the same length into a batch: less padding, less chance "
        "in the order. Packed rows are all of one length anyway.",
    )
    images: Literal["auto", "use", "leave"] = Field(
        default="auto",
        description="`use` trains on pictures, `leave` on the text alone; `auto` uses them where "
        "the base can see.",
    )
    reasoning: bool = Field(
        default=True,
        description="Learn from the steps of agent runs why an action is taken and what is "
        "expected of it; without, the action alone: smaller models are faster and surer so.",
    )
    replay: float = Field(
        default=0.25,
        ge=0,
        lt=1,
        description="With `--incremental`, the share of old examples among those trained on.",
    )


class PreferenceSettings(TrainSettings):
    """Settings of ``understudy train preference``."""

    title: ClassVar[str] = "train preference"

    learning_rate: float = Field(default=5e-6, gt=0, le=1, description="The highest it gets.")
    loss: Literal["auto", "dpo", "kto"] = Field(
        default="auto",
        description="`dpo` learns from pairs (a correction and what it corrects), `kto` from "
        "single answers with thumbs; `auto` is `dpo` where there are pairs.",
    )
    beta: float = Field(
        default=0.1, gt=0, description="How close the model stays to what it was: higher is closer."
    )


def read_settings(
    kind: type[S], given: Iterable[str] = (), defaults: Mapping[str, Any] | None = None
) -> S:
    """Settings from ``KEY=VALUE`` words over ``defaults``.

    Raises SettingsError naming the key that is unknown or wrong.
    """
    values: dict[str, Any] = dict(defaults or {})
    for word in given:
        key, mark, text = word.partition("=")
        key = key.strip().replace("-", "_")
        field = kind.model_fields.get(key)
        if not mark or field is None:
            known = ", ".join(kind.model_fields)
            raise SettingsError(
                f"{word!r} is no setting of `{kind.title}`; write KEY=VALUE with one of: {known}"
            )
        values[key] = _value(text.strip(), field.annotation)
    return make_settings(kind, values)


def make_settings(kind: type[S], values: Mapping[str, Any]) -> S:
    """Settings from values by name, as a recipe has them. Raises SettingsError."""
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            raise SettingsError(
                f"{key!r} is no setting of `{kind.title}`; known are {', '.join(kind.model_fields)}"
            ) from error
        said = problem["msg"].removeprefix("Input should be ")
        told = f"must be {said}" if said != problem["msg"] else f"is wrong: {said}"
        raise SettingsError(f"the setting {key} of `{kind.title}` {told}") from error


def _value(text: str, annotation: Any) -> Any:
    """What ``text`` means: a number or a yes where the field wants one, else the text."""
    if annotation is bool and text.lower() in ("yes", "no", "true", "false"):
        return text.lower() in ("yes", "true")
    if annotation in (int, float):
        try:
            number = json.loads(text)
        except ValueError:
            return text
        whole = isinstance(number, float) and number.is_integer()
        return int(number) if annotation is int and whole else number
    return text
