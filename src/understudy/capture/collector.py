"""The drop-in training data collector: two calls in a game's loop, and no data is ever lost.

Each logged interaction goes to the array file ``training/training_data.json`` and, as a chat step,
to a session of the workspace; either goes on when the other fails. Nothing here ever raises into
the game: what goes wrong is a line ``[ERROR] …`` on the console.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy._util.at_exit import forget_at_exit, hand_over_at_exit
from understudy.capture.conversations_in import to_answer, to_messages
from understudy.errors import UnderstudyError
from understudy.formats.openai_array import ArrayFile
from understudy.formats.openai_messages import training_example

if TYPE_CHECKING:
    from understudy.session.masking import Masker
    from understudy.session.recording.recorder import SessionRecorder
    from understudy.session.workspace import Workspace

DEFAULT_OUTPUT = "training/training_data.json"


class SimpleTrainingCollector:
    """Logs complete interactions with a language model in OpenAI's fine-tuning format.

    ``workspace`` is a ``Workspace``, a path, or None for the default workspace; its settings say
    what is masked. Nothing is created before the first interaction. May be used by several threads;
    several collectors, in one process or many, may share one file.
    """

    def __init__(
        self,
        output_file: str | os.PathLike[str] = DEFAULT_OUTPUT,
        *,
        workspace: Workspace | str | os.PathLike[str] | None = None,
    ) -> None:
        self.output_file = Path(output_file)
        self._given_workspace = workspace
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._pending: list[str] = []
        self._array: ArrayFile | None = None
        self._workspace: Workspace | None = None
        self._session: SessionRecorder | None = None
        self._spare_masker: Masker | None = None
        self._complaint = ""

    def add_user_input(self, text: str) -> None:
        """Add what the player said to the conversation of the next logged answer.

        It is not doubled when the history that is logged then already ends with it.
        """
        if not _is_text(text):
            _say("[ERROR] User input skipped: it is no text, or empty")
            return
        with self._lock:
            self._pending.append(text)

    def log_complete_interaction(self, full_message_history: Any, ai_response: Any) -> None:
        """Log the history that was sent to the model and its answer, as one training example."""
        try:
            with self._lock:
                self._after_fork()
                self._log(full_message_history, ai_response)
        except Exception as error:  # the game goes on, whatever it handed over
            _say(f"[ERROR] Training example skipped: {_sentence(error)}")

    def close(self) -> None:
        """Seal the session; logging again begins another one. Called at exit by itself."""
        with self._lock:
            if self._process != os.getpid():
                return
            session, self._session = self._session, None
            array, self._array = self._array, None
            with _complaining("the array file could not be closed"):
                if array is not None:
                    array.close()
            with _complaining("the session could not be sealed"):
                if session is not None:
                    session.close()
            if self._workspace is not None and self._workspace is not self._given_workspace:
                with _complaining("the workspace could not be closed"):
                    self._workspace.close()
                self._workspace = None

    def _log(self, history: Any, response: Any) -> None:
        messages = to_messages(history)
        answer = to_answer(response)
        if messages and messages[-1] == answer:
            messages.pop()
        pending, self._pending = self._pending, []
        if pending and [message["content"] for message in messages[-len(pending) :]] != pending:
            messages += [{"role": "user", "content": text} for text in pending]
        if not messages:
            raise ValueError("there is no message before the answer")
        masker = self._masker()
        example, _ = masker.mask_value(training_example(messages, answer))
        stored = self._append(example)
        recorded = self._record(messages, answer)
        if stored or recorded:
            _say(f"[LOGGED] Training example with {len(example['messages'])} messages")

    def _append(self, example: dict[str, Any]) -> bool:
        try:
            if self._array is None:
                self._array = ArrayFile(self.output_file, notify=lambda n: _say(f"[ERROR] {n}"))
                self._close_at_exit()
            self._array.append(example)
        except (UnderstudyError, OSError) as error:
            _say(f"[ERROR] {_sentence(error)}")
            return False
        return True

    def _record(self, messages: list[dict[str, Any]], answer: dict[str, Any]) -> bool:
        try:
            if self._session is None:
                self._session = self._open_workspace().record(
                    name="collector",
                    metadata={
                        "capture": "collector",
                        "array_file": str(self.output_file.absolute()),
                    },
                )
                self._close_at_exit()
            if self._session.chat(messages=messages, response=answer, dialect="collector"):
                self._complaint = ""
                return True
            reason = self._session.counters.last_error or "it does not say why"
            complaint = f"the session did not take the example: {reason}"
            if not self._session.path.is_dir():
                self._session = None
        except Exception as error:  # a workspace that fails must not stop the array file
            complaint = f"the session did not take the example: {_sentence(error)}"
        if complaint != self._complaint:
            self._complaint = complaint
            _say(f"[ERROR] {complaint}")
        return False

    def _close_at_exit(self) -> None:
        # What is registered last runs first: so the session is sealed here, and not by the
        # recorder's own rescue of sessions that nobody ended.
        forget_at_exit(self.close)
        hand_over_at_exit(self.close)

    def _open_workspace(self) -> Workspace:
        from understudy.session.workspace import Workspace

        if self._workspace is None:
            given = self._given_workspace
            self._workspace = given if isinstance(given, Workspace) else Workspace(given)
        return self._workspace

    def _masker(self) -> Masker:
        """The workspace's; where it cannot be opened, one that masks everything it knows."""
        with contextlib.suppress(Exception):
            return self._open_workspace().masker
        if self._spare_masker is None:
            from understudy.session.masking import Masker

            self._spare_masker = Masker()
        return self._spare_masker

    def _after_fork(self) -> None:
        """In a child process the parent's session is the parent's: begin an own one."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._session = None
            self._array = None
            if self._workspace is not self._given_workspace:
                self._workspace = None


_default: SimpleTrainingCollector | None = None
_default_lock = threading.Lock()


def log_complete_interaction(full_message_history: Any, ai_response: Any) -> None:
    """As the method, with one collector for the process that writes to the default file."""
    global _default
    with _default_lock:
        if _default is None:
            _default = SimpleTrainingCollector()
    _default.log_complete_interaction(full_message_history, ai_response)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


@contextlib.contextmanager
def _complaining(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # closing happens at exit, where nobody could handle it
        _say(f"[ERROR] {what}: {_sentence(error)}")


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _say(line: str) -> None:
    """Print, on a console that may be closed or may not know every letter."""
    with contextlib.suppress(Exception):
        try:
            print(line, flush=True)
        except UnicodeError:
            print(line.encode("ascii", "backslashreplace").decode(), flush=True)
