"""Playing any Gymnasium environment for its return."""

from __future__ import annotations

from typing import Any

import gymnasium
import msgspec
import pytest

from understudy.errors import GameError, UsageError
from understudy.evaluate.environments import chance, evaluate_environment
from understudy.pipeline.environment_evaluation import evaluate_in


class Corridor(gymnasium.Env[int, int]):
    """Four steps to the right end it well; each step costs one point."""

    observation_space = gymnasium.spaces.Discrete(5)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        self.at = int(self.np_random.integers(0, 2))
        return self.at, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        if action > 1:
            raise ValueError("no such way")
        self.at = max(0, self.at + (1 if action else -1))
        return self.at, -1.0, self.at == 4, False, {"is_success": self.at == 4}


def evaluated(seat: Any, **also: Any) -> Any:
    how = {"player": "someone", "name": "corridor", "episodes": 20, "seed": 3} | also
    return evaluate_environment(Corridor(), seat, **how)


def test_the_mean_return_has_its_interval_beside_it_and_success_where_it_is_told() -> None:
    found = evaluated(lambda env, seed: lambda seen: 1)
    low, high = found.return_ci
    assert -4 <= low <= found.returned <= high <= -3
    assert (found.success_rate, found.cut) == (1, 0)
    facts = msgspec.to_builtins(found)
    assert facts["return"] == found.returned
    assert {"player", "env", "episodes", "seed", "return_ci", "success_rate_ci"} <= facts.keys()


def test_an_episode_without_an_end_is_cut_and_counted() -> None:
    found = evaluated(lambda env, seed: lambda seen: 0, most_steps=10)
    assert (found.cut, found.steps, found.success_rate) == (20, 10, 0)


def test_chance_does_the_same_with_the_same_seed() -> None:
    assert evaluated(chance) == evaluated(chance)
    assert evaluated(chance) != evaluated(chance, seed=40)


def test_an_environment_that_breaks_is_named_with_its_episode() -> None:
    with pytest.raises(GameError, match=r"corridor broke down in episode 1 \(ValueError: no such"):
        evaluated(lambda env, seed: lambda seen: 7)


def test_an_environment_of_gymnasium_itself_can_be_played() -> None:
    env = gymnasium.make("CartPole-v1")
    heard: list[int] = []
    found = evaluate_environment(
        env, chance, player="random", name="CartPole-v1", episodes=4, seed=1,
        progress=lambda done, _: heard.append(done),
    )  # fmt: skip
    env.close()
    assert found.returned == found.steps > 0
    assert found.success_rate is None
    assert heard == [1, 2, 3, 4]


def test_an_environment_is_found_by_the_name_it_is_registered_with() -> None:
    found = evaluate_in("CartPole-v1", "random", episodes=3, seed=1)
    assert (found.player, found.env, found.episodes) == ("random", "CartPole-v1", 3)


@pytest.mark.parametrize(
    ("name", "player", "kind", "sentence"),
    [
        ("CartPole-v1", "script", UsageError, "'script' plays no environment of Gymnasium"),
        ("NoSuchThing-v0", "random", GameError, "the environment 'NoSuchThing-v0' cannot be made"),
    ],
)
def test_what_cannot_be_played_is_told_in_a_sentence(
    name: str, player: str, kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        evaluate_in(name, player, episodes=1, seed=1)
