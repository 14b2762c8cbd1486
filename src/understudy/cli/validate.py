"""``understudy validate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._models import stages
from understudy.cli._output import print_json, print_table

if TYPE_CHECKING:
    from understudy.pipeline.validation import Validation


def _reach(context: click.Context, parameter: click.Parameter, given: Any) -> dict[str, float]:
    """``SET=SHARE`` as a table."""
    found = {}
    for one in given:
        name, _, share = one.partition("=")
        try:
            found[name] = float(share)
        except ValueError:
            raise click.BadParameter(
                f"{one!r} is no demand; write combinations=0.97", context, parameter
            ) from None
    return found


@click.command(cls=Command)
@click.argument("model", required=False)
@click.option(
    "--base/--no-base", default=True, show_default=True,
    help="Measure what the model was trained from too.",
)  # fmt: skip
@click.option(
    "--quantized", type=click.Path(path_type=Path, dir_okay=False), metavar="PATH.gguf",
    help="The file that ships. Default: the one that the model was converted to.",
)  # fmt: skip
@click.option(
    "--against", metavar="MODEL",
    help="Compare with this version. Default: the one in use, else the one before.",
)  # fmt: skip
@click.option("--set", "sets", multiple=True, metavar="NAME", help="Ask only this validation set.")
@click.option(
    "--scenarios", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help="Scenarios that nothing was trained on. Default: those that come with Understudy.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N cases a set.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, metavar="N",
              help="Seed of the cases that are made.")  # fmt: skip
@click.option("--repeats", type=click.IntRange(min=1), default=1, metavar="N",
              help="Ask each case N times; with --temperature.")  # fmt: skip
@click.option("--temperature", type=click.FloatRange(min=0), default=0.0, metavar="T",
              help="Draw words at this temperature. Default: always the likeliest.")  # fmt: skip
@click.option(
    "--judge", is_flag=True, help="Ask the chat model of the settings about some answers."
)
@click.option("--judge-model", metavar="NAME", help="Ask this model about some answers.")
@click.option(
    "--reach", multiple=True, callback=_reach, metavar="SET=SHARE",
    help="What the model has to reach, such as combinations=0.97; else the exit status is 1. "
    "Default: as [validation] of the settings says.",
)  # fmt: skip
@json_option
@workspace_option
@click.pass_context
def validate(
    context: click.Context,
    /,
    model: str | None,
    as_json: bool,
    workspace_path: Path | None,
    **given: Any,
) -> None:
    """Measure how well a model calls tools and answers.

    MODEL is NAME or NAME@v0003, a folder, also that of a bundle, or a .gguf file; without it the
    model that was trained last. Base, tuned and quantised model are asked the same cases, which no
    training uses, and the quantised one also as it runs in a game, held to its tools and the party
    sheet. Results and reports lie in the folder of the version. The exit status is 1 when the model
    falls short of what it has to reach.
    """
    from understudy.evaluate.measuring import Asking
    from understudy.evaluate.suites import DEFAULT_LIMIT
    from understudy.formats.scenario_markdown import VALIDATION
    from understudy.pipeline.validation import Request, latest_model, validate

    asking = Asking(
        repeats=given.pop("repeats"), temperature=given.pop("temperature"), seed=given["seed"]
    )
    with open_workspace(workspace_path) as workspace, stages() as tell:
        settings = workspace.settings.validation
        request = Request(
            model=model or latest_model(workspace),
            asking=asking,
            limit=given.pop("limit") or DEFAULT_LIMIT,
            sets=given.pop("sets"),
            scenarios=given.pop("scenarios") or VALIDATION,
            against=given.pop("against") or "",
            reach=given.pop("reach") or settings.reach,
            most_lost=settings.most_lost,
            **given,
        )
        found = validate(workspace, request, tell)
    _tell(found, as_json=as_json)
    context.exit(0 if found.passed else 1)


def _tell(found: Validation, *, as_json: bool) -> None:
    if as_json:
        print_json(found.results | {"unmet": found.reasons, "folder": found.folder})
        return
    from understudy.evaluate import report
    from understudy.pipeline.validation import HTML

    heads = [head.upper() for head in report.table_heads(found.results)]
    print_table(heads, report.table_rows(found.results))
    click.echo()
    for line in report.verdicts(found.results):
        click.echo(line)
    if found.folder is not None:
        click.echo(f"report   {found.folder / HTML}")
    for reason in found.reasons:
        click.echo(f"not met  {reason}", err=True)
