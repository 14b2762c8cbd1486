"""Whether a base model can become a GGUF file, asked before anybody trains on it.

Nothing is guessed from names: a stand-in with the base's tokenizer and architecture, but hardly any
weights, goes through the official converter and is loaded by llama.cpp, and both have to read a
handful of texts as the same tokens.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from understudy.deploy.gguf import convert
from understudy.deploy.merge import carry_tokenizer
from understudy.errors import UnderstudyError
from understudy.players.backends.llama_cpp import LlamaServer
from understudy.players.backends.transformers_model import load_tokenizer

_TEXTS = (
    "The guard turns. [check: stealth, Mira]",
    " leading,  double and trailing spaces ",
    "lines\nand\n\ntabs\there",
    "1 12 123 1234567 +7 -12 d20+5 2d6",
    "Émile — “naïve” 🐉 漢字 'tis we'll",
)
_SMALL = {
    "num_hidden_layers": 1,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": 512,
}


def convertible(base: Path) -> list[str]:
    """The reasons against: none when the model in ``base`` can be converted. Takes some seconds."""
    with tempfile.TemporaryDirectory(prefix="understudy-") as place:
        stand_in = Path(place) / "stand-in"
        try:
            model = _stand_in(base, stand_in)
            file = convert(model, stand_in.with_suffix(".gguf"), name=stand_in.name)
            return _differences(base, file)
        except UnderstudyError as error:
            return [str(error).replace(str(stand_in), str(base))]


def _stand_in(base: Path, folder: Path) -> Path:
    """A model of this architecture with hardly any weights; the base itself where none is made."""
    from transformers import AutoConfig, AutoModelForCausalLM

    load_tokenizer(base)  # which says it best when the folder holds no model
    try:
        config: Any = AutoConfig.from_pretrained(str(base))
        for key, value in _SMALL.items():
            if getattr(config, key, None) is not None:
                setattr(config, key, value)
        if getattr(config, "layer_types", None):
            config.layer_types = config.layer_types[:1]
        AutoModelForCausalLM.from_config(config).half().save_pretrained(folder)
    except Exception:
        return base
    carry_tokenizer(base, None, folder)
    return folder


def _differences(folder: Path, file: Path) -> list[str]:
    tokenizer: Any = load_tokenizer(folder)
    with LlamaServer(file, context=512) as server:
        for text in _TEXTS:
            ours = tokenizer(text, add_special_tokens=False)["input_ids"]
            theirs = server.tokens_of(text, special=False)
            if ours != theirs:
                return [
                    f"llama.cpp reads {text!r} as other tokens ({len(theirs)} of them) than the "
                    f"tokenizer in {folder} ({len(ours)}); use a base with one that it understands"
                ]
    return []
