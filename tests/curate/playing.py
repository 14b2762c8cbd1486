"""Played sessions for tests: recorded as the loop records them, and lines of the catalog alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from understudy.store.catalog.schema import PlayFacts, SessionRow
from understudy.store.ulids import new_ulid

TASK = {
    "id": "bag-healing",
    "words": "check what healing items I have in my bag",
    "group": "bag",
    "goal": "Inventory analysis and reporting",
    "kind": "report",
    "difficulty": 2,
    "reference_steps": 4,
}


def picture(number: int) -> np.ndarray[Any, Any]:
    """A small screenshot that is like no other."""
    pixels = np.full((144, 160, 3), 200, np.uint8)
    pixels[8 * number % 144 :, : 8 + number % 150] = (30 + number * 7 % 200, 60, 90)
    return pixels


def play_session(
    ws: Any,
    *,
    actions: tuple[str, ...] = ("press_start", "press_down", "press_a", "report: 3 potions"),
    success: bool | None = True,
    completion: str | None = None,
    missing: tuple[str, ...] = (),
    of: int = 2,
    task: dict[str, Any] | None = TASK,
    max_steps: int = 15,
    player: str = "script",
    game: str = "pocket",
    no_effect: int = 0,
    mistakes: int = 0,
    collect: bool = False,
    name: str | None = None,
    **metadata: Any,
) -> str:
    """Record one played session and return its id."""
    if completion is None:
        completion = "success" if success else "step_limit"
    with ws.record(
        game=game,
        task=(task or {}).get("words", "walk around a little"),
        player=player,
        name=name,
        durability="interval",
        metadata={
            "max_steps": max_steps,
            "limit": "given",
            "seed": 0,
            "save_training_data": False,
            "collect_screenshots": collect,
            **({"task": task} if task else {}),
            **metadata,
        },
    ) as session:
        for number, action in enumerate(actions):
            session.step(
                action=action,
                observation="in the menu",
                screenshot=picture(number),
                screenshot_after=picture(number + 1) if collect else None,
                success=number >= no_effect,
                screen=f"{number:016x}",
                screen_after=f"{number + 1:016x}",
                **({"mistake": True} if number < mistakes else {}),
            )
        check = {"success": bool(success), "missing": missing, "of": of}
        session.seal(
            success=success,
            outcome="3 potions" if success else "not done",
            completion=completion,
            status="sealed" if completion not in ("error", "interrupted") else "incomplete",
            check=check if task else None,
        )
    return session.id


def played_row(
    *,
    steps: int = 4,
    success: bool | None = True,
    completion: str = "",
    conditions: int = 2,
    row: dict[str, Any] | None = None,
    **play: Any,
) -> SessionRow:
    """A line of the catalog as a played session has it."""
    facts = {"task_id": "bag-healing", "group": "bag", "reference_steps": 4, "max_steps": 15}
    facts |= play
    facts |= {"completion": completion or ("success" if success else "step_limit")}
    identity = new_ulid()
    given = {
        "game": "pocket",
        "player": "script",
        "status": "sealed",
        "started": "2026-03-01T10:00:00+00:00",
        "ended": "2026-03-01T10:00:30+00:00",
        "duration_s": 30.0,
        **(row or {}),
    }
    return SessionRow(
        id=identity,
        directory=f"session_{identity}",
        steps=steps,
        success=success,
        task_id=facts["task_id"],
        play=PlayFacts(conditions=conditions, **facts),
        **given,
    )
