"""``understudy dataset``: training data from sessions, in versions that stay."""

from __future__ import annotations

import click

from understudy.cli._commands import Group
from understudy.cli.dataset import building, exporting, looking


@click.group(cls=Group)
def dataset() -> None:
    """Build versioned datasets and training files from sessions.

    A dataset is named NAME, which means its latest version, or NAME@v0003.
    """


for command in (
    building.build_version,
    looking.list_datasets,
    looking.show_dataset,
    looking.diff_datasets,
    looking.check_dataset,
    exporting.export_dataset,
    building.rebuild_array_file,
):
    dataset.add_command(command)
