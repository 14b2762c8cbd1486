"""``understudy doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from understudy._util.counting import counted
from understudy.cli._commands import Command, json_option, workspace_option
from understudy.cli._output import print_json
from understudy.cli.proxy import DEFAULT_PORT

if TYPE_CHECKING:
    from understudy.pipeline.doctor_findings import Check

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command(cls=Command)
@click.option(
    "--models",
    is_flag=True,
    help="Look at language models too: the libraries that train and run them, the training data, "
    "every version, GGUF file and bundle; what is in use is loaded.",
)
@json_option
@workspace_option
@click.pass_context
def doctor(
    context: click.Context, models: bool, as_json: bool, workspace_path: Path | None
) -> None:
    """Check the workspace, its disk and its catalog.

    Also the installation, and when the disk will be full at the present pace. Each finding says
    what to do; nothing recorded is changed. The exit status is 1 when something does not work; a
    warning leaves it 0.
    """
    from understudy.pipeline.doctor import examine

    def show(check: Check) -> None:
        if not as_json:
            verdict = click.style(f"{check.verdict:<8}", fg=_COLOURS[check.verdict])
            click.echo(f"{verdict} {check.name:<10}  {check.said}")

    diagnosis = examine(workspace_path, proxy_port=DEFAULT_PORT, models=models, report=show)
    checks = diagnosis.checks
    if as_json:
        print_json({"ok": diagnosis.ok, "workspace": diagnosis.workspace, "checks": checks})
    else:
        verdicts = [check.verdict for check in checks]
        click.echo(
            f"\n{counted(len(checks), 'check')}: {counted(verdicts.count('problem'), 'problem')}, "
            f"{counted(verdicts.count('warning'), 'warning')}."
        )
    context.exit(0 if diagnosis.ok else 1)
