"""Building a version of a dataset: rows of sessions that fit and of scenarios, split and sealed.

A version is written beside the datasets and takes its place in one step. The same content as the
latest version makes no new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from understudy._version import __version__
from understudy.curate.duplicates import NEAR_SHARE
from understudy.datasets.card import card
from understudy.datasets.export import spelling_of
from understudy.datasets.export_format import check_kind
from understudy.datasets.export_version import export_into
from understudy.datasets.rows import Source, find_rows
from understudy.datasets.scenario_rows import ScenarioSource, check_source
from understudy.datasets.selection import LeftOut, Selection, left_out_row
from understudy.datasets.splits import SPLITS, Groups, Splits, checked_fractions
from understudy.datasets.tally import Tally
from understudy.datasets.versions import (
    EXPORTS_NAME,
    LEFT_OUT_NAME,
    DatasetVersion,
    RowFiles,
    next_folder,
    version_folders,
)
from understudy.errors import DatasetError, FormatError, UnderstudyError, UsageError
from understudy.formats.hf_parquet import RowFile
from understudy.store.atomic import write_atomic
from understudy.store.building_place import (
    building_place,
    move_into_place,
    publishing,
    refusals,
)
from understudy.store.hashes import sha256_bytes
from understudy.store.manifest import FileEntry, Manifest, hash_tree, write_manifest
from understudy.store.ulids import new_ulid
from understudy.store.versions import CARD_NAME, check_name

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

FILTER_SCORE = 6.0
"""From how many points of ten a session is learned from, unless another score is asked for."""
_DATED = (".report.json",)
"""Endings of files that say when they were written: no part of the content."""

Progress = Callable[[int, int], None]


class NothingToBuildError(DatasetError):
    """No row is left to build a dataset of."""


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a dataset is to be made of, and how."""

    selection: Selection = Selection(min_score=FILTER_SCORE)
    source: Source = Source()
    scenarios: ScenarioSource | None = None
    """What is taken beside the sessions; of chats only."""
    splits: Splits = Splits()
    near_share: float | None = NEAR_SHARE
    """Up to which share of differing pixels a step is a copy; None drops exact copies only."""
    formats: tuple[str, ...] = ()
    """Export formats that are written into the version too."""


class Built(msgspec.Struct, kw_only=True):
    """What came of a build."""

    name: str
    version: str
    path: Path
    unchanged: bool = False
    """Whether the content is that of the version, which was there already."""
    facts: dict[str, Any] = {}
    """Those of its manifest."""
    warnings: list[str] = []

    @property
    def ref(self) -> str:
        return f"{self.name}@{self.version}"


def build_dataset(
    workspace: Workspace,
    name: str,
    request: BuildRequest | None = None,
    *,
    pinned: Sequence[str] | None = None,
    rebuilt_from: str | None = None,
    progress: Callable[[str], Progress] | None = None,
) -> Built:
    """Build the next version of the dataset ``name``; nothing is left of a build that fails.

    ``pinned`` are ids of the only sessions that may be taken, beside what the request says, which
    may be none; ``rebuilt_from`` is the version that it is to take the place of. ``progress`` is
    called with what is being done and returns what to tell its progress to. Raises
    NothingToBuildError when no row is found, DatasetError when a session is forgotten meanwhile,
    UsageError for a request that cannot be, StorageError as the disk does.
    """
    request = _checked(name, request or BuildRequest())
    told = progress or (lambda _: lambda done, total: None)
    with building_place(workspace) as folder:
        tally = Tally()
        _write_rows(workspace, request, folder, tally, pinned, told)
        facts = {
            "kind": request.source.kind,
            "request": msgspec.to_builtins(request),
            "code_version": __version__,
            **tally.facts(),
            "formats": _write_exports(workspace, request, folder, tally, told),
        }
        names = [f"{split}.parquet" for split in SPLITS if (folder / f"{split}.parquet").exists()]
        names += [LEFT_OUT_NAME, *([EXPORTS_NAME] if (folder / EXPORTS_NAME).exists() else [])]
        files = hash_tree(folder, names)
        facts["content"] = _content(facts, tally, files)
        if rebuilt_from is not None:
            facts["rebuilt_from"] = rebuilt_from
        with publishing(workspace, "dataset", name):
            same = _same_as_latest(workspace, name, facts["content"])
            if same is not None:
                return _built(same, facts, unchanged=True)
            _check_sessions(workspace, facts)
            target = next_folder(workspace, name)
            said = card(name, target.name, facts, {s: f"{s}.parquet" for s in SPLITS})
            write_atomic(folder / CARD_NAME, said.encode())
            manifest = Manifest(
                kind="dataset",
                id=new_ulid(),
                name=name,
                version=target.name,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                parents=tally.parents,
                files=dict(sorted({**files, **hash_tree(folder, [CARD_NAME])}.items())),
                facts=facts,
            )
            write_manifest(folder, manifest)
            move_into_place(folder, target)
        return _built(target, facts, unchanged=False)


def request_of(facts: dict[str, Any]) -> BuildRequest:
    """What a version was asked for; DatasetError when a later version asked otherwise."""
    try:
        return msgspec.convert(facts.get("request"), type=BuildRequest)
    except msgspec.ValidationError as error:
        raise DatasetError(
            f"how the dataset was chosen is not understood ({error}); build it again by hand"
        ) from error


