"""From what somebody asks to the task that is meant: only when it is clear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.games.finding import find_task
from understudy.games.task import Task


def task(id, words):
    return Task(id=id, words=words, group="g", reference_steps=1)


HEALING = task("report-healing", "check what healing items I have in my bag")
OPEN_BAG = task("open-bag", "have a look into my bag")
SAVE = task("save", "save the game")
BUY = task("buy-potion", "buy a potion in the shop")
BUY_TWO = task("buy-two-potions", "buy two potions in the shop")
GYM = task("beat-gym", "battle the gym leader")
SEVEN = task("level-seven", "train a young creature until level seven")
TASKS = [HEALING, OPEN_BAG, SAVE, BUY, BUY_TWO, GYM, SEVEN]


@pytest.mark.parametrize("found", TASKS, ids=lambda one: one.id)
def test_a_task_is_found_by_its_id_and_by_its_words(found):
    assert find_task(TASKS, found.id).task is found
    assert find_task(TASKS, f"  {found.id} ").task is found
    assert find_task(TASKS, found.words).task is found
    assert find_task(TASKS, found.words.upper().replace(" ", "\n ")).task is found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("check healing items in bag", HEALING),
        ("Check what healing items are in the bag!", HEALING),
        ("battle gym leader", GYM),
        ("battling the gym leader, please", GYM),
        ("save game", SAVE),
    ],
)
def test_other_words_for_the_same_find_it(asked, found):
    assert find_task(TASKS, asked).task is found


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ("fly to the moon", None),
        ("seven", SEVEN),  # a word of five says too little
        ("check the gym bag", HEALING),
        ("buy potions", BUY),  # one or two of them?
        ("the of in", None),
        ("", None),
    ],
)
def test_what_is_not_clear_finds_nothing_but_names_what_comes_near(asked, nearest):
    found = find_task(TASKS, asked)
    assert found.task is None
    if nearest is None:
        assert found.near == ()
    else:
        assert nearest in found.near


def test_an_id_is_found_before_words_that_come_near():
    shop = task("shop", "walk about")
    assert find_task([*TASKS, shop], "shop").task is shop


def test_words_in_other_letters_count_too():
    potion = task("trank", "kaufe einen Heiltrank für die Müllerin")
    assert find_task([potion, SAVE], "heiltrank kaufe für müllerin").task is potion


def test_a_game_without_tasks_finds_none():
    found = find_task([], "save the game")
    assert (found.task, found.near) == (None, ())


@given(st.text(max_size=60))
def test_whatever_is_asked_gets_an_answer(asked):
    found = find_task(TASKS, asked)
    assert found.task is None or found.task in TASKS
    assert len(found.near) <= 5
