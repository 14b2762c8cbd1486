"""Testing what was deployed: each fault is found and named, and the result stands beside it."""

from __future__ import annotations

import json

import pytest
from tests.deploy.small_models import CHATS

from understudy.chat.scenarios import house_rules
from understudy.chat.tools.call_grammar import read_grammar
from understudy.deploy import testing
from understudy.deploy.deploying import Order, deploy_version
from understudy.deploy.table_chats import MOST, table_chats
from understudy.deploy.targets.gguf_mobile import GgufMobile
from understudy.deploy.testing import examine
from understudy.pipeline.chat_models import open_chat_model
from understudy.players.backends.llama_cpp import LlamaCppModel
from understudy.store.manifest import check_files

pytestmark = pytest.mark.slow


@pytest.fixture
def bundle(shop, version):
    return deploy_version(shop, version, Order(force=True), chats=CHATS).bundle


def outcome(results):
    return {check.name: check.passed for check in results.checks}


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_whole_bundle_passes_and_tells_how_it_plays(bundle):
    played = []
    results = examine(bundle, chats=CHATS, progress=lambda done, of: played.append((done, of)))
    assert results.passed, results.checks
    assert list(outcome(results)) == [
        "files",
        "size",
        "configuration",
        "loading",
        "template",
        "answers",
        "tool calls",
        "speed",
    ]
    assert results.scenarios["played"] == len(CHATS)
    assert results.scenarios["turns"] == played[-1][0] == played[-1][1] == 24
    assert results.scenarios["calls"] > 10
    assert results.tokens_per_second > 1
    assert results.size_bytes == bundle.size
    written = json.loads((bundle.folder / "test_results.json").read_text())
    assert written["bundle"] == "dm@v0001"
    assert written["passed"] is True
    assert check_files(bundle.folder, bundle.manifest) == []


def grammars(model, monkeypatch):
    """What a model is held to in a chat with a sheet and the house rules, and in one without."""
    asked = []

    def answer(request):
        asked.append(request.get("grammar", ""))
        return {"choices": [{"message": {"content": "Well."}}], "usage": {"completion_tokens": 2}}

    monkeypatch.setattr(model.server, "chat", answer)
    sheet = f"Rules: {house_rules.prompt_text()}\nParty:\n- Mira (Elf Rogue, Level 3, HP: 21/24)"
    sneak = {"role": "user", "content": "Mira sneaks."}
    model.answer([[{"role": "system", "content": sheet}, sneak], [sneak]])
    model.close()
    return asked


def test_the_folder_of_a_bundle_is_asked_as_it_runs_in_a_game(bundle, shop, monkeypatch):
    """With the grammar of its calls, and with the heroes on the sheet alone making checks."""
    model = open_chat_model(str(bundle.folder), None, shop.settings)
    known, unknown = grammars(model, monkeypatch)
    assert 'hero ::= "Mira" | "player"' in known.split("\n")
    assert unknown == read_grammar(bundle.folder) != ""


def test_a_converted_model_plays_as_its_bundle_would_and_a_mere_file_says_what_it_likes(
    shop, version, monkeypatch
):
    known, unknown = grammars(open_chat_model("dm", shop, shop.settings), monkeypatch)
    assert 'hero ::= "Mira" | "player"' in known.split("\n")
    assert "hero ::= text" in unknown.split("\n")
    file = version.folder / "gguf" / "model-q4_k_m.gguf"
    assert grammars(open_chat_model(str(file), shop, shop.settings), monkeypatch) == ["", ""]


def test_chats_are_played_turn_by_turn_without_reading_them_from_the_beginning(bundle, monkeypatch):
    remembered, answer = [], LlamaCppModel.answer

    def watched(self, *args, **how):
        remembered.append(self.remembers)
        return answer(self, *args, **how)

    monkeypatch.setattr(LlamaCppModel, "answer", watched)
    examine(bundle, chats=CHATS[:2])
    assert remembered == [True]


def test_one_flipped_bit_is_found_and_the_file_is_not_loaded(bundle):
    flip_a_bit(bundle.folder / "dm.gguf")
    results = examine(bundle, chats=CHATS)
    assert outcome(results) == {"files": False, "size": True, "configuration": True}
    assert "dm.gguf does not match its SHA-256" in results.checks[0].detail
    assert results.tokens_per_second is None
    assert json.loads((bundle.folder / "test_results.json").read_text())["passed"] is False


def test_a_file_that_is_missing_and_a_path_that_leads_elsewhere_are_told(bundle):
    (bundle.folder / "dm.gguf").rename(bundle.folder / "renamed.gguf")
    (bundle.folder / "tool_registry.json").unlink()
    results = examine(bundle, chats=CHATS)
    found = {check.name: check.detail for check in results.checks if not check.passed}
    assert "dm.gguf is missing" in found["files"]
    assert "tool_registry.json is missing" in found["configuration"]
    assert "renamed.gguf lies there" in found["configuration"]


def test_a_bundle_that_is_too_large_for_a_phone_fails(bundle, monkeypatch):
    monkeypatch.setattr(GgufMobile, "size_limit", 600_000)
    results = examine(bundle, chats=CHATS)
    assert outcome(results)["size"] is False
    assert "of at most 1 MB" in next(c.detail for c in results.checks if c.name == "size")


def test_calls_that_the_game_cannot_carry_out_fail_the_bundle(bundle, monkeypatch):
    monkeypatch.setattr(testing, "LEAST_WELL_FORMED", 1.01)
    assert outcome(examine(bundle, chats=CHATS))["tool calls"] is False


def test_a_chat_that_the_model_has_no_room_for_fails_with_the_reason(bundle):
    long = [{"role": "user", "content": "I take the rope. " * 200}]
    results = examine(bundle, chats=[long])
    answers = next(check for check in results.checks if check.name == "answers")
    assert not answers.passed
    assert "exceeds the available context size (512 tokens)" in answers.detail


def test_a_folder_for_transformers_is_tested_through_transformers(shop, version):
    order = Order(force=True, target="transformers")
    results = examine(deploy_version(shop, version, order, chats=CHATS).bundle, chats=CHATS[:4])
    assert results.passed, results.checks
    assert "template" not in outcome(results)


def test_of_many_scenarios_a_few_from_among_all_are_played():
    every = table_chats(most=None)
    assert table_chats(most=len(every)) == every
    some = table_chats(most=4)
    assert some == [every[number * len(every) // 4] for number in range(4)]
    assert len(table_chats()) == MOST < len(every)
