"""Who plays the tavern: scripts, adventurers, people, chance; and that every exchange is kept."""

from __future__ import annotations

import io
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import understudy
from understudy.cli.main import main
from understudy.config import Settings
from understudy.errors import PlayerError, UsageError
from understudy.games.builtin.tavern.game import TavernGame
from understudy.games.game import SAY, Action
from understudy.pipeline import chat_models
from understudy.pipeline.play import Players, PlayRequest, play_session
from understudy.players.backends.chat_model import Answer
from understudy.players.chat.reply import Refusal, Reply, read_reply, reply_schema
from understudy.players.registry import PlayerSettings, make_player
from understudy.players.scripts.tavern_words import Temper, Want, spoken
from understudy.session.steps import AgentStep, ChatStep

ADVENTURERS = ("cautious-adventurer", "bold-adventurer", "chatty-adventurer")


def played(ws: understudy.Workspace, **request: Any) -> Any:
    with Players(ws) as players:
        return play_session(ws, players, PlayRequest(game="tavern", **request))


def said(ws: understudy.Workspace, id: str) -> list[str]:
    with closing(ws.session(id)) as session:
        return [str(step.action) for step in session.trace() if isinstance(step, AgentStep)]


def chats(ws: understudy.Workspace, id: str) -> list[ChatStep]:
    with closing(ws.session(id)) as session:
        return [step for step in session.trace() if isinstance(step, ChatStep)]


def test_the_script_does_a_task_and_every_exchange_is_recorded(ws: understudy.Workspace) -> None:
    session = played(ws, asked="buy-rope", player="script")
    assert session.played.success
    assert said(ws, session.id)[0].startswith("say: Mira ")
    kept = chats(ws, session.id)
    assert len(kept) == 3
    assert kept[0].messages[0]["role"] == "system"
    assert kept[0].response["content"].endswith("[inventory: Mira, add, rope]")
    assert kept[0].model == "scripted"


@pytest.mark.slow
def test_deliberate_mistakes_are_idle_talk(ws: understudy.Workspace) -> None:
    session = played(ws, asked="emerald", player="script", mistakes=0.5, steps=30)
    with closing(ws.session(session.id)) as recorded:
        steps = [step for step in recorded.trace() if isinstance(step, AgentStep)]
    assert any(step.facts.get("mistake") for step in steps)
    assert session.played.success


@pytest.mark.slow
@pytest.mark.parametrize("player", ADVENTURERS)
def test_an_adventurer_does_a_task_in_a_way_of_its_own(
    ws: understudy.Workspace, player: str
) -> None:
    session = played(ws, asked="kill-the-rat", player=player, steps=40)
    assert session.played.success
    assert ws.session(session.id).header.player == player


def test_tempers_say_the_same_in_other_words() -> None:
    wants = [Want("attack", hero="Borin", foe="rat"), Want("buy", hero="Mira", item="antidote")]
    tempers: tuple[Temper, ...] = ("plain", "cautious", "bold", "chatty")
    for want in wants:
        assert len({spoken(want, temper, 0) for temper in tempers}) == len(tempers)
    assert spoken(wants[1], "plain", 0) == "Mira buys an antidote."


@pytest.mark.slow
@pytest.mark.parametrize("player", ADVENTURERS)
def test_a_free_evening_ends_on_the_road_and_comes_out_the_same_again(
    ws: understudy.Workspace, player: str
) -> None:
    first = played(ws, asked="", player=player, seed=4, steps=80)
    again = played(ws, asked="", player=player, seed=4, steps=80)
    other = played(ws, asked="", player=player, seed=5, steps=80)
    assert first.played.completion == "quit"
    assert said(ws, first.id) == said(ws, again.id) != said(ws, other.id)
    assert "road" in said(ws, first.id)[-1]
    assert ws.session(first.id).header.task == TavernGame.open_words


@pytest.mark.slow
def test_a_bold_evening_has_fights_and_a_chatty_one_talk(ws: understudy.Workspace) -> None:
    bold = played(ws, asked="", player="bold-adventurer", steps=80)
    chatty = played(ws, asked="", player="chatty-adventurer", steps=80)
    kept = {
        name: "\n".join(str(chat.response["content"]) for chat in chats(ws, session.id))
        for name, session in (("bold", bold), ("chatty", chatty))
    }
    assert kept["bold"].count("[health: ") > 0
    assert kept["chatty"].count("[health: ") == 0


def test_an_adventurer_is_at_home_in_the_tavern_alone() -> None:
    player = make_player("bold-adventurer", PlayerSettings(settings=Settings()))
    from types import SimpleNamespace

    situation: Any = SimpleNamespace(game=SimpleNamespace(name="pocket"), task=None, seed=1)
    with pytest.raises(PlayerError, match="plays 'tavern' alone, not 'pocket'"):
        player.begin(situation)


