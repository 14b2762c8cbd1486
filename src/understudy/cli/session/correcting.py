"""``understudy session correct``: what a captured answer should have been."""

from __future__ import annotations

from pathlib import Path

import click

from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import print_json
from understudy.cli._rater import default_rater


@click.command("correct", cls=Command)
@click.argument("name", metavar="SESSION")
@click.argument("step", type=click.IntRange(min=1))
@click.argument("text", required=False)
@click.option(
    "--set",
    "score",
    type=click.IntRange(1, 10),
    help="How good the recorded answer is. With a score, TEXT may be left out.",
)
@click.option("--reason", metavar="TEXT", help="Why.")
@click.option("--rater", metavar="NAME", help="Who says so. Default: your name in git.")
@json_option
@workspace_option
def correct_answer(
    name: str,
    step: int,
    text: str | None,
    score: int | None,
    reason: str | None,
    rater: str | None,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Say what a captured answer should have been.

    STEP is the chat's line in the trace of SESSION, as `understudy session show --trace` numbers
    them. Without TEXT and --set, your editor opens with the answer. Calls in TEXT must fit the
    tools. The recording stays as it is; `understudy train sft --data corrections` learns the
    correction, and `understudy train preference` that it is better than what was said.
    """
    from understudy.pipeline.correcting import answer_of, correct
    from understudy.pipeline.scoring import rater_author

    with open_workspace(workspace_path) as workspace:
        author = rater_author(workspace, rater or default_rater())
        if text is None and score is None:
            text = _edited(answer_of(workspace, name, step))
            if text is None:
                click.echo("nothing was changed, so nothing is corrected", err=True)
                return
        entry = correct(workspace, name, step, text, author=author, score=score, reason=reason)
    if as_json:
        print_json(entry)
        return
    said = " and ".join(
        told
        for told in (
            "corrected" if text is not None else "",
            f"scored {score}" if score is not None else "",
        )
        if told
    )
    click.echo(f"line {step} of {name}: {said} by {author}")


def _edited(answer: str) -> str | None:
    """``answer`` as the editor leaves it; None where it was not changed."""
    text = click.edit(answer)
    if text is None or text.strip() == answer.strip():
        return None
    return text.strip()
