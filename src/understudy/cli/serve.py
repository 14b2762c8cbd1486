"""``understudy serve``."""

from __future__ import annotations

from pathlib import Path

import click

from understudy.cli._commands import Command, open_workspace, workspace_option
from understudy.cli._models import bundle_meant


@click.command(cls=Command)
@click.argument("bundle", required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8485,
    show_default=True,
    help="The port to listen on; 0 takes a free one.",
)
@click.option(
    "--token",
    envvar="UNDERSTUDY_SERVE_TOKEN",
    metavar="TOKEN",
    help="The API key that clients have to show; demanded on any address but loopback. Better "
    "given as $UNDERSTUDY_SERVE_TOKEN, where other users of the machine cannot read it.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads to answer with. Default: as many as pay off.",
)
@click.option(
    "--slots",
    type=click.IntRange(min=1, max=64),
    default=1,
    show_default=True,
    metavar="N",
    help="How many calls are answered at once; others wait.",
)
@workspace_option
def serve(
    bundle: str | None,
    host: str,
    port: int,
    token: str | None,
    threads: int | None,
    slots: int,
    workspace_path: Path | None,
) -> None:
    """Serve a bundle as an OpenAI-compatible endpoint.

    BUNDLE is NAME, NAME@v0003 or a folder; it may be left out where there is only one. Point a
    program's base URL at the address that is printed. Template and sampling are the bundle's.
    Ctrl-C ends it.
    """
    from understudy.deploy.bundle import find_bundle
    from understudy.deploy.serve import serve_bundle

    if bundle and Path(bundle).expanduser().is_dir():
        found = find_bundle(None, bundle)
    else:
        with open_workspace(workspace_path) as workspace:
            found = bundle_meant(workspace, bundle)

    def ready(url: str) -> None:
        click.echo(f"Listening on {url}, serving {found.ref}")
        click.echo(f"OpenAI clients: base URL {url}/v1, model {found.name}")
        if token:
            click.echo("The API key they show is the token.")
        click.echo("Ctrl-C ends it.")

    serve_bundle(
        found, host=host, port=port, token=token, threads=threads, slots=slots, ready=ready
    )
