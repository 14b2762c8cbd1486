"""Click's hello, for the time a command line needs at least to say what it can do."""

from __future__ import annotations

import click


@click.command()
@click.option("--name", default="world", help="Who is greeted.")
def hello(name: str) -> None:
    """Greet somebody."""
    click.echo(f"hello {name}")


if __name__ == "__main__":
    hello()
