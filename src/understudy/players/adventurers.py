"""Adventurers in the tavern who need no model, each with a temper of their own.

With a task they do it, by the plans of the tavern's script, and on the way whatever their temper
has them do. Without one they spend an evening by their own wishes and leave in the end.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from understudy.errors import PlayerError
from understudy.games.game import SAY, Action, Game
from understudy.players.player import Decision, Player, PlayerQuit, Situation, View
from understudy.players.registry import PlayerSettings
from understudy.players.scripts.tavern import ROAD, TavernScript, fight, healing
from understudy.players.scripts.tavern_words import Temper, Want, reason, spoken

_GAME = "tavern"
_CELLAR, _YARD, _UPSTAIRS, _KITCHEN = "cellar", "yard", "upstairs room", "kitchen"


class Adventurer(Player):
    """Base of the three. The seed decides what they do, and the dice what comes of it."""

    temper: Temper
    asides: tuple[Want, ...]
    """What they do beside their task, any time."""
    aside: float
    """How often, of all turns."""
    wishes: tuple[Want, ...]
    """What they do with a free evening, in some order; each may take several turns."""
    hurt: float
    """Below this share of hit points somebody is healed first."""

    def __init__(self, settings: PlayerSettings) -> None:
        self.name = f"{self.temper}-adventurer"
        self._seed = settings.seed
        self._game: Game | None = None
        self._script: TavernScript | None = None
        self._chance = random.Random()
        self._ahead: list[Want] = []

    def begin(self, situation: Situation) -> None:
        """PlayerError for another game than the tavern."""
        game = situation.game
        if game.name != _GAME:
            raise PlayerError(
                f"{self.name} plays {_GAME!r} alone, not {game.name!r}; choose another player"
            )
        self._game = game
        task = situation.task
        self._script = None if task is None else TavernScript(game, task)
        self._chance = random.Random(f"{self._seed} {situation.seed} {self.temper}")
        self._ahead = self._chance.sample(self.wishes, len(self.wishes))

    def decide(self, view: View) -> Decision:
        """The task's next step or the evening's, and now and then what the temper wants."""
        if self._game is None:
            raise PlayerError(f"{self.name} was asked before its session began; call `begin` first")
        want, aside = self._next(self._game.memory())
        words = spoken(want, self.temper, self._chance.randrange(60))
        why, expected = reason(want)
        return Decision(Action(SAY, words), why, expected, facts={"aside": True} if aside else {})

    def end(self) -> None:
        """Forget the game."""
        self._game = self._script = None

    def _next(self, memory: Mapping[str, Any]) -> tuple[Want, bool]:
        if self._chance.random() < self.aside:
            return self._chance.choice(self.asides), True
        if self._script is not None:
            return self._script.want(memory), False
        for name, hero in memory["party"].items():
            if hero["hp"] < self.hurt * hero["max_hp"] and any(
                memory["party"]["sela"]["slots"].values()
            ):
                return healing(memory, name.title()), False
        return self._wish(memory), False

    def _wish(self, memory: Mapping[str, Any]) -> Want:
        """The next thing of a free evening."""
        while self._ahead:
            want = self._ahead[0]
            if want.kind == "attack":
                if memory["foes"][want.foe.replace(" ", "_")]["hp"] > 0:
                    return fight(memory, want.foe, want.place)
            elif want.place and want.kind != "go" and memory["place"] != want.place:
                return Want("go", place=want.place)
            elif want.kind != "go" or memory["place"] != want.place:
                return self._ahead.pop(0)
            self._ahead.pop(0)
        if memory["place"] == ROAD:
            raise PlayerQuit
        return Want("go", place=ROAD)


class CautiousAdventurer(Adventurer):
    """Looks and listens first, heals early, buys what may be needed, and picks no fights."""

    temper: Temper = "cautious"
    aside = 0.25
    asides = (Want("listen", hero="Mira"), Want("listen", hero="Borin"), Want("wait"))
    wishes = (
        Want("ask for news"),
        Want("buy", hero="Sela", item="healing potion", place="common room"),
        Want("buy", hero="Borin", item="rope", place="common room"),
        Want("bless", hero="Sela"),
        Want("look in the water", hero="Mira", place=_CELLAR),
        Want("search the board", hero="Mira", place=_UPSTAIRS),
        Want("judge the cook", hero="Sela", place=_KITCHEN),
        Want("sneak past", hero="Mira", place=_YARD),
    )
    hurt = 0.8


class BoldAdventurer(Adventurer):
    """Threatens, takes what lies about, and fights whoever stands in the way."""

    temper: Temper = "bold"
    aside = 0.2
    asides = (Want("threaten", hero="Borin"), Want("joke", hero="Borin"), Want("wait"))
    wishes = (
        Want("attack", hero="Borin", foe="giant rat", place=_CELLAR),
        Want("attack", hero="Borin", foe="brawler", place=_YARD),
        Want("take", hero="Borin", item="crowbar", place=_CELLAR),
        Want("take", hero="Mira", item="candle", place=_UPSTAIRS),
        Want("steal", hero="Mira", item="iron key", place="common room"),
        Want("persuade", hero="Borin", place="common room"),
        Want("buy", hero="Borin", item="torch", place="common room"),
    )
    hurt = 0.35


class ChattyAdventurer(Adventurer):
    """Talks to everybody, and does things in between."""

    temper: Temper = "chatty"
    aside = 0.4
    asides = (Want("joke", hero="Borin"), Want("joke", hero="Mira"), Want("wait"))
    wishes = (
        Want("ask for news", place="common room"),
        Want("ask about the stew", place=_KITCHEN),
        Want("judge the cook", hero="Sela", place=_KITCHEN),
        Want("persuade", hero="Sela", place="common room"),
        Want("read the runes", hero="Mira", place="common room"),
        Want("give", hero="Mira", other="Borin", item="lantern"),
        Want("buy", hero="Mira", item="bread", place="common room"),
    )
    hurt = 0.5
