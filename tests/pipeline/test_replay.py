"""Sessions of the real `pocket`, played again from their record alone."""

from __future__ import annotations

import io
import sys

import pytest

from understudy.errors import GameError, SessionError
from understudy.games.registry import open_game
from understudy.pipeline.play import Players, PlayRequest, play_session
from understudy.pipeline.replay import branch, replay
from understudy.players.loop import screen_digest

pytestmark = pytest.mark.slow

BAG = "report-potions"


@pytest.fixture
def players(ws):
    with Players(ws) as opened:
        yield opened


@pytest.fixture
def says(monkeypatch):
    """Lets a person say these lines."""

    def say(*lines):
        monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines) + "\n"))
        monkeypatch.setattr(sys, "stderr", io.StringIO())

    return say


@pytest.fixture
def reported(ws, players, says):
    """A session in which a person looked into the bag and reported, after a needless step."""
    says("b", "start", "a", "report: 3 potions")
    return play_session(ws, players, PlayRequest(game="pocket", asked=BAG, player="human"))


def random_session(ws, players, **request):
    given = {"asked": BAG, "player": "random", "steps": 12, "seed": 7, **request}
    return play_session(ws, players, PlayRequest(game="pocket", **given))


def recorded_by_hand(ws, steps, *, game="pocket", **metadata):
    """A session with these (action, screen before, screen after)."""
    with ws.record(game=game, metadata={"seed": 1, **metadata}) as session:
        for action, before, after in steps:
            session.step(action=action, screen=before, screen_after=after)
    return session.id


# Played again ------------------------------------------------------------------------------------


def test_a_session_comes_out_the_same_screen_by_screen(ws, players):
    session = random_session(ws, players)
    seen = []
    report = replay(ws, session.id, on_step=seen.append)
    assert report.same
    assert (report.steps, report.compared, report.different) == (12, 12, 0)
    assert report.other_identity == ()
    assert [step.step for step in seen] == list(range(1, 13))
    written = [line.action for line in ws.session(session.id).trace() if hasattr(line, "action")]
    assert [str(step.action) for step in seen] == written


def test_a_report_is_given_again_and_ends_the_game(ws, reported):
    assert reported.played.success
    seen = []
    assert replay(ws, reported.id, on_step=seen.append).same
    assert str(seen[-1].action) == "report: 3 potions"
    assert [step.over for step in seen] == [False, False, False, True]


def test_a_request_without_a_task_is_played_again_too(ws, players):
    session = random_session(ws, players, asked="dance around the gym leader", steps=5)
    assert session.task is None
    assert replay(ws, session.id).same


def test_an_interrupted_session_is_played_again_as_far_as_it_goes(ws, players):
    def interrupt(played):
        if played.outcome.step == 3:
            raise KeyboardInterrupt

    request = PlayRequest(game="pocket", asked=BAG, player="random", steps=12)
    session = play_session(ws, players, request, on_step=interrupt)
    assert ws.session(session.id).status == "incomplete"
    report = replay(ws, session.id)
    assert (report.steps, report.same) == (3, True)


def test_the_first_step_that_differs_is_named_and_how_many_do(ws):
    game = open_game("pocket")
    game.reset(seed=1, options={"task": None})
    start = screen_digest(game.screenshot())
    game.close()
    other = "0" * 16
    # Given a record whose second and third step show what the game does not
    session = recorded_by_hand(
        ws, [("wait", start, start), ("wait", start, other), ("wait", other, start)]
    )
    report = replay(ws, session)
    assert not report.same
    assert (report.steps, report.different, report.first_different) == (3, 2, 2)


def test_steps_without_recorded_screens_are_no_proof(ws):
    with ws.record(game="pocket", metadata={"seed": 1}) as session:
        session.step(action="press_start")
    report = replay(ws, session.id)
    assert (report.steps, report.compared, report.different, report.same) == (1, 0, 0, False)


def test_another_rom_or_emulator_than_recorded_is_said(ws):
    identity = {"rom_sha256": "ff", "sound": "on"}
    with ws.record(game="pocket", metadata={"seed": 1, "game": identity}) as session:
        pass
    others = replay(ws, session.id).other_identity
    found = {other.name: (other.recorded, other.now) for other in others}
    assert found["rom_sha256"][0] == "ff"
    assert len(found["rom_sha256"][1]) == 64
    assert found["sound"] == ("on", "")
    assert found["emulator"][0] == ""
    assert "pyboy" in found["emulator"][1]


