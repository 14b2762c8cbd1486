"""``understudy.record``: one line around a Gymnasium environment, and every transition is kept.

Gymnasium itself is imported when the function is called, so that the base install needs none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from understudy.errors import CaptureError

if TYPE_CHECKING:
    from understudy.capture.gymnasium_wrapper import RecordSessions
    from understudy.session.workspace import Workspace


def record(
    env: Any,
    *,
    workspace: Workspace | str | os.PathLike[str] | None = None,
    game: str | None = None,
    task: str = "",
    player: str = "",
    session: Literal["env", "episode"] = "env",
    image: str = "auto",
) -> RecordSessions:
    """Wrap ``env``, a ``gymnasium.Env``, so that everything it is asked and answers is recorded.

    Row t of ``session.frames()`` is one transition: ``observation`` is what the player saw,
    ``action`` what it did, and ``reward``, ``terminated``, ``truncated`` and ``info.…`` what came
    of it; ``image`` shows the state of the observation. The state that an episode ended in is a
    row of its own with nothing but its observation and image. ``episode`` counts from 1. Dict and
    Tuple spaces become a column a leaf (``observation.camera``, ``action.0``); texts and whatever
    else has no fixed shape become steps of the trace that name their row as ``frame``. Seeds and
    options of each reset, and each episode's return, are events of the trace.

    ``session``: ``"env"`` records everything from wrapping to ``close()`` into one session;
    ``"episode"`` gives each episode its own, to be scored and chosen by itself, which costs some
    tens of milliseconds an episode. ``image``: the name of a column that holds pictures,
    ``"render"`` (needs ``render_mode="rgb_array"``), ``"none"``, or ``"auto"``: the first
    observation that is a picture (uint8, height × width, with up to 4 channels), else the
    rendering where there is one. ``game`` is the environment's id unless given.

    Raises CaptureError for what cannot be recorded, and as ``Workspace`` does. From then on
    recording raises nothing: what could not be kept stands in ``env.session.counters``.
    """
    try:
        import gymnasium
        from gymnasium.vector import VectorEnv
    except ImportError as error:
        raise CaptureError(
            f"understudy.record() needs Gymnasium, which cannot be imported ({error}); install the "
            "extra `games`, as in `pip install '.[games]'`, or gymnasium itself"
        ) from error
    if isinstance(env, VectorEnv):
        raise CaptureError(
            "understudy.record() takes one environment, not a vector of them; wrap each one before "
            "they are joined, as in `gymnasium.make_vec(…, wrappers=[understudy.record])`"
        )
    if not isinstance(env, gymnasium.Env):
        raise CaptureError(
            f"understudy.record() takes a gymnasium.Env, not {_type_name(env)}; environments of "
            "the older gym have to be converted first"
        )
    from understudy.capture.gymnasium_wrapper import RecordSessions

    return RecordSessions(
        env,
        workspace=workspace,
        game=game,
        task=task,
        player=player,
        session=session,
        image=image,
    )


def _type_name(value: object) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
