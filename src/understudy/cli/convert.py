"""``understudy convert``."""

from __future__ import annotations

from pathlib import Path

import click

from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._models import model_meant, stages
from understudy.cli._output import human_bytes, print_facts, print_json


@click.command(cls=Command)
@click.argument("model", required=False)
@click.option(
    "--quantization",
    default="q4_k_m",
    show_default=True,
    metavar="KIND",
    help="How many bits a number has in the file that ships: q2_k to q8_0.",
)
@click.option("--again", is_flag=True, help="Convert it anew, although it was converted.")
@json_option
@workspace_option
def convert(
    model: str | None,
    quantization: str,
    again: bool,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Convert a trained model to the file that ships.

    MODEL is NAME or NAME@v0003; it may be left out where there is only one. The adapter is merged
    into its base, converted to GGUF and quantised; after each step what came of it is compared with
    what it was made of. What differs too much, or is read as other tokens than in training, is
    refused.
    """
    from understudy.deploy.conversion import convert_version
    from understudy.deploy.table_chats import table_chats

    with open_workspace(workspace_path) as workspace:
        version = model_meant(workspace, model)
        with stages() as told:
            made = convert_version(
                workspace,
                version,
                table_chats(),
                quantisation=quantization,
                again=again,
                progress=told,
            )
    if as_json:
        print_json(made)
        return
    file = version.folder / made.gguf_name
    places = f"{made.converted.places} places"
    print_facts(
        [
            ("Model", made.model),
            ("File", file),
            ("Size", human_bytes(made.files[made.gguf_name].size)),
            ("Merged", made.merge and f"same word at {made.merge.same_word:.1%}"),
            (
                "As GGUF",
                f"same word at {made.converted.same_word:.1%} of {places}, "
                f"same text for {made.converted.same_text:.1%} of {made.converted.prompts} prompts",
            ),
            (
                f"As {made.quantisation}",
                f"same word at {made.quantised.same_word:.1%}, "
                f"divergence {made.quantised.mean_kl:.4f} nats",
            ),
            ("Parity", f"{made.parity.tokens} tokens of {made.parity.prompts} prompts alike"),
        ]
    )
