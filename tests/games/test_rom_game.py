"""A ROM with its TOML is a game: tasks, starts, seeds, snapshots, and the same every time."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from gymnasium.utils.env_checker import check_env
from tests.games.tiny_rom import TOML, write_game

from understudy.errors import GameError
from understudy.games.checker import problems
from understudy.games.game import Action
from understudy.games.rom_game import RomGame

pytestmark = pytest.mark.slow


@pytest.fixture
def game(game_file, settings):
    game = RomGame(game_file, settings=settings)
    yield game
    game.close()


@pytest.fixture
def tiny(tmp_path):
    """Makes a game on PyBoy from the TOML with one thing changed."""
    games = []

    def make(old="", new=""):
        games.append(RomGame(write_game(tmp_path, TOML.replace(old, new) if old else TOML)))
        return games[-1]

    yield make
    for game in games:
        game.close()


def digest(game):
    return hashlib.sha256(game.screenshot().tobytes()).hexdigest()


def test_gymnasium_takes_it_for_an_environment(game):
    check_env(game, skip_render_check=True, skip_close_check=True)


def test_it_keeps_the_contract_of_a_game(tiny):
    assert problems(tiny()) == []


def test_with_its_memory_observed_it_is_an_environment_too(tiny):
    game = tiny("[play]\n", '[play]\nobservation = "screen+memory"\n')
    check_env(game, skip_render_check=True, skip_close_check=True)
    observation, _ = game.reset(seed=1)
    assert observation["memory"].shape == (54,)
    assert bytes(observation["memory"][0x30:0x34]) == b"ANNA"


def test_a_task_is_done_by_the_step_that_does_it(game):
    _, info = game.reset(seed=1, options={"task": "three-potions"})
    assert info == {"task": "three-potions", "success": False}
    for _ in range(2):
        assert game.step("press_a")[1:3] == (0.0, False)
    _, reward, terminated, truncated, info = game.step("press_a")
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert info == {
        "action": "press_a",
        "task": "three-potions",
        "success": True,
        "frames": 10,
        "settled": True,
    }
    assert game.check().success


def test_a_check_that_looks_back_remembers_the_way(game):
    game.reset(options={"task": "go-right"})
    over = [game.step(f"press_{way}")[2] for way in ("left", "right", "right", "right")]
    assert over == [False] * 4
    assert game.check().missing == ("x is unchanged since the start",)
    assert [game.step("press_left")[2] for _ in range(2)] == [False, True]


def test_a_report_ends_a_report_task_right_or_wrong(game):
    right = Action("report", "3 potions and 2 super potions")
    for action, success in ((right, True), (Action("report", "2 potions"), False)):
        game.reset(options={"task": "what-is-in-the-slots"})
        assert game.step("wait")[2] is False
        before = game.memory()
        _, reward, terminated, _, info = game.step(action)
        assert (reward, terminated, info["success"]) == (float(success), True, success)
        assert game.memory() == before


def test_a_report_in_another_task_changes_nothing(game):
    game.reset(options={"task": "three-potions"})
    before = digest(game)
    _, reward, terminated, _, info = game.step(Action("report", "done"))
    assert (reward, terminated, info["frames"]) == (0.0, False, 0)
    assert digest(game) == before


def test_actions_go_by_index_name_or_action(game):
    game.reset(seed=1)
    index = game.action_names.index("press_right")
    for action in (index, "press_right", Action("press_right")):
        game.step(action)
    assert game.memory()["x"] == 9


@pytest.mark.parametrize("action", ["jump", 10, -1, 1.5, None, Action("jump")])
def test_an_action_that_there_is_not_is_refused(tiny, action):
    game = tiny()
    game.reset()
    with pytest.raises(GameError, match=r"tiny has the actions 0 to 9|is no action of tiny"):
        game.step(action)


def test_the_state_is_told_in_words(game):
    game.reset(options={"task": "what-is-in-the-slots"})
    assert game.describe() == (
        "The hero ANNA stands at 6, 5 with 20 HP.\nSlots: 3 potion, 2 super potion."
    )
    game.reset(options={"task": "go-right"})
    assert game.describe().endswith("The slots are empty.")


def test_a_line_of_the_description_may_wait_for_its_moment(tiny):
    line = '[[describe]]\neach = "slots"\n'
    game = tiny(line, line + 'only_if = { path = "menu", value = "open" }\n')
    game.reset(options={"task": "what-is-in-the-slots"})
    assert game.describe() == "The hero ANNA stands at 6, 5 with 20 HP."
    game.step("press_start")
    assert game.describe().endswith("Slots: 3 potion, 2 super potion.")


def test_a_row_of_the_screen_is_told_without_the_space_around_its_words(tiny):
    game = tiny(
        "[[describe]]\ntext",
        """[values.rows]
address = "name"
type = "tiles"
columns = 2
rows = 2
letters = { 0x41 = ">", 0x4E = " " }

[[describe]]
each = "rows"
text = "[{value}]"

