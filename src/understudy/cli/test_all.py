"""``understudy test-all``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import print_json, print_table

if TYPE_CHECKING:
    from understudy.pipeline.maintenance import Part


@click.command("test-all", cls=Command)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N cases a set.")
@json_option
@workspace_option
@click.pass_context
def test_all(
    context: click.Context, limit: int | None, as_json: bool, workspace_path: Path | None
) -> None:
    """Run every test of data, sessions, models and bundles.

    The calls in the data are scanned, every file is verified, the latest model is validated, and
    every bundle is loaded and plays. The exit status is 1 when anything failed.
    """
    from understudy.cli._line_watcher import watching
    from understudy.evaluate.suites import DEFAULT_LIMIT
    from understudy.pipeline.every_test import run_every_test
    from understudy.pipeline.maintenance import Order

    with open_workspace(workspace_path) as workspace, watching(quiet=as_json) as watcher:
        parts = run_every_test(workspace, Order(limit=limit or DEFAULT_LIMIT, watcher=watcher))
    if as_json:
        print_json(parts)
    else:
        print_table(("TEST", "OF", "RESULT", "FOUND"), [_row(part) for part in parts])
    context.exit(1 if any(part.failed for part in parts) else 0)


def _row(part: Part) -> tuple[str, str, str, str]:
    result = {"done": "passed", "failed": "FAILED"}.get(part.outcome.state, "nothing to do")
    return part.name, part.about, result, part.outcome.said
