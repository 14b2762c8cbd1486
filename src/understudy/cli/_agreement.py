"""How far those who score agree, printed alike by ``score --agreement`` and ``stats``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from understudy._util.counting import counted
from understudy.cli._output import print_table

if TYPE_CHECKING:
    from understudy.curate.agreement import Agreement


def print_agreement(found: Agreement) -> None:
    """People beside each other, then each rule and judge beside people."""
    raters = found.raters
    if raters.sessions:
        alpha = "not defined" if raters.alpha is None else f"{raters.alpha:.2f}"
        click.echo(
            f"{counted(len(raters.raters), 'rater')}, {counted(raters.sessions, 'session')} scored "
            f"by several: Krippendorff's alpha {alpha}, {raters.mean_difference:.2f} points apart, "
            f"{raters.within_1:.0%} within 1"
        )
        print_table(("RATER", "SESSIONS"), list(raters.raters.items()))
    else:
        click.echo(f"{counted(len(raters.raters), 'rater')}; no session was scored by several")
    if not found.with_humans:
        click.echo("no rule or judge has scored what people scored")
        return
    click.echo()
    print_table(
        ("WITH HUMANS", "SESSIONS", "POINTS APART", "BIAS", "SPEARMAN", "WITHIN 1", "WITHIN 2"),
        [
            (
                author,
                compared.sessions,
                compared.mean_difference,
                f"{compared.bias:+.2f}",
                compared.spearman,
                f"{compared.within_1:.0%}",
                f"{compared.within_2:.0%}",
            )
            for author, compared in found.with_humans.items()
        ],
    )
