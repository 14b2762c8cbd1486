"""The scoring guide is that of the specification, to the letter."""

from __future__ import annotations

import pytest

from understudy.curate.guide import BANDS, band_of, guide

SPECIFIED = """\
Score 9-10: Perfect execution
- Task completed successfully
- Optimal path taken
- No unnecessary actions
- Clear, accurate reporting

Score 7-8: Good execution
- Task completed successfully
- Minor inefficiencies
- Good overall strategy

Score 5-6: Acceptable execution
- Task mostly completed
- Some errors or confusion
- Achieved basic objectives

Score 3-4: Poor execution
- Task partially completed
- Significant errors
- Inefficient approach

Score 1-2: Failed execution
- Task not completed
- Major errors or failure
- Unable to achieve objectives"""


def test_the_guide_says_what_was_specified():
    assert guide() == SPECIFIED


def test_every_score_has_exactly_one_band():
    for score in range(1, 11):
        assert sum(band.lowest <= score <= band.highest for band in BANDS) == 1
        assert band_of(score).lowest <= score <= band_of(score).highest


@pytest.mark.parametrize(("score", "lowest"), [(8.4, 7), (8.5, 9), (1.0, 1), (10.0, 9)])
def test_halves_belong_to_the_better_band(score, lowest):
    assert band_of(score).lowest == lowest
