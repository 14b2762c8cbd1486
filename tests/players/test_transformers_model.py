"""A folder of transformers that answers chats, many at once, with or without an adapter."""

from __future__ import annotations

import shutil

import pytest
from tests.deploy.conftest import *  # noqa: F403 - its fixtures
from tests.deploy.small_models import PROMPTS

from understudy.errors import PlayerError
from understudy.players.backends.beginnings import shared_beginning
from understudy.players.backends.llama_cpp import LlamaCppModel
from understudy.players.backends.transformers_model import TransformersModel, prompt_tokens

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


def test_what_all_conversations_begin_with_is_read_once_and_changes_no_answer(model):
    rules = "Call a tool by its rule, and by no other. " * 8
    chats = [[chat[0] | {"content": rules + chat[0]["content"]}, chat[1]] for chat in PROMPTS]
    chats.append([*chats[0], {"role": "assistant", "content": "Why?"}, chats[0][1]])
    alone = [model.answer([chat])[0].text for chat in chats]
    read = []
    watching = model.model.get_input_embeddings().register_forward_pre_hook(
        lambda _, given: read.append(tuple(given[0].shape))
    )
    together = texts(model.answer(chats[:2] + chats[-1:]))
    watching.remove()
    assert together == alone[:2] + alone[-1:]
    beginning, rest = read[:2]
    assert beginning[0] == 1
    assert beginning[1] > 32
    assert rest[0] == 3
    assert beginning[1] + rest[1] == len(prompt_tokens(model.tokenizer, chats[-1]))
    assert texts(model.answer(chats)) == alone


def test_a_beginning_leaves_something_of_every_conversation_to_be_read():
    assert shared_beginning([[1] * 40, [1] * 50]) == 39
    assert shared_beginning([[1] * 40 + [2, 3], [1] * 40 + [3]]) == 40
    assert shared_beginning([[1] * 20, [1] * 50]) == 0, "less than what it costs to read it apart"
    assert shared_beginning([[1] * 50]) == 0


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
