"""Exporting chats as training files, with a report of every example left out and why.

A format is a class registered under the entry-point group ``understudy.exports`` that keeps
`ExportFormat`; `understudy.formats.openai_jsonl.OpenAIJsonl` is one to learn from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import msgspec

from understudy import plugins
from understudy._version import __version__
from understudy.datasets.chat_examples import COMPLETE, Corrected, chat_examples
from understudy.datasets.selection import LeftOut, Selection
from understudy.errors import FormatError, PluginError, UsageError
from understudy.store.atomic import write_json_atomic
from understudy.store.hashes import sha256_file
from understudy.store.lineage import record_export

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace


class ExportWriter(Protocol):
    """Takes the examples of one export."""

    count: int
    """How many it has taken."""

    def write(self, example: dict[str, Any]) -> None:
        """Take one valid example; FormatError leaves this one out, StorageError ends the export."""

    def finish(self) -> list[Path]:
        """Put the files in their places, in one step each, and name them in order."""

    def leftovers(self, written: list[Path]) -> list[Path]:
        """Files that an earlier, differently split export to the same place left behind."""

    def abandon(self) -> None:
        """Leave no trace; what was in the place before is untouched."""


@runtime_checkable
class ExportFormat(Protocol):
    """What is registered under ``understudy.exports``: a class made without arguments."""

    suffix: str
    """Usual ending of the file's name, with its dot."""
    max_bytes: int | None
    """Largest size of a file where the caller does not say; None for no limit."""

    def validate(self, example: dict[str, Any]) -> list[str]:
        """The reasons why an example (OpenAI's shape) does not fit; empty when it does."""

    def open(self, output: Path, *, max_bytes: int | None) -> ExportWriter:
        """A writer whose files lie at ``output``, or, when split, beside it under its name."""

    def warnings(self, count: int) -> list[str]:
        """What a person should know about an export of ``count`` examples."""


class ExportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an export."""

    path: str
    sha256: str
    size: int


class ExportReport(msgspec.Struct, kw_only=True):
    """What an export took, and what not."""

    format: str
    output: str
    query: dict[str, Any]
    created: str
    """ISO 8601, UTC."""
    code_version: str
    examples: int = 0
    files: list[ExportedFile] = []
    sessions: list[str] = []
    """Ids of the sessions that gave at least one example."""
    licenses: dict[str, int] = {}
    """How many of these sessions have which licence; the empty text stands for none."""
    left_out: list[LeftOut] = []
    duplicates: int = 0
    """How many of ``left_out`` were exact repeats."""
    corrected: list[Corrected] = []
    warnings: list[str] = []

    def reasons(self) -> list[tuple[str, int]]:
        """The reasons why something was left out, the most frequent first."""
        return Counter(_kind(entry.reason) for entry in self.left_out).most_common()


def export_format(name: str) -> ExportFormat:
    """The format registered as ``name``; UsageError when there is none, PluginError when broken."""
    known = plugins.names(plugins.EXPORTS)
    if name not in known:
        raise UsageError(f"there is no export format {name!r}; choose one of {', '.join(known)}")
    made = cast("Callable[[], object]", plugins.load_one(plugins.EXPORTS, name))()
    if not isinstance(made, ExportFormat):
        raise PluginError(
            f"the export format {name!r} lacks something of the contract "
            "(suffix, max_bytes, validate, open, warnings); update or uninstall its package"
        )
    return made


def report_path(output: Path) -> Path:
    """Where the report of an export to ``output`` lies."""
    return output.with_name(f"{output.name}.report.json")


def export_chats(
    workspace: Workspace,
    *,
    output: Path | str,
    format: str = "openai",
    selection: Selection | None = None,
    statuses: Sequence[str] = COMPLETE,
    max_bytes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ExportReport:
    """Write the chats of the selected sessions as training files at ``output``.

    Files larger than ``max_bytes`` (the format's own limit without it) are split. The report lies
    beside them as ``OUTPUT.report.json``, and the workspace remembers the export, so that
    forgetting a session can name it. Without a single example no file is written and what was
    there stays. Raises UsageError for an unknown format or filter and StorageError as the disk
    does; then nothing has been changed.
    """
    output = Path(output)
    selection = selection or Selection()
    if max_bytes is not None and max_bytes < 1:
        raise UsageError(f"the largest size of a file is {max_bytes} bytes; give 1 or more")
    kind = export_format(format)
    report = ExportReport(
        format=format,
        output=str(output),
        query={**selection.query(), "statuses": list(statuses)},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        code_version=__version__,
    )
    writer = kind.open(output, max_bytes=max_bytes if max_bytes is not None else kind.max_bytes)
    try:
        _fill(workspace, selection, statuses, kind, writer, report, progress)
        report.examples = writer.count
        report.warnings = list(kind.warnings(writer.count))
        files = writer.finish() if writer.count else []
    except BaseException:
        writer.abandon()
        raise
    if not files:
        writer.abandon()
        report.warnings.append(f"no example was found, so {output} was not written")
    else:
        report.warnings += [
            f"{left} is from an earlier export and does not belong to this one; remove it"
            for left in writer.leftovers(files)
        ]
    for file in files:
        exported = ExportedFile(path=str(file), sha256=sha256_file(file), size=file.stat().st_size)
        report.files.append(exported)
        record_export(
            workspace,
            path=file,
            format=format,
            sha256=exported.sha256,
            sessions=report.sessions,
            query=report.query,
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    write_json_atomic(report_path(output), report)
    return report


def _fill(
    workspace: Workspace,
    selection: Selection,
    statuses: Sequence[str],
    kind: ExportFormat,
    writer: ExportWriter,
    report: ExportReport,
    progress: Callable[[int, int], None] | None,
) -> None:
    def leave_out(entry: LeftOut) -> None:
        report.left_out.append(entry)
        report.duplicates += _kind(entry.reason) == _DUPLICATE

    licenses: Counter[str] = Counter()
    for found in chat_examples(
        workspace, selection, leave_out, statuses=statuses, progress=progress
    ):
        problems = kind.validate(found.example)
        if not problems:
            try:
                writer.write(found.example)
            except FormatError as error:
                problems = [str(error)]
        if problems:
            leave_out(found.left_out("; ".join(problems)))
            continue
        if found.corrected is not None:
            report.corrected.append(found.corrected)
        if not report.sessions or report.sessions[-1] != found.session.id:
            report.sessions.append(found.session.id)
            licenses[found.session.header.license] += 1
    report.licenses = dict(licenses)


_DUPLICATE = "it is the same as another step"


def _kind(reason: str) -> str:
    """A reason without the names and numbers that tell one case from another of its kind."""
    if reason.startswith("it is the same as step "):
        return _DUPLICATE
    first = reason.split("; ", maxsplit=1)[0]
    return first.partition(": ")[2] if first.startswith("message ") else first
