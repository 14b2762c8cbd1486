"""``understudy stats`` says to people and programs what the workspace holds."""

from __future__ import annotations

import json

import pytest

import understudy
from understudy.cli.main import main


@pytest.fixture
def path(tmp_path):
    with understudy.Workspace(tmp_path / "w") as workspace:
        for game, player in (("tavern", "ann"), ("tavern", "ben"), ("pocket", "ann")):
            with workspace.record(game=game, player=player) as session:
                session.step(action="wait")
                session.chat(
                    messages=[{"role": "user", "content": "hi"}],
                    response={"role": "assistant", "content": "ho"},
                    usage={"input_tokens": 5},
                )
    return tmp_path / "w"


def facts(capsys, *arguments):
    assert main([str(argument) for argument in ("stats", "--json", *arguments)]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_numbers_stand_in_json_under_their_names(path, capsys):
    found = facts(capsys, "-w", path)
    assert found["sessions"] == found["steps"] == 3
    assert found["by_status"] == {"sealed": 3}
    assert found["by_game"]["tavern"]["sessions"] == 2
    assert "chat_calls" not in found


def test_filters_choose_what_is_counted(path, capsys):
    assert facts(capsys, "-w", path, "--game", "tavern", "--player", "ann")["sessions"] == 1


def test_chats_are_read_when_asked_for(path, capsys):
    found = facts(capsys, "-w", path, "--chats")["chat_calls"]
    assert found["by_status"] == {"complete": 3}
    assert found["tokens"] == {"input_tokens": 15}


def test_people_get_a_table_for_games_players_and_days(path, capsys):
    assert main(["stats", "-w", str(path), "--chats"]) == 0
    shown = capsys.readouterr().out
    assert "3 (3 sealed)" in shown
    assert "of models   3 (none)\n" in shown
    assert "15 input_tokens" in shown
    for head in ("GAME", "PLAYER", "DAY"):
        assert head in shown
    assert "MODEL" not in shown


def test_charts_are_written_and_named(path, tmp_path, capsys):
    found = facts(capsys, "-w", path, "--plots", tmp_path / "plots")
    assert all((tmp_path / "plots" / name).is_file() for name in ("sessions.svg", "chats.svg"))
    assert str(tmp_path / "plots" / "chats.svg") in found["plots"]


def test_an_empty_workspace_has_statistics_too(tmp_path, capsys):
    assert main(["init", str(tmp_path / "new")]) == 0
    capsys.readouterr()
    assert main(["stats", "-w", str(tmp_path / "new"), "--plots", str(tmp_path / "plots")]) == 0
    assert "sessions" in capsys.readouterr().out
