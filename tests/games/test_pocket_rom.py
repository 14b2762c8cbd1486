"""The game itself, played on the committed ROM, and that ROM rebuilt from its sources."""

import hashlib
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest

pytest.importorskip("pyboy")
# The emulator's window library announces itself with a warning even where no window is opened.
pytestmark = pytest.mark.filterwarnings("ignore:Using SDL2 binaries")

sys.path.insert(0, str(Path(__file__).parent))
from pocket_driver import MEMORY_MAP, ROM, Pocket  # noqa: E402

REPOSITORY = Path(__file__).parents[2]
BUILD = REPOSITORY / "games" / "pocket" / "build.py"
STRONG = {"level": 20, "hp": 90, "max_hp": 90, "attack": 60, "defense": 60, "speed": 60}


@pytest.fixture
def game():
    with Pocket() as running:
        yield running.new_game(seed=7)


def to_town(game):
    return game.walk_to(3, 5)


def to_grass(game):
    to_town(game).walk_to(7, 0).walk_to(4, 15)


def meet_wild(game):
    to_grass(game)
    for _ in range(200):
        if game["mode"] != "map":
            return game.press("a")
        game.press("left" if game["x"] > 2 else "right")
    raise AssertionError("no wild creature in 200 steps of tall grass")


def choose_item(game, item):
    game.press(*["down"] * list(game.bag).index(item), "a", "a")


