"""The script of `pocket` plays every task as well as it can be played, and finds its way back."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.players.pocket_sessions import Course, script, solve

from understudy.games.game import Game
from understudy.games.registry import open_game
from understudy.players.budget import adaptive_limit
from understudy.players.scripts.pocket import facts
from understudy.players.scripts.pocket.plans import plans
from understudy.players.scripts.pocket.ways import At, Before, InTheWild, OnMap, find, ways

SOURCE = Path(__file__).parents[2] / "games" / "pocket"
EVERYTHING = frozenset(
    ("town_antidote", "path_potion", "hill_ether", "hollow_nut", "hollow_revive")
)
SAMPLE = (
    *("check-healing-items", "list-bag", "toss-two-potions", "mosskit-last", "report-moves"),
    *("escape-hollow", "walk-out-of-hollow", "ask-pim-about-repel", "take-puddlo"),
    *("buy-great-bell-and-repel", "sell-two-potions", "heal-with-items", "battle-gym-leader"),
    *("catch-kindlet", "heal-and-save"),
)


@pytest.fixture(scope="module")
def pocket() -> Iterator[Game]:
    game = open_game("pocket")
    yield game
    game.close()


def played(game: Game, id: str, seed: int, mistakes: float = 0.0, factor: int = 1) -> Course:
    limit = factor * adaptive_limit(game.find_task(id))
    return solve(game, script(mistakes), id, seed, limit)


def test_there_is_a_plan_for_every_task_and_none_for_others(pocket: Game) -> None:
    assert set(plans()) == {task.id for task in pocket.tasks}


@pytest.mark.slow
@pytest.mark.parametrize("id", SAMPLE)
def test_it_does_a_task_in_its_reference_steps(pocket: Game, id: str) -> None:
    course = played(pocket, id, seed=1)
    assert course.success
    assert len(course.decisions) == pocket.find_task(id).reference_steps


@pytest.mark.slow
def test_it_does_every_task_in_its_reference_steps(pocket: Game) -> None:
    needed = {}
    for task in pocket.tasks:
        course = played(pocket, task.id, seed=1)
        assert course.success, task.id
        needed[task.id] = len(course.decisions)
    assert needed == {task.id: task.reference_steps for task in pocket.tasks}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_whatever_chance_brings_it_keeps_to_the_limit_of_the_task(pocket: Game, seed: int) -> None:
    failed = {task.id for task in pocket.tasks if not played(pocket, task.id, seed).success}
    assert failed == set()


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "lost"), [(1, set()), (2, set()), (3, {"use-super-potion"})])
def test_with_every_fifth_decision_wrong_it_gets_there_all_the_same(
    pocket: Game, seed: int, lost: set[str]
) -> None:
    courses = {t.id: played(pocket, t.id, seed, mistakes=0.2, factor=2) for t in pocket.tasks}
    assert {id for id, course in courses.items() if not course.success} == lost
    wrong = [bool(d.facts.get("mistake")) for c in courses.values() for d in c.decisions]
    assert 0.1 < sum(wrong) / len(wrong) < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("id", SAMPLE)
def test_it_goes_on_from_wherever_somebody_left_off(pocket: Game, id: str) -> None:
    """As after a branch, or after whoever played before has lost his way."""
    buttons = [name for name in pocket.action_names if name not in ("report", "press_a")]
    chance = random.Random(id)
    first = tuple(chance.choice(buttons) for _ in range(12))
    assert solve(pocket, script(), id, 1, 300, first).success


@pytest.mark.slow
def test_a_wild_creature_on_the_way_is_run_away_from(pocket: Game) -> None:
    courses = [played(pocket, "walk-out-of-hollow", seed) for seed in range(1, 5)]
    assert all(course.success for course in courses)
    told = " ".join(d.reasoning or "" for course in courses for d in course.decisions)
    assert "to run away because this fight does not help to get to REED PATH" in told


@pytest.mark.slow
def test_every_decision_says_what_is_seen_what_for_and_what_comes_of_it(pocket: Game) -> None:
    for id in SAMPLE:
        for decision in played(pocket, id, seed=2, mistakes=0.1).decisions:
            assert decision.reasoning
            assert re.fullmatch(r"[A-Z\"].{20,}[.?!]", decision.reasoning), decision.reasoning
            assert decision.expected_outcome
            assert re.fullmatch(r"[A-Z].*\.", decision.expected_outcome)


@pytest.mark.slow
def test_it_says_where_the_cursor_is_and_where_it_should_be(pocket: Game) -> None:
    first, second, *_ = played(pocket, "report-team", seed=1).decisions
    assert first.reasoning == (
        "The map is on the screen. To see who is in the party, PARTY of the START menu is needed, "
        "so press START."
    )
    assert second.reasoning == (
        "The cursor is on BAG; PARTY is one line down, so press down to see who is in the party."
    )
    assert second.expected_outcome == "The cursor moves to PARTY."


def test_it_reports_in_whole_sentences(pocket: Game) -> None:
    *_, report = played(pocket, "check-healing-items", seed=1).actions
    assert report == (
        "report: In the bag there are these healing items: 3 potions, 2 super potions, 1 antidote "
        "and 1 revive."
    )


def test_it_knows_the_rules_of_the_game() -> None:
    rules = tomllib.loads((SOURCE / "content" / "rules.toml").read_text(encoding="utf-8"))
    items = {one["id"]: one for one in rules["items"]}
    assert list(facts.GOODS) == rules["start"]["shop"]
    assert {id: one["price"] for id, one in items.items() if "price" in one} == facts.PRICES
    assert _powers(items, "HEAL") == facts.HEALING
    assert _powers(items, "CATCH") == facts.BELLS
    for one in rules["moves"]:
        known = facts.MOVES[one["id"]]
        assert known.type == one["type"]
        assert (known.power, known.accuracy) == (one.get("power", 0), one.get("accuracy", 100))
        assert known.effect == one.get("effect", "").lower()
    for one in rules["species"]:
        known_species = facts.SPECIES[one["id"]]
        assert known_species == (one["type"], one["catch_rate"])
    code = (SOURCE / "src" / "battle_turn.c").read_text(encoding="utf-8")
    types = ("plain", "leaf", "ember", "tide", "stone")
    rows = re.findall(r"/\* (\w+) +\*/ +\{([\d, ]+)\}", code)
    effect = {
        (move, hit): int(number)
        for move, row in rows
        for hit, number in zip(types, row.split(","), strict=True)
    }
    assert {pair for pair, number in effect.items() if number == 2} == facts.STRONG
    assert {pair for pair, number in effect.items() if number == 0} == facts.WEAK


def test_it_knows_how_the_screens_are_laid_out() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.glob("src/*.c"))
    for entries in (
        *(facts.MENU, facts.FIELD_ACTIONS, facts.BATTLE_ACTIONS, facts.CREATURE_ACTIONS),
        *(facts.COUNTER, facts.ANSWERS),
    ):
        assert "{" + ", ".join(f'"{entry}"' for entry in entries) + "}" in text


def test_the_way_is_the_shortest_and_keeps_out_of_the_grass() -> None:
    known = ways(EVERYTHING)
    at, facing, way = ("willow_town", 7, 5), "down", []
    while step := known.step(at, facing, OnMap("hollow")):
        facing, at = step
        way.append(at)
    assert len(way) == 24
    assert not any(InTheWild("reed_path").holds(cell, "up") for cell in way)


def test_a_way_ends_before_what_is_wanted_and_with_a_look_at_it() -> None:
    known = ways(EVERYTHING)
    clerk = Before(find("people", "clerk"))
    assert known.step(("shop", 1, 3), "up", clerk) is None
    turning = known.step(("shop", 1, 3), "left", clerk)
    assert turning == ("up", ("shop", 1, 3))


def test_what_lies_on_the_ground_is_in_the_way_until_it_is_taken() -> None:
    nut = At(find("pickups", "hollow_nut"))
    with pytest.raises(LookupError, match="no way leads"):
        ways(EVERYTHING).step(("hollow", 6, 7), "up", nut)
    assert ways(EVERYTHING - {"hollow_nut"}).step(("hollow", 6, 7), "up", nut)


def _powers(items: dict[str, dict[str, object]], use: str) -> dict[str, object]:
    return {id: one["power"] for id, one in items.items() if one["use"] == use}