def _checked(name: str, request: BuildRequest) -> BuildRequest:
    """The request with what it says of places made absolute. Raises UsageError."""
    check_name(name, "dataset")
    checked_fractions(request.splits.fractions, request.splits.fractions)
    share = request.near_share
    if share is not None and not 0 <= share < 1:
        raise UsageError(f"the share of differing pixels is {share:g}; give 0 or more, below 1")
    for format in request.formats:
        check_kind(format, request.source.kind)
    if request.scenarios is None:
        return request
    if request.source.kind != "chat":
        raise UsageError(
            f"scenarios are chats and do not go into a dataset of kind {request.source.kind}; ask "
            "for the kind chat"
        )
    return msgspec.structs.replace(request, scenarios=check_source(request.scenarios))


def _write_rows(
    workspace: Workspace,
    request: BuildRequest,
    folder: Path,
    tally: Tally,
    pinned: Sequence[str] | None,
    told: Callable[[str], Progress],
) -> None:
    selection, source = request.selection, request.source
    if pinned is not None:
        selection = msgspec.structs.replace(selection, sessions=tuple(pinned))
        source = msgspec.structs.replace(
            source, from_sessions=source.from_sessions and bool(pinned)
        )
    files = {split: RowFile(folder / f"{split}.parquet") for split in SPLITS}
    groups = Groups()
    with refusals(folder), open(folder / LEFT_OUT_NAME, "wb") as missing:

        def leave_out(entry: LeftOut) -> None:
            tally.leave_out(entry)
            _write_line(missing, entry)

        split, origin = "", ""
        for found in find_rows(
            workspace,
            selection,
            source,
            leave_out,
            scenarios=request.scenarios,
            near_share=request.near_share,
            sealed_only=True,
            told=told,
        ):
            if found.row.origin != origin:
                origin = found.row.origin
                group = f"scenario\n{origin}"
                if found.session is not None:
                    group = groups.of(found.session.header)
                split = request.splits.of(group)
            try:
                files[split].write(found.row)
            except FormatError as error:
                leave_out(left_out_row(found.row, found.directory, str(error)))
                continue
            tally.take(found, split)
    if not tally.rows:
        raise NothingToBuildError(_nothing_found(tally))
    for file in files.values():
        file.finish()


def _write_exports(
    workspace: Workspace,
    request: BuildRequest,
    folder: Path,
    tally: Tally,
    told: Callable[[str], Progress],
) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for format in dict.fromkeys(request.formats):
        report = export_into(
            RowFiles(folder),
            folder / EXPORTS_NAME,
            format=format,
            kind=request.source.kind,
            actions=tally.actions,
            spelling=spelling_of(workspace, request.source.calls),
            progress=told(f"writing {format}"),
        )
        written[format] = {
            "examples": report.examples,
            "left_out": len(report.left_out),
            "lost": report.lost,
            "warnings": report.warnings,
        }
    return written


def _content(facts: dict[str, Any], tally: Tally, files: dict[str, FileEntry]) -> str:
    """A digest of what the version is: sessions, request, code version and every file's content."""
    told = {
        "kind": facts["kind"],
        "request": facts["request"],
        "code_version": facts["code_version"],
        "sessions": [(parent.id, parent.sha256) for parent in tally.parents],
        "files": {
            name: entry.sha256
            for name, entry in files.items()
            if name != LEFT_OUT_NAME and not name.endswith(_DATED)
        },
    }
    return sha256_bytes(msgspec.json.encode(told, order="deterministic"))


def _same_as_latest(workspace: Workspace, name: str, content: str) -> Path | None:
    folders = version_folders(workspace, name)
    if not folders:
        return None
    try:
        latest = DatasetVersion(folders[-1])
    except UnderstudyError:  # damaged: it is not what is being built
        return None
    same = not latest.removed and latest.facts.get("content") == content
    return folders[-1] if same else None


def _check_sessions(workspace: Workspace, facts: dict[str, Any]) -> None:
    """DatasetError when a session was forgotten while its rows were being written."""
    gone = [s["id"] for s in facts["sessions"] if not (workspace.runs / s["directory"]).exists()]
    if gone:
        raise DatasetError(
            f"the session {gone[0]} was forgotten or moved while the dataset was being built; "
            "build it again"
        )


def _nothing_found(tally: Tally) -> str:
    reasons = tally.facts()["left_out"]
    if not reasons:
        return "no session fits, so there is nothing to build; look at `understudy session list`"
    told = "; ".join(f"{count} x {reason}" for reason, count in list(reasons.items())[:5])
    return f"no row is left to build a dataset of: {told}; change the filters, or score sessions"


def _built(folder: Path, facts: dict[str, Any], *, unchanged: bool) -> Built:
    counts = facts["counts"]
    whole = counts["sessions"] + counts.get("scenarios", 0)
    what = "sessions and scenarios" if counts.get("scenarios") else "sessions"
    warnings = [
        f"the split {split} is empty: {what} fall into splits by chance, and {whole} are few"
        for split, share in zip(SPLITS, facts["request"]["splits"]["fractions"], strict=True)
        if share and not counts.get(split)
    ]
    for format, told in facts["formats"].items():
        warnings += [f"{format}: {warning}" for warning in told["warnings"]]
        if told["left_out"]:
            warnings.append(f"{format} cannot hold {told['left_out']} of the rows")
    return Built(
        name=folder.parent.name,
        version=folder.name,
        path=folder,
        unchanged=unchanged,
        facts=facts,
        warnings=warnings,
    )


def _write_line(file: BinaryIO, entry: LeftOut) -> None:
    file.write(msgspec.json.encode(entry) + b"\n")