# What cannot be played again ---------------------------------------------------------------------


def test_a_session_without_a_seed_is_refused(ws):
    with ws.record(game="pocket") as session:
        session.step(action="press_a")
    with pytest.raises(SessionError, match="no game with a seed"):
        replay(ws, session.id)


def test_a_session_of_an_unknown_game_is_refused(ws):
    with pytest.raises(GameError, match="there is no game 'chess'"):
        replay(ws, recorded_by_hand(ws, [], game="chess"))


def test_an_action_that_the_game_does_not_have_is_refused_with_its_step(ws):
    session = recorded_by_hand(ws, [("wait", None, None), ({"kind": "jump"}, None, None)])
    with pytest.raises(SessionError, match=r"step 2 of .* cannot be played again"):
        replay(ws, session)


def test_a_task_that_the_game_does_not_have_any_more_is_refused(ws):
    with pytest.raises(GameError, match="no task 'fly'"):
        replay(ws, recorded_by_hand(ws, [], task={"id": "fly"}))


# Going on from a step ----------------------------------------------------------------------------


def test_another_player_goes_on_from_a_step_in_a_session_of_its_own(ws, players, reported, says):
    # Given a session that opened the menu in its second step
    says("a", "report: three potions")
    # When somebody goes on from the third step
    request = PlayRequest(game="", asked="", player="human")
    session = branch(ws, players, reported.id, 3, request)
    # Then the menu is open already, and the task's progress was kept
    assert (session.played.completion, session.played.steps) == ("success", 2)
    header = ws.session(session.id).header
    assert header.metadata["branch"] == {"session": reported.id, "step": 3}
    assert header.metadata["task"]["id"] == BAG
    assert header.name == f"{BAG}-from-3"
    steps = list(ws.session(session.id).trace())
    parent = [line for line in ws.session(reported.id).trace() if hasattr(line, "action")]
    assert steps[1].facts["screen"] == parent[2].facts["screen"]


def test_what_was_kept_of_the_session_is_kept_of_its_branch(ws, players):
    session = random_session(ws, players, collect_screenshots=True, save_training_data=True)
    went_on = branch(
        ws, players, session.id, 5, PlayRequest(game="", asked="", player="random", steps=2)
    )
    assert (went_on.path / "training_data.jsonl").is_file()
    assert (went_on.path / "screenshots" / "step_02_after_action.png").is_file()


def test_a_branch_can_be_played_again_and_branched_from(ws, players):
    request = PlayRequest(game="", asked="", player="random", steps=6)
    session = random_session(ws, players)
    one = branch(ws, players, session.id, 4, request)
    two = branch(ws, players, one.id, 7, request)
    for name in (one.id, two.id):
        report = replay(ws, name)
        assert (report.steps, report.same) == (6, True)


def test_a_branch_whose_beginning_was_forgotten_says_so(ws, players):
    session = random_session(ws, players)
    request = PlayRequest(game="", asked="", player="random", steps=2)
    went_on = branch(ws, players, session.id, 4, request)
    ws.forget(session.id)
    with pytest.raises(SessionError, match="goes on from another session"):
        replay(ws, went_on.id)


@pytest.mark.parametrize(
    ("step", "why"), [(0, "no step 0"), (6, "no step 6"), (5, "ended with step 4")]
)
def test_there_is_no_going_on_from_where_nothing_was_or_all_was_over(
    ws, players, reported, step, why
):
    before = len(list(ws.rows()))
    with pytest.raises(SessionError, match=why):
        branch(ws, players, reported.id, step, PlayRequest(game="", asked="", player="random"))
    assert len(list(ws.rows())) == before


def test_there_is_no_going_on_from_what_does_not_come_out_the_same(ws, players):
    session = recorded_by_hand(ws, [("wait", "0" * 16, "0" * 16), ("wait", None, None)])
    with pytest.raises(SessionError, match="another screen now"):
        branch(ws, players, session, 2, PlayRequest(game="", asked="", player="random"))
    assert ws.rows(player="random") == []
