"""``understudy model``: the versions of models, which of them is in use, and the base they need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy._util.counting import counted
from understudy.cli._commands import Group, json_option, open_workspace, workspace_option
from understudy.cli._output import human_bytes, print_facts, print_json, print_table, progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.models.registry import ModelVersion
    from understudy.store.folder import WorkspaceFolder

_SHOWN_METRICS = 12


@click.group(cls=Group)
def model() -> None:
    """Compare models, and choose which is in use.

    A model is named NAME, which means the version in use (else its latest), or NAME@v0003.
    """


@model.command("list")
@click.argument("name", required=False)
@json_option
@workspace_option
def list_models(name: str | None, as_json: bool, workspace_path: Path | None) -> None:
    """List the versions of all models, or of one."""
    from understudy.models.registry import models_of

    with open_workspace(workspace_path) as workspace:
        found = list_versions(workspace, [name] if name else models_of(workspace).names())
    print_versions(found, as_json=as_json)


def list_versions(workspace: WorkspaceFolder, names: Sequence[str]) -> list[dict[str, Any]]:
    """What there is to tell of every version of the models ``names``."""
    from understudy.errors import UnderstudyError
    from understudy.models.registry import ModelVersion, models_of, promoted

    found: list[dict[str, Any]] = []
    versions = models_of(workspace)
    for name in names:
        folders = versions.folders(name)
        if not folders:
            versions.find(name)  # says which models there are
        in_use = promoted(workspace, name)
        for folder in folders:
            try:
                version = ModelVersion(folder)
            except UnderstudyError as error:
                found.append({"model": name, "version": folder.name, "problem": str(error)})
                continue
            facts = _listed(version)
            facts["promoted"] = in_use is not None and in_use.version == version.version
            found.append(facts)
    return found


def print_versions(found: list[dict[str, Any]], *, as_json: bool) -> None:
    """The versions as a table, or as JSON."""
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No model was trained yet: `understudy train sft`.", err=True)
    else:
        heads = ("MODEL", "VERSION", "IN USE", "METHOD", "BASE", "EXAMPLES", "STEPS", "LOSS")
        print_table((*heads, "SIZE", "MADE", "NOTE"), [_line(facts) for facts in found])


def _listed(version: ModelVersion) -> dict[str, Any]:
    facts = version.facts
    return {
        "model": version.name,
        "version": version.version,
        "id": version.manifest.id,
        "path": version.folder,
        "created": version.manifest.created,
        "method": version.method,
        "form": facts.get("form", ""),
        "base": version.base,
        "continues": facts.get("continues"),
        "metrics": facts.get("metrics", {}),
        "data": facts.get("data", {}),
        "size": sum(entry.size for entry in version.manifest.files.values()),
        "removed": version.removed,
        "forgotten": version.forgotten,
    }


def _line(facts: dict[str, Any]) -> tuple[object, ...]:
    if "problem" in facts:
        return (facts["model"], facts["version"], *[None] * 8, facts["problem"])
    metrics = facts["metrics"]
    loss = metrics.get("validation_loss", metrics.get("loss"))
    return (
        facts["model"],
        facts["version"],
        "yes" if facts["promoted"] else None,
        facts["method"],
        facts["base"].get("id"),
        facts["data"].get("examples"),
        metrics.get("steps"),
        None if loss is None else f"{loss:.3f}",
        human_bytes(facts["size"]),
        facts["created"][:16].replace("T", " "),
        _note(facts["removed"], facts["forgotten"]),
    )


def _note(removed: bool, forgotten: list[str]) -> str:
    if removed:
        return "its weights were cleaned up"
    if forgotten:
        return f"learned from {counted(len(forgotten), 'session')} forgotten since"
    return ""


@model.command("show")
@click.argument("name")
@json_option
@workspace_option
def show_model(name: str, as_json: bool, workspace_path: Path | None) -> None:
    """Show what a version is: its base, data, settings and scores."""
    from understudy.models.card import shown
    from understudy.models.promotions import history
    from understudy.models.registry import RESULTS, find_model, promoted

    with open_workspace(workspace_path) as workspace:
        version = find_model(workspace, name, with_data=False)
        in_use = promoted(workspace, version.name)
        changes = history(version.folder.parent)
    is_promoted = in_use is not None and in_use.version == version.version
    results = {file: version.result(file) for file in RESULTS}
    if as_json:
        print_json(
            {
                **version.facts,
                **_listed(version),
                "promoted": is_promoted,
                "promotions": changes,
                "results": {file: result for file, result in results.items() if result},
                "files": version.manifest.files,
                "parents": version.manifest.parents,
            }
        )
        return
    facts = version.facts
    data, metrics = facts.get("data", {}), facts.get("metrics", {})
    print_facts(
        [
            ("model", version.ref),
            ("in use", is_promoted),
            ("note", _note(version.removed, version.forgotten)),
            ("method", version.method),
            ("weights", facts.get("form")),
            ("base", version.base.get("id")),
            ("goes on from", facts.get("continues")),
            ("made", version.manifest.created),
            ("seed", facts.get("seed")),
            ("examples", data.get("examples")),
            ("sources", [source.get("name", "") for source in data.get("sources", ())]),
            *[(name, shown(value)) for name, value in list(metrics.items())[:_SHOWN_METRICS]],
            ("validated", [file for file, result in results.items() if result]),
            ("card", version.folder / "README.md"),
        ]
    )
    print_table(("SETTING", "VALUE"), [(k, shown(v)) for k, v in facts["settings"].items()])


@model.command("lineage")
@click.argument("name")
@json_option
@workspace_option
def show_lineage(name: str, as_json: bool, workspace_path: Path | None) -> None:
    """Show what a model was made from, back to the sessions, and what was made from it."""
    from understudy.models.lineage import lineage_of
    from understudy.models.registry import find_model

    with open_workspace(workspace_path) as workspace:
        found = lineage_of(workspace, find_model(workspace, name, with_data=False))
    if as_json:
        print_json(found)
        return
    print_facts([("model", found.ref), ("base", found.base.get("id"))])
    for source in found.sources:
        click.echo(f"trained on {source.get('name')}: {source.get('examples')} examples")
    for ancestor in found.ancestors:
        where = ancestor.path or "not in this workspace"
        count = f", {counted(ancestor.sessions, 'session')}" if ancestor.sessions else ""
        click.echo(f"{'  ' * ancestor.steps}from {ancestor.kind} {ancestor.ref}{count}: {where}")
    if found.sessions:
        click.echo(f"learned from {counted(len(found.sessions), 'session')}")
    for session in found.forgotten:
        click.echo(f"holds what it learned from session {session}, which was forgotten")
    for thing in found.descendants:
        click.echo(f"made from it: {thing.kind} {thing.name} {thing.version}: {thing.path}")


@model.command("compare")
@click.argument("before")
@click.argument("after")
@json_option
@workspace_option
def compare_models(before: str, after: str, as_json: bool, workspace_path: Path | None) -> None:
    """Show in what two versions differ: settings, data, training and scores."""
    import msgspec

    from understudy.cli._comparison import print_comparison
    from understudy.evaluate.versions import score_changes
    from understudy.models.compare import compare
    from understudy.models.registry import find_model

    with open_workspace(workspace_path) as workspace:
        versions = [find_model(workspace, name, with_data=False) for name in (before, after)]
        found = compare(*versions)
        scores = score_changes(*versions)
    if as_json:
        print_json({**msgspec.structs.asdict(found), "scores": scores})
        return
    print_comparison(found, scores)


@model.command("promote")
@click.argument("name")
@click.option("--reason", default="by hand", show_default=True, help="Why, for the history.")
@json_option
@workspace_option
def promote_model(name: str, reason: str, as_json: bool, workspace_path: Path | None) -> None:
    """Put a version in use.

    NAME is written NAME@v0003.
    """
    from understudy.errors import UsageError
    from understudy.models.registry import promote

    if "@" not in name:
        raise UsageError(f"name the version that is to be used, such as {name}@v0003")
    with open_workspace(workspace_path) as workspace:
        version = promote(workspace, name, reason)
    _say_in_use(version, as_json=as_json)


@model.command("rollback")
@click.argument("name")
@click.option("--reason", default="by hand", show_default=True, help="Why, for the history.")
@json_option
@workspace_option
def roll_back(name: str, reason: str, as_json: bool, workspace_path: Path | None) -> None:
    """Go back to the version that was in use before."""
    from understudy.models.registry import rollback

    with open_workspace(workspace_path) as workspace:
        version = rollback(workspace, name, reason)
    _say_in_use(version, as_json=as_json)


def _say_in_use(version: ModelVersion, *, as_json: bool) -> None:
    if as_json:
        print_json({"model": version.name, "version": version.version, "path": version.folder})
    else:
        click.echo(f"{version.ref} is in use.")


@model.command("cleanup")
@click.argument("name")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How many of the latest versions keep their weights.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
@workspace_option
def clean_up(
    name: str, keep: int, dry_run: bool, as_json: bool, workspace_path: Path | None
) -> None:
    """Remove the weights of old versions; what they were made from stays on record.

    Kept are the version in use, the latest ones, and those that other models need.
    """
    with open_workspace(workspace_path) as workspace:
        clean_up_versions(workspace, name, keep=keep, dry_run=dry_run, as_json=as_json)


def clean_up_versions(
    workspace: WorkspaceFolder, name: str, *, keep: int, dry_run: bool, as_json: bool
) -> None:
    """Clean up and say what became of each version."""
    from understudy.models.registry import cleanup

    outcome = cleanup(workspace, name, keep, dry_run=dry_run)
    freed = sum(one.size for one in outcome if one.removed)
    if as_json:
        print_json({"freed": freed, "dry_run": dry_run, "versions": outcome})
        return
    would = "would be removed" if dry_run else "removed"
    rows = [(one.ref, human_bytes(one.size), one.reason or would) for one in outcome]
    print_table(("VERSION", "SIZE", "WHAT BECOMES OF IT" if dry_run else "WHAT BECAME"), rows)
    click.echo(f"{human_bytes(freed)} {'would be freed' if dry_run else 'freed'}.")


@model.command("make-base")
@click.argument("name", default="base")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write it to this folder instead of making a version of a model.",
)
@click.option(
    "--size",
    type=click.Choice(["full", "tiny"]),
    default="full",
    show_default=True,
    help="full: the one that comes with the package, in two to three hours; tiny: in seconds, for "
    "tests.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Decides corpus, tokenizer and weights.")
@click.option("--steps", type=click.IntRange(min=1), help="How many steps to train.")
@json_option
@workspace_option
def make_base_model(
    name: str,
    to: Path | None,
    size: str,
    seed: int | None,
    steps: int | None,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Make the small base model anew, from its corpus alone.

    It becomes a version of the model NAME (`base` unless given), which --base of a training takes.
    What was interrupted is gone on with by the same call.
    """
    from understudy.train.base_version import make_base_folder, make_base_version

    with progress("making the base") as report:

        def tell(step: int, of: int, loss: float) -> None:
            report(step, of)

        if to is not None:
            folder = make_base_folder(to, size, seed=seed, steps=steps, progress=tell)
            facts: dict[str, Any] = {"path": folder}
        else:
            with open_workspace(workspace_path) as workspace:
                made = make_base_version(
                    workspace, name, size, seed=seed, steps=steps, progress=tell
                )
            facts = {"model": made.name, "version": made.version, "path": made.folder}
            facts |= made.facts["metrics"]
    if as_json:
        print_json(facts)
    else:
        print_facts(list(facts.items()))
