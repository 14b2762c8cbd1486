"""``understudy maintain``: the work that comes round every week and every month."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy._util.counting import counted
from understudy.cli._commands import Group, json_option, open_workspace, workspace_option
from understudy.cli._output import print_json

if TYPE_CHECKING:
    from understudy.pipeline.maintenance import Part, When

_COLOURS = {"done": "green", "nothing": None, "planned": "cyan", "failed": "red"}
_SAID = {"done": "done", "nothing": "nothing", "planned": "would", "failed": "FAILED"}
_apply_option = click.option(
    "--apply", is_flag=True, help="Do it; without this it is only said what would be done."
)


@click.group(cls=Group)
def maintain() -> None:
    """Do the work that comes round every week and every month.

    Every part is tried and reported, whatever became of the others. Without --apply nothing is
    changed. The exit status is 1 when a part failed.
    """


@maintain.command("weekly")
@_apply_option
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="RECIPE",
    help="Bring the data of this recipe up to date first; may be given several times.",
)
@click.option(
    "--settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the training, as in `understudy train sft`; may be given several times.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N cases a set.")
@json_option
@workspace_option
@click.pass_context
def weekly_maintenance(
    context: click.Context,
    /,
    recipes: tuple[Path, ...],
    settings: tuple[str, ...],
    limit: int | None,
    **given: Any,
) -> None:
    """Learn what is new, measure it, and use it unless it is worse.

    For each model: what its data hold that it has not learned from; an incremental training on
    that; a validation against the version in use; and the gate, which puts the new version in use
    unless it is worse on any validation set.
    """
    more: dict[str, Any] = {"recipes": recipes, "settings": settings}
    if limit is not None:
        more["limit"] = limit
    _maintain(context, "weekly", more, **given)


@maintain.command("monthly")
@_apply_option
@json_option
@workspace_option
@click.pass_context
def monthly_maintenance(context: click.Context, /, **given: Any) -> None:
    """Take in new tools, clean up, keep the rules, verify everything.

    Tools that are called and not known; weights of old versions, old bundles and trainings that
    were interrupted more than a week ago; the rules in [retention] of the settings; every bit of
    all sessions, datasets, models and bundles.
    """
    _maintain(context, "monthly", {}, **given)


@maintain.command("scripts")
@click.argument("directory", default="scripts", type=click.Path(path_type=Path, file_okay=False))
@click.option("--force", is_flag=True, help="Replace scripts that are there and differ.")
def write_scripts(directory: Path, force: bool) -> None:
    """Write weekly_maintenance.sh and monthly_updates.sh, for cron or a timer.

    Into DIRECTORY (./scripts), a folder beside the workspace or the app.
    """
    from understudy.pipeline.npm import write_maintenance_scripts

    for file in write_maintenance_scripts(directory, force=force):
        click.echo(f"{file.became:<10} {directory / file.path}")


def _maintain(
    context: click.Context,
    when: When,
    more: dict[str, Any],
    *,
    apply: bool,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    from understudy.cli._line_watcher import watching
    from understudy.pipeline.maintenance import Order, maintain

    # Quiet, because the parts tell what the stages of a line would.
    with open_workspace(workspace_path) as workspace, watching(quiet=True) as watcher:

        def show(part: Part) -> None:
            watcher.begin(part.name)
            if not as_json:
                _show(part)

        order = Order(apply=apply, watcher=watcher, **more)
        finished = maintain(workspace, when, order, report=show)
    if as_json:
        print_json({"ok": finished.ok, **_facts(finished)})
    else:
        failed = sum(part.failed for part in finished.parts)
        click.echo(f"\n{counted(len(finished.parts), 'part')}, {failed} failed.")
        if finished.report is not None:
            click.echo(f"report  {finished.report}")
        elif not apply:
            click.echo("Nothing was changed: --apply does it.")
    context.exit(0 if finished.ok else 1)


def _facts(finished: Any) -> dict[str, Any]:
    import msgspec

    facts: dict[str, Any] = msgspec.structs.asdict(finished)
    return facts


def _show(part: Part) -> None:
    outcome = part.outcome
    state = click.style(f"{_SAID[outcome.state]:<8}", fg=_COLOURS[outcome.state])
    name = f"{part.name} ({part.about})" if part.about else part.name
    click.echo(f"{state} {name:<22}  {outcome.said}")
