"""Bringing a base and its tokenizer into memory for training, and writing back what was learned."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.errors import TrainingError
from understudy.store.atomic import write_atomic
from understudy.train.attention import short_row_attention
from understudy.train.settings import TrainSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, ProcessorMixin

_TOKENIZER_FILES = (
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "processor_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
)


class Numbers(msgspec.Struct, frozen=True):
    """What this machine computes with."""

    device: str
    """``cpu``, ``cuda`` or ``mps``."""
    precision: str
    """``fp32``, ``bf16`` or ``fp16``."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' bars, hints and warnings out of ours; errors still come through."""
    from transformers.utils import logging as chatter

    import datasets

    level = chatter.get_verbosity()
    bars = datasets.utils.logging.is_progress_bar_enabled()
    own = [logging.getLogger(name) for name in ("trl", "accelerate", "peft", "datasets")]
    levels = [logger.level for logger in own]
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    datasets.disable_progress_bars()
    for logger in own:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        chatter.set_verbosity(level)
        chatter.enable_progress_bar()
        if bars:
            datasets.enable_progress_bars()
        for logger, before in zip(own, levels, strict=True):
            logger.setLevel(before)


def numbers_for(settings: TrainSettings) -> Numbers:
    """What to compute with here. Raises TrainingError for a precision this machine has not."""
    import torch

    if torch.cuda.is_available():
        device, can = "cuda", {"fp32": True, "fp16": True, "bf16": torch.cuda.is_bf16_supported()}
    elif torch.backends.mps.is_available():
        device, can = "mps", {"fp32": True, "fp16": False, "bf16": False}
    else:
        device = "cpu"
        can = {"fp32": True, "fp16": False, "bf16": _cpu_has_bf16()}
    wanted = settings.precision
    if wanted == "auto":
        quick = can["bf16"] if device == "cuda" else device == "cpu" and multiplies_bf16()
        wanted = "bf16" if quick else "fp16" if can["fp16"] else "fp32"
    if not can[wanted]:
        raise TrainingError(
            f"this machine ({device}) does not compute in {wanted}; set precision to "
            f"{' or '.join(name for name, able in can.items() if able)}"
        )
    return Numbers(device, wanted)


def multiplies_bf16() -> bool:
    """Whether this processor multiplies 16-bit numbers itself.

    Torch computes with them on most others too, but in 32 bits behind the scenes, which takes
    several times as long as 32 bits alone.
    """
    import torch

    has = torch.cpu.get_capabilities()
    return any(has.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))


def _cpu_has_bf16() -> bool:
    import torch

    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):  # a build without oneDNN
        return False


def load_config(base: Path) -> dict[str, Any]:
    """The ``config.json`` of a base. Raises TrainingError."""
    return _json(base / "config.json")


def sees(base: Path) -> bool:
    """Whether the base takes pictures."""
    return "vision_config" in load_config(base)


def tokenizer_folder(base: Path, adapter: Path | None) -> Path:
    """Where the tokenizer lies: with the adapter where it has its own, else with the base."""
    has_own = adapter is not None and (adapter / "tokenizer_config.json").is_file()
    return adapter if adapter is not None and has_own else base


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in ``folder``. Raises TrainingError when there is none."""
    from transformers import AutoTokenizer

    with quiet():
        try:
            return AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, ImportError, KeyError) as error:
            raise TrainingError(
                f"the tokenizer in {folder} cannot be loaded ({_first_line(error)}); copy the "
                "model whole, with its tokenizer files"
            ) from error


def load_processor(folder: Path) -> ProcessorMixin:
    """What prepares texts and pictures for a base that sees. Raises TrainingError."""
    from transformers import AutoProcessor

    with quiet():
        try:
            found: ProcessorMixin = AutoProcessor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, ImportError, KeyError) as error:
            raise TrainingError(
                f"the processor in {folder} cannot be loaded ({_first_line(error)}); copy the "
                "model whole, with its processor and tokenizer files"
            ) from error
    return found


def load_model(
    base: Path,
    settings: TrainSettings,
    numbers: Numbers,
    adapter: Path | None = None,
) -> PreTrainedModel:
    """The base, and ``adapter`` on it ready to be trained further. Raises TrainingError."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    loader: Any = AutoModelForImageTextToText if sees(base) else AutoModelForCausalLM
    # A CPU holds 32-bit weights, whatever it computes in; a GPU what is not trained in 16 bits.
    slim = settings.weights == "lora" and numbers.device == "cuda" and numbers.precision != "fp32"
    narrow = torch.bfloat16 if numbers.precision == "bf16" else torch.float16
    options: dict[str, Any] = {"dtype": narrow if slim else torch.float32}
    attention: str | None = None if settings.attention == "auto" else settings.attention
    if settings.attention == "auto" and numbers.device == "cpu" and numbers.precision == "bf16":
        attention = short_row_attention(str(load_config(base).get("model_type")))
    if attention:
        options["attn_implementation"] = attention
    if settings.load_in_4bit:
        options |= _four_bits(settings, numbers)
    with quiet():
        try:
            model = loader.from_pretrained(base, local_files_only=True, **options)
        except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
            raise TrainingError(
                f"the base in {base} cannot be loaded ({_first_line(error)}); copy it whole, or "
                "take another"
            ) from error
        return model if adapter is None else with_adapter(model, adapter)


def with_adapter(model: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """``model`` with the adapter on it, to be trained further. Raises TrainingError."""
    from peft import PeftModel

    try:
        found: Any = PeftModel.from_pretrained(model, str(adapter), is_trainable=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise TrainingError(
            f"the adapter in {adapter} does not fit its base ({_first_line(error)}); go on from "
            "another version, or train anew"
        ) from error
    return found  # type: ignore[no-any-return]


def save_model(trainer: Any, source: Path, out: Path, *, template: str | None = None) -> None:
    """Write the weights to ``out``, and beside them the tokenizer of ``source`` byte for byte.

    Saving a tokenizer anew would drop what a converter needs of it. ``template`` is the chat
    template where ``source`` has none.
    """
    with quiet():
        trainer.save_model(str(out))
    # What an adapter was measured against while preferences were learned is no part of it.
    shutil.rmtree(out / "ref", ignore_errors=True)
    for name in (*_TOKENIZER_FILES, "training_args.bin", "README.md"):
        (out / name).unlink(missing_ok=True)
        if name in _TOKENIZER_FILES and (source / name).is_file():
            shutil.copyfile(source / name, out / name)
    if template is not None:
        write_atomic(out / "chat_template.jinja", template.encode())


def _four_bits(settings: TrainSettings, numbers: Numbers) -> dict[str, Any]:
    import importlib.util

    import torch

    if settings.weights != "lora":
        raise TrainingError("load_in_4bit is for an adapter; set weights to lora, or leave it out")
    if numbers.device != "cuda" or importlib.util.find_spec("bitsandbytes") is None:
        raise TrainingError(
            "load_in_4bit needs an NVIDIA GPU and the package bitsandbytes; leave it out here"
        )
    from transformers import BitsAndBytesConfig

    narrow = torch.bfloat16 if numbers.precision == "bf16" else torch.float16
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=narrow,
    )
    return {"quantization_config": config, "dtype": narrow}


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read ({error}); copy the model whole") from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0][:200]
