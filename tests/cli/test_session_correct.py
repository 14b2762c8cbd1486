"""Correcting a captured answer from the terminal, and what training then makes of it."""

from __future__ import annotations

import json

import pytest

import understudy
from understudy.cli.main import main
from understudy.train.sources import Reading, load

SAID, BETTER = "You creep. [check: arcana, Mira]", "You creep. [check: stealth, Mira]"


@pytest.fixture
def recorded(tmp_path):
    """A workspace with one wrong answer, and the session's id."""
    path = tmp_path / "workspace"
    with understudy.Workspace(path) as workspace, workspace.record(game="tavern") as session:
        session.chat(
            messages=[{"role": "user", "content": "Mira sneaks past the guard."}],
            response={"role": "assistant", "content": SAID},
        )
    return path, session.id


@pytest.fixture
def correct(recorded, capsys):
    path, identity = recorded

    def run(*arguments):
        status = main(["session", "correct", identity, *arguments, "-w", str(path)])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


def sources(path, *, preferences):
    with understudy.Workspace(path) as workspace:
        found = load(
            workspace, ["corrections"], [], Reading(preferences=preferences), share=0, most=0
        )
    return found.train


def test_a_correction_becomes_an_example_and_a_pair_at_once(recorded, correct):
    status, out, err = correct("1", BETTER, "--rater", "Ada", "--reason", "wrong ability")
    assert (status, err) == (0, "")
    assert "line 1" in out
    assert "corrected by human:Ada" in out
    [example] = sources(recorded[0], preferences=False)
    assert example["messages"][-1]["content"] == BETTER
    [pair] = sources(recorded[0], preferences=True)
    assert pair["chosen"][-1]["content"] == BETTER
    assert pair["rejected"][-1]["content"] == SAID


def test_the_recording_stays_as_it_was(recorded, correct):
    correct("1", BETTER, "--rater", "Ada")
    with understudy.Workspace(recorded[0]) as workspace:
        session = workspace.session(recorded[1])
        assert [line.response["content"] for line in session.trace()] == [SAID]
        assert workspace.verify(recorded[1]) == []


def test_a_score_alone_is_a_thumb(correct):
    status, out, _ = correct("1", "--set", "2", "--rater", "Ada", "--json")
    assert status == 0
    entry = json.loads(out)
    assert (entry["step"], entry["score"]) == (1, 2)
    assert entry.get("correction") is None


def test_without_a_text_the_editor_opens_with_the_answer_that_counts(
    recorded, correct, monkeypatch
):
    seen = []

    def edit(text):
        seen.append(text)
        return text.replace("arcana", "stealth") + "\n"

    monkeypatch.setattr("click.edit", edit)
    assert correct("1", "--rater", "Ada")[0] == 0
    status, _, err = correct("1", "--rater", "Ada")
    assert seen == [SAID, BETTER]
    assert (status, "nothing was changed" in err) == (0, True)
    assert len(sources(recorded[0], preferences=False)) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("1", "So be it. [check: luck, Mira]"), "malformed"),
        (("1", "So be it. [dance: Mira]"), "no such tool"),
        (("1", " "), "empty"),
        (("9", BETTER), "no trace line 9"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_in_a_sentence(recorded, correct, arguments, reason):
    status, _, err = correct(*arguments, "--rater", "Ada")
    assert status != 0
    assert reason in err
    with understudy.Workspace(recorded[0]) as workspace:
        assert workspace.session(recorded[1]).feedback() == []
