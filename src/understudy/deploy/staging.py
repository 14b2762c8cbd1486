"""The folder that the converter is given: a model's files, and what its settings leave unsaid.

llama.cpp's converter reads from settings what transformers takes from the tokenizer itself, and
silently assumes the rest: a begin mark before each text, a space before the first word, no tokens
beside those of ``tokenizer.model``. Here all that is written down as the tokenizer really does it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from understudy.players.backends.transformers_model import load_tokenizer

_WRITTEN = ("config.json", "tokenizer_config.json", "chat_template.jinja")
_TRAINING_MARKS = re.compile(r"\{%(-?)\s*(?:end)?generation\s*(-?)%\}")


def stage(model: Path, folder: Path) -> Path:
    """Fill the empty ``folder`` for the converter; the weights are linked, not copied."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in model.iterdir():
        if path.is_file() and path.name not in _WRITTEN:
            _link(path, folder / path.name)
    tokenizer: Any = load_tokenizer(model)
    config = _read(model / "config.json")
    if config.get("model_type") == "gpt2":
        config.setdefault("n_ctx", config.get("n_positions"))
    _write(folder / "config.json", config)
    settings = _read(model / "tokenizer_config.json")
    first, last = _marks_around(tokenizer)
    settings |= {"add_bos_token": first, "add_eos_token": last}
    if (model / "tokenizer.model").is_file():
        settings |= _sentencepiece_settings(model / "tokenizer.model", tokenizer)
    settings.pop("chat_template", None)
    _write(folder / "tokenizer_config.json", settings)
    if tokenizer.chat_template:
        (folder / "chat_template.jinja").write_text(
            shipped_template(tokenizer.chat_template), encoding="utf-8"
        )
    return folder


def shipped_template(template: str) -> str:
    """A chat template without the marks that only training reads, which some engines refuse."""
    return _TRAINING_MARKS.sub(r"{#\1 \2#}", template)


def _marks_around(tokenizer: Any) -> tuple[bool, bool]:
    """Whether the tokenizer puts its begin and end marks around a text by itself."""
    ids = tokenizer("a")["input_ids"]
    return (
        tokenizer.bos_token_id is not None and ids[0] == tokenizer.bos_token_id,
        tokenizer.eos_token_id is not None and ids[-1] == tokenizer.eos_token_id,
    )


def _sentencepiece_settings(path: Path, tokenizer: Any) -> dict[str, Any]:
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(path))
    size = pieces.get_piece_size()
    added = {}
    for number, token in tokenizer.added_tokens_decoder.items():
        same = number < size and pieces.id_to_piece(number) == token.content
        if not same or not (
            token.special or pieces.is_control(number) or pieces.is_unknown(number)
        ):
            added[str(number)] = {"content": token.content, "special": token.special}
    # A space that is put before the first word stands before the pieces of any text.
    spaced = pieces.encode("a", out_type=str)[0].startswith("▁")
    return {"add_prefix_space": spaced, "added_tokens_decoder": added}


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
