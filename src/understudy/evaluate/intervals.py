"""How sure a number is: 95 % intervals of shares, means and differences.

Cases of one group (the same turn with other names) bring no news of each other, so what is counted
and drawn are units: groups, or cases that stand alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Z_95 = 1.959963984540054
DRAWS = 10_000
"""Of a bootstrap; its ends then move by less than half a point from seed to seed."""
_SEED = 20_260_101
_DRAWN_AT_ONCE = 500
Interval = tuple[float, float]


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A share of cases, or the mean of what lies between 0 and 1, with its interval."""

    value: float
    low: float
    high: float
    cases: int
    units: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How much one thing is above another on the same cases, with its interval."""

    value: float
    low: float
    high: float
    cases: int
    units: int

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` where the interval leaves out 0, else ``no difference shown``."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference shown"


def rate(values: Sequence[float], units: Sequence[str]) -> Rate | None:
    """The mean of ``values``, each from 0 to 1, with Wilson's interval; None of nothing.

    ``units`` names the unit of each value. The interval is that of as many observations as there
    are units, which is never too narrow.
    """
    if not values:
        return None
    count = len(set(units))
    mean = math.fsum(values) / len(values)
    low, high = wilson(mean, count)
    return Rate(value=mean, low=low, high=high, cases=len(values), units=count)


def wilson(share: float, count: int) -> Interval:
    """Wilson's 95 % interval of a share of ``count`` observations."""
    square = Z_95**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    spread = share * (1 - share) / count + square / (4 * count**2)
    half = Z_95 * math.sqrt(spread) / (1 + square / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def paired(before: Sequence[float], after: Sequence[float], units: Sequence[str]) -> Difference:
    """How much better ``after`` is than ``before`` on the same cases, in the same order.

    The interval is that of a paired bootstrap over units: each draw takes as many units as there
    are, with all their cases, and the 2.5th and 97.5th percentile of the differences are its ends.
    At least one case has to be there.
    """
    import numpy as np

    differences = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    low, high = bootstrap(differences, units)
    return Difference(
        value=float(differences.mean()),
        low=low,
        high=high,
        cases=len(differences),
        units=len(set(units)),
    )


def mean_interval(values: Sequence[float]) -> Interval:
    """The 95 % interval of a mean by bootstrap; every value a unit of its own."""
    import numpy as np

    return bootstrap(np.asarray(values, dtype=float), [str(n) for n in range(len(values))])


def bootstrap(values: NDArray[np.float64], units: Sequence[str]) -> Interval:
    """The percentile interval of the mean of ``values``, drawn by units; the same every time."""
    import numpy as np

    names = {name: place for place, name in enumerate(dict.fromkeys(units))}
    place = np.asarray([names[name] for name in units])
    sums = np.bincount(place, weights=values, minlength=len(names))
    counts = np.bincount(place, minlength=len(names))
    chance = np.random.default_rng(_SEED)
    means: list[NDArray[Any]] = []
    for _ in range(DRAWS // _DRAWN_AT_ONCE):
        drawn = chance.integers(0, len(names), (_DRAWN_AT_ONCE, len(names)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975))
    return float(low), float(high)
