"""The Gymnasium wrapper behind ``understudy.record``: it passes everything on and tells of it."""

from __future__ import annotations

import os
from typing import Any, Literal

import gymnasium  # noqa: TID253 - imported by nothing but ``understudy.record``
from gymnasium.utils import RecordConstructorArgs  # noqa: TID253

from understudy.capture.gymnasium_episodes import EpisodeRecording
from understudy.capture.gymnasium_fields import SpaceFields, value_at
from understudy.errors import CaptureError
from understudy.session.recording.recorder import SessionRecorder
from understudy.session.workspace import Workspace

_MOST_OBSERVATION_FIELDS = 32
_MOST_ACTION_FIELDS = 14
"""A frame has 64 values at most; the rest is for the reward and its like, and for ``info``."""


class RecordSessions(
    gymnasium.Wrapper[Any, Any, Any, Any],
    RecordConstructorArgs,
):
    """Records every transition of the wrapped environment; see ``understudy.record``."""

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        *,
        workspace: Workspace | str | os.PathLike[str] | None = None,
        game: str | None = None,
        task: str = "",
        player: str = "",
        session: Literal["env", "episode"] = "env",
        image: str = "auto",
    ) -> None:
        if session not in ("env", "episode"):
            raise CaptureError(f"session is {session!r}; choose `env` or `episode`")
        observations = SpaceFields(
            env.observation_space, "observation", most=_MOST_OBSERVATION_FIELDS
        )
        image = _choose_image(env, observations, image)
        self._opened = None if isinstance(workspace, Workspace) else Workspace(workspace)
        used = workspace if isinstance(workspace, Workspace) else self._opened
        assert used is not None
        RecordConstructorArgs.__init__(
            self, workspace=str(used.path), game=game, task=task, player=player, session=session,
            image=image,
        )  # fmt: skip
        gymnasium.Wrapper.__init__(self, env)
        take_picture = None
        if image == "render":
            take_picture = lambda observation: env.render()  # noqa: E731
        elif image != "none":
            path = observations.take_out(image)
            take_picture = lambda observation: value_at(observation, path)  # noqa: E731
        self._recording = EpisodeRecording(
            used,
            facts={
                "game": game or (env.spec.id if env.spec else type(env.unwrapped).__name__),
                "task": task,
                "player": player,
                "metadata": _describe(env, image),
            },
            observations=observations,
            actions=SpaceFields(env.action_space, "action", most=_MOST_ACTION_FIELDS),
            take_picture=take_picture,
            sessions=session,
        )

    @property
    def session(self) -> SessionRecorder | None:
        """The session that is recorded into, or the last one; None before the first reset."""
        return self._recording.session

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        try:
            answer = self.env.reset(seed=seed, options=options)
        except BaseException as error:
            self._recording.fail(error)
            raise
        self._recording.begin(answer, seed, options)
        return answer

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        recording = self._recording
        recording.act(action)
        try:
            answer = self.env.step(action)
        except BaseException as error:
            recording.fail(error)
            raise
        recording.advance(answer)
        return answer

    def close(self) -> None:
        """Close the environment, and seal what was recorded."""
        try:
            super().close()
        finally:
            self._recording.end()
            if self._opened is not None:
                self._opened.close()

    def __reduce__(self) -> tuple[Any, ...]:
        # Copies are looked ahead with rather than played: they are the environment, unrecorded.
        return _itself, (self.env,)


def _itself(env: gymnasium.Env[Any, Any]) -> gymnasium.Env[Any, Any]:
    return env


def _choose_image(env: gymnasium.Env[Any, Any], fields: SpaceFields, image: str) -> str:
    """What ``image`` means for this environment: a column, ``render`` or ``none``."""
    renders = env.render_mode == "rgb_array"
    if image == "auto":
        return fields.pictures[0] if fields.pictures else "render" if renders else "none"
    if image == "render" and not renders:
        raise CaptureError(
            f"the environment's render mode is {env.render_mode!r}, which gives no pictures; make "
            'it with render_mode="rgb_array", or choose image="none"'
        )
    if image not in ("render", "none", *fields.pictures):
        known = ", ".join(repr(name) for name in ("auto", "render", "none", *fields.pictures))
        raise CaptureError(f"image is {image!r}; for this environment it may be {known}")
    return image


def _describe(env: gymnasium.Env[Any, Any], image: str) -> dict[str, Any]:
    """What is needed to make the environment again and to read its rows."""
    facts: dict[str, Any] = {
        "captured_by": "gymnasium",
        "gymnasium": gymnasium.__version__,
        "environment": str(env),
        "observation_space": str(env.observation_space),
        "action_space": str(env.action_space),
        "image": image,
        "render_fps": env.metadata.get("render_fps"),
    }
    try:
        facts["spec"] = env.spec.to_json() if env.spec else None
    except Exception:  # whatever its maker put into it, an environment can be recorded without
        facts["spec"] = None
    return {name: value for name, value in facts.items() if value is not None}
