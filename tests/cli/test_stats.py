"""``understudy stats`` says to people and programs what the workspace holds."""

from __future__ import annotations

import json

import pytest
from tests.curate.playing import TASK, play_session

import understudy
from understudy.cli.main import main
from understudy.pipeline.scoring import score_by_rule


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


@pytest.fixture
def played(tmp_path):
    """A workspace with played sessions of two tasks, scored by a rule and two people."""
    with understudy.Workspace(tmp_path / "p") as workspace:
        first = play_session(workspace)
        play_session(workspace, actions=("press_start", "press_a", "report: 3 potions"))
        play_session(
            workspace,
            player="random",
            success=False,
            missing=("the menu is not open",),
            task={**TASK, "id": "menu-open", "group": "menu"},
        )
        score_by_rule(workspace, workspace.rows())
        session = workspace.session(first)
        for rater, score in (("ann", 8), ("ben", 6)):
            session.add_feedback(author=f"human:{rater}", score=score, seconds=30.0)
    return tmp_path / "p"


@pytest.mark.slow
def test_people_get_the_quality_of_what_was_played(played, capsys):
    assert main(["stats", "-w", str(played)]) == 0
    shown = capsys.readouterr().out
    for words in (
        "quality of 3 played sessions",
        "completion       66.7% of 3 (95 %: 20.8–93.9%)",
        "efficiency       1.00 (2 completed sessions)",
        "consistency      0.75 (1 task)",
        "human approval   7.00 (1 session)",
        "average human score",
        "7 of 7",
        "0.50 (median of 2 scorings)",
        "Krippendorff's alpha",
        "auto:check-v1",
    ):
        assert words in shown


def test_coverage_is_told_of_the_tasks_that_the_game_has(played, capsys):
    assert facts(capsys, "-w", played)["quality"]["coverage"]["known"] >= 50


def test_programs_get_all_metrics_and_all_groupings(played, capsys):
    found = facts(capsys, "-w", played)
    assert found["quality"]["completion"]["hits"] == 2
    assert found["quality_by"]["task"]["menu-open"]["completion"]["value"] == 0
    assert found["quality_by"]["group"]["bag"]["sessions"] == 2
    assert found["quality_by"]["player"]["random"]["sessions"] == 1
    assert found["collection"]["examples"] == 11
    assert [target["goal"] for target in found["targets"]] == [7, 1000, 50]
    assert found["agreement"]["with_humans"]["auto:check-v1"]["mean_difference"] == 3
    assert found["scoring"]["minutes"] == 0.5


@pytest.mark.slow
@pytest.mark.parametrize(("by", "name"), [("task", "menu-open"), ("player", "random")])
def test_metrics_can_be_told_group_by_group(played, capsys, by, name):
    assert main(["stats", "-w", str(played), "--by", by]) == 0
    head, *lines = capsys.readouterr().out.split(by.upper() + " ")[-1].splitlines()
    assert "COMPLETED" in head
    assert any(line.startswith(name) for line in lines)


def test_distinct_screens_are_counted_when_asked_for(played, capsys):
    assert facts(capsys, "-w", played, "--screens")["screens"]["by_game"] == {"pocket": 5}


def test_played_sessions_have_charts(played, tmp_path, capsys):
    facts(capsys, "-w", played, "--plots", tmp_path / "plots")
    assert {"completion.svg", "coverage.svg", "differences.svg", "efficiency.svg", "scores.svg",
            "steps.svg"} <= {path.name for path in (tmp_path / "plots").iterdir()}  # fmt: skip


def test_where_nobody_played_there_is_no_word_of_quality(path, capsys):
    assert "quality" not in facts(capsys, "-w", path)
    assert main(["stats", "-w", str(path)]) == 0
    assert "quality" not in capsys.readouterr().out
