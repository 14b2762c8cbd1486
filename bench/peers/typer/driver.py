"""Typer's hello, for the time a command line needs at least to say what it can do."""

from __future__ import annotations

import typer  # type: ignore[import-not-found, unused-ignore]


def hello(name: str = "world") -> None:
    """Greet somebody."""
    typer.echo(f"hello {name}")


if __name__ == "__main__":
    typer.run(hello)
