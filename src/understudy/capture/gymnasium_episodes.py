"""Episodes of an environment as sessions: what is held until its row is whole, and who seals when.

A transition is known only after the environment has answered, and what was seen before it must
survive that: observation and picture are therefore copied and held, and written as one row with
the action and what came of it. Nothing here raises into the game.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

import numpy as np

from understudy._util.at_exit import hand_over_at_exit
from understudy.capture.gymnasium_fields import InfoFields, Numbers, SpaceFields

# Its exit handler has to be registered before the one below: Python runs the last one first.
from understudy.session.recording.recorder import SessionRecorder

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

logger = logging.getLogger("understudy.capture")

_open_recordings: set[EpisodeRecording] = set()
"""Holds on to recordings whose environment was dropped without ``close()``, until the end."""
_TRUTH = (np.False_, np.True_)
_SUCCESS_KEYS = ("is_success", "success")

P = ParamSpec("P")


def _never_raising(method: Callable[P, None]) -> Callable[P, None]:
    """Recording must cost itself, never the game: what goes wrong is counted and logged."""

    @functools.wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(*args, **kwargs)
        except Exception as error:
            recording = args[0]
            assert isinstance(recording, EpisodeRecording)
            recording.complain(f"a transition could not be kept: {type(error).__name__}: {error}")

    return guarded


class EpisodeRecording:
    """Takes what an environment is asked and answers, in order, and keeps it in sessions.

    ``take_picture`` gives the picture of the present state for an observation; None without
    pictures. ``facts`` are handed to ``Workspace.record``.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        facts: dict[str, Any],
        observations: SpaceFields,
        actions: SpaceFields,
        take_picture: Callable[[Any], Any] | None,
        sessions: Literal["env", "episode"],
    ) -> None:
        self.session: SessionRecorder | None = None
        """The session that is recorded into, or the last one that was."""
        self._workspace = workspace
        self._facts = facts
        self._observations = observations
        self._actions = actions
        self._take_picture = take_picture
        self._each_episode = sessions == "episode"
        self._infos = InfoFields()
        self._sealing: threading.Thread | None = None
        self._is_open = False
        self._failure: str | None = None
        self._complaint = ""
        self._episode = 0
        self._playing = False
        self._return = 0.0
        self._length = 0
        self._row = 0
        self._seen: Numbers = {}
        self._seen_rest: dict[str, Any] = {}
        self._picture: Any = None
        self._action: Numbers | None = None
        self._action_rest: dict[str, Any] = {}

    # What the wrapper calls ----------------------------------------------------------------------

    @_never_raising
    def begin(self, answer: Any, seed: Any, options: Any) -> None:
        """The environment has answered a reset with ``answer``."""
        observation, info = answer
        self._end_episode("reset before its end")
        if self._is_open and (self._each_episode or self._failure is not None):
            self._seal()
        self._episode += 1
        self._return = 0.0
        self._length = 0
        self._playing = True
        session = self._open_session()
        session.event(
            "reset",
            episode=self._episode,
            frame=self._row,
            seed=seed,
            options=options,
            info=self._infos.numbers(info) or None,
        )
        self._hold(observation)

    @_never_raising
    def act(self, action: Any) -> None:
        """The environment is about to be given ``action``, which it may write into."""
        self._action = self._actions.numbers(action) if self._playing else None
        self._action_rest = self._actions.rest(action) if self._playing else {}

    @_never_raising
    def advance(self, answer: Any) -> None:
        """The environment has answered the action with ``answer``."""
        if not self._playing:
            return
        observation, reward, terminated, truncated, info = answer
        gained = float(reward)
        self._return += gained
        self._length += 1
        self._write_row(
            {
                "reward": gained,
                "terminated": _TRUTH[bool(terminated)],
                "truncated": _TRUTH[bool(truncated)],
                **self._infos.numbers(info),
            }
        )
        self._hold(observation)
        if terminated or truncated:
            success = next((bool(info[key]) for key in _SUCCESS_KEYS if key in info), None)
            self._end_episode("terminated" if terminated else "truncated", success)

    @_never_raising
    def fail(self, error: BaseException) -> None:
        """The environment has raised ``error`` instead of answering."""
        if self.session is None or not self._is_open:
            return
        said, _ = self._workspace.masker.mask_text(f"{type(error).__name__}: {error}")
        if self._playing and self._action is not None:
            self._write_row({})
        self.session.event("environment_error", episode=self._episode, error=said)
        self._failure = (
            self._failure or f"the environment failed in episode {self._episode}: {said}"
        )

    @_never_raising
    def end(self, why: str = "closed before its end") -> None:
        """No more will come: seal what is open."""
        self._end_episode(why)
        if self._is_open:
            self._seal()
        self._wait_for_seal()

    def complain(self, what: str) -> None:
        """Make a fault of the recording visible: in the session's counters, once in the log."""
        if self.session is not None:
            self.session.counters.leave_out(what)
        elif what != self._complaint:
            logger.warning("recording: %s", what)
        self._complaint = what

    # Inside --------------------------------------------------------------------------------------

    def _open_session(self) -> SessionRecorder:
        if self.session is None or not self._is_open:
            name = self._facts["game"]
            self.session = self._workspace.record(
                **self._facts,
                name=f"{name} episode {self._episode}" if self._each_episode else name,
            )
            self._is_open = True
            self._row = 0
            _open_recordings.add(self)
        return self.session

    @_never_raising
    def _hold(self, observation: Any) -> None:
        """Keep a copy of what the player sees until it has acted on it."""
        self._seen, self._seen_rest, self._picture = {}, {}, None
        self._seen = self._observations.numbers(observation)
        if self._observations.others:
            self._seen_rest = self._observations.rest(observation)
        if self._take_picture is not None:
            picture = self._take_picture(observation)
            self._picture = None if picture is None else np.array(picture)

    def _write_row(self, outcome: dict[str, Any]) -> None:
        """What was held, the action that followed it, and what came of it."""
        session = self.session
        if session is None:
            return
        session.frame(
            tick=self._row,
            image=self._picture,
            episode=np.int64(self._episode),
            **self._seen,
            **(self._action or {}),
            **outcome,
        )
        if self._seen_rest or self._action_rest:
            self._write_step(session, outcome)
        self._row += 1
        self._action, self._action_rest = None, {}

    def _write_step(self, session: SessionRecorder, outcome: dict[str, Any]) -> None:
        """The parts of a transition that fit no column, as a step of the trace."""
        seen, done = dict(self._seen_rest), dict(self._action_rest)
        text = seen.pop("observation") if isinstance(seen.get("observation"), str) else None
        session.step(
            observation=text,
            action=done.pop("action", None) if len(done) == 1 and "action" in done else None,
            reward=outcome.get("reward"),
            frame=self._row,
            episode=self._episode,
            wait=False,
            **seen,
            **done,
        )

    def _end_episode(self, how: str, success: bool | None = None) -> None:
        """Write the state that the episode ended in; in sessions of their own, seal this one."""
        if not self._playing or self.session is None:
            return
        self._playing = False
        self._action, self._action_rest = None, {}
        self._write_row({})
        facts = {"return": self._return, "length": self._length, "how": how, "success": success}
        self.session.event(
            "episode", **{"episode": self._episode, **facts, "last_frame": self._row - 1}
        )
        if self._each_episode and how in ("terminated", "truncated"):
            self._seal(outcome=how, success=success)
        elif self._each_episode and self._failure is None:
            self._failure = f"the episode was {how}"

    def _seal(self, **results: Any) -> None:
        """Seal on a thread of its own, so that the game goes on; at most one at a time."""
        session, failure = self.session, self._failure
        if session is None:
            return
        self._is_open = False
        self._failure = None
        _open_recordings.discard(self)
        self._wait_for_seal()
        how: dict[str, Any] = {"status": "incomplete" if failure else "sealed", **results}
        self._sealing = threading.Thread(
            target=session.seal, args=(failure,), kwargs=how, name="understudy-sealing"
        )
        try:
            self._sealing.start()
        except RuntimeError:  # Python is leaving and starts no more threads
            self._sealing = None
            session.seal(failure, **how)

    def _wait_for_seal(self) -> None:
        if self._sealing is not None:
            self._sealing.join()
            self._sealing = None


@hand_over_at_exit
def _end_open_recordings() -> None:
    """Environments are often left without ``close()``: that is no reason to call them broken."""
    for recording in list(_open_recordings):
        recording.end("left by the end of the program")
