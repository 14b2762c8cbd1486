"""Sessions as the loop records them: a task, a player, a picture and a decision a step."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from understudy.session.workspace import Workspace

ACTIONS = ("press_a", "press_down", "press_start")
Pixels = np.ndarray[Any, Any]


def screen(number: int) -> Pixels:
    """A picture of its own for each number."""
    random = np.random.default_rng(number)
    tiles = random.integers(0, 4, (6, 6), dtype=np.uint8) * 85
    return np.repeat(tiles.repeat(8, 0).repeat(8, 1)[..., None], 3, 2)


def play(
    workspace: Workspace,
    task: str = "open-bag",
    *,
    seed: int | None = 0,
    screens: tuple[int, ...] = (1, 2, 3),
    score: float | None = 8,
    success: bool | None = True,
    player: str = "script",
    step: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    **header: Any,
) -> str:
    """Record one session and score it; its id. ``step`` changes what every step says."""
    told: dict[str, Any] = {
        "max_steps": 15,
        "limit": "given",
        "task": {"id": task, "words": task, "group": "bag", "goal": f"Goal of {task}",
                 "kind": "act", "difficulty": 1, "reference_steps": len(screens)},
        **({} if seed is None else {"seed": seed}),
        **(metadata or {}),
    }  # fmt: skip
    with workspace.record(
        game="pocket", task=task, player=player, metadata=told, durability="interval", **header
    ) as session:
        for number, shown in enumerate(screens):
            picture = screen(shown)
            given: dict[str, Any] = {
                "action": ACTIONS[number % len(ACTIONS)],
                "observation": f"Place {shown}",
                "screenshot": picture,
                "reasoning": f"Because of {shown}",
                "expected_outcome": "It moves",
                "success": True,
                "screen": hashlib.blake2b(picture.tobytes(), digest_size=8).hexdigest(),
            }
            session.step(**{**given, **(step or {})})
        session.seal(success=success, outcome="done", completion="success")
    if score is not None:
        workspace.session(session.id).add_feedback(score=score, author="human:me")
    return session.id


def play_many(workspace: Workspace, count: int) -> list[str]:
    """``count`` sessions that have nothing in common."""
    return [
        play(workspace, f"task-{n}", seed=n, screens=(10 * n, 10 * n + 1, 10 * n + 2))
        for n in range(count)
    ]
