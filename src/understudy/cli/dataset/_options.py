"""What the commands of datasets share: the sessions to take, and how what was left out is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from understudy.cli._commands import filter_options
from understudy.cli._output import print_table

_SHOWN_REASONS = 12
STATUSES = ("complete", "truncated", "client_closed", "upstream_error")


def selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filters of sessions, and what only those who make training files ask for."""
    for option in (
        click.option(
            "--require-consent", is_flag=True, help="Leave out sessions without a note of consent."
        ),
        click.option(
            "--require-license", is_flag=True, help="Leave out sessions whose licence is unknown."
        ),
        click.option(
            "--tag", "tags", multiple=True, metavar="TAG", help="Only sessions with this tag."
        ),
        filter_options,
        click.option(
            "--session",
            "sessions",
            multiple=True,
            metavar="SESSION",
            help="Only this session; may be given several times.",
        ),
    ):
        function = option(function)
    return function


def source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What is taken from the sessions that fit."""
    for option in (
        click.option(
            "--status",
            "statuses",
            multiple=True,
            default=["complete"],
            show_default=True,
            type=click.Choice(STATUSES),
            help="Take chats that ended this way; may be given several times.",
        ),
        click.option(
            "--with-mistakes",
            is_flag=True,
            help="Take steps too that a player recorded as deliberate mistakes.",
        ),
    ):
        function = option(function)
    return function


calls_option = click.option(
    "--calls",
    type=click.Choice(["kept", "brackets", "json"]),
    default="kept",
    show_default=True,
    help="How exports write calls of tools in chats: as they are, in brackets in the words, or as "
    "tool calls with the definitions of the tools.",
)


def print_reasons(reasons: Sequence[tuple[str, int]]) -> None:
    """Why things were left out, the most frequent reasons first."""
    if reasons:
        click.echo(f"{sum(count for _, count in reasons):,} left out")
        shown = [(count, reason) for reason, count in reasons[:_SHOWN_REASONS]]
        print_table(("  COUNT", "REASON"), shown)


def print_warnings(warnings: Sequence[str]) -> None:
    for warning in warnings:
        click.echo(f"Note: {warning}", err=True)