def test_chance_says_words_that_it_reads(ws: understudy.Workspace) -> None:
    session = played(ws, asked="dance", player="random", steps=3)
    assert all(len(line.split()) > 1 for line in said(ws, session.id))


def test_a_person_speaks_in_lines_and_reads_the_answers(
    ws: understudy.Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\nMira buys a rope.\nWe leave the tavern.\nq\n"))
    session = played(ws, asked="", player="human")
    assert session.played.completion == "quit"
    assert said(ws, session.id) == ["say: Mira buys a rope.", "say: We leave the tavern."]
    told = capsys.readouterr().err
    assert "A low room on stilts" in told
    assert "Mira: rope added" in told


def test_a_person_who_does_a_task_is_told_so(
    ws: understudy.Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Mira gives her lantern to Borin.\n"))
    assert played(ws, asked="lantern-for-borin", player="human").played.success
    assert "Done." in capsys.readouterr().err


def test_the_script_needs_a_task(ws: understudy.Workspace) -> None:
    with pytest.raises(UsageError, match="the script plays only tasks"):
        played(ws, asked="", player="script")


def test_a_chat_player_answers_with_words() -> None:
    names = (SAY,)
    assert "text" in reply_schema(names)["required"]
    for value in (
        {"action": "say", "text": "Mira waits."},
        {"action": "say: Mira waits."},
        {"action": "Mira waits."},
    ):
        reply = read_reply(value, names)
        assert isinstance(reply, Reply)
        assert reply.action == Action(SAY, "Mira waits.")
    refusal = read_reply({"action": "say", "text": " "}, names)
    assert isinstance(refusal, Refusal)
    assert "the words" in refusal.reason


class Master:
    """A model as `open_chat_model` gives it."""

    name = "dm@v0001"

    def __init__(self) -> None:
        self.closed = 0

    def answer(self, conversations: Any, **_: Any) -> list[Answer]:
        told = conversations[0][-1]
        text = "Sold. [inventory: Mira, add, rope]" if told["role"] == "user" else "It is heavy."
        return [Answer(text, 9, 0.1) for _ in conversations]

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> Master:
    model = Master()
    monkeypatch.setattr(chat_models, "open_chat_model", lambda *_: model)
    return model


def test_the_model_is_the_dungeon_master_and_the_player_the_adventurer(
    ws: understudy.Workspace, master: Master
) -> None:
    session = played(ws, asked="buy-rope", player="script", model="dm")
    assert session.played.success
    header = ws.session(session.id).header
    assert (header.player, header.model) == ("script", "dm@v0001")
    assert header.metadata["game"]["dungeon_master"] == "dm@v0001"
    assert {chat.model for chat in chats(ws, session.id)} == {"dm@v0001"}
    assert master.closed == 1


def test_after_a_model_the_script_has_the_part_again(
    ws: understudy.Workspace, master: Master
) -> None:
    with Players(ws) as players:
        for model, name in (("dm", "dm@v0001"), (None, "scripted")):
            request = PlayRequest(game="tavern", asked="buy-rope", player="script", model=model)
            session = play_session(ws, players, request)
            assert {chat.model for chat in chats(ws, session.id)} == {name}


def test_a_broken_model_ends_the_session_with_its_reason(
    ws: understudy.Workspace, master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> list[Answer]:
        raise PlayerError("the server is gone")

    monkeypatch.setattr(master, "answer", gone)
    session = played(ws, asked="buy-rope", player="script", model="dm")
    assert session.played.completion == "error"
    assert session.played.reason == "the server is gone"


def test_what_no_model_is_is_told_in_a_sentence(
    ws: understudy.Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("no model")
    for name, sentence in (
        (str(tmp_path / "none.gguf"), "there is no model file"),
        (str(tmp_path / "notes.txt"), "is no model; name a .gguf file"),
        (str(tmp_path), "holds no model"),
    ):
        given = ["play", "tavern", "buy-rope", "--player", "script", "--model", name]
        assert main([*given, "-w", str(ws.path)]) in (1, 2)
        assert sentence in capsys.readouterr().err


@pytest.mark.slow
def test_without_a_task_the_command_plays_and_lists_only_when_asked(
    ws: understudy.Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["-w", str(ws.path), "--json"]
    assert main(["play", "tavern", "--player", "cautious-adventurer", "--steps", "2", *given]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 2
    assert main(["play", "tavern", "--tasks", *given]) == 0
    assert {"id", "words"} <= json.loads(capsys.readouterr().out)[0].keys()
    assert main(["play", "pocket", *given]) == 0
    assert len(json.loads(capsys.readouterr().out)) > 50


def test_a_session_of_the_tavern_is_played_again_screen_by_screen(
    ws: understudy.Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    session = played(ws, asked="kill-the-rat", player="script")
    assert main(["session", "replay", session.id, "-w", str(ws.path)]) == 0
    assert "every screen is the same" in capsys.readouterr().out
