"""Merging: one model that says what base and adapter say, with the base's own tokenizer."""

from __future__ import annotations

import shutil

import pytest
from tests.deploy.small_models import PROMPTS

from understudy.deploy import merge as merging
from understudy.deploy.merge import merge
from understudy.errors import DeployError, PlayerError
from understudy.players.backends.transformers_model import TransformersModel

pytestmark = pytest.mark.slow


def test_a_merged_model_says_what_base_and_adapter_say(base_folder, adapter_folder, tmp_path):
    check = merge(base_folder, adapter_folder, tmp_path / "merged", prompts=PROMPTS)
    assert check.places > 500
    assert check.same_word > 0.99
    assert 0 < check.mean_difference < 0.05
    apart = TransformersModel(base_folder, adapter=adapter_folder)
    merged = TransformersModel(tmp_path / "merged")
    said = [answer.text for answer in apart.answer(PROMPTS)]
    assert [answer.text for answer in merged.answer(PROMPTS)] == said
    bare = TransformersModel(base_folder)
    assert [answer.text for answer in bare.answer(PROMPTS)] != said


def test_the_tokenizer_is_carried_over_byte_for_byte(base_folder, adapter_folder, tmp_path):
    merge(base_folder, adapter_folder, tmp_path / "merged", prompts=[])
    for name in ("tokenizer.model", "tokenizer.json", "chat_template.jinja"):
        assert (tmp_path / "merged" / name).read_bytes() == (base_folder / name).read_bytes()


def test_an_adapter_with_a_tokenizer_of_its_own_brings_it(base_folder, adapter_folder, tmp_path):
    adapter = shutil.copytree(adapter_folder, tmp_path / "adapter")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(base_folder / name, adapter / name)
    (adapter / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    merge(base_folder, adapter, tmp_path / "merged", prompts=[])
    template = tmp_path / "merged" / "chat_template.jinja"
    assert template.read_text() == "{{ messages[0]['content'] }}"


def test_a_merge_that_says_other_things_is_refused(
    base_folder, adapter_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(merging, "LEAST_SAME_WORD", 1.01)
    with pytest.raises(DeployError, match="prefers another token than the adapter"):
        merge(base_folder, adapter_folder, tmp_path / "merged", prompts=PROMPTS[:2])


def test_what_is_no_model_is_told(tmp_path, base_folder):
    with pytest.raises(PlayerError, match="cannot be loaded"):
        merge(tmp_path, None, tmp_path / "merged", prompts=[])
    with pytest.raises(PlayerError, match=r"the adapter .* cannot be loaded"):
        merge(base_folder, tmp_path, tmp_path / "merged", prompts=[])
