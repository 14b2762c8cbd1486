"""Files of chats become sessions: one for each conversation, each chat a step of it.

Brought in twice, a chat stays there once. What cannot be read is reported with its place in the
file and the reason, and passed over.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from filelock import FileLock, Timeout

from understudy.capture.importing.imported import IMPORT, imported_contents
from understudy.capture.importing.plan import Conversation, Plan, Planned
from understudy.errors import StorageError, UsageError
from understudy.formats.chat_files import ENDINGS, BadRecord, ChatRecord, read_chats
from understudy.store.hashes import sha256_file

if TYPE_CHECKING:
    from understudy.session.recording.recorder import SessionRecorder
    from understudy.session.workspace import Workspace

TAG = "imported"
DIALECT = "import"
_REPORT_ENDING = ".report.json"
_TOLD_EVERY = 16

Progress = Callable[[int, int], None]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of the sessions that come of an import, beyond what the files say."""

    game: str = ""
    tags: tuple[str, ...] = ()
    """Beside ``imported``."""
    license: str = ""
    consent: str = ""


class FileImport(msgspec.Struct, kw_only=True):
    """What came of one file."""

    path: str
    sha256: str = ""
    records: int = 0
    """Chats that could be read."""
    sessions: list[str] = []
    """Ids of the sessions that were made."""
    chats: int = 0
    """Chats in them."""
    known: int = 0
    """Chats that had been imported before."""
    copies: int = 0
    """Chats that are the same as an earlier one of this import."""
    bad: list[BadRecord] = []
    """What could not be read."""
    ignored: dict[str, int] = {}
    """What records say beside the chat, and how many do."""


class ImportReport(msgspec.Struct, kw_only=True):
    """What came of an import."""

    files: list[FileImport] = []

    @property
    def any_read(self) -> bool:
        """Whether at least one chat could be read."""
        return any(file.records for file in self.files)


def import_chats(
    workspace: Workspace,
    paths: Sequence[Path],
    about: About | None = None,
    *,
    told: Callable[[str], Progress] | None = None,
) -> ImportReport:
    """Bring the chats of ``paths`` in: files, or folders with such files below them.

    ``told`` is called with what is being done and returns what to tell its progress to. Raises
    UsageError for a path that cannot be one, StorageError as the disk does; what was brought in
    until then stays, and is known when the import is begun again.
    """
    files = chat_files(paths)
    begin = told or (lambda _: lambda done, total: None)
    report = ImportReport()
    with _alone(workspace):
        known = imported_contents(workspace)
        taken: set[str] = set()
        for path in files:
            found = FileImport(path=str(path), sha256=_sha256(path))
            report.files.append(found)
            plan = _plan(path, found, known, taken, begin(f"reading {path.name}"))
            if plan.steps:
                recording = _Recording(workspace, path, found, about or About())
                recording.run(plan, begin(f"importing {path.name}"))
    return report


def chat_files(paths: Sequence[Path]) -> list[Path]:
    """The files at and below ``paths``, each once. UsageError for what holds none."""
    files: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise UsageError(f"there is no {path}; name files of chats, or folders of them")
        if path.is_dir():
            found = [file for file in sorted(path.rglob("*")) if _may_hold_chats(file, path)]
            if not found:
                raise UsageError(f"no file below {path} ends in {' or '.join(ENDINGS)}")
            files.update(dict.fromkeys(found))
        elif path.suffix in ENDINGS:
            files[path] = None
        else:
            raise UsageError(
                f"{path} does not end in {' or '.join(ENDINGS)}; only such files are read"
            )
    return list(files)


class _Recording:
    """Records the conversations of one file, each sealed with its last chat."""

    def __init__(self, workspace: Workspace, path: Path, found: FileImport, about: About) -> None:
        self._workspace = workspace
        self._path = path
        self._found = found
        self._about = about
        self._open: dict[int, SessionRecorder] = {}

    def run(self, plan: Plan, progress: Progress) -> None:
        last = {id(step.conversation): number for number, step in plan.steps.items()}
        try:
            for number, record in enumerate(read_chats(self._path, lambda _: None)):
                if number % _TOLD_EVERY == 0:
                    progress(number, plan.records)
                step = plan.steps.get(number)
                if step is None:
                    continue
                if record.place != step.place:
                    raise StorageError(f"{self._path} was changed while it was read; try again")
                self._chat(step, record)
                if last[id(step.conversation)] == number:
                    self._seal(id(step.conversation))
        finally:
            for left in self._open.values():
                left.close()

    def _chat(self, step: Planned, record: ChatRecord) -> None:
        key = id(step.conversation)
        recorder = self._open.get(key)
        if recorder is None:
            recorder = self._open[key] = self._begin(step.conversation, record)
        example = record.example
        params = {
            key: example[key] for key in ("parallel_tool_calls", "functions") if key in example
        }
        facts: dict[str, Any] = {
            "dialect": DIALECT,
            IMPORT: {"place": record.place, "content": step.content},
            **({"params": params} if params else {}),
        }
        taken = recorder.chat(
            messages=example["messages"][:-1],
            response=example["messages"][-1],
            tools=example.get("tools"),
            **facts,
        )
        if not taken:
            raise self._refused(recorder)
        self._found.chats += 1

    def _begin(self, conversation: Conversation, record: ChatRecord) -> SessionRecorder:
        about = self._about
        recorder = self._workspace.record(
            game=about.game,
            name=f"{self._path.stem}-{record.place.replace(' ', '-')}",
            tags=(TAG, *about.tags),
            license=about.license,
            consent=about.consent,
            durability="interval",
            metadata={
                IMPORT: {
                    "file": self._path.name,
                    "sha256": self._found.sha256,
                    "form": record.form,
                    "places": conversation.places,
                    "contents": conversation.contents,
                }
            },
        )
        if recorder.failure is not None:
            raise self._refused(recorder)
        self._found.sessions.append(recorder.id)
        return recorder

    def _seal(self, key: int) -> None:
        recorder = self._open.pop(key)
        if not recorder.close() or recorder.counters.dropped:
            raise self._refused(recorder)

    def _refused(self, recorder: SessionRecorder) -> StorageError:
        reason = recorder.failure or recorder.counters.last_error or "the disk did not take it"
        return StorageError(f"{self._path} could not be imported to its end: {reason}")


def _plan(
    path: Path, found: FileImport, known: set[str], taken: set[str], progress: Progress
) -> Plan:
    """What becomes of each chat of the file."""
    ignored: Counter[str] = Counter()
    plan = Plan(known, taken)
    for record in read_chats(path, found.bad.append, ignored=ignored):
        if plan.records % _TOLD_EVERY == 0:
            progress(plan.records, 0)
        plan.add(record)
    found.records, found.known, found.copies = plan.records, plan.known, plan.copies
    found.ignored = dict(ignored.most_common())
    if not plan.records and not found.bad:
        found.bad.append(BadRecord("", "there is no record in it"))
    return plan


def _may_hold_chats(file: Path, below: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(below).parts)
    return (
        file.suffix in ENDINGS
        and not hidden
        and not file.name.endswith(_REPORT_ENDING)
        and file.is_file()
    )


def _sha256(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{path} cannot be read ({reason}); check its permissions") from error


@contextlib.contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """Hold the right to import: two at once would both bring in the same chats."""
    locks = workspace.internal / "locks"
    try:
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / "import.lock", timeout=0):
            yield
    except Timeout as error:
        raise UsageError(
            f"another import into {workspace.path} is running; wait until it has ended"
        ) from error
