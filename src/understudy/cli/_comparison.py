"""Two versions of a model side by side, as ``understudy model compare`` prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from understudy.cli._output import print_table
from understudy.models.card import shown

if TYPE_CHECKING:
    from understudy.evaluate.versions import ScoreChange
    from understudy.models.compare import Comparison, Difference

_LARGE = 1000


def print_comparison(found: Comparison, scores: Sequence[ScoreChange]) -> None:
    """What differs, and below it what both were measured to do."""
    if not found.same_base:
        click.echo("They have different bases.")
    if found.examples_in_both is not None:
        click.echo(
            f"{found.examples_in_both:,} examples in both, {found.only_before:,} only in "
            f"{found.before}, {found.only_after:,} only in {found.after}"
        )
    parts = {"settings": found.settings, "data": found.data, "training": found.metrics}
    rows = [_compared(part, one) for part, differences in parts.items() for one in differences]
    if rows:
        print_table(("", "WHAT", found.before, found.after, "CHANGE"), rows)
    else:
        click.echo("Their facts are the same.")
    if scores:
        click.echo()
        heads = ("WEIGHTS", "MEASURED", found.before, found.after, "CHANGE [95 %]", "VERDICT")
        print_table(heads, [_measured(one) for one in scores])
    else:
        click.echo("They were not both measured: `understudy validate`, `understudy evaluate`.")


def _measured(one: ScoreChange) -> tuple[object, ...]:
    change = f"{100 * (one.after - one.before):+.1f}"
    if one.difference_ci is not None:
        low, high = one.difference_ci
        change += f" [{100 * low:+.1f}, {100 * high:+.1f}]"
    rates = (
        f"{100 * value:.1f} % [{100 * ci[0]:.1f}, {100 * ci[1]:.1f}]"
        for value, ci in ((one.before, one.before_ci), (one.after, one.after_ci))
    )
    return one.weights, one.what, *rates, change, one.verdict


def _compared(part: str, one: Difference) -> tuple[object, ...]:
    change = None
    if one.change is not None:
        change = f"{one.change:+,.0f}" if abs(one.change) >= _LARGE else f"{one.change:+.4g}"
    return part, one.name, shown(one.before), shown(one.after), change
