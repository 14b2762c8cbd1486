"""The step budget: a limit by the task, a warning near its end, one extension."""

from __future__ import annotations

import pytest

from understudy.errors import UsageError
from understudy.games.task import Task
from understudy.players.budget import FREE_STEPS, StepBudget, adaptive_limit


def task(reference_steps, difficulty):
    return Task(
        id="t", words="do it", group="g", reference_steps=reference_steps, difficulty=difficulty
    )


@pytest.mark.parametrize(
    ("reference", "difficulty", "limit"),
    [(1, 1, 7), (4, 1, 12), (4, 2, 13), (10, 1, 23), (10, 3, 28), (10, 5, 33), (40, 5, 115)],
)
def test_the_adaptive_limit_is_the_reference_half_as_much_again_more_when_hard_and_five(
    reference, difficulty, limit
):
    assert adaptive_limit(task(reference, difficulty)) == limit


def test_every_task_can_be_done_within_its_adaptive_limit_and_harder_ones_get_more():
    for reference in (1, 2, 7, 100):
        limits = [adaptive_limit(task(reference, difficulty)) for difficulty in range(1, 6)]
        assert limits == sorted(limits)
        assert limits[0] > reference


def test_a_request_without_a_task_has_a_fixed_limit():
    assert adaptive_limit(None) == FREE_STEPS == 50


def test_a_limit_that_is_given_is_taken_as_it_is():
    budget = StepBudget.for_task(task(10, 3), 4)
    assert (budget.limit, budget.kind) == (4, "given")
    assert StepBudget.for_task(task(10, 3), None).kind == "adaptive"


@pytest.mark.parametrize(
    ("limit", "from_left"), [(1, 1), (2, 2), (5, 2), (10, 2), (15, 3), (50, 10), (99, 19)]
)
def test_the_warning_begins_with_a_fifth_of_the_steps_and_at_least_two(limit, from_left):
    budget = StepBudget(limit)
    warned = []
    while budget.left:
        if budget.warning:
            warned.append(budget.left)
        budget.used += 1
    assert warned == list(range(from_left, 0, -1))


def test_the_warning_says_how_many_are_left_of_how_many():
    budget = StepBudget(15, used=12)
    assert budget.warning == "3 of 15 steps are left"
    budget.used = 14
    assert budget.warning == "1 of 15 steps is left"


def test_an_extension_is_given_once():
    budget = StepBudget(10, extension=5, used=10)
    assert budget.extend() == 5
    assert (budget.limit, budget.left, budget.extended) == (15, 5, True)
    assert budget.extend() == 0
    assert budget.limit == 15


def test_without_an_extension_there_is_none():
    budget = StepBudget(10)
    assert budget.extend() == 0
    assert (budget.limit, budget.extended) == (10, False)


@pytest.mark.parametrize(
    ("budget", "said"), [((0, "given"), "limit is 0"), ((5, "given", -1), "extension is -1")]
)
def test_a_budget_that_makes_no_sense_is_refused(budget, said):
    with pytest.raises(UsageError, match=said):
        StepBudget(*budget)
