"""``understudy proxy``."""

from __future__ import annotations

from pathlib import Path

import click

from understudy.cli._commands import Command, workspace_option

DEFAULT_PORT = 8484


@click.command(cls=Command)
@click.option(
    "--upstream",
    required=True,
    metavar="URL",
    help="The model server that calls are passed on to, such as https://api.openai.com.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="The port to listen on; 0 takes a free one.",
)
@click.option(
    "--token",
    envvar="UNDERSTUDY_PROXY_TOKEN",
    metavar="TOKEN",
    help="What clients have to show; demanded on any address but loopback. Better given as "
    "$UNDERSTUDY_PROXY_TOKEN, where other users of the machine cannot read it.",
)
@workspace_option
def proxy(
    upstream: str, host: str, port: int, token: str | None, workspace_path: Path | None
) -> None:
    """Capture every call to a model server on its way.

    Point a program's base URL at the address that is printed. Every byte passes through
    unchanged; calls in a known dialect are recorded. Ctrl-C ends it and seals what was recorded.
    """
    from understudy.capture.proxy import serve_proxy
    from understudy.session.workspace import Workspace

    def ready(url: str) -> None:
        click.echo(f"Listening on {url}, passing on to {upstream}")
        click.echo(f"OpenAI clients:    base URL {url}/v1")
        click.echo(f"Anthropic clients: base URL {url}")
        if token:
            click.echo("Clients show the token as the header X-Understudy-Token, or in the URL:")
            click.echo(f"{url}/token/TOKEN/v1; from elsewhere, with this machine's name in it.")
        click.echo(f"Recording into {workspace.path}; {url}/healthz counts. Ctrl-C ends it.")

    with Workspace(workspace_path) as workspace:
        serve_proxy(workspace, upstream=upstream, host=host, port=port, token=token, ready=ready)
