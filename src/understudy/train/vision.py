"""Supervised fine-tuning on chats with pictures: TRL's way for models that see.

Pictures become numbers batch by batch, as they are large; so here the checks look at every example
once and TRL prepares it again.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.errors import TrainingError
from understudy.models.bases import folder_sha256
from understudy.store.hashes import sha256_bytes
from understudy.train.adapters import lora_config
from understudy.train.checks import check_form
from understudy.train.examples import Example, content_hash, where_of
from understudy.train.loading import (
    load_model,
    load_processor,
    numbers_for,
    quiet,
    sees,
    tokenizer_folder,
)
from understudy.train.running import TrainFacts, Training
from understudy.train.settings import SftSettings
from understudy.train.sft import sft_trainer
from understudy.train.templates import has_marks, marked_copy
from understudy.train.watching import Progress, Watch

if TYPE_CHECKING:
    from transformers import ProcessorMixin


class _Seen(msgspec.Struct, kw_only=True):
    """What the checks counted."""

    kept: list[Example] = []
    tokens: int = 0
    learned: int = 0
    longest: int = 0
    pictures: int = 0
    too_long: list[str] = []


def train_on_pictures(
    examples: Sequence[Example],
    validation: Sequence[Example],
    *,
    base: Path,
    settings: SftSettings,
    out: Path,
    adapter: Path | None = None,
    budget_s: float | None = None,
    progress: Progress | None = None,
    resume: bool = False,
) -> TrainFacts:
    """As `train_sft`, for examples with ``images``. Raises TrainingError."""
    if not sees(base):
        raise TrainingError(
            f"the examples have pictures and the base in {base} cannot see; take one that can, or "
            "train on the text alone with images=leave"
        )
    if settings.packing:
        raise TrainingError("packing does not go with pictures; leave it out")
    source = tokenizer_folder(base, adapter)
    processor = load_processor(source)
    template = _template(processor)
    seen = _checked(examples, processor, template, settings)
    held = _checked(validation[: settings.validation_most], processor, template, settings)
    if not seen.kept:
        raise TrainingError(
            f"all {len(examples):,} examples are longer than {settings.max_seq_length:,} tokens "
            "with their pictures; raise max_seq_length"
        )
    numbers = numbers_for(settings)
    model = load_model(base, settings, numbers, adapter)
    run = Training(
        out=out,
        base=base,
        settings=settings,
        numbers=numbers,
        fingerprint=_fingerprint(base, adapter, settings, [*seen.kept, *held.kept]),
        watch=Watch(
            out=out,
            progress=progress,
            budget_s=budget_s,
            checkpoint_s=settings.checkpoint_seconds,
        ),
    )
    with quiet():
        trainer = sft_trainer(
            run,
            model,
            processor,
            _dataset(seen.kept),
            _dataset(held.kept) if held.kept else None,
            peft=None if adapter is not None else lora_config(settings, model),
            options={"assistant_only_loss": True},
        )
    facts = run.train(trainer, source, resume=resume)
    counted = {
        "data_tokens": seen.tokens,
        "learned_tokens": seen.learned,
        "longest": seen.longest,
        "pictures": seen.pictures,
        "too_long": len(seen.too_long),
    }
    method = "marks" if template is None else "added marks"
    return msgspec.structs.replace(facts, template=method, checks=counted)


def _template(processor: ProcessorMixin) -> str | None:
    """What marks the assistant's words; None where the processor's own template does."""
    if has_marks(processor.chat_template):
        return None
    found = marked_copy(processor)
    if found is None:
        raise TrainingError(
            "the chat template of the base does not mark the assistant's words, and none like it "
            "is known that does; put {% generation %} and {% endgeneration %} around them"
        )
    return found


def _checked(
    examples: Sequence[Example],
    processor: ProcessorMixin,
    template: str | None,
    settings: SftSettings,
) -> _Seen:
    seen = _Seen()
    for number, example in enumerate(examples):
        where = where_of(example, number + 1)
        check_form(example, where)
        if any(message.get("tool_calls") for message in example["messages"]):
            raise TrainingError(
                f"{where} has calls of tools beside pictures; write them with calls=brackets"
            )
        tokens, said = _encode(example, where, processor, template)
        if len(tokens) > settings.max_seq_length:
            if settings.too_long == "refuse":
                raise TrainingError(
                    f"{where} has {len(tokens):,} tokens with its pictures and at most "
                    f"{settings.max_seq_length:,} are trained on; raise max_seq_length, or leave "
                    "longer ones out with too_long=drop"
                )
            seen.too_long.append(where)
            continue
        _check_said(tokens, said, where, processor)
        seen.kept.append(example)
        seen.tokens += len(tokens)
        seen.learned += sum(said)
        seen.longest = max(seen.longest, len(tokens))
        seen.pictures += len(example.get("images") or ())
    return seen


def _encode(
    example: Example, where: str, processor: ProcessorMixin, template: str | None
) -> tuple[list[int], list[int]]:
    import jinja2
    from trl.data_utils import prepare_multimodal_messages

    try:
        pictures = [_picture(data) for data in example.get("images") or ()]
        messages = prepare_multimodal_messages(_in_parts(example)["messages"], images=pictures)
        with quiet():
            found: Any = processor.apply_chat_template(
                [messages],
                chat_template=template,
                tokenize=True,
                return_dict=True,
                return_assistant_tokens_mask=True,
            )
    except (jinja2.TemplateError, OSError, TypeError, ValueError, KeyError) as error:
        raise TrainingError(
            f"{where} cannot be prepared for this model ({str(error).strip()[:200]}); look at its "
            "pictures and its text"
        ) from error
    return list(found["input_ids"][0]), list(found["assistant_masks"][0])


def _check_said(tokens: list[int], said: list[int], where: str, processor: ProcessorMixin) -> None:
    tokenizer: Any = processor.tokenizer
    learned = [token for token, is_said in zip(tokens, said, strict=True) if is_said]
    if not learned:
        raise TrainingError(
            f"no word of {where} would be learned: the chat template marks nothing as the "
            "assistant's; put {% generation %} and {% endgeneration %} around its answers"
        )
    while learned and not str(tokenizer.decode([learned[-1]])).strip():
        learned.pop()
    special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    if not learned or learned[-1] not in special:
        raise TrainingError(
            f"what is learned of {where} does not end in a token to stop at; put the end mark "
            "inside {% generation %} in the chat template"
        )


def _dataset(examples: Sequence[Example]) -> Any:
    """The chats for TRL; pictures stay encoded until a batch needs them."""
    from datasets import Dataset, Features, Image, List, Value

    part = {"type": Value("string"), "text": Value("string")}
    message = {"role": Value("string"), "content": List(part)}
    features = Features({"messages": List(message), "images": List(Image())})
    rows = [_in_parts(example) for example in examples]
    return Dataset.from_dict(
        {name: [row[name] for row in rows] for name in features}, features=features
    )


def _in_parts(example: Example) -> dict[str, Any]:
    """All contents as lists of parts with the same keys, which is Arrow's way."""
    return {
        "messages": [
            {
                "role": message["role"],
                "content": [{"text": None, **part} for part in _parts(message)],
            }
            for message in example["messages"]
        ],
        "images": [{"bytes": data, "path": None} for data in example.get("images") or ()],
    }


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _picture(data: bytes) -> Any:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture


def _fingerprint(
    base: Path, adapter: Path | None, settings: SftSettings, examples: Sequence[Example]
) -> str:
    told = {
        "base": folder_sha256(base),
        "adapter": "" if adapter is None else folder_sha256(adapter),
        "settings": settings.model_dump(),
        "examples": [content_hash(example) for example in examples],
    }
    return sha256_bytes(msgspec.json.encode(told))