def installed_compiler():
    try:
        said = subprocess.run(["sdcc", "--version"], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        return None
    found = re.search(r"(\d+\.\d+\.\d+) #(\d+)", said.stdout)
    return f"sdcc {found[1]} #{found[2]}"


@pytest.mark.slow
def test_the_sources_give_the_committed_rom_and_memory_map():
    if installed_compiler() != MEMORY_MAP["compiler"]:
        pytest.skip(f"needs {MEMORY_MAP['compiler']}, here is {installed_compiler()}")
    done = subprocess.run([sys.executable, BUILD, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_memory_map_belongs_to_the_rom():
    assert hashlib.sha256(ROM.read_bytes()).hexdigest() == MEMORY_MAP["rom_sha256"]


def test_the_cartridge_has_battery_memory_and_an_empty_logo():
    rom = ROM.read_bytes()
    assert len(rom) == 0x8000
    assert not any(rom[0x104:0x134])
    assert (rom[0x147], rom[0x148], rom[0x149]) == (3, 0, 2)


def test_the_title_leads_into_a_new_game():
    with Pocket() as game:
        assert game["mode"] == "title"
        assert not game["save_found"]
        game.press("a")
        assert (game["mode"], game["map"], game["money"]) == ("map", "home", 1000)
        assert game.party[0]["species"] == "mosskit"
        assert len(game.bag) >= 8


def test_the_hero_walks_and_furniture_is_in_the_way(game):
    game.press("right")
    assert (game["x"], game["y"], game["steps"]) == (4, 2, 1)
    game.press("down")
    assert (game["x"], game["y"], game["facing"], game["steps"]) == (4, 2, "down", 1)


def test_every_menu_opens_and_closes(game):
    game.press("start")
    assert game["mode"] == "start_menu"
    for downs, mode in enumerate(["bag", "party", "card", "yes_no"]):
        game.press(*["down"] * downs, "a")
        assert game["mode"] == mode
        assert len(set(game.picture().ravel())) > 1
        game.press("b")
        assert game["mode"] == "start_menu"
    game.press("up", "a")
    assert game["mode"] == "map"


def test_people_talk_in_pages_and_give_things(game):
    game.walk_to(5, 3).press("up", "a")
    assert (game["mode"], game["text_id"], game["text_page"]) == ("dialogue", "mother_first", 0)
    game.talk()
    assert game["talked"] == {"mother"}
    assert game.bag["town_map"] == 1


def test_buying_and_selling_moves_money(game):
    to_town(game).walk_to(12, 3).walk_to(1, 3).press("up").talk()
    assert game["mode"] == "shop_menu"
    game.press("a", "a", "up", "a", "a")
    assert (game["money"], game.bag["potion"], game["items_bought"]) == (800, 5, 2)
    game.press("a", "b", "down", "a", "a", "a", "a")
    assert (game["money"], game.bag["potion"], game["items_sold"]) == (850, 4, 1)


def test_the_healer_heals(game):
    game.set_creature(0, hp=3, status=1)
    to_town(game).walk_to(3, 9).walk_to(3, 3).press("up").talk()
    assert game["mode"] == "yes_no"
    game.press("a", "a")
    assert (game.party[0]["hp"], game.party[0]["status"], game["heals"]) == (21, "ok", 1)


def test_a_potion_helps_and_is_gone(game):
    game.set_creature(0, hp=3)
    game.press("start", "a")
    choose_item(game, "potion")
    game.press("a")
    assert (game.party[0]["hp"], game.bag["potion"], game["items_used"]) == (21, 2, 1)


def test_an_item_can_be_thrown_away(game):
    game.press("start", "a", "down*2", "a", "down", "a", "a", "a", "a")
    assert "antidote" not in game.bag
    assert game["items_tossed"] == 1


def test_a_wild_battle_can_be_won(game):
    game.set_creature(0, **STRONG)
    meet_wild(game)
    assert (game["mode"], game["battle.kind"]) == ("battle_menu", "wild")
    exp = game.party[0]["exp"]
    assert game.play_battle(move=1) == "won"
    assert game.party[0]["exp"] > exp


def test_a_wild_battle_can_be_run_away_from(game):
    game.set_creature(0, **STRONG)
    meet_wild(game).flee()
    assert (game["battle.result"], game["battles_fled"]) == ("fled", 1)


def test_a_lost_battle_ends_at_the_healer_with_half_the_money(game):
    meet_wild(game)
    game.set_creature(0, hp=1, speed=1, defense=1)
    assert game.play_battle(move=2) == "lost"
    assert (game["map"], game["money"]) == ("healer", 500)
    assert game.party[0]["hp"] > 0


def test_a_weak_creature_is_caught_and_can_lead_the_party(game):
    meet_wild(game)
    game["battle.enemy.hp"] = 1
    game["battle.enemy.species"] = 4
    game.press("right", "a")
    choose_item(game, "bell")
    while game["mode"] != "map":
        game.press("a")
    assert (game["battle.result"], game["catches"], game["party_count"]) == ("caught", 1, 2)
    game.press("start", "down", "a", "a", "down", "a", "down", "a")
    assert [member["species"] for member in game.party] == ["wrenlet", "mosskit"]


def test_the_leader_gives_a_badge(game):
    game.set_creature(0, **STRONG)
    game["map"], game["x"], game["y"] = 7, 4, 7
    game.press("start", "b").press("up*5")
    assert (game["x"], game["y"]) == (4, 2)
    game.talk()
    assert game["battle.trainer"] == "briar"
    assert game.play_battle(move=1) == "won"
    assert (game["badges"], game["money"], game["beaten"]) == ({"fern_badge"}, 1900, {"briar"})


def test_a_save_outlives_a_reset_and_a_damaged_one_is_refused(game):
    to_town(game).press("start", "down*3", "a", "a", "a", "b")
    assert (game["saves"], game["mode"]) == (1, "map")
    memory = game.emulator.memory
    memory[0x0000] = 0x0A
    kept = bytearray(memory[0xA000:0xC000])
    with Pocket(BytesIO(bytes(kept))) as again:
        assert again["save_found"]
        again.press("a")
        assert (again["map"], again["x"], again["y"]) == ("willow_town", 3, 4)
    kept[20] ^= 1
    with Pocket(BytesIO(bytes(kept))) as damaged:
        assert not damaged["save_found"]


def test_the_same_seed_and_buttons_give_the_same_screens():
    pictures = []
    for _ in range(2):
        with Pocket() as game:
            meet_wild(game.new_game(seed=99))
            pictures.append((game["frame"], game["seed"], game.picture().tobytes()))
    assert pictures[0] == pictures[1]
