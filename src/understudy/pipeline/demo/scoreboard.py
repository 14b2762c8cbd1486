"""Before and after: what training has changed, each line with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from understudy.evaluate.suites import TITLES

HEADS = ("WHO", "MEASURED", "CASES", "BEFORE", "AFTER", "DIFFERENCE [95 %]", "VERDICT")
MASTER, AGENT = "Dungeon Master", "agent of pocket"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was measured of a model before its training and after it."""

    who: str
    measured: str
    cases: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    verdict: str

    @property
    def cells(self) -> tuple[str, ...]:
        """As they stand in a table under `HEADS`."""
        points = f"{100 * self.difference:+.1f} [{100 * self.low:+.1f}, {100 * self.high:+.1f}]"
        return (
            self.who, self.measured, str(self.cases), f"{self.before:.1%}", f"{self.after:.1%}",
            points, self.verdict,
        )  # fmt: skip


def master_lines(validation: Mapping[str, Any]) -> list[Line]:
    """The base against the file that ships, as it runs in a game, on every validation set."""
    return [
        _line(MASTER, TITLES.get(one["set"], one["set"]), one["cases"], one)
        for one in validation["comparisons"]
        if (one["before"], one["after"]) == ("base", "in_game")
    ]


def agent_lines(compared: Mapping[str, Mapping[str, Any]]) -> list[Line]:
    """The base against the agent: the share of episodes in which the task was done."""
    return [
        _line(AGENT, name, one["episodes"], {**one, "before_accuracy": one["before"],
                                             "after_accuracy": one["after"]})
        for name, one in compared.items()
    ]  # fmt: skip


def _line(who: str, measured: str, cases: int, found: Mapping[str, Any]) -> Line:
    low, high = found["difference_ci"]
    return Line(
        who=who,
        measured=measured,
        cases=cases,
        before=found["before_accuracy"],
        after=found["after_accuracy"],
        difference=found["difference"],
        low=low,
        high=high,
        verdict=found["verdict"],
    )
