"""The scoring guide: what each score from 1 to 10 means, for people, rules and judges alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Band:
    """Scores that mean much the same, and what makes a session belong to them."""

    lowest: int
    highest: int
    name: str
    criteria: tuple[str, ...]

    def __str__(self) -> str:
        """Heading and criteria, a line each."""
        heading = f"Score {self.lowest}-{self.highest}: {self.name}"
        return "\n".join((heading, *(f"- {criterion}" for criterion in self.criteria)))


BANDS = (
    Band(
        9,
        10,
        "Perfect execution",
        (
            "Task completed successfully",
            "Optimal path taken",
            "No unnecessary actions",
            "Clear, accurate reporting",
        ),
    ),
    Band(
        7,
        8,
        "Good execution",
        ("Task completed successfully", "Minor inefficiencies", "Good overall strategy"),
    ),
    Band(
        5,
        6,
        "Acceptable execution",
        ("Task mostly completed", "Some errors or confusion", "Achieved basic objectives"),
    ),
    Band(
        3,
        4,
        "Poor execution",
        ("Task partially completed", "Significant errors", "Inefficient approach"),
    ),
    Band(
        1,
        2,
        "Failed execution",
        ("Task not completed", "Major errors or failure", "Unable to achieve objectives"),
    ),
)


def guide() -> str:
    """The whole guide as text, the best band first."""
    return "\n\n".join(map(str, BANDS))


def band_of(score: float) -> Band:
    """The band that ``score`` falls into; halves count up."""
    whole = int(score + 0.5)
    return next(band for band in BANDS if whole >= band.lowest)
