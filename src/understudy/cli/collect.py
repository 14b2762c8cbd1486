"""``understudy collect``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from understudy._util.counting import counted
from understudy.cli._commands import Command, json_option, workspace_option
from understudy.cli._output import human_seconds, print_facts, print_json, print_table, progress

if TYPE_CHECKING:
    from understudy.pipeline.batch.plan import Planned
    from understudy.pipeline.batch.report import BatchReport
    from understudy.pipeline.batch.worker import PlayedOne

_INTERRUPTED = 130
_SHOWN_TASKS = 20


@click.command(cls=Command)
@click.option(
    "--task-file", required=True, metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What to play, in YAML.",
)  # fmt: skip
@click.option(
    "--training-mode", is_flag=True, help="Write training_data.jsonl into every session too."
)
@click.option(
    "--max-sessions", type=click.IntRange(1, 1_000_000), metavar="N",
    help="How many sessions in all; over fewer tasks it goes round with new seeds. Default: as "
    "many as the file says.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
    help="Processes that play at once.",
)  # fmt: skip
@click.option(
    "--resume", is_flag=True,
    help="Go on with the last batch of this file: what is finished is not played again.",
)  # fmt: skip
@json_option
@workspace_option
@click.pass_context
def collect(
    context: click.Context,
    /,
    task_file: Path,
    training_mode: bool,
    max_sessions: int | None,
    workers: int,
    resume: bool,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Play many sessions from a file of tasks.

    The batch's report, training data and metrics lie in runs/batch_training_YYYYMMDD/. A session
    that fails does not stop the others; a batch that was interrupted or killed goes on with
    --resume. The exit status is 1 when sessions are left that could not be played.
    """
    import msgspec

    from understudy.pipeline.batch.collect import collect as play_batch
    from understudy.pipeline.batch.collect import plan_batch
    from understudy.pipeline.batch.task_file import read_task_file
    from understudy.session.workspace import Workspace

    file = read_task_file(task_file)
    if training_mode:
        file = file.with_training_data()
    with Workspace(workspace_path) as workspace:
        folder = plan_batch(workspace, file, most=max_sessions, resume=resume)
        if not as_json:
            planned = counted(len(folder.plan.sessions), "session")
            click.echo(f"{folder.name}: {planned}, {counted(workers, 'worker')}", err=True)
        with progress("collecting sessions") as report:
            done = play_batch(
                workspace,
                folder,
                workers=workers,
                on_played=None if as_json else _tell_failure,
                progress=report,
            )
    if as_json:
        print_json(msgspec.to_builtins(done))
    else:
        _print(done)
        if done.left:
            again = ["understudy", "collect", "--task-file", str(task_file), "--resume"]
            again += ["--workspace", str(workspace_path)] if workspace_path else []
            click.echo(f"\n{counted(done.left, 'session')} left: {shlex.join(again)}", err=True)
    if done.stopped == "interrupted":
        context.exit(_INTERRUPTED)
    context.exit(1 if done.left else 0)


def _tell_failure(planned: Planned, answer: PlayedOne) -> None:
    if answer.reason:
        click.echo(f"session {planned.number} ({planned.asked}): {answer.reason}", err=True)


def _print(done: BatchReport) -> None:
    stretch = done.stretches[-1]
    rate = stretch.played / stretch.seconds * 60 if stretch.seconds else 0
    print_facts(
        [
            ("batch", done.batch),
            ("finished", f"{done.finished} of {done.planned}"),
            ("succeeded", done.succeeded),
            ("not done", done.unsuccessful or None),
            ("unchecked", done.unchecked or None),
            ("examples", done.training_examples),
            ("time", human_seconds(stretch.seconds)),
            ("sessions a minute", f"{rate:.0f}" if stretch.played else None),
            ("stopped", done.stopped or None),
            ("in", done.path),
        ]
    )
    if done.tasks:
        click.echo()
        tasks = sorted(done.tasks.items(), key=lambda one: one[1]["succeeded"] - one[1]["finished"])
        print_table(
            ("TASK", "FINISHED", "SUCCEEDED"),
            [(name, task["finished"], task["succeeded"]) for name, task in tasks[:_SHOWN_TASKS]],
        )
        if len(tasks) > _SHOWN_TASKS:
            click.echo(f"and {len(tasks) - _SHOWN_TASKS} more")
