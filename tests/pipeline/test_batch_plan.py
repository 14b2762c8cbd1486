"""What a batch consists of: decided once, with the line of every entry that cannot be played."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.errors import FormatError, GameError
from understudy.games.task import Task
from understudy.pipeline.batch.plan import KnownGame, make_plan
from understudy.pipeline.batch.task_file import BatchTask, TaskFile

FILE = Path("tasks.yaml")


def task(id, group="bag"):
    return Task(id=id, words=f"please {id.replace('-', ' ')}", group=group, reference_steps=2)


GAMES = {
    "pocket": KnownGame("pocket", [task("open-bag"), task("close-bag"), task("save", "saving")]),
    "bare": KnownGame("bare", []),
    "/roms/mine.toml": KnownGame("mine", [task("open-bag")]),
}


def game_of(name):
    if name not in GAMES:
        raise GameError(f"there is no game {name!r}")
    return GAMES[name]


def plan(*entries, most=None):
    given = [
        BatchTask(**{"game": "pocket", "player": "random", "line": n} | entry)
        for n, entry in enumerate(entries, start=1)
    ]
    return make_plan(TaskFile(FILE, "0" * 64, tuple(given)), game_of, most)


def told(planned):
    return [(one.number, one.asked, one.seed) for one in planned]


def test_each_entry_gives_its_sessions_each_with_the_next_seed():
    assert told(plan({"task": "open-bag", "sessions": 3, "seed": 7}, {"task": "save"})) == [
        (1, "open-bag", 7),
        (2, "open-bag", 8),
        (3, "open-bag", 9),
        (4, "save", 1),
    ]


def test_over_fewer_tasks_it_goes_round_with_new_seeds():
    planned = plan({"task": "open-bag", "sessions": 2}, {"task": "save", "seed": 5}, most=8)
    assert told(planned) == [
        (1, "open-bag", 1),
        (2, "open-bag", 2),
        (3, "save", 5),
        (4, "open-bag", 3),
        (5, "open-bag", 4),
        (6, "save", 6),
        (7, "open-bag", 5),
        (8, "open-bag", 6),
    ]


def test_more_than_the_most_are_cut_off():
    assert told(plan({"task": "open-bag", "sessions": 5}, most=2)) == [
        (1, "open-bag", 1),
        (2, "open-bag", 2),
    ]


def test_a_group_gives_each_of_its_tasks_and_all_gives_every_one():
    assert told(plan({"group": "bag"})) == [(1, "open-bag", 1), (2, "close-bag", 1)]
    assert [asked for _, asked, _ in told(plan({"all": True}))] == ["open-bag", "close-bag", "save"]


def test_words_find_their_task_and_others_stay_words():
    planned = plan({"task": "please save"}, {"task": "dance on the table"})
    assert [one.asked for one in planned] == ["save", "dance on the table"]


def test_a_session_is_asked_for_with_everything_its_entry_says():
    [planned] = plan(
        {"task": "save", "steps": 9, "extension": 2, "tags": ("mine",), "name": "n", "model": "m",
         "mistakes": 0.5, "collect_screenshots": True, "save_training_data": True}
    )  # fmt: skip
    request = planned.request("batch_training_20260101")
    assert (request.game, request.asked, request.player) == ("pocket", "save", "random")
    assert (request.steps, request.extension, request.mistakes) == (9, 2, 0.5)
    assert (request.name, request.model) == ("n", "m")
    assert request.collect_screenshots
    assert request.save_training_data
    # The user's tags stay beside the batch's
    assert request.tags == ("mine", "batch_training_20260101")
    assert request.metadata == {"batch": {"name": "batch_training_20260101", "number": 1}}


def test_what_was_paid_for_is_safe_step_by_step():
    [free], [paid] = plan({"task": "save"}), plan({"task": "save", "player": "chat"})
    assert free.request("b").durability == "interval"
    assert paid.request("b").durability == "step"


def test_who_plays_is_decided_with_the_plan():
    assert plan({"task": "save", "player": ""})[0].settings["player"] == "script"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"task": "save", "game": "chess"}, "there is no game 'chess'"),
        ({"group": "shop"}, "pocket has no group 'shop'; its groups: bag, saving"),
        ({"all": True, "game": "bare"}, "bare has no task; its groups: none"),
        ({"task": "fly", "player": "script"}, "no task of pocket is clearly meant by 'fly'"),
        ({"task": "the bag", "player": "script"}, "the nearest: open-bag, close-bag"),
        ({"task": "save", "player": "nobody"}, "there is no player 'nobody'; name as `player`"),
        ({"task": "save", "player": "human"}, "nobody sits at a batch; name as `player` one of"),
        ({"task": "open-bag", "player": "", "game": "/roms/mine.toml"}, "mine has no script; name"),
    ],
)
def test_an_entry_that_cannot_be_played_is_named_with_its_line(entry, said):
    with pytest.raises(FormatError) as caught:
        plan({"task": "save"}, entry, most=50)
    assert str(caught.value).startswith("tasks.yaml, line 2: ")
    assert said in str(caught.value)
