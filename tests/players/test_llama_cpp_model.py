"""A GGUF file that answers chats: the same always, and what cannot be run is told."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.deploy.conftest import *  # noqa: F403 - its fixtures
from tests.deploy.small_models import PROMPTS

from understudy.errors import PlayerError
from understudy.players.backends import llama_cpp
from understudy.players.backends.chat_model import tokens_per_second
from understudy.players.backends.llama_cpp import LlamaCppModel, LlamaServer, threads_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(f16_file):
    model = LlamaCppModel(f16_file)
    yield model
    model.close()


def texts(answers):
    return [answer.text for answer in answers]


def test_it_answers_through_the_models_own_template_and_stops_at_its_end(model):
    told = []
    answers = model.answer(PROMPTS[:3], progress=lambda done, of: told.append((done, of)))
    assert " takes the rope. [inventory: " in texts(answers)[0]
    assert texts(answers)[0].endswith("]")
    assert all(5 < answer.tokens < 40 for answer in answers)
    assert tokens_per_second(answers) > 1
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert model.name == "model-f16"


def test_an_answer_depends_on_its_conversation_alone(model):
    """What was asked before would be reused by the server, and change the last digits."""
    forward = texts(model.answer(PROMPTS))
    backward = texts(model.answer(PROMPTS[::-1]))
    assert forward == backward[::-1]
    assert texts(model.answer(PROMPTS[5:6])) == forward[5:6]


def test_drawn_words_differ_by_seed_and_never_for_the_same_seed(model):
    drawn = [model.answer(PROMPTS[:1], temperature=5.0, seed=n)[0].text for n in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_no_more_tokens_are_made_than_are_asked_for(model):
    assert model.answer(PROMPTS[:1], max_tokens=3)[0].tokens == 3


def test_a_conversation_without_room_is_told(model):
    long = [{"role": "user", "content": "I take the rope. " * 300}]
    with pytest.raises(PlayerError, match="exceeds the available context size"):
        model.answer([long])


def test_files_that_are_no_models_are_told(tmp_path, f16_file):
    (tmp_path / "junk.gguf").write_bytes(b"GGUF" + bytes(500))
    (tmp_path / "cut.gguf").write_bytes(f16_file.read_bytes()[:200_000])
    for name in ("junk.gguf", "cut.gguf"):
        with pytest.raises(PlayerError, match=f"cannot load .*{name}"):
            LlamaCppModel(tmp_path / name)
    with pytest.raises(PlayerError, match="there is no model file"):
        LlamaCppModel(tmp_path / "none.gguf")


def test_two_models_run_beside_each_other_and_listen_to_nobody_else(f16_file, model):
    with LlamaServer(f16_file, token="a", name="other") as other:
        assert other.url != model.server.url
        assert other.ask("/v1/models")["data"][0]["id"] == "other"
    with pytest.raises(PlayerError, match="does not answer"):
        other.ask("/v1/models")


def test_what_listens_everywhere_is_asked_nearby():
    assert llama_cpp._near("http://0.0.0.0:8000") == "http://127.0.0.1:8000"
    assert llama_cpp._near("http://[::]:8000") == "http://[::1]:8000"
    assert llama_cpp._near("http://10.0.0.0:8000") == "http://10.0.0.0:8000"


def test_each_answer_is_held_to_the_grammar_of_its_chat(f16_file, model):
    def grammar(messages):
        item = messages[-1]["content"].split()[-1].strip(".")
        return f'root ::= "the {item}!"' if item == "rope" else ""

    held = LlamaCppModel(f16_file, grammar=grammar)
    rope, torch = texts(held.answer(PROMPTS[:2]))
    held.close()
    assert rope == "the rope!"
    assert torch == model.answer(PROMPTS[1:2])[0].text


def test_a_small_model_is_given_one_thread_to_write_with_and_several_to_read(f16_file, monkeypatch):
    monkeypatch.setattr(llama_cpp, "cores", lambda: 16)
    assert threads_for(f16_file) == 1
    assert llama_cpp._threads_to_read(f16_file) == 4


def test_how_many_threads_read_changes_no_answer(f16_file, model):
    with_one = LlamaCppModel(f16_file, threads=1)
    assert texts(with_one.answer(PROMPTS)) == texts(model.answer(PROMPTS))
    with_one.close()


def test_what_was_read_is_read_again_unless_the_model_is_to_remember(model, monkeypatch):
    replies, chat = [], model.server.chat
    monkeypatch.setattr(
        model.server, "chat", lambda asked: replies.append(chat(asked)) or replies[-1]
    )
    asked = [PROMPTS[0], PROMPTS[0]]
    model.answer(asked)
    monkeypatch.setattr(model, "remembers", True)
    model.answer(asked)
    kept = [one["timings"]["cache_n"] for one in replies]
    assert kept[:2] == [0, 0]
    assert kept[3] > 0


_OPENED_AND_CLOSED = """
import sys
from pathlib import Path
from understudy.players.backends.llama_cpp import LlamaServer
for _ in range(8):
    LlamaServer(Path(sys.argv[1])).close()
"""


def test_what_is_closed_as_soon_as_it_is_open_closes(f16_file):
    """Also where the machine is so busy that the server has hardly begun."""
    arguments = [sys.executable, "-c", _OPENED_AND_CLOSED, str(f16_file)]
    crowd = [subprocess.Popen(arguments) for _ in range(6)]
    try:
        assert [one.wait(timeout=120) for one in crowd] == [0] * 6
    finally:
        for one in crowd:
            one.kill()
            one.wait()
