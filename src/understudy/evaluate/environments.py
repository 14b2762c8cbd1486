"""How well a player does in any Gymnasium environment: the mean return, with its interval."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.errors import GameError
from understudy.evaluate.intervals import mean_interval, rate

if TYPE_CHECKING:
    import gymnasium

Choose = Callable[[Any], Any]
"""From an observation to an action."""
Seat = Callable[["gymnasium.Env[Any, Any]", int], Choose]
"""Puts a player before an environment, for one episode with this seed."""
_SUCCESS = ("success", "is_success")
MOST_STEPS = 100_000
"""Of an episode: where the environment sets no limit, this one does."""


class EnvironmentResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What some episodes came to."""

    player: str
    env: str
    episodes: int
    seed: int
    returned: float = msgspec.field(name="return")
    """The mean of the undiscounted returns."""
    return_ci: tuple[float, float]
    """By a bootstrap over episodes."""
    steps: float
    """Of an episode, in the mean."""
    success_rate: float | None = None
    """Where the environment says in ``info`` whether an episode was a success."""
    success_rate_ci: tuple[float, float] | None = None
    cut: int = 0
    """Episodes that were stopped because they would not end."""


def evaluate_environment(
    env: gymnasium.Env[Any, Any],
    seat: Seat,
    *,
    player: str,
    name: str,
    episodes: int,
    seed: int,
    most_steps: int = MOST_STEPS,
    progress: Callable[[int, int], None] | None = None,
) -> EnvironmentResult:
    """Play ``episodes`` with the seeds from ``seed`` on. GameError when the environment breaks."""
    returns: list[float] = []
    lengths: list[int] = []
    successes: list[float] = []
    cut = 0
    for number in range(episodes):
        try:
            total, steps, success, over = _play(env, seat, seed + number, most_steps)
        except Exception as error:
            raise GameError(
                f"{name} broke down in episode {number + 1} ({type(error).__name__}: {error}); "
                "check it with gymnasium.utils.env_checker"
            ) from error
        returns.append(total)
        lengths.append(steps)
        cut += not over
        if success is not None:
            successes.append(float(success))
        if progress is not None:
            progress(number + 1, episodes)
    succeeded = rate(successes, [str(number) for number in range(len(successes))])
    return EnvironmentResult(
        player=player,
        env=name,
        episodes=episodes,
        seed=seed,
        returned=fmean(returns),
        return_ci=mean_interval(returns),
        steps=fmean(lengths),
        success_rate=None if succeeded is None else succeeded.value,
        success_rate_ci=None if succeeded is None else (succeeded.low, succeeded.high),
        cut=cut,
    )


def chance(env: gymnasium.Env[Any, Any], seed: int) -> Choose:
    """The player that takes any action at all."""
    env.action_space.seed(seed)
    return lambda _: env.action_space.sample()


def _play(
    env: gymnasium.Env[Any, Any], seat: Seat, seed: int, most_steps: int
) -> tuple[float, int, bool | None, bool]:
    """Return, steps, whether it was a success where that is told, and whether it ended."""
    observation, info = env.reset(seed=seed)
    choose = seat(env, seed)
    total, steps, over = 0.0, 0, False
    while not over and steps < most_steps:
        observation, reward, terminated, truncated, info = env.step(choose(observation))
        total += float(reward)
        steps += 1
        over = terminated or truncated
    told = next((info[name] for name in _SUCCESS if name in info), None)
    return total, steps, None if told is None else bool(told), over
