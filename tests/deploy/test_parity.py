"""The gate of parity: the same tokens in training, transformers and llama.cpp, or no release."""

from __future__ import annotations

import pytest
from tests.deploy.small_models import CHAT_TEMPLATE, CHATS, sneaking

from understudy.deploy.parity import ODD_CHATS, check_parity, prompts_of
from understudy.errors import DeployError
from understudy.players.backends.llama_cpp import LlamaServer
from understudy.players.backends.transformers_model import load_tokenizer

TOOL = {
    "type": "function",
    "function": {"name": "roll", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture(scope="module")
def server(f16_file):
    with LlamaServer(f16_file, context=512) as server:
        yield server


@pytest.fixture(scope="module")
def tokenizer(base_folder):
    return load_tokenizer(base_folder)


def with_template(tokenizer, template):
    changed = load_tokenizer(tokenizer.name_or_path)
    changed.chat_template = template
    return changed


def test_a_chat_is_asked_at_each_of_its_answers():
    prompts = prompts_of(sneaking("Mira"))
    assert [len(prompt) for prompt in prompts] == [2, 4]
    assert [len(prompt) for prompt in prompts_of(sneaking("Mira")[:2])] == [2]


@pytest.mark.slow
@pytest.mark.parametrize("tools", [None, [TOOL]], ids=["bare", "with tools"])
def test_chats_odd_ones_too_are_the_same_tokens_everywhere(server, tokenizer, tools):
    check = check_parity(tokenizer, tokenizer, server, [*CHATS, *ODD_CHATS], tools=tools)
    assert check.prompts == len([p for chat in [*CHATS, *ODD_CHATS] for p in prompts_of(chat)])
    assert check.tokens > 1000


@pytest.mark.slow
def test_a_template_of_training_that_did_not_ship_is_shown_at_the_first_difference(
    server, tokenizer
):
    trained = with_template(tokenizer, CHAT_TEMPLATE.replace("|> ' + message", "|>' + message"))
    with pytest.raises(DeployError, match=r"transformers reads a chat as other tokens.*token 2 on"):
        check_parity(trained, tokenizer, server, CHATS[:1])


@pytest.mark.slow
def test_a_file_with_another_template_is_refused(tokenizer, f16_file):
    shouting = CHAT_TEMPLATE.replace("message['content'] + '<|end|>'", "message['content'] | upper")
    with (
        LlamaServer(f16_file, context=512, template=shouting) as server,
        pytest.raises(DeployError, match=r"llama\.cpp reads a chat as other tokens than training"),
    ):
        check_parity(tokenizer, tokenizer, server, CHATS[:1])


@pytest.mark.slow
def test_a_prompt_that_is_no_beginning_of_its_training_row_is_refused(server, tokenizer):
    """A template that writes the mark of an answer in another way when it asks for one."""
    ending = "{% if add_generation_prompt %}{{ '<|assistant|> ' }}{% endif %}"
    template = CHAT_TEMPLATE[: CHAT_TEMPLATE.index("{% if add_generation")] + ending
    changed = with_template(tokenizer, template)

    class Same:
        def prompt_of(self, messages, tools=None):
            return changed.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

        def tokens_of(self, text):
            return changed(text, add_special_tokens=False)["input_ids"]

    with pytest.raises(DeployError, match="the same in a training row"):
        check_parity(changed, changed, Same(), CHATS[:1])
