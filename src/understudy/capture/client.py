"""Capturing the calls that an ``openai`` or ``anthropic`` client makes in this process.

The client is watched below its API, where it speaks HTTP: whatever way a call is made (streamed,
parsed, raw, retried), the same bytes pass here, and the client itself stays what it was.
"""

from __future__ import annotations

import copy
import logging
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from understudy._util.at_exit import hand_over_at_exit
from understudy.capture.sink import CallSink
from understudy.capture.watched_transport import Watch, watched
from understudy.chat.dialects import dialects
from understudy.errors import CaptureError, UsageError

if TYPE_CHECKING:
    import os

    from understudy.capture.finished_call import FinishedCall
    from understudy.session.recording.recorder import SessionRecorder
    from understudy.session.workspace import Workspace

logger = logging.getLogger("understudy.capture")

Client = TypeVar("Client")

_lock = threading.Lock()
_sinks: dict[int, _SharedSink] = {}
_default_workspaces: dict[str, Workspace] = {}


class _SharedSink:
    """The sink of one workspace, shared by all clients that are captured into it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.sink = CallSink(workspace, captured_by="client")
        self.users = 0


def capture_client(
    client: Client,
    *,
    workspace: Workspace | str | os.PathLike[str] | None = None,
    session: SessionRecorder | str | None = None,
) -> Client:
    """A twin of ``client`` whose calls are recorded; it has the same type and behaves the same.

    Takes ``openai.OpenAI``, ``anthropic.Anthropic``, their async and cloud variants. Calls go into
    ``session``: a recorder that the caller seals, or a name; without it each conversation is a
    session of its own in ``workspace`` (an object, a path, or None for the usual place). Closing
    the client, or the end of the program, seals those sessions.

    CaptureError when ``client`` is not such a client. Afterwards nothing here raises into a call:
    what cannot be recorded is counted as dropped and logged.
    """
    http: Any = getattr(client, "_client", None)
    if not hasattr(http, "_transport") or not hasattr(http, "_mounts"):
        raise CaptureError(
            f"A {type(client).__module__}.{type(client).__name__} cannot be captured: give an "
            "openai.OpenAI, an anthropic.Anthropic or one of their async variants."
        )
    dialects()  # a plug-in that cannot be loaded must show now, not in every call
    watch = _watch_for(workspace, session)
    twin_http = copy.copy(http)
    twin_http._transport = watched(http._transport, watch, keep_alive=http)
    twin_http._mounts = {
        pattern: transport and watched(transport, watch, keep_alive=http)
        for pattern, transport in http._mounts.items()
    }
    twin = copy.copy(client)
    for name, value in list(vars(twin).items()):
        # Resources such as ``client.chat`` are made on first use and remember their client.
        if getattr(value, "_client", None) is client:
            del vars(twin)[name]
    twin._client = twin_http  # type: ignore[attr-defined]
    return twin


def _watch_for(
    workspace: Workspace | str | os.PathLike[str] | None, session: SessionRecorder | str | None
) -> Watch:
    from understudy.session.recording.recorder import SessionRecorder

    if isinstance(session, SessionRecorder):
        if workspace is not None:
            raise UsageError("A session that is a recorder has its workspace; do not give another.")
        return Watch(_into(session), lambda: None)
    shared = _use_sink(workspace)
    sink = shared.sink

    def keep(call: FinishedCall) -> None:
        size = len(call.request_body) + call.size
        sink.submit_later(call.record, session_name=session, size=size)

    limit = int(shared.workspace.settings.proxy.max_body_mb * 1024 * 1024)
    return Watch(keep, lambda: _leave_sink(shared), max_body_bytes=limit)


def _into(recorder: SessionRecorder) -> Any:
    """Into a recorder at once, so that it may be sealed right after the call."""

    def keep(call: FinishedCall) -> None:
        from understudy.capture.sink import put

        try:
            put(recorder, call.record())
        except Exception as error:  # the game goes on
            recorder.counters.see_trace()
            recorder.counters.drop(1, f"a call was not captured: {error}")

    return keep


def _use_sink(workspace: Workspace | str | os.PathLike[str] | None) -> _SharedSink:
    from understudy.session.workspace import Workspace
    from understudy.store.folder import resolve_workspace_path

    with _lock:
        if not isinstance(workspace, Workspace):
            path = str(resolve_workspace_path(workspace).absolute())
            if path not in _default_workspaces:
                _default_workspaces[path] = Workspace(path)
            workspace = _default_workspaces[path]
        shared = _sinks.get(id(workspace))
        if shared is None:
            shared = _sinks[id(workspace)] = _SharedSink(workspace)
        shared.users += 1
        return shared


def _leave_sink(shared: _SharedSink) -> None:
    with _lock:
        shared.users -= 1
        if shared.users > 0:
            return
        _sinks.pop(id(shared.workspace), None)
    shared.sink.close()


@hand_over_at_exit
def _close_sinks() -> None:
    for shared in list(_sinks.values()):
        shared.sink.close()
    for workspace in _default_workspaces.values():
        workspace.close()
