"""The demonstration's evenings in the tavern: played, scored, and one turn with the new model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from understudy.deploy.bundle import find_bundle
from understudy.deploy.target import find_target
from understudy.pipeline.play import Players, PlayRequest, play_session
from understudy.pipeline.scoring import score_by_rule
from understudy.session.steps import ChatStep
from understudy.session.workspace import Workspace

GAME = "tavern"
FIRST_TURN_TASK, FIRST_TURN_PLAYER = "buy-rope", "bold-adventurer"

Progress = Callable[[int, int], None]


def play_tables(
    workspace: Workspace, tables: Sequence[tuple[str, str, int]], tag: str, progress: Progress
) -> dict[str, Any]:
    """Play the evenings with the scripted Dungeon Master, and let the rule score them."""
    sessions = []
    with Players(workspace) as players:
        for number, (task, player, seed) in enumerate(tables):
            progress(number, len(tables))
            request = PlayRequest(
                game=GAME, asked=task, player=player, seed=seed, durability="interval", tags=(tag,)
            )
            sessions.append(play_session(workspace, players, request).id)
        progress(len(tables), len(tables))
    rows = [workspace.find(id) for id in sessions]
    score_by_rule(workspace, rows)
    return {"sessions": sessions, "chats": sum(row.chats for row in rows)}


def first_turn(workspace: Workspace, bundle: str) -> dict[str, Any]:
    """One turn at the table with what was deployed as the Dungeon Master, read from its bundle."""
    deployed = find_bundle(workspace, bundle)
    file = find_target(deployed.target).gguf(deployed.folder)
    with Players(workspace) as players:
        request = PlayRequest(
            game=GAME,
            asked=FIRST_TURN_TASK,
            player=FIRST_TURN_PLAYER,
            model=str(file),
            steps=1,
            name="first turn",
        )
        session = play_session(workspace, players, request)
    said, answers = "", []
    for step in workspace.session(session.id).trace():
        if isinstance(step, ChatStep):
            said = said or str(step.messages[-1]["content"])
            answers.append(str((step.response or {}).get("content") or ""))
    return {"session": session.id, "said": said, "answers": answers}
