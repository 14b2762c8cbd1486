"""The random player: every button, never a report, and the same session for the same seeds."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from understudy.config import Settings
from understudy.errors import PlayerError
from understudy.players.player import Situation, View
from understudy.players.random_player import RandomPlayer
from understudy.players.registry import PlayerSettings, make_player

ACTIONS = ("press_a", "press_b", "wait", "report")
VIEW = View(
    step=1,
    max_steps=9,
    screenshot=np.zeros((2, 2, 3), np.uint8),
    observation="",
    previous_actions=(),
)


def situation(seed, actions=ACTIONS):
    """A session of a game with these actions; the player looks at nothing else of it."""
    game = SimpleNamespace(name="buttons", action_names=actions)
    return Situation(
        game=game, words="", task=None, seed=seed, max_steps=9, session=None, memory=None
    )


def played(player, seed, steps=300):
    player.begin(situation(seed))
    actions = [str(player.decide(VIEW).action) for _ in range(steps)]
    player.end()
    return actions


def player(seed=0):
    return make_player("random", PlayerSettings(settings=Settings(), seed=seed))


def test_it_takes_every_action_about_as_often_and_never_reports():
    counts = Counter(played(player(), 1, steps=3000))
    assert set(counts) == {"press_a", "press_b", "wait"}
    assert min(counts.values()) > 900


def test_the_same_seeds_give_the_same_session_whatever_was_played_before():
    one, other = player(), player()
    played(other, 5)
    assert played(one, 1) == played(other, 1)


def test_another_seed_of_the_session_or_of_the_player_gives_another_session():
    assert played(player(), 1) != played(player(), 2)
    assert played(player(seed=0), 1) != played(player(seed=1), 1)


def test_it_gives_no_reasons():
    random_player = player()
    random_player.begin(situation(1))
    decision = random_player.decide(VIEW)
    assert (decision.reasoning, decision.expected_outcome) == (None, None)


def test_a_game_where_one_can_only_report_is_refused():
    with pytest.raises(PlayerError, match="choose another player"):
        RandomPlayer(PlayerSettings(settings=Settings())).begin(situation(1, ("report",)))
