"""Writing rows as training files, with a report of every example left out and why.

The rows come straight from the sessions, or from a version of a dataset.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy._version import __version__
from understudy.datasets.chat_examples import COMPLETE
from understudy.datasets.export_format import (
    PREFERENCES,
    ExportFormat,
    ExportWriter,
    as_taken,
    check_kind,
    export_format,
)
from understudy.datasets.found import Corrected, Found
from understudy.datasets.rows import Source, find_rows
from understudy.datasets.selection import LeftOut, Selection, left_out_row
from understudy.datasets.tool_survey import registry_in
from understudy.errors import FormatError, UsageError
from understudy.formats.dataset_rows import AgentRow, Row
from understudy.formats.instruction_chat import ActionNames, Actions
from understudy.formats.tool_spelling import KEPT, Calls, Spelling
from understudy.store.atomic import write_json_atomic
from understudy.store.hashes import sha256_bytes, sha256_file
from understudy.store.lineage import record_export

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

__all__ = [
    "ExportReport",
    "ExportedFile",
    "Filling",
    "export_chats",
    "export_format",
    "export_sessions",
    "exported",
    "report_path",
]


class ExportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an export, or one folder of pictures that belongs to a file."""

    path: str
    sha256: str
    """Of a folder: of the names and contents of its files."""
    size: int


class ExportReport(msgspec.Struct, kw_only=True):
    """What an export took, and what not."""

    format: str
    output: str
    query: dict[str, Any]
    created: str
    """ISO 8601, UTC."""
    code_version: str
    kind: str = "chat"
    """``agent``, ``chat`` or ``preference``: what the examples were made from."""
    dataset: str = ""
    """The version it was made from; empty for an export of sessions."""
    examples: int = 0
    splits: dict[str, int] = {}
    """Of an export of a dataset: how many examples are of which split."""
    files: list[ExportedFile] = []
    sessions: list[str] = []
    """Ids of the sessions that gave at least one example."""
    scenarios: int = 0
    """How many scenarios did."""
    licenses: dict[str, int] = {}
    """How many of these sessions have which licence; the empty text stands for none."""
    left_out: list[LeftOut] = []
    duplicates: int = 0
    """How many of ``left_out`` were exact repeats."""
    corrected: list[Corrected] = []
    lost: dict[str, int] = {}
    """What the format cannot say and was dropped, and of how many examples."""
    warnings: list[str] = []

    def reasons(self) -> list[tuple[str, int]]:
        """The reasons why something was left out, the most frequent first."""
        return Counter(entry.kind for entry in self.left_out).most_common()

    def leave_out(self, entry: LeftOut) -> None:
        """Note that something was not taken."""
        self.left_out.append(entry)
        self.duplicates += entry.copy == "exact"


class Filling:
    """Puts rows into the writers of one export, and what they refuse into its report."""

    def __init__(
        self,
        kind: ExportFormat,
        report: ExportReport,
        actions: Actions,
        spelling: Spelling = KEPT,
    ) -> None:
        self._kind = kind
        self._report = report
        self._actions = actions
        self._spelling = spelling
        self._last = ""

    def put(self, row: Row, writer: ExportWriter, *, directory: str = "") -> int:
        """Write ``row``; how many examples it made, 0 when it was left out."""
        taken = 0
        try:
            for example in as_taken(row, self._kind.takes, self._actions, self._spelling):
                problems = self._kind.validate(example)
                if problems:
                    raise FormatError("; ".join(problems))
                writer.write(example)
                taken += 1
        except FormatError as error:
            self._report.leave_out(left_out_row(row, directory, str(error)))
        if taken and self._last != row.origin:
            self._last = row.origin
            if row.session:
                self._report.sessions.append(row.session)
            else:
                self._report.scenarios += 1
        return taken

    def finish(self, writers: Iterable[ExportWriter], output: Path) -> list[Path]:
        """Put what was written in its place; a writer without an example writes nothing."""
        report = self._report
        files: list[Path] = []
        for writer in writers:
            report.examples += writer.count
            report.lost = dict(Counter(report.lost) + writer.lost)
            if not writer.count:
                writer.abandon()
                continue
            written = writer.finish()
            files += written
            report.warnings += [
                f"{left} is from an earlier export and does not belong to this one; remove it"
                for left in writer.leftovers(written)
            ]
        report.warnings = [*self._kind.warnings(report.examples), *report.warnings]
        if self._spelling.calls == "json" and report.kind != "agent":
            report.warnings.append(
                "calls in brackets were written as tool calls; what prompts say of brackets stays"
            )
        if not files:
            report.warnings.append(f"no example was found, so {output} was not written")
        report.files = [exported(file) for file in files]
        return files


def exported(path: Path) -> ExportedFile:
    """What a file, or a folder of files, is now. Raises OSError as the file system does."""
    if not path.is_dir():
        return ExportedFile(path=str(path), sha256=sha256_file(path), size=path.stat().st_size)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listing = "".join(f"{sha256_file(f)}  {f.relative_to(path).as_posix()}\n" for f in files)
    size = sum(file.stat().st_size for file in files)
    return ExportedFile(path=str(path), sha256=sha256_bytes(listing.encode()), size=size)


