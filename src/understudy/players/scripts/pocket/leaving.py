"""Getting back to the map from wherever the hero is, so that a goal can be worked on there."""

from __future__ import annotations

from understudy.players.script import Move
from understudy.players.scripts.pocket.fighting import carry_out
from understudy.players.scripts.pocket.now import Now
from understudy.players.scripts.pocket.screens import go_back
from understudy.players.scripts.pocket.tactics import Intent, Run, SendOut, best_fighter, fight


def to_map(now: Now, aim: str) -> Move | None:
    """The next move to the map; None when it is on the screen.

    A wild creature is run away from; against a trainer there is only winning.
    """
    if now.mode == "map":
        return None
    if now.fighting:
        return carry_out(now, _way_out(now, aim), aim)
    return go_back(now, aim)


def _way_out(now: Now, aim: str) -> Intent:
    if now.battle["kind"] == "trainer":
        return fight(now)
    if now.own["hp"] == 0:
        return SendOut(best_fighter(now), "because it can still stand")
    return Run(f"because this fight does not help to {aim}")
