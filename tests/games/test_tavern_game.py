"""The tavern as a game: an environment in words, its Dungeon Masters, and its tasks."""

from __future__ import annotations

import string
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import GameError, PlayerError
from understudy.games.builtin.tavern.content import content
from understudy.games.builtin.tavern.game import HISTORY, MOST_ROUNDS, TavernGame
from understudy.games.checker import check_game
from understudy.games.game import SAY, Action
from understudy.games.registry import open_game
from understudy.players.scripts.tavern import TavernScript


@pytest.fixture
def tavern() -> TavernGame:
    game = TavernGame()
    game.reset(seed=3)
    return game


def say(game: TavernGame, *lines: str) -> str:
    told = ""
    for line in lines:
        told = game.step(line)[0]
    return str(told)


def mira(game: TavernGame) -> dict[str, Any]:
    found: dict[str, Any] = game.memory()["party"]["mira"]
    return found


def test_it_is_found_by_its_name() -> None:
    game = open_game("tavern")
    assert isinstance(game, TavernGame)
    assert game.action_names == (SAY,)


def test_it_keeps_the_contract_of_every_game() -> None:
    check_game(TavernGame())


def test_it_passes_gymnasiums_own_checker_without_a_warning() -> None:
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(TavernGame(), skip_render_check=True)  # it asks for a registered environment


def test_words_an_action_and_a_space_sample_are_all_understood(tavern: TavernGame) -> None:
    for action in ("We wait.", Action(SAY, "We wait."), tavern.action_space.sample()):
        observation, reward, over, cut, info = tavern.step(action)
        assert tavern.observation_space.contains(observation)
        assert (reward, over, cut, info["action"]) == (0, False, False, SAY)


def test_another_action_is_refused(tavern: TavernGame) -> None:
    with pytest.raises(GameError, match="'press_a' is no action of tavern"):
        tavern.step(Action("press_a"))
    with pytest.raises(GameError, match="is no option"):
        tavern.reset(options={"start": "cellar"})


def test_silence_changes_nothing(tavern: TavernGame) -> None:
    before = tavern.describe()
    info = tavern.step("   ")[4]
    assert tavern.describe() == before
    assert info["chats"] == []


def test_every_exchange_stands_in_info_as_it_took_place(tavern: TavernGame) -> None:
    chats = tavern.step("Mira buys a rope.")[4]["chats"]
    assert [chat["messages"][-1]["role"] for chat in chats] == ["user", "tool"]
    assert chats[0]["messages"][0]["role"] == "system"
    assert "- Mira (Halfling Rogue, Level 3, HP: 21/24)" in chats[0]["messages"][0]["content"]
    assert chats[0]["response"]["content"].endswith("[inventory: Mira, add, rope]")
    assert chats[1]["messages"][-1]["content"] == "Mira: rope added"
    assert chats[0]["model"] == "scripted"


def test_the_system_prompt_tells_the_table_as_it_is_now(tavern: TavernGame) -> None:
    say(tavern, "Sela casts cure wounds on Mira.", "We go down to the cellar.")
    prompt = tavern.prompt()
    assert "Location: Cellar" in prompt
    assert f"HP: {mira(tavern)['hp']}/24" in prompt
    assert "giant rat (HP: 9/9, AC 12, teeth +4, 1d4+2)" in prompt
    assert "Borin warhammer +5, 1d8+3" in prompt


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("Mira buys a rope.", "[inventory: Mira, add, rope]"),
        ("I buy a torch for Borin.", "[inventory: Borin, add, torch]"),
        ("Mira hands her lantern to Borin.", "[inventory: Borin, add, lantern]"),
        ("I sneak behind the counter.", "[check: stealth, Mira]"),
        ("Sela treats the bard's throat, a wound of honour.", "[check: medicine, Sela]"),
        ("Borin threatens the guard.", "[check: intimidation, Borin]"),
        ("Sela casts bless at level 2.", "[spellcast: Sela, bless, 2]"),
        ("Sela casts cure wounds on Mira.", "[roll: 1d8+3]"),
        ("Borin drops the tinderbox.", "[inventory: Borin, remove, tinderbox]"),
    ],
)
def test_the_scripted_dungeon_master_calls_by_the_house_rules(
    tavern: TavernGame, words: str, call: str
) -> None:
    answer = tavern.step(words)[4]["chats"][0]["response"]["content"]
    assert call in answer


