"""The commands that look at datasets and change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy._util.counting import counted
from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import (
    human_bytes,
    print_facts,
    print_json,
    print_table,
    progress,
)
from understudy.cli.dataset._options import print_reasons

if TYPE_CHECKING:
    from understudy.datasets.check import CheckReport
    from understudy.datasets.diff import Difference, RowChange
    from understudy.datasets.versions import DatasetVersion

_SPLITS = ("train", "validation", "test")
_SHOWN = 20
_USUAL = (("from_sessions", True), ("calls", "kept"))


@click.command("list", cls=Command)
@json_option
@workspace_option
def list_datasets(as_json: bool, workspace_path: Path | None) -> None:
    """List the versions of all datasets."""
    from understudy.datasets.versions import DatasetVersion, dataset_names, version_folders
    from understudy.errors import UnderstudyError

    rows: list[tuple[object, ...]] = []
    facts: list[dict[str, Any]] = []
    with open_workspace(workspace_path) as workspace:
        for name in dataset_names(workspace):
            for folder in version_folders(workspace, name):
                try:
                    version = DatasetVersion(folder)
                except UnderstudyError as error:
                    facts.append({"name": name, "version": folder.name, "problem": str(error)})
                    rows.append((name, folder.name, *[None] * 8, str(error)))
                    continue
                facts.append(_listed(version))
                rows.append(_line(version))
    if as_json:
        print_json(facts)
    elif not rows:
        click.echo("No dataset was built yet: `understudy dataset build NAME`.", err=True)
    else:
        heads = ("NAME", "VERSION", "KIND", "SESSIONS", "SCENARIOS", "ROWS", "TRAIN", "VALIDATION")
        print_table((*heads, "TEST", "CREATED", "NOTE"), rows)


def _listed(version: DatasetVersion) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "id": version.manifest.id,
        "kind": version.kind,
        "path": version.folder,
        "created": version.manifest.created,
        "counts": version.facts.get("counts", {}),
        "formats": list(version.facts.get("formats", {})),
        "removed": version.removed,
        "forgotten": version.forgotten,
    }


def _line(version: DatasetVersion) -> tuple[object, ...]:
    counts = version.facts.get("counts", {})
    note = _note(version)
    return (
        version.name,
        version.version,
        version.kind,
        counts.get("sessions"),
        counts.get("scenarios", 0),
        counts.get("rows"),
        *(counts.get(split, 0) for split in _SPLITS),
        version.manifest.created[:16].replace("T", " "),
        note,
    )


def _note(version: DatasetVersion) -> str:
    if version.removed:
        return "its data were taken away: a session was forgotten"
    if version.forgotten:
        return f"of its sessions, forgotten since: {len(version.forgotten)}"
    return ""


@click.command("show", cls=Command)
@click.argument("name")
@json_option
@workspace_option
def show_dataset(name: str, as_json: bool, workspace_path: Path | None) -> None:
    """Show what a dataset holds, where it is from, and what was made of it."""
    from understudy.datasets.versions import find_version
    from understudy.store.lineage import descendants

    with open_workspace(workspace_path) as workspace:
        version = find_version(workspace, name)
        made = descendants(workspace, "dataset", version.manifest.id)
    if as_json:
        shown = {**_listed(version), **version.facts, "sessions": version.facts.get("sessions")}
        print_json({**shown, "files": version.manifest.files, "made_from_it": made})
        return
    _print_version(version)
    for thing in made:
        what = " ".join(part for part in (thing.kind, thing.name, thing.version) if part)
        click.echo(f"made from it: {what}: {thing.path}")


def _print_version(version: DatasetVersion) -> None:
    facts, counts = version.facts, version.facts.get("counts", {})
    quality = facts.get("quality", {})
    size = sum(entry.size for entry in version.manifest.files.values())
    print_facts(
        [
            ("dataset", version.ref),
            ("note", _note(version)),
            ("kind", version.kind),
            ("built", version.manifest.created),
            ("rows", f"{counts.get('rows', 0):,}"),
            ("splits", [f"{counts[s]:,} {s}" for s in _SPLITS if counts.get(s)]),
            ("sessions", f"{counts.get('sessions', 0):,}"),
            ("scenarios", _scenarios(facts.get("scenarios"))),
            ("games", _counts(facts.get("games"))),
            ("players", _counts(facts.get("players"))),
            ("models", _counts(facts.get("models"))),
            ("tasks", len(facts.get("tasks", {}))),
            ("actions", _counts(facts.get("actions_taken"))),
            ("licences", _counts(facts.get("licenses"))),
            ("consent", _counts(facts.get("consents"))),
            ("completed", _share(quality.get("completed"))),
            ("human score", quality.get("human_score")),
            ("automatic score", quality.get("auto_score")),
            ("corrected", facts.get("corrected") or None),
            ("copies dropped", _counts(facts.get("duplicates"))),
            ("in two splits", _counts(facts.get("leaks"))),
            ("chosen by", _request(facts.get("request", {}))),
            ("formats", list(facts.get("formats", {}))),
            ("size", human_bytes(size)),
            ("code version", facts.get("code_version")),
            ("content", facts.get("content")),
            ("in", version.folder),
        ]
    )
    print_reasons(list(facts.get("left_out", {}).items()))


def _scenarios(found: dict[str, Any] | None) -> list[str]:
    files = len(found["files"]) if found else 0
    said = [counted(files, "file")] if files else []
    made = found["generated"] if found else ()
    return [*said, *(f"{one['scenarios']:,} made by seed {one['seed']}" for one in made)]


def _counts(counts: dict[str, int] | None) -> list[str]:
    return [f"{name or 'not stated'} ({count:,})" for name, count in (counts or {}).items()]


def _share(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%} of the sessions"


def _request(request: dict[str, Any]) -> list[str]:
    source = request.get("source", {})
    chosen = {name: value for name, value in source.items() if (name, value) not in _USUAL}
    chosen |= request.get("selection", {})
    scenarios = request.get("scenarios") or {}
    chosen["scenarios"], window = scenarios.get("paths"), scenarios.get("window", {})
    chosen |= {f"{what} of a scenario": most for what, most in window.items()}
    splits = request.get("splits", {})
    said = [f"{name} {value}" for name, value in chosen.items() if value not in (None, False, [])]
    return [*said, f"splits {splits.get('fractions')}", f"seed {splits.get('seed')}"]


@click.command("diff", cls=Command)
@click.argument("before")
@click.argument("after")
@json_option
@workspace_option
def diff_datasets(before: str, after: str, as_json: bool, workspace_path: Path | None) -> None:
    """Show in what two versions differ.

    BEFORE and AFTER are written NAME@v0001, or NAME for the latest version.
    """
    from understudy.datasets.diff import diff_versions
    from understudy.datasets.versions import usable_version

    with open_workspace(workspace_path) as workspace:
        difference = diff_versions(
            usable_version(workspace, before), usable_version(workspace, after)
        )
    if as_json:
        print_json(difference)
    else:
        _print_difference(difference)


def _print_difference(difference: Difference) -> None:
    click.echo(f"from {difference.before} to {difference.after}")
    if difference.none:
        click.echo("No difference.")
        return
    for key, (before, after) in difference.query.items():
        click.echo(f"asked for {key}: {before}, now {after}")
    for word, sessions in (
        ("added", difference.sessions_added),
        ("removed", difference.sessions_removed),
    ):
        if sessions:
            click.echo(f"{counted(len(sessions), 'session')} {word}")
            _print_some([f"  {session}" for session in sessions])
    for score in difference.scores:
        click.echo(f"{score.kind} score of {score.session}: {score.before}, now {score.after}")
    for word, rows in (
        ("added", difference.rows_added),
        ("removed", difference.rows_removed),
        ("changed", difference.rows_changed),
        ("moved to another split", difference.rows_moved),
    ):
        if rows:
            click.echo(f"{counted(len(rows), 'row')} {word}")
            _print_some([_told(row) for row in rows])


def _told(row: RowChange) -> str:
    moved = f", before {row.was}" if row.was else ""
    return f"  step {row.step} of {row.session} ({row.split}{moved})"


def _print_some(lines: list[str]) -> None:
    for line in lines[:_SHOWN]:
        click.echo(line)
    if len(lines) > _SHOWN:
        click.echo(f"  and {len(lines) - _SHOWN:,} more (--json names all)")


@click.command("check", cls=Command)
@click.argument("name")
@json_option
@workspace_option
@click.pass_context
def check_dataset(
    context: click.Context, /, name: str, as_json: bool, workspace_path: Path | None
) -> None:
    """Look a dataset over: its files and each of its rows.

    Hashes, schema, empty fields, unknown actions, missing pictures, copies, leaks between splits,
    how even the actions are, states with two actions, lengths. The exit status is 1 when there is
    an error; warnings do not fail.
    """
    from understudy.datasets.check import check_version, sealed_anew
    from understudy.datasets.game_actions import known_actions
    from understudy.datasets.versions import usable_version

    with open_workspace(workspace_path) as workspace:
        version = usable_version(workspace, name)
        actions = known_actions(version.facts.get("games", {}), workspace.settings.games)
        with progress(f"checking {version.ref}") as report:
            found = check_version(
                version,
                known_actions=actions,
                changed_sessions=sealed_anew(workspace, version),
                progress=report,
            )
    if as_json:
        print_json({**_fields(found), "errors": found.errors, "warnings": found.warnings})
    else:
        _print_check(found)
    context.exit(0 if found.ok else 1)


def _fields(found: CheckReport) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(found)
    return fields


def _print_check(found: CheckReport) -> None:
    rows = counted(sum(found.rows.values()), "row")
    told = f"{counted(found.errors, 'error')}, {counted(found.warnings, 'warning')}"
    click.echo(f"{found.dataset}: {rows}, {told}")
    print_table(
        ("  LEVEL", "WHAT", "ROW", "STEP", "SESSION", "REASON"),
        [
            (f"  {one.level}", one.what, one.row, one.step or "", one.session, one.reason)
            for one in found.findings[:_SHOWN]
        ],
    )
    hidden = len(found.findings) - _SHOWN + sum(found.unnamed.values())
    if hidden > 0:
        click.echo(f"  and {hidden:,} more (--json names them)")
    print_table(
        ("  TEXT", "SHORTEST", "MEDIAN", "LONGEST"),
        [
            (f"  {name}", *(spread[part] for part in ("shortest", "median", "longest")))
            for name, spread in found.lengths.items()
        ],
    )
    for note in found.notes:
        click.echo(f"Note: {note}", err=True)
