"""From the name of a Gymnasium environment and of a player to what the player reaches there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from understudy.errors import GameError, UsageError
from understudy.evaluate.environments import (
    EnvironmentResult,
    Seat,
    chance,
    evaluate_environment,
)

SEATS: Mapping[str, Seat] = {"random": chance}
"""Who can play an environment that is no game of Understudy's, and so has no screen and no tasks
that other players could go by."""


def evaluate_in(
    name: str,
    player: str,
    *,
    episodes: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> EnvironmentResult:
    """What ``player`` reaches in the environment ``name``, as ``gymnasium.make`` takes it.

    A package that registers it can stand before the name: ``package:Name-v0``. Raises UsageError
    for a player who cannot play it, GameError for an environment that cannot be made or breaks.
    """
    seat = SEATS.get(player)
    if seat is None:
        raise UsageError(
            f"{player!r} plays no environment of Gymnasium; choose {' or '.join(SEATS)}, or a "
            "game with --game"
        )
    try:
        import gymnasium
    except ImportError as error:
        raise GameError(
            f"environments need Gymnasium, which cannot be imported ({error}); install the extra "
            "`games`, as in `pip install '.[games]'`"
        ) from error
    try:
        env = gymnasium.make(name)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise GameError(
            f"the environment {name!r} cannot be made ({type(error).__name__}: {reason}); name one "
            "that is registered with Gymnasium, as in `CartPole-v1` or `package:Name-v0`"
        ) from error
    try:
        return evaluate_environment(
            env, seat, player=player, name=name, episodes=episodes, seed=seed, progress=progress
        )
    finally:
        env.close()