def remove_exported(path: Path) -> None:
    """Remove a file, or a folder of pictures, of an export."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def report_path(output: Path) -> Path:
    """Where the report of an export to ``output`` lies."""
    return output.with_name(f"{output.name}.report.json")


def new_report(format: str, output: Path, query: dict[str, Any], kind: str) -> ExportReport:
    """The report of an export that begins now."""
    return ExportReport(
        format=format,
        output=str(output),
        query=query,
        kind=kind,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        code_version=__version__,
    )


def largest_size(kind: ExportFormat, max_bytes: int | None) -> int | None:
    """How large a file may be; UsageError for a size that cannot be."""
    if max_bytes is not None and max_bytes < 1:
        raise UsageError(f"the largest size of a file is {max_bytes} bytes; give 1 or more")
    return max_bytes if max_bytes is not None else kind.max_bytes


def export_chats(
    workspace: Workspace,
    *,
    output: Path | str,
    format: str = "openai",
    selection: Selection | None = None,
    statuses: Sequence[str] = COMPLETE,
    calls: Calls = "kept",
    max_bytes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ExportReport:
    """Write the chats of the selected sessions as training files; see `export_sessions`."""
    return export_sessions(
        workspace,
        output=output,
        format=format,
        source=Source(kind="chat", statuses=tuple(statuses), calls=calls),
        selection=selection,
        max_bytes=max_bytes,
        progress=progress,
    )


def export_sessions(
    workspace: Workspace,
    *,
    output: Path | str,
    format: str,
    source: Source,
    selection: Selection | None = None,
    max_bytes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ExportReport:
    """Write what ``source`` says of the selected sessions as training files at ``output``.

    Exact repeats are taken once; a format of preferences takes only what somebody corrected or
    judged. Files larger than ``max_bytes`` (the format's own limit without
    it) are split. The report lies beside them as ``OUTPUT.report.json``, and the workspace
    remembers the export, so that forgetting a session can name it. Without a single example no file
    is written and what was there stays. Raises UsageError for an unknown format or filter and
    StorageError as the disk does; then nothing has been changed.
    """
    output = Path(output)
    selection = selection or Selection()
    kind = check_kind(format, source.kind)
    if kind.takes in PREFERENCES:
        source = msgspec.structs.replace(source, kind="preference")
    query = {**selection.query(), **_asked(source)}
    report = new_report(format, output, query, source.kind)
    writer = kind.open(output, max_bytes=largest_size(kind, max_bytes))
    licenses: Counter[str] = Counter()
    try:
        spelling = spelling_of(workspace, source.calls)
        filling = Filling(kind, report, _actions(workspace, selection, source, kind), spelling)
        for found in find_rows(
            workspace, selection, source, report.leave_out, told=lambda _: progress
        ):
            _put(filling, found, writer, report, licenses)
        report.licenses = dict(licenses)
        files = filling.finish([writer], output)
    except BaseException:
        writer.abandon()
        raise
    for file, entry in zip(files, report.files, strict=True):
        record_export(
            workspace,
            path=file,
            format=format,
            sha256=entry.sha256,
            sessions=report.sessions,
            query=report.query,
        )
    write_report(output, report)
    return report


def spelling_of(workspace: Workspace, calls: Calls) -> Spelling:
    """How calls are written, by the tools of the workspace. FormatError as its registry does."""
    return KEPT if calls == "kept" else Spelling(calls, registry_in(workspace.path))


def write_report(output: Path, report: ExportReport) -> None:
    """Put the report beside the files. Raises StorageError."""
    output.parent.mkdir(parents=True, exist_ok=True)
    write_json_atomic(report_path(output), report)


def source_of(query: dict[str, Any]) -> tuple[Selection, Source]:
    """What `export_sessions` was asked for, from the query that it recorded.

    Raises UsageError for one that another version recorded otherwise.
    """
    known = {*Selection.__struct_fields__, *Source.__struct_fields__}
    try:
        if not query.keys() <= known:
            raise msgspec.ValidationError(f"unknown: {', '.join(sorted(query.keys() - known))}")
        source = msgspec.convert({"kind": "chat", **query}, type=Source)
        return msgspec.convert(query, type=Selection), source
    except msgspec.ValidationError as error:
        raise UsageError(
            f"how it was chosen is not understood ({error}); export it again by hand"
        ) from error


def _asked(source: Source) -> dict[str, Any]:
    if source.kind != "agent":
        asked = {"kind": source.kind, "statuses": list(source.statuses)}
        return asked if source.calls == "kept" else {**asked, "calls": source.calls}
    return {"kind": "agent", "with_mistakes": source.with_mistakes}


def _put(
    filling: Filling,
    found: Found,
    writer: ExportWriter,
    report: ExportReport,
    licenses: Counter[str],
) -> None:
    before = len(report.sessions)
    if filling.put(found.row, writer, directory=found.directory):
        if found.corrected is not None:
            report.corrected.append(found.corrected)
        if found.session is not None and len(report.sessions) > before:
            licenses[found.session.header.license] += 1


def _actions(
    workspace: Workspace, selection: Selection, source: Source, kind: ExportFormat
) -> Actions:
    """The actions that occur; read only where a chat has to name them."""
    if source.kind != "agent" or kind.takes != "chat":
        return {}
    found = (one.row for one in find_rows(workspace, selection, source, lambda _: None))
    return ActionNames().add_all(row.row for row in found if isinstance(row, AgentRow)).by_game
