"""Playing a recorded session again: screen by screen as a check, or up to a step to go on from.

The same start, seed and actions give the same screens. So a session that was played by
``understudy play`` can be played again from its record alone, and the pictures' hashes in its steps
say whether it came out the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.errors import GameError, SessionError
from understudy.games.finding import FoundTask
from understudy.games.game import Action, Game
from understudy.games.registry import open_game
from understudy.pipeline.play import PlayedSession, Players, PlayRequest, play_session
from understudy.players.loop import PlayedStep, screen_digest
from understudy.players.player import Player
from understudy.session.reader import RecordedSession
from understudy.session.steps import AgentStep
from understudy.session.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class OtherIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Something the game is made of that is not what it was when the session was recorded."""

    name: str
    recorded: str
    now: str


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of playing a session again."""

    session: str
    steps: int
    """Steps that were played again."""
    compared: int
    """Of these, steps with recorded screens to compare."""
    different: int
    """Of these, steps whose screen before or after is another."""
    first_different: int | None
    """The number of the first of them."""
    other_identity: tuple[OtherIdentity, ...]

    @property
    def same(self) -> bool:
        """Whether every step had its screens recorded, and all of them came out the same."""
        return self.compared == self.steps and not self.different


@dataclass(frozen=True)
class ReplayedStep:
    """One step as it came out now."""

    step: int
    action: Action
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    same: bool | None
    """Whether the screens are as recorded; None where none was."""
    over: bool
    """Whether the game ended with it."""


def replay(
    workspace: Workspace,
    name: str,
    *,
    on_step: Callable[[ReplayedStep], None] | None = None,
) -> ReplayReport:
    """Play the session called ``name`` again, as far as it goes, and compare every screen.

    Raises SessionError for a session that cannot be played again, GameError and EmulatorError when
    its game cannot be opened.
    """
    session = workspace.session(name)
    game = open_game(_source(session), settings=workspace.settings.games)
    try:
        steps = compared = different = 0
        first: int | None = None
        for replayed in _play_again(workspace, game, session):
            steps += 1
            compared += replayed.same is not None
            if replayed.same is False:
                different += 1
                first = first or replayed.step
            if on_step is not None:
                on_step(replayed)
        return ReplayReport(
            session=session.id,
            steps=steps,
            compared=compared,
            different=different,
            first_different=first,
            other_identity=_other_identity(session, game),
        )
    finally:
        game.close()


def branch(
    workspace: Workspace,
    players: Players,
    name: str,
    step: int,
    request: PlayRequest,
    *,
    on_begin: Callable[[FoundTask, Player, int], None] | None = None,
    on_step: Callable[[PlayedStep], None] | None = None,
) -> PlayedSession:
    """Let another player go on from just before ``step`` of the session called ``name``.

    What comes of it is a session of its own, with ``branch`` in its metadata. ``request`` says who
    plays and in how many steps; the game, task and seed are those of the session, and what is kept
    is what was kept of it. Raises SessionError also when the steps before do not come out as they
    were recorded: what followed would be no branch of that session.
    """
    session = workspace.session(name)
    source = _source(session)
    metadata = session.header.metadata
    there = _state_before(workspace, players.game(source), session, step)
    request = replace(
        request,
        game=source,
        asked=_task_id(session) or session.header.task,
        seed=metadata["seed"],
        name=request.name or f"{session.header.name}-from-{step}",
        save_training_data=bool(metadata.get("save_training_data")),
        collect_screenshots=bool(metadata.get("collect_screenshots")),
        metadata={**request.metadata, "branch": {"session": session.id, "step": step}},
    )
    return play_session(
        workspace,
        players,
        request,
        prepare=lambda game: game.restore(there),
        on_begin=on_begin,
        on_step=on_step,
    )


def _source(session: RecordedSession) -> str:
    """The name or file of the session's game; SessionError when it cannot be played again."""
    header = session.header
    if not header.game or not isinstance(header.metadata.get("seed"), int):
        raise SessionError(
            f"{session.path.name} cannot be played again: its record has no game with a seed; only "
            "what `understudy play` or `understudy collect` recorded can"
        )
    return str(header.metadata.get("game_source") or header.game)


def _task_id(session: RecordedSession) -> str | None:
    task = session.header.metadata.get("task")
    return str(task["id"]) if task else None


def _play_again(
    workspace: Workspace, game: Game, session: RecordedSession, *, before: int | None = None
) -> Iterator[ReplayedStep]:
    """The steps of ``session``, those from ``before`` on left out, as they come out in ``game``."""
    _go_to_start(workspace, game, session)
    picture = game.screenshot()
    for recorded in _steps(session):
        if before is not None and recorded.step >= before:
            return
        action = _action(game, session, recorded)
        _, _, terminated, truncated, _ = game.step(action)
        after = game.screenshot()
        yield ReplayedStep(
            step=recorded.step,
            action=action,
            before=picture,
            after=after,
            same=_same(recorded.facts, picture, after),
            over=terminated or truncated,
        )
        picture = after


def _go_to_start(workspace: Workspace, game: Game, session: RecordedSession) -> None:
    """Bring ``game`` to where the first step of ``session`` was decided."""
    branched = session.header.metadata.get("branch")
    if not branched:
        seed = session.header.metadata["seed"]
        game.reset(seed=seed, options={"task": _task_id(session)})
        return
    try:
        parent = workspace.session(branched["session"])
    except SessionError as error:
        raise SessionError(
            f"{session.path.name} goes on from another session, without which it cannot be played "
            f"again: {error}"
        ) from error
    for _ in _play_again(workspace, game, parent, before=branched["step"]):
        pass


def _state_before(workspace: Workspace, game: Game, session: RecordedSession, step: int) -> bytes:
    """A snapshot of the game just before ``step``."""
    last = max((recorded.step for recorded in _steps(session)), default=0)
    if not 1 <= step <= last + 1:
        raise SessionError(
            f"{session.path.name} has no step {step} to go on from; there is 1 to {last + 1}"
        )
    for replayed in _play_again(workspace, game, session, before=step):
        if replayed.same is False:
            raise SessionError(
                f"step {replayed.step} of {session.path.name} shows another screen now than when "
                "it was recorded, so there is no way to go on from a later one; `understudy "
                f"session replay {session.id} --verify` says more"
            )
        if replayed.over:
            raise SessionError(
                f"the game of {session.path.name} ended with step {replayed.step}; go on from that "
                "step or one before"
            )
    return game.snapshot()


def _steps(session: RecordedSession) -> Iterator[AgentStep]:
    return (line for line in session.trace() if isinstance(line, AgentStep))


def _action(game: Game, session: RecordedSession, recorded: AgentStep) -> Action:
    try:
        return game.as_action(Action.parse(str(recorded.action)))
    except GameError as error:
        raise SessionError(
            f"step {recorded.step} of {session.path.name} cannot be played again: {error}"
        ) from error


def _same(
    facts: dict[str, Any], before: NDArray[np.uint8], after: NDArray[np.uint8]
) -> bool | None:
    recorded = (facts.get("screen"), facts.get("screen_after"))
    if None in recorded:
        return None
    return recorded == (screen_digest(before), screen_digest(after))


def _other_identity(session: RecordedSession, game: Game) -> tuple[OtherIdentity, ...]:
    recorded = session.header.metadata.get("game") or {}
    now = game.identity()
    return tuple(
        OtherIdentity(name=name, recorded=recorded.get(name, ""), now=now.get(name, ""))
        for name in {**recorded, **now}
        if recorded.get(name) != now.get(name)
    )
