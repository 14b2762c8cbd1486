"""A model behind a server that answers chats, asked as patiently as the chat player asks."""

from __future__ import annotations

import pytest

from understudy.config import ChatSettings, Settings
from understudy.errors import PlayerError
from understudy.players.backends.endpoint_model import EndpointModel
from understudy.players.backends.scripted import ScriptedModelServer

HELLO = [{"role": "user", "content": "Hello?"}]


@pytest.fixture
def settings(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    def make(url, **more):
        return Settings(chat=ChatSettings(base_url=f"{url}/v1", backoff_s=0, **more))

    return make


def test_it_answers_each_conversation_in_turn(settings):
    with ScriptedModelServer([" Well met. ", "And you?"]) as server:
        model = EndpointModel(settings(server.url), model="scripted-1")
        told = []
        answers = model.answer([HELLO, HELLO], progress=lambda done, of: told.append((done, of)))
        model.close()
    assert [answer.text for answer in answers] == ["Well met.", "And you?"]
    assert answers[0].seconds > 0
    assert told == [(1, 2), (2, 2)]
    assert model.name == "scripted-1"


def test_an_answer_that_is_known_is_not_asked_for_again(settings, tmp_path):
    with ScriptedModelServer(["Well met.", "Another."]) as server:
        model = EndpointModel(settings(server.url), model="scripted-1", folder=tmp_path)
        first, again = (model.answer([HELLO])[0] for _ in range(2))
        other = model.answer([HELLO], max_tokens=5)[0]
        model.close()
    assert again.text == first.text == "Well met."
    assert again.seconds == 0
    assert other.text == "Another."


def test_a_server_without_a_model_is_told_before_the_work_begins(settings):
    with pytest.raises(PlayerError, match="no model is named"):
        EndpointModel(settings("http://127.0.0.1:1"))
