"""``understudy test``."""

from __future__ import annotations

from pathlib import Path

import click

from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._models import bundle_meant
from understudy.cli._output import print_facts, print_json, print_table, progress


@click.command("test", cls=Command)
@click.argument("bundle", required=False)
@click.option(
    "--scenarios",
    type=click.Path(path_type=Path, exists=True),
    metavar="PATH",
    help="Scenarios to play. Default: those that come with the package and train no model.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads to run it with. Default: as many as pay off.",
)
@json_option
@workspace_option
def command(
    bundle: str | None,
    scenarios: Path | None,
    threads: int | None,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Test what was deployed, as it lies in the bundle.

    BUNDLE is NAME, NAME@v0003 or a folder; it may be left out where there is only one. Its files,
    hashes and size are checked, it is loaded, plays scenarios, and its speed is measured. The
    result is written to test_results.json beside it. The exit status is 1 when anything failed.
    """
    from understudy.deploy.bundle import find_bundle
    from understudy.deploy.table_chats import table_chats
    from understudy.deploy.testing import examine

    chats = None if scenarios is None else table_chats(scenarios, most=None)
    if bundle and Path(bundle).expanduser().is_dir():
        found = find_bundle(None, bundle)
    else:
        with open_workspace(workspace_path) as workspace:
            found = bundle_meant(workspace, bundle)
    with progress("playing scenarios") as told:
        results = examine(found, chats=chats, threads=threads, progress=told)
    if as_json:
        print_json(results)
    else:
        rows = [(c.name, "passed" if c.passed else "FAILED", c.detail) for c in results.checks]
        print_table(["Check", "Result", "Found"], rows)
        click.echo()
        print_facts(
            [
                ("Bundle", results.bundle),
                ("Result", "passed" if results.passed else "failed"),
                ("Written to", found.folder / "test_results.json"),
            ]
        )
    if not results.passed:
        raise click.exceptions.Exit(1)
