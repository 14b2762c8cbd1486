"""Before training: which bases can become GGUF files, found out by trying."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from understudy.deploy.convertible import convertible

pytestmark = pytest.mark.slow


def of_another_kind(base: Path, folder: Path, kind: str) -> Path:
    """A model of another architecture that has learned nothing, with the tokenizer of ``base``."""
    import transformers

    sizes = {
        "GPT2": {"n_embd": 64, "n_layer": 1, "n_head": 2, "n_positions": 128},
        "Qwen2": {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1},
    }[kind]
    heads = {} if kind == "GPT2" else {"num_attention_heads": 2, "num_key_value_heads": 2}
    config = getattr(transformers, f"{kind}Config")(vocab_size=512, **sizes, **heads)
    name = "GPT2LMHeadModel" if kind == "GPT2" else f"{kind}ForCausalLM"
    getattr(transformers, name)(config).save_pretrained(folder)
    for path in base.iterdir():
        if "token" in path.name or path.suffix == ".jinja":
            shutil.copyfile(path, folder / path.name)
    return folder


def test_a_llama_with_sentencepiece_can_be_converted(base_folder):
    assert convertible(base_folder) == []


def test_gpt2_with_a_vocabulary_of_its_own_cannot_and_is_told_why(base_folder, tmp_path):
    model = of_another_kind(base_folder, tmp_path / "gpt2", "GPT2")
    [reason] = convertible(model)
    assert str(model) in reason
    assert "does not know this tokenizer" in reason


def test_qwen_with_sentencepiece_is_found_to_be_read_as_other_tokens(base_folder, tmp_path):
    [reason] = convertible(of_another_kind(base_folder, tmp_path / "qwen", "Qwen2"))
    assert "as other tokens" in reason


def test_a_llama_that_lost_its_sentencepiece_model_is_no_longer_convertible(base_folder, tmp_path):
    """The converter takes it without a word and writes another tokenizer."""
    model = shutil.copytree(base_folder, tmp_path / "model")
    (model / "tokenizer.model").unlink()
    [reason] = convertible(model)
    assert "as other tokens" in reason


def test_what_is_no_model_is_a_reason_too(tmp_path):
    [reason] = convertible(tmp_path)
    assert "cannot be loaded" in reason
