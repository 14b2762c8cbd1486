"""From a trained version to the file that ships, with a number after each step."""

from __future__ import annotations

import json
import shutil

import pytest
from tests.deploy.conftest import add_version
from tests.deploy.small_models import CHATS, PROMPTS, edit_json

import understudy
from understudy.deploy import conversion as converting
from understudy.deploy.conversion import convert_version, read_conversion
from understudy.errors import DeployError, ModelError, UsageError
from understudy.models.registry import publish_model
from understudy.players.backends.llama_cpp import LlamaCppModel
from understudy.players.backends.transformers_model import TransformersModel
from understudy.store.manifest import check_files

pytestmark = pytest.mark.slow


def test_each_step_leaves_its_file_and_its_number(version, base_folder, adapter_folder):
    made = read_conversion(version)
    assert made.merge.same_word > 0.99
    assert made.converted.same_text > 0.9
    assert made.converted.mean_kl < 1e-4
    assert made.converted.places > 50
    assert made.quantised.same_word > 0.9
    assert made.converted.mean_kl < made.quantised.mean_kl < 0.1
    assert made.fallbacks == 0
    assert made.words_in_8_bits
    assert made.parity.tokens > 1000
    assert made.tools["xllamacpp"]
    for name, entry in made.files.items():
        assert (version.folder / name).stat().st_size == entry.size
    assert check_files(version.folder, version.manifest) == []
    shipped = LlamaCppModel(version.folder / made.gguf_name)
    trained = TransformersModel(base_folder, adapter=adapter_folder)
    said = [answer.text for answer in trained.answer(PROMPTS)]
    same = [a.text == text for a, text in zip(shipped.answer(PROMPTS), said, strict=True)]
    assert sum(same) > 0.8 * len(same)
    shipped.close()


def test_what_is_converted_is_not_converted_again(shop, version, monkeypatch):
    monkeypatch.setattr(converting, "convert", None)
    made = convert_version(shop, version, CHATS)
    assert made == read_conversion(version)
    with pytest.raises(UsageError, match="q4_k_m"):
        convert_version(shop, version, CHATS, quantisation="small")


def test_what_lost_a_file_is_no_conversion(version):
    (version.folder / "gguf" / "model-q4_k_m.gguf").unlink()
    assert read_conversion(version) is None


def test_a_conversion_that_fails_leaves_the_one_before(shop, version, monkeypatch):
    before = read_conversion(version)
    monkeypatch.setattr(converting, "_MOST_KL", -1.0)
    with pytest.raises(DeployError, match="another model than the merged one"):
        convert_version(shop, version, CHATS, again=True)
    assert read_conversion(version) == before
    assert not [path for path in version.folder.iterdir() if path.name.startswith(".")]


def test_a_base_that_was_changed_since_is_not_merged_into(
    tmp_path, base_folder, adapter_folder, shop
):
    base = shutil.copytree(base_folder, tmp_path / "base")
    version = add_version(shop, base, adapter_folder, name="other")
    edit_json(base / "config.json", rope_theta=1.0)
    with pytest.raises(ModelError, match="not the one the model was trained from"):
        convert_version(shop, version, CHATS)


def test_a_version_with_whole_weights_is_converted_as_it_is(tmp_path, base_folder):
    with understudy.Workspace(tmp_path / "ws") as ws:

        def build(folder):
            shutil.copytree(base_folder, folder / "merged")
            return {"method": "sft"}

        version = publish_model(ws, "whole", build)
        made = convert_version(ws, version, CHATS, quantisation="q8_0")
        assert made.merge is None
        assert made.gguf_name == "gguf/model-q8_0.gguf"
        assert {name.partition("/")[0] for name in made.files} == {"gguf"}
        assert check_files(version.folder, version.manifest) == []
        assert (
            json.loads((version.folder / "conversion.json").read_text())["quantisation"] == "q8_0"
        )
