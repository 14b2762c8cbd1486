"""Looking through what was already recorded for secrets and personal data; masking it on request.

Looked at is text: the trace, the feedback, ``session.json``, what the seal says, and every other
file that is UTF-8. Pictures and frames are not: in pictures only the regions set in
``[mask] image_regions`` are blackened, and only while they are recorded. Databases and other binary
files (a player's memory) cannot be looked into; they are named instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import IO, TYPE_CHECKING

import msgspec

from understudy.errors import SessionError, UnderstudyError
from understudy.session.keeping.archive_file import archive_path, read_members
from understudy.session.keeping.masked_files import LARGEST_TEXT, find_in_file, is_looked_at
from understudy.session.keeping.masking_again import mask_session
from understudy.store.lineage import Descendant, descendants
from understudy.store.manifest import Problem

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace
    from understudy.store.catalog.schema import SessionRow


class ScanFinding(msgspec.Struct, frozen=True, kw_only=True):
    """That something is there; never what."""

    session: str
    directory: str
    file: str
    line: int | None
    """From 1; None where a file has no lines."""
    kind: str
    count: int


class ScanReport(msgspec.Struct, kw_only=True):
    """What was found where, and what was done about it."""

    sessions: int = 0
    """How many were looked through."""
    findings: list[ScanFinding] = []
    masked: list[str] = []
    """Ids of the sessions that were rewritten and sealed again."""
    not_read: list[Problem] = []
    """Files that could not be looked into, and sessions that could not be masked, each with why."""
    elsewhere: list[Descendant] = []
    """What was made from the sessions with findings: it holds what they held."""

    def counts(self) -> Counter[str]:
        """Findings by kind."""
        counts: Counter[str] = Counter()
        for finding in self.findings:
            counts[finding.kind] += finding.count
        return counts


def scan(
    workspace: Workspace,
    names: Sequence[str] = (),
    *,
    archived: bool = False,
    mask: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ScanReport:
    """Look through the named sessions, or all, with the workspace's masker.

    ``archived`` takes in the archive too; a named session is looked at wherever it lies. With
    ``mask`` every session with findings is rewritten and sealed again; a packed one is restored,
    masked and packed again. What fails for one session is reported and does not stop the others.
    """
    if names:
        rows = [workspace.find(name) for name in names]
    else:
        rows = workspace.rows(newest_first=False, archived=None if archived else False)
    report = ScanReport()
    for number, row in enumerate(rows, start=1):
        try:
            _scan_one(workspace, row, report, mask=mask)
        except UnderstudyError as error:
            report.not_read.append(Problem(row.directory, str(error)))
        if progress is not None:
            progress(number, len(rows))
    return report


def _scan_one(workspace: Workspace, row: SessionRow, report: ScanReport, *, mask: bool) -> None:
    found: list[ScanFinding] = []
    for name, file, size in _files(workspace, row):
        if not is_looked_at(name):
            continue
        if size > LARGEST_TEXT and not name.endswith(".jsonl"):
            report.not_read.append(Problem(f"{row.directory}/{name}", "is too large to look into"))
            continue
        try:
            for line, counts in find_in_file(name, file, workspace.masker):
                found += [
                    ScanFinding(
                        session=row.id, directory=row.directory, file=name, line=line, kind=kind,
                        count=count,
                    )
                    for kind, count in sorted(counts.items())
                ]  # fmt: skip
        except UnicodeDecodeError:
            report.not_read.append(Problem(f"{row.directory}/{name}", "holds no text"))
    report.sessions += 1
    report.findings += found
    if not found:
        return
    known = {thing.id for thing in report.elsewhere}
    made = descendants(workspace, "session", row.id)
    report.elsewhere += [thing for thing in made if thing.id not in known]
    if mask:
        _mask_one(workspace, row)
        report.masked.append(row.id)


def _mask_one(workspace: Workspace, row: SessionRow) -> None:
    if not row.archived:
        mask_session(workspace, row.id)
        return
    workspace.restore(row.id)
    try:
        mask_session(workspace, row.id)
    finally:
        workspace.archive_session(row.id)


def _files(workspace: Workspace, row: SessionRow) -> Iterator[tuple[str, IO[bytes], int]]:
    """Name, content and size of every file of a session, wherever it lies."""
    if row.archived:
        yield from read_members(archive_path(workspace.archive, row.directory))
        return
    folder = workspace.runs / row.directory
    if not folder.is_dir():
        raise SessionError(
            f"the folder {folder} is missing; `understudy reindex` brings the catalog up to date"
        )
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                yield path.relative_to(folder).as_posix(), file, path.stat().st_size