@pytest.mark.parametrize(
    "words",
    ["What is the news?", "How much is a rope?", "We sit down by the fire.", "Hello, innkeeper!",
     "Where is the cellar?"],
)  # fmt: skip
def test_talk_calls_nothing_and_moves_nobody(tavern: TavernGame, words: str) -> None:
    before = tavern.memory()
    assert "[" not in tavern.step(words)[4]["chats"][0]["response"]["content"]
    assert tavern.memory() == {**before, "turns": 1}


def test_a_fight_goes_from_the_attack_to_the_hit_points_and_back(tavern: TavernGame) -> None:
    told = say(tavern, "We go to the cellar.", "Borin attacks the rat!")
    assert "1d20+5:" in told
    assert "1d20+4:" in told or "trouble nobody" in told
    for _ in range(12):
        say(tavern, "Borin attacks the rat!")
    assert tavern.memory()["foes"]["giant_rat"]["hp"] == 0
    assert "1d20" not in say(tavern, "Borin attacks the rat!")


def test_an_error_line_is_seen_by_the_dungeon_master(tavern: TavernGame) -> None:
    told = say(tavern, "Sela casts fireball at level 3.")
    assert "error: Sela does not know fireball" in told
    assert "That cannot be" in told


def test_the_same_seed_and_words_give_the_same_evening_and_another_seed_another() -> None:
    def evening(seed: int) -> list[str]:
        game = TavernGame()
        game.reset(seed=seed)
        return [say(game, f"Mira tries to sneak, time {n}.") for n in range(6)]

    assert evening(5) == evening(5)
    assert evening(5) != evening(6)


def test_a_snapshot_holds_dice_table_and_what_was_found(tavern: TavernGame) -> None:
    tavern.reset(seed=8, options={"task": "the-guards-key"})
    say(tavern, "Mira picks the guard's belt.")
    taken = tavern.snapshot()
    first = [say(tavern, "Mira picks the guard's belt."), tavern.memory(), tavern.check()]
    tavern.restore(taken)
    assert [say(tavern, "Mira picks the guard's belt."), tavern.memory(), tavern.check()] == first
    with pytest.raises(GameError, match="no snapshot of tavern"):
        tavern.restore(b"?")


def test_the_picture_shows_the_words_and_is_the_same_for_the_same_words(
    tavern: TavernGame,
) -> None:
    before = tavern.screenshot()
    assert before.shape == (400, 640, 3)
    assert np.array_equal(before, tavern.screenshot())
    say(tavern, "Mira buys a rope.")
    assert not np.array_equal(before, tavern.screenshot())


def test_tasks_begin_as_they_say(tavern: TavernGame) -> None:
    tavern.reset(seed=1, options={"task": "heal-mira"})
    assert mira(tavern)["hp"] == 9
    tavern.reset(seed=1, options={"task": "wake-borin"})
    assert tavern.memory()["party"]["borin"]["conditions"] == ["unconscious"]
    assert tavern.memory()["fallen"] == 0
    tavern.reset(seed=1, options={"task": None})
    assert mira(tavern)["hp"] == 21


@pytest.mark.parametrize("task", [task.id for task in TavernGame().tasks])
def test_every_task_can_be_done_by_the_script(task: str) -> None:
    game = TavernGame()
    for seed in range(3):
        game.reset(seed=seed, options={"task": task})
        script = TavernScript(game, game.find_task(task))
        for _ in range(60):
            _, reward, over, _, info = game.step(script.next_move(game.memory()).action)
            if over:
                break
        assert over, f"{task} with seed {seed}"
        assert reward == 1
        assert info["success"]


def test_there_are_more_than_a_dozen_tasks_of_several_groups() -> None:
    tasks = TavernGame().tasks
    assert len(tasks) > 12
    assert len({task.group for task in tasks}) >= 4
    assert all(task.goal for task in tasks)


