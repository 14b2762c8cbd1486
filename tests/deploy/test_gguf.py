"""Conversion and quantisation: whole files or none, and every fault in one sentence."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from tests.deploy.small_models import PROMPTS, edit_json

from understudy.deploy.gguf import convert, quantise
from understudy.deploy.staging import shipped_template, stage
from understudy.deploy.tool_run import run_tool
from understudy.errors import DeployError, UsageError
from understudy.players.backends.llama_cpp import LlamaCppModel
from understudy.players.backends.transformers_model import TransformersModel, load_tokenizer


@pytest.mark.slow
def test_a_quantised_file_is_smaller_and_answers(f16_file, tmp_path):
    told = []
    made = quantise(
        f16_file, tmp_path / "small.gguf", "q8_0", progress=lambda done, of: told.append((done, of))
    )
    assert made.bytes < 0.7 * f16_file.stat().st_size
    assert made.fallbacks == 0
    assert not made.words_in_8_bits  # it has 8 bits in any case
    assert told[-1][0] == told[-1][1] > 10
    model = LlamaCppModel(made.path)
    assert "takes the" in model.answer(PROMPTS[:1])[0].text
    model.close()
    assert [path.name for path in tmp_path.iterdir()] == ["small.gguf"]


@pytest.mark.slow
def test_a_damaged_file_is_not_quantised_and_nothing_is_left(f16_file, tmp_path):
    (tmp_path / "cut.gguf").write_bytes(f16_file.read_bytes()[:100_000])
    with pytest.raises(DeployError, match=r"quantising .*cut\.gguf to q4_k_m failed"):
        quantise(tmp_path / "cut.gguf", tmp_path / "small.gguf")
    assert [path.name for path in tmp_path.iterdir()] == ["cut.gguf"]


def test_an_unknown_quantisation_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="q4_k_m"):
        quantise(tmp_path / "none", tmp_path / "out", "q5_super")


@pytest.mark.slow
def test_weights_that_are_missing_or_cut_are_told_and_leave_no_file(base_folder, tmp_path):
    model = shutil.copytree(base_folder, tmp_path / "model")
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5_000])
    with pytest.raises(DeployError, match=r"converting .*model to GGUF failed"):
        convert(model, tmp_path / "out" / "model.gguf", name="dm")
    weights.unlink()
    with pytest.raises(DeployError, match="failed: there are no weights"):
        convert(model, tmp_path / "out" / "model.gguf", name="dm")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_a_tool_dies_of_becomes_one_sentence():
    dying = "import sys; print('Traceback'); print('ValueError: no such tensor'); sys.exit(1)"
    with pytest.raises(DeployError, match="doing it failed: ValueError: no such tensor"):
        run_tool(["-c", dying], doing="doing it")
    with pytest.raises(DeployError, match="doing it failed: that is known"):
        run_tool(["-c", dying], doing="doing it", known_faults=[("tensor", "that is known")])
    with pytest.raises(DeployError, match=r"ended with status 3 .*last words"):
        run_tool(["-c", "print('last words'); exit(3)"], doing="doing it")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals like that")
def test_a_tool_that_crashes_takes_nobody_along():
    with pytest.raises(DeployError, match="ended by signal 6"):
        run_tool(["-c", "import os; os.abort()"], doing="doing it")


def test_marks_of_training_leave_the_template_and_nothing_else_changes():
    template = "a {%- generation -%} b {% endgeneration %} c {% if generation %}d{% endif %}"
    assert shipped_template(template) == "a {#- -#} b {# #} c {% if generation %}d{% endif %}"


@pytest.mark.slow
def test_the_converter_is_told_what_the_tokenizer_does_unsaid(base_folder, tmp_path):
    folder = stage(base_folder, tmp_path / "staged")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    assert settings["add_bos_token"] is False
    assert settings["add_prefix_space"] is False
    assert settings["added_tokens_decoder"] == {}
    assert "{% generation %}" not in (folder / "chat_template.jinja").read_text()
    assert (folder / "model.safetensors").stat().st_ino == (
        base_folder / "model.safetensors"
    ).stat().st_ino


@pytest.mark.slow
def test_tokens_that_were_added_to_the_tokenizer_are_the_same_in_the_file(base_folder, tmp_path):
    """The converter reads none of them from ``tokenizer.json``."""
    from tokenizers import AddedToken

    model = shutil.copytree(base_folder, tmp_path / "model")
    tokenizer = load_tokenizer(model)
    size = len(tokenizer)
    tokenizer.add_tokens([AddedToken(" Grimwald", normalized=False)])
    tokenizer.save_pretrained(model)
    shutil.copyfile(base_folder / "tokenizer.model", model / "tokenizer.model")
    whole = TransformersModel(base_folder)
    whole.model.resize_token_embeddings(size + 1, mean_resizing=False)
    whole.model.save_pretrained(model)
    edit_json(model / "config.json", vocab_size=size + 1)
    text = "I greet Grimwald and Mira."
    ours = load_tokenizer(model)(text, add_special_tokens=False)["input_ids"]
    assert size in ours
    file = convert(model, tmp_path / "model.gguf", name="dm")
    answering = LlamaCppModel(file)
    assert answering.server.tokens_of(text, special=False) == ours
    answering.close()
