"""What llama.cpp's converter is known not to take of a base, told before hours are spent on it.

A short table of what was tried, not the converter itself: ``deploy`` has that, and may hand its own
judgement to a training instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Judge = Callable[[Path], list[str]]
"""From the folder of a base the reasons against it: none when it can be converted."""

_KNOWN = frozenset(
    f"{name}ForCausalLM"
    for name in (
        "Apertus", "Cohere", "Cohere2", "DeepseekV2", "DeepseekV3", "Ernie4_5", "Exaone4", "Falcon",
        "Gemma", "Gemma2", "Gemma3", "GPTNeoX", "GptOss", "Granite", "GraniteMoe", "InternLM2",
        "InternLM3", "Llama", "MiniCPM", "Mistral", "Mixtral", "Nemotron", "Olmo", "Olmo2", "Olmoe",
        "Phi", "Phi3", "Qwen2", "Qwen2Moe", "Qwen3", "Qwen3Moe", "SmolLM3", "StableLm",
        "Starcoder2",
    )
) | {
    "GPT2LMHeadModel", "Gemma3ForConditionalGeneration", "Idefics3ForConditionalGeneration",
    "LlavaForConditionalGeneration", "Qwen2VLForConditionalGeneration",
    "Qwen2_5_VLForConditionalGeneration", "Qwen3VLForConditionalGeneration",
    "SmolVLMForConditionalGeneration",
}  # fmt: skip
_GPT2_VOCABULARY = 50257
_SMALLEST_PUBLISHED = 30_000
"""Byte-level tokenizers that the converter recognises have at least so many tokens."""
_FROM_SENTENCEPIECE = ("Llama", "Mistral", "Gemma", "MiniCPM", "InternLM2")


def known_objections(folder: Path) -> list[str]:
    """What is known against converting the base in ``folder``: the judge where nobody else is."""
    reason = _objection(folder)
    return [reason] if reason else []


def _objection(folder: Path) -> str:
    config = _json(folder / "config.json")
    architecture = next(iter(config.get("architectures") or ()), "")
    if not architecture:
        return "its config.json names no architecture"
    if architecture not in _KNOWN:
        return f"the architecture {architecture} is not among those it is known to take"
    if (folder / "tokenizer.model").is_file():
        if architecture.startswith("Qwen"):
            return "Qwen with a SentencePiece tokenizer is converted, and then reads other tokens"
        return ""
    return _byte_level(folder, architecture)


def _byte_level(folder: Path, architecture: str) -> str:
    model = _json(folder / "tokenizer.json").get("model") or {}
    if not model:
        return "there is neither a tokenizer.model nor a tokenizer.json"
    size = len(model.get("vocab") or ())
    if model.get("byte_fallback") and architecture.startswith(_FROM_SENTENCEPIECE):
        return "its tokenizer was made by SentencePiece, and tokenizer.model is missing beside it"
    if architecture == "GPT2LMHeadModel" and size != _GPT2_VOCABULARY:
        return f"GPT-2 passes only with its genuine vocabulary ({_GPT2_VOCABULARY} tokens)"
    if size < _SMALLEST_PUBLISHED:
        return (
            "a byte-level tokenizer of one's own is not recognised: the converter knows those of "
            "published models by what they make of a text"
        )
    return ""


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
