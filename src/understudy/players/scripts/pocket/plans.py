"""Which goal each task of `pocket` is: the table of all that the script can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from understudy.players.scripts.pocket import answers, battles
from understudy.players.scripts.pocket.bag import Toss, UseUntil
from understudy.players.scripts.pocket.goals import Goal, InOrder, Report, Test, Unless, at_least
from understudy.players.scripts.pocket.looking import (
    BagOpen,
    BagSeen,
    CardOpen,
    Leads,
    MenuOpen,
    OnTheMap,
    PartyOpen,
    Saved,
    StatsOpen,
)
from understudy.players.scripts.pocket.now import Now
from understudy.players.scripts.pocket.shop import Buy, GoodsSeen, Sell
from understudy.players.scripts.pocket.walking import GoTo, Hear, PickUp, Read, StandAt, TalkTo


@cache
def plans() -> dict[str, Goal]:
    """Task → its goal."""
    return {
        **_menu(),
        **_bag(),
        **_party(),
        **_map(),
        **_shop(),
        **_healing(),
        **_battle(),
        **_saving(),
    }


def _menu() -> dict[str, Goal]:
    card = CardOpen()
    return {
        "start-new-game": OnTheMap(),
        "open-start-menu": MenuOpen(),
        "close-menus": OnTheMap(),
        "look-at-card": card,
        "report-badge": Report(card, answers.badge, "the hero card"),
        "report-steps": Report(card, answers.steps, "the hero card"),
        "report-battles-won": Report(card, answers.battles_won, "the hero card"),
        "report-record": Report(card, answers.record, "the hero card"),
        "report-caught": Report(card, answers.caught, "the hero card"),
        "report-saves": Report(card, answers.saves, "the hero card"),
    }


def _bag() -> dict[str, Goal]:
    def told(says: answers.Answer, look: Goal) -> Goal:
        return Report(look, says, "the bag")

    return {
        "open-bag": BagOpen(),
        "check-healing-items": told(answers.healing_items, BagSeen("look for healing items")),
        "report-potions": told(answers.potions, BagOpen("count the potions", ["potion"])),
        "report-money": told(answers.money, BagOpen("see the money")),
        "report-bells": told(answers.bells, BagOpen("count the bells", ["bell", "great_bell"])),
        "list-bag": told(answers.whole_bag, BagSeen("see what is in the bag")),
        "report-no-wake-herb": told(answers.wake_herb, BagSeen("look for a WAKE HERB")),
        "look-at-map": _map_open(),
        "use-repel": UseUntil("repel", _repelling),
        "toss-antidote": Toss("antidote", left=0),
        "toss-two-potions": Toss("potion", left=1),
    }


def _party() -> dict[str, Goal]:
    def told(says: answers.Answer, aim: str) -> Goal:
        return Report(PartyOpen(aim), says, "the party's screen")

    return {
        "open-party": PartyOpen(),
        "look-at-mosskit": StatsOpen("mosskit"),
        "look-at-kindlet": StatsOpen("kindlet"),
        "lead-with-puddlo": Leads("puddlo"),
        "mosskit-last": Leads("mosskit", at=2),
        "report-team": told(answers.team, "see who is in the party"),
        "report-levels": told(answers.levels, "see the levels"),
        "report-hp": told(partial(answers.hp_of, "mosskit"), "see the HP of MOSSKIT"),
        "report-weakest": told(answers.weakest, "compare the HP"),
        "report-poisoned": told(answers.poisoned, "see who is poisoned"),
        "report-moves": Report(
            StatsOpen("puddlo", "see the moves of PUDDLO"),
            partial(answers.moves_of, "puddlo"),
            "the page of PUDDLO",
        ),
        "report-pp": Report(
            StatsOpen("mosskit", "see the PP of LEAF CUT"),
            partial(answers.pp_of, "mosskit", "leaf_cut"),
            "the page of MOSSKIT",
        ),
    }


def _map() -> dict[str, Goal]:
    return {
        "leave-home": GoTo("willow_town"),
        "enter-shop": GoTo("shop"),
        "enter-healer": GoTo("healer"),
        "go-home": GoTo("home"),
        "go-to-reed-path": GoTo("reed_path"),
        "go-to-fern-hill": GoTo("fern_hill"),
        "go-to-gym": GoTo("gym"),
        "go-to-gym-from-home": GoTo("gym"),
        "go-to-hollow": GoTo("hollow"),
        "enter-hill-house": GoTo("hill_house"),
        "escape-hollow": UseUntil("escape_rope", lambda now: bool(now["map"] != "hollow")),
        "walk-out-of-hollow": GoTo("reed_path"),
        "report-where": Report(_map_open(), answers.where, "the town map"),
        "talk-to-mother": TalkTo("mother"),
        "talk-to-tam": TalkTo("tam"),
        "talk-to-both": InOrder(TalkTo("tam"), TalkTo("pim")),
        "read-town-sign": Read("town_sign"),
        "report-east": Hear(Read("path_sign"), "HOLLOW", "The Hollow lies to the east."),
        "report-leader": Hear(
            Read("gym_sign"), "BRIAR", "The leader of the gym is Briar, who talks to plants."
        ),
        "ask-guide": Hear(
            TalkTo("guide", _never), "burn", "Ember moves burn the leader's creatures."
        ),
        "ask-pike": Hear(TalkTo("pike", _never), "Sunday", "The fish bite only on Sundays."),
        "ask-pim-about-repel": Hear(
            TalkTo("pim", _never), "40", "A repel keeps wild creatures away for 40 steps."
        ),
        "find-dell": TalkTo("dell"),
        "get-town-map": TalkTo("mother", lambda now: now.count("town_map") > 0),
        "pick-antidote": PickUp("town_antidote", "antidote"),
        "pick-potion": PickUp("path_potion", "potion"),
        "pick-ether": PickUp("hill_ether", "ether"),
        "find-gold-nut": PickUp("hollow_nut", "gold_nut"),
        "find-revive": InOrder(
            Unless(lambda now: now.count("repel") == 0, UseUntil("repel", _repelling)),
            PickUp("hollow_revive", "revive"),
        ),
        "take-puddlo": TalkTo("ada", lambda now: bool(now["gifts"]["ada"])),
        "take-present": TalkTo("wick", lambda now: bool(now["gifts"]["wick"])),
    }


def _shop() -> dict[str, Goal]:
    return {
        "see-goods": GoodsSeen("see the goods"),
        "report-price": Report(
            GoodsSeen("see the price of SUPER POTION", to="super_potion"),
            partial(answers.price_of, "super_potion"),
            "the list of goods",
        ),
        "report-cheapest": Report(
            GoodsSeen("compare all prices", to="escape_rope"), answers.cheapest, "the list of goods"
        ),
        "buy-potion": Buy("potion", 4),
        "buy-two-antidotes": Buy("antidote", 3),
        "buy-five-bells": Buy("bell", 10),
        "buy-ether": Buy("ether", 2),
        "buy-great-bell-and-repel": InOrder(Buy("repel", 2), Buy("great_bell", 1)),
        "fetch-wake-herb": Buy("wake_herb", 1),
        "spend-all": Buy("potion", 9),
        "sell-gold-nut": Sell("gold_nut", left=0),
        "sell-nut-from-hollow": InOrder(PickUp("hollow_nut", "gold_nut"), Sell("gold_nut", left=0)),
        "sell-two-potions": Sell("potion", left=1),
        "buy-revive-and-leave": InOrder(Buy("revive", 2), GoTo("willow_town")),
    }


def _healing() -> dict[str, Goal]:
    cured = _member("puddlo", lambda one: one["status"] == "ok")
    whole = _member("puddlo", lambda one: one["hp"] == one["max_hp"])
    return {
        "heal-at-desk": _healed(),
        "heal-from-town": _healed(),
        "heal-from-path": _healed(),
        "cure-poison-for-free": _healed(),
        "use-potion": _use("potion", "mosskit", lambda one: one["hp"] > 9),
        "use-super-potion": _use("super_potion", "puddlo", lambda one: one["hp"] > 2),
        "cure-poison": UseUntil("antidote", cured, on="puddlo"),
        "wake-up": _use("wake_herb", "kindlet", lambda one: one["status"] == "ok"),
        "revive": _use("revive", "puddlo", lambda one: one["hp"] > 0),
        "restore-pp": _use("ether", "mosskit", lambda one: one["pp"][1] > 13),
        "heal-with-items": InOrder(
            UseUntil("antidote", cured, on="puddlo"), UseUntil("potion", whole, on="puddlo")
        ),
    }


def _battle() -> dict[str, Goal]:
    grass, cave = "reed_path", "hollow"
    return {
        "report-enemy": Report(battles.meet(grass), answers.enemy, "the battle's screen"),
        "use-leaf-cut": battles.use_move("leaf_cut", _never, grass),
        "run-away": battles.run_away(grass),
        "win-wild": battles.win(1, grass),
        "hit-hard": battles.use_move("leaf_cut", _never, cave),
        "heal-in-battle": battles.use_item("potion", lambda now: now.count("potion") < 3, grass),
        "send-out-kindlet": battles.send_out("kindlet", grass),
        "put-to-sleep": battles.use_move(
            "doze_dust", lambda now: bool(now.enemy["status"] == "sleep"), grass
        ),
        "find-and-win": battles.win(1, grass),
        "win-two": battles.win(2, grass),
        "level-up": battles.grow("mosskit", 7, grass),
        "beat-rook": battles.beat("rook"),
        "beat-ivy": battles.beat("ivy"),
        "beat-fenn": battles.beat("fenn"),
        "battle-gym-leader": battles.beat("briar"),
        "ring-bell": battles.use_item("bell", lambda now: now.count("bell") < 5, grass),
        "catch-weak": battles.catch_one(grass),
        "weaken-and-catch": battles.catch_one(grass),
        "catch-any": battles.catch_one(grass),
        "buy-bells-and-catch": InOrder(
            Unless(at_least("items_bought", 3), Buy("great_bell", 3)),
            battles.catch_one(grass, "great_bell"),
        ),
        "catch-kindlet": battles.catch_one(cave, "great_bell"),
    }


def _saving() -> dict[str, Goal]:
    return {
        "save-the-game": Saved(),
        "do-not-save": OnTheMap(),
        "save-outside": InOrder(GoTo("willow_town"), Saved()),
        "heal-and-save": InOrder(_healed(), Saved()),
        "save-before-gym": InOrder(GoTo("fern_hill"), Saved()),
        "save-before-leader": InOrder(StandAt(("gym", 4, 2), "go up to BRIAR"), Saved()),
    }


def _map_open() -> Goal:
    return UseUntil("town_map", lambda now: now.mode == "town_map")


def _healed() -> Goal:
    """At the healer's, where it costs nothing."""

    def well(now: Now) -> bool:
        return all(one["hp"] == one["max_hp"] and one["status"] == "ok" for one in now.team)

    return TalkTo("nurse", well, "have the creatures healed")


def _never(now: Now) -> bool:
    """For what the game itself ends, or another goal."""
    return False


def _repelling(now: Now) -> bool:
    return bool(now["repel_steps"] > 0)


def _use(item: str, on: str, until: Callable[[Mapping[str, Any]], bool]) -> Goal:
    """Using an item on a creature until something is so of it."""
    return UseUntil(item, _member(on, until), on=on)


def _member(species: str, test: Callable[[Mapping[str, Any]], bool]) -> Test:
    """Whether something is so of a creature of the party."""

    def holds(now: Now) -> bool:
        place = now.find(species)
        return place is not None and test(now.team[place])

    return holds
