"""A folder of transformers that answers chats, many at once, with or without an adapter."""

from __future__ import annotations

import shutil

import pytest
from tests.deploy.conftest import *  # noqa: F403 - its fixtures
from tests.deploy.small_models import PROMPTS

from understudy.errors import PlayerError
from understudy.players.backends.llama_cpp import LlamaCppModel
from understudy.players.backends.transformers_model import TransformersModel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(base_folder):
    return TransformersModel(base_folder)


def texts(answers):
    return [answer.text for answer in answers]


def test_answers_come_in_the_order_of_the_conversations_whatever_their_length(model):
    mixed = [PROMPTS[16], PROMPTS[0], [{"role": "user", "content": "I take the torch."}]]
    told = []
    answers = model.answer(mixed, progress=lambda done, of: told.append((done, of)))
    alone = [model.answer([conversation])[0].text for conversation in mixed]
    assert texts(answers) == alone
    assert "rope" in answers[1].text
    assert 5 < answers[1].tokens < 40
    assert all(answer.seconds > 0 for answer in answers)
    assert told == [(3, 3)]


def test_batches_change_no_answer(model, base_folder):
    one_by_one = TransformersModel(base_folder, batch_size=1)
    assert texts(model.answer(PROMPTS)) == texts(one_by_one.answer(PROMPTS))


def test_an_adapter_answers_otherwise_than_its_base(model, base_folder, adapter_folder):
    adapted = TransformersModel(base_folder, adapter=adapter_folder)
    assert adapted.name == "small-adapter"
    assert texts(adapted.answer(PROMPTS)) != texts(model.answer(PROMPTS))


def test_it_answers_as_the_file_that_was_made_of_it(converted_workspace, f16_file):
    merged = TransformersModel(converted_workspace / "models/dm/v0001/merged")
    file = LlamaCppModel(f16_file)
    assert texts(merged.answer(PROMPTS)) == texts(file.answer(PROMPTS))
    file.close()


def test_drawn_words_differ_by_seed_and_never_for_the_same_seed(model):
    drawn = [model.answer(PROMPTS[:1], temperature=5.0, seed=n)[0].text for n in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_what_cannot_be_answered_is_told(model, base_folder, tmp_path):
    long = [{"role": "user", "content": "I take the rope. " * 300}]
    with pytest.raises(PlayerError, match="reads 512 at most"):
        model.answer([long])
    bare = shutil.copytree(base_folder, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(PlayerError, match="has no chat template"):
        TransformersModel(bare).answer(PROMPTS[:1])
    (bare / "model.safetensors").unlink()
    with pytest.raises(PlayerError, match=r"the model .* cannot be loaded"):
        TransformersModel(bare)
