"""``understudy stats``."""

from __future__ import annotations

from pathlib import Path

import click

from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import human_bytes, human_seconds, print_facts, print_json


@click.command(cls=Command)
@json_option
@workspace_option
def stats(as_json: bool, workspace_path: Path | None) -> None:
    """Count what the workspace holds."""
    with open_workspace(workspace_path) as workspace:
        workspace.adopt()
        totals = workspace.catalog.totals()
        path = workspace.path
    if as_json:
        print_json({"workspace": path, **totals})
        return
    by_status = ", ".join(f"{count} {status}" for status, count in totals["by_status"].items())
    print_facts(
        [
            ("workspace", path),
            ("sessions", f"{totals['sessions']}" + (f" ({by_status})" if by_status else "")),
            ("archived", totals["archived"]),
            ("scored", totals["scored"]),
            ("length", human_seconds(totals["duration_s"])),
            ("steps", totals["steps"]),
            ("chats", totals["chats"]),
            ("frames", totals["frames"]),
            ("images", totals["images"]),
            ("size", human_bytes(totals["bytes"])),
            (
                "counted",
                f"{totals['seen']} seen, {totals['stored']} stored, {totals['dropped']} dropped",
            ),
            ("masked", totals["masked"]),
        ]
    )
