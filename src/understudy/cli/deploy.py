"""``understudy deploy``."""

from __future__ import annotations

from pathlib import Path

import click

from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._models import model_meant, stages
from understudy.cli._output import human_bytes, print_facts, print_json


@click.command(cls=Command)
@click.argument("model", required=False)
@click.option(
    "--target",
    default="gguf-mobile",
    show_default=True,
    metavar="TARGET",
    help="gguf-mobile (React Native), transformers (a folder), or one that a plug-in adds.",
)
@click.option("--name", default="", metavar="NAME", help="The bundle's name. Default: the model's.")
@click.option(
    "--to",
    "app",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The folder of an app: it gets a copy as DIR/assets/models/NAME.",
)
@click.option(
    "--force", is_flag=True, help="Deploy it without a passed validation; its manifest says so."
)
@click.option("--with-merged", is_flag=True, help="Put the merged model in beside the GGUF file.")
@click.option(
    "--quantization",
    default="q4_k_m",
    show_default=True,
    metavar="KIND",
    help="How many bits a number has in the file that ships: q2_k to q8_0.",
)
@click.option(
    "--context-length",
    type=click.IntRange(min=128),
    default=2048,
    show_default=True,
    metavar="TOKENS",
    help="The longest conversation, its answer among it.",
)
@click.option("--temperature", type=float, metavar="N", help="0 always takes the likeliest word.")
@click.option("--top-p", type=float, metavar="N", help="Words are drawn from this share of chance.")
@click.option("--top-k", type=int, metavar="N", help="Words are drawn from this many.")
@click.option("--repeat-penalty", type=float, metavar="N", help="1 lets words be said again.")
@click.option("--max-tokens", type=int, metavar="N", help="The longest answer.")
@json_option
@workspace_option
def deploy(
    model: str | None,
    target: str,
    name: str,
    app: Path | None,
    force: bool,
    with_merged: bool,
    quantization: str,
    context_length: int,
    as_json: bool,
    workspace_path: Path | None,
    **sampling: float | int | None,
) -> None:
    """Pack a model for where it is to run.

    MODEL is NAME or NAME@v0003; it may be left out where there is only one. What was not converted
    yet is converted first. The bundle becomes a version in bundles/; nothing changes where anything
    fails. Sampling that is not given is as the model was made with.
    """
    from understudy.deploy.deploying import Order, deploy_version

    order = Order(
        target=target,
        name=name,
        quantisation=quantization,
        force=force,
        with_merged=with_merged,
        context_length=context_length,
        sampling=sampling,
        app=app,
    )
    with open_workspace(workspace_path) as workspace:
        version = model_meant(workspace, model)
        with stages() as told:
            made = deploy_version(workspace, version, order, progress=told)
    bundle = made.bundle
    facts = {
        "bundle": bundle.ref,
        "model": version.ref,
        "target": bundle.target,
        "path": bundle.folder,
        "placed": made.placed,
        "size": bundle.size,
        "files": sorted(bundle.manifest.files),
        "forced": bool(made.reasons),
        "reasons": made.reasons,
        "previous": bundle.facts["previous"],
    }
    if as_json:
        print_json(facts)
        return
    print_facts(
        [
            ("Bundle", f"{bundle.ref} of {version.ref} for {bundle.target}"),
            ("Folder", bundle.folder),
            ("In the app", made.placed),
            ("Size", human_bytes(bundle.size)),
            ("Before it", bundle.facts["previous"]),
            ("Forced", "; ".join(made.reasons)),
            ("Next", f"understudy test {bundle.ref}"),
        ]
    )