[[describe]]
text""",
    )
    game.reset()  # ANNA: an arrow for A, a space for N
    assert game.describe().startswith("[>], [>]\n")


def test_the_same_start_seed_and_actions_give_the_same_screens_and_memory(game_file, settings):
    courses = []
    for _ in range(2):
        game = RomGame(game_file, settings=settings)
        for _ in range(2):
            game.reset(seed=11, options={"task": "go-right"})
            course = []
            for action in ("press_select", "press_left", "press_start", "wait", "press_select"):
                game.step(action)
                course.append((digest(game), game.memory()))
            courses.append(course)
        game.close()
    assert all(course == courses[0] for course in courses)


def test_both_emulators_show_the_same(game_file, stand_in):
    from tests.games.skyemu_stand_in import running

    from understudy.config import GamesSettings

    courses = []
    with running(stand_in) as url:
        for chosen in (GamesSettings(), GamesSettings(emulator="skyemu", skyemu_url=url)):
            game = RomGame(game_file, settings=chosen)
            game.reset(seed=3, options={"task": "go-right"})
            course = []
            for action in ("press_right", "press_select", "press_start", "press_down", "wait"):
                info = game.step(action)[4]
                course.append((digest(game), game.memory(), info))
            courses.append(course)
            game.close()
    assert courses[0] == courses[1]


def test_another_seed_gives_another_course(game):
    money = set()
    for seed in range(4):
        game.reset(seed=seed)
        game.step("press_select")
        money.add(game.memory()["money"])
    assert len(money) > 1


def test_a_seed_may_be_frames_that_pass(tiny):
    game = tiny('seed = { value = "seed" }', "seed = { frames = 50 }")
    frames = []
    for seed in (1, 2, 1):
        game.reset(seed=seed)
        frames.append(game.memory()["frames"])
    assert frames[0] == frames[2] != frames[1]


def test_a_snapshot_brings_back_the_game_and_the_task(game):
    game.reset(seed=1, options={"task": "go-right"})
    game.step("press_right")
    game.step("press_right")
    taken = game.snapshot()
    here = digest(game), game.memory()
    game.step("press_left")
    assert game.step("press_left")[2] is True
    game.reset(options={"task": "three-potions"})
    game.restore(taken)
    assert (digest(game), game.memory()) == here
    assert game.task.id == "go-right"
    assert [game.step("press_left")[2] for _ in range(2)] == [False, True]
    assert len(taken) < 20_000


def test_a_snapshot_goes_from_one_process_of_a_game_to_another(game_file):
    one, other = RomGame(game_file), RomGame(game_file)
    one.reset(seed=2, options={"task": "go-right"})
    one.step("press_right")
    other.restore(one.snapshot())
    assert digest(one) == digest(other)
    assert one.step("press_select")[4] == other.step("press_select")[4]
    assert one.memory() == other.memory()
    one.close()
    other.close()


def test_a_snapshot_of_something_else_is_refused(tiny):
    game = tiny()
    with pytest.raises(GameError, match="this is no snapshot of tiny"):
        game.restore(b"nonsense")
    other = tiny('name = "tiny"', 'name = "other"')
    with pytest.raises(GameError, match="is of tiny on pyboy, not of other on pyboy"):
        other.restore(game.snapshot())


def test_a_setup_follows_the_start_of_a_task(tiny):
    game = tiny("reference_steps = 3", 'reference_steps = 3\nsetup = ["poke 0xC010 2", "set hp 1"]')
    game.reset(options={"task": "three-potions"})
    assert (game.memory()["bag"]["potion"], game.memory()["hp"]) == (2, 1)
    assert game.step("press_a")[2] is True
    game.reset(options={"task": None, "start": "field"})
    assert (game.memory()["bag"]["potion"], game.task) == (0, None)


def test_a_recipe_that_has_gone_stale_says_where(tiny):
    game = tiny("expect menu closed", "expect menu open")
    with pytest.raises(GameError, match="the start `field` fails: `expect menu open` is not so"):
        game.reset()


def test_a_step_that_never_settles_ends_at_its_bound(tiny):
    game = tiny("equals = 1, at_least = 2, at_most = 40", "equals = 0, at_least = 2, at_most = 40")
    game.reset()
    info = game.step("wait")[4]
    assert (info["settled"], info["frames"]) == (False, 43)


def test_actions_may_hold_several_buttons(tiny):
    game = tiny("[values]\n", '[actions]\ndiagonal = ["down", "right"]\n\n[values]\n')
    assert game.action_names == ("diagonal", "wait", "report")
    game.reset(seed=1)
    before = game.memory()
    game.step("diagonal")
    after = game.memory()
    assert (after["x"], after["y"]) == (before["x"] + 1, before["y"] + 1)


def test_another_rom_than_the_one_described_is_refused(tiny):
    with pytest.raises(GameError, match=r"tiny\.gb is not the ROM that .* describes"):
        tiny('rom = "tiny.gb"', f'rom = "tiny.gb"\nrom_sha256 = "{"0" * 64}"')


def test_what_there_is_not_is_named_with_what_there_is(tiny):
    game = tiny()
    with pytest.raises(GameError, match=r"no task 'three-potion'; .*three-potions"):
        game.reset(options={"task": "three-potion"})
    with pytest.raises(GameError, match="no start 'moon'; there is: field, rich, power-on"):
        game.reset(options={"start": "moon"})
    with pytest.raises(GameError, match="'tsak' is no option"):
        game.reset(options={"tsak": "x"})
    with pytest.raises(GameError, match="is played without a task"):
        game.check()


@pytest.mark.parametrize("missing", ["gymnasium", "pyboy"])
def test_without_its_libraries_the_extra_is_named(game_file, missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from understudy.errors import GameError\n"
        "from understudy.games.registry import open_game\n"
        f"try: open_game({str(game_file)!r})\n"
        "except GameError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "install the extra `games`" in run.stdout