def test_every_secret_and_talk_is_of_a_place_that_there_is() -> None:
    found = content()
    places = {place.name for place in found.places}
    assert {one.place for one in (*found.secrets, *found.talk, *found.foes)} <= places


class Model:
    """A language model that says what it is told to, and remembers what it was shown."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.shown: list[list[dict[str, Any]]] = []

    def __call__(self, messages: list[dict[str, Any]]) -> str:
        self.shown.append(messages)
        return self.answers.pop(0) if self.answers else "So be it."


def with_model(*answers: str) -> tuple[TavernGame, Model]:
    game, model = TavernGame(), Model(*answers)
    game.take_model("dm@v0001", model)
    game.reset(seed=1)
    return game, model


def test_a_language_model_can_be_the_dungeon_master() -> None:
    game, model = with_model("Softly. [check: stealth, Mira]", "Nobody stirs.")
    told = say(game, "Mira creeps past the guard.")
    assert "Softly.\n  stealth:" in told
    assert told.endswith("Nobody stirs.")
    assert game.identity()["dungeon_master"] == "dm@v0001"
    assert model.shown[1][-1]["role"] == "tool"
    game.take_model("", None)
    assert game.identity()["dungeon_master"] == "scripted"


def test_a_model_that_calls_wrongly_sees_why_and_can_mend_it() -> None:
    game, model = with_model(
        "[inventory: Mira, take, rope]", "[inventory: Mira, add, rope]", "Yes."
    )
    say(game, "Mira buys a rope.")
    assert "error: inventory is malformed: action is 'take'" in model.shown[1][-1]["content"]
    assert "rope" in mira(game)["items"]
    assert game.memory()["refused"] == 1


def test_a_model_that_never_stops_calling_is_stopped() -> None:
    game, model = with_model(*["[health: Mira, -1]"] * 50)
    say(game, "Ouch.")
    assert len(model.shown) == MOST_ROUNDS
    say(game, "Ouch again.")
    assert model.shown[-1][1]["content"] == "Ouch again."


def test_a_model_is_shown_so_many_messages_from_words_of_the_player_on() -> None:
    game, model = with_model()
    for number in range(30):
        say(game, f"Line {number}.")
    shown = model.shown[-1]
    assert shown[0]["role"] == "system"
    assert shown[1]["role"] == "user"
    assert shown[-1] == {"role": "user", "content": "Line 29."}
    assert len(shown) <= HISTORY + 2


def test_what_a_model_raises_goes_through() -> None:
    def broken(messages: Any) -> str:
        raise PlayerError("the server is gone")

    game = TavernGame()
    game.take_model("gone", broken)
    game.reset(seed=1)
    with pytest.raises(PlayerError, match="the server is gone"):
        game.step("Hello.")


def test_a_snapshot_of_another_dungeon_master_is_refused(tavern: TavernGame) -> None:
    taken = tavern.snapshot()
    game, _ = with_model()
    with pytest.raises(GameError, match="taken with the Dungeon Master 'scripted'"):
        game.restore(taken)


@pytest.mark.slow
@given(st.lists(st.text(max_size=80), max_size=3), st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_no_words_of_either_side_break_the_game(said: list[str], answer: str) -> None:
    game, _ = with_model(*[answer] * 5)
    for line in said:
        observation = game.step(line)[0]
        assert game.observation_space.contains(observation)
    assert game.screenshot().dtype == np.uint8


@pytest.mark.slow
@given(st.lists(st.sampled_from(
    ["Mira", "Borin", "Sela", "buys", "attacks", "casts", "bless", "rope", "rat", "to", "the",
     "cellar", "gives", "key", "I", "sneak", "?", ".", "lantern", "healing potion"]), max_size=8),
    st.integers(0, 5))  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_no_words_break_the_scripted_dungeon_master(words: list[str], seed: int) -> None:
    game = TavernGame()
    game.reset(seed=seed)
    for place in ("", "We go to the cellar.", "We go to the yard."):
        say(game, place, " ".join(words))
    assert set(game.describe()) <= set(string.printable)
