"""How far those who score agree: people with each other, and rules and judges with people.

Everything here is computed from the latest score of each author for each session.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import msgspec

from understudy.session.feedback import is_human

Scores = Mapping[str, float]
"""Author → latest score of one session."""
_FEWEST_FOR_RANKS = 3


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of a rule or judge beside those of people, over the sessions that have both.

    The score of people is the median of the latest score of each.
    """

    sessions: int
    mean_difference: float
    """Mean of the absolute differences, in points."""
    bias: float
    """Mean of the differences: above 0, people score lower."""
    spearman: float | None
    """Correlation of the ranks, −1 to 1; None for fewer than 3 sessions, or all scored alike."""
    within_1: float
    """Share of the sessions in which both are at most 1 point apart."""
    within_2: float


class RaterAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """People beside each other."""

    raters: dict[str, int] = {}
    """Author → sessions scored."""
    sessions: int = 0
    """Sessions that at least two people scored."""
    alpha: float | None = None
    """Krippendorff's alpha with interval distance over those sessions: 1 is perfect agreement, 0 is
    what chance gives; None without such sessions, or when all their scores are alike.
    """
    mean_difference: float | None = None
    """Mean absolute difference of two people's scores, over all pairs in all those sessions."""
    within_1: float | None = None
    """Share of those pairs that are at most 1 point apart."""


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    raters: RaterAgreement
    with_humans: dict[str, Comparison]
    """Rule or judge (``auto:check-v1``, ``model:NAME``) → how it compares with people."""


def agreement(sessions: Iterable[Scores]) -> Agreement:
    """Compare the authors of ``sessions``, each of which maps author → latest score."""
    scored = list(sessions)
    pairs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for scores in scored:
        human = human_score(scores)
        if human is None:
            continue
        for author, score in scores.items():
            if not is_human(author):
                pairs[author].append((human, score))
    return Agreement(
        raters=_among_raters(scored),
        with_humans={author: _compare(pairs[author]) for author in sorted(pairs)},
    )


def human_score(scores: Scores) -> float | None:
    """The median of people's scores; None when no person scored."""
    of_people = [score for author, score in scores.items() if is_human(author)]
    return statistics.median(of_people) if of_people else None


def _compare(pairs: Sequence[tuple[float, float]]) -> Comparison:
    differences = [other - human for human, other in pairs]
    apart = list(map(abs, differences))
    return Comparison(
        sessions=len(pairs),
        mean_difference=statistics.fmean(apart),
        bias=statistics.fmean(differences),
        spearman=_spearman(pairs),
        within_1=_share_within(apart, 1),
        within_2=_share_within(apart, 2),
    )


def _among_raters(scored: Sequence[Scores]) -> RaterAgreement:
    raters: Counter[str] = Counter()
    shared: list[list[tuple[str, float]]] = []
    for scores in scored:
        people = [(author, score) for author, score in scores.items() if is_human(author)]
        raters.update(author for author, _ in people)
        if len(people) > 1:
            shared.append(people)
    apart = [
        abs(one - other) for people in shared for (_, one), (_, other) in combinations(people, 2)
    ]
    return RaterAgreement(
        raters=dict(raters.most_common()),
        sessions=len(shared),
        alpha=_alpha(shared),
        mean_difference=statistics.fmean(apart) if apart else None,
        within_1=_share_within(apart, 1) if apart else None,
    )


def _alpha(sessions: Sequence[Sequence[tuple[str, float]]]) -> float | None:
    if len({score for people in sessions for _, score in people}) < 2:
        return None
    from nltk.metrics.agreement import AnnotationTask

    task = AnnotationTask(
        [
            (author, number, score)
            for number, people in enumerate(sessions)
            for author, score in people
        ],
        distance=lambda one, other: (one - other) ** 2,
    )
    return float(task.alpha())


def _spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    if len(pairs) < _FEWEST_FOR_RANKS:
        return None
    try:
        return statistics.correlation(*(_ranks(side) for side in zip(*pairs, strict=True)))
    except statistics.StatisticsError:  # one side is the same everywhere
        return None


def _ranks(values: Sequence[float]) -> list[float]:
    """The place of each value in order; equal ones share the mean of their places."""
    counts = Counter(values)
    places = {}
    before = 0
    for value in sorted(counts):
        places[value] = before + (counts[value] + 1) / 2
        before += counts[value]
    return [places[value] for value in values]


def _share_within(apart: Sequence[float], points: float) -> float:
    return sum(distance <= points for distance in apart) / len(apart)
