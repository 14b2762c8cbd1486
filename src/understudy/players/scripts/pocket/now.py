"""The named memory of one moment, by the words that the script thinks in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from understudy.players.scripts.pocket import facts


class Now:
    """What is so at this moment: every decision is made of this alone."""

    def __init__(self, memory: Mapping[str, Any]) -> None:
        self.memory = memory
        self.mode: str = memory["mode"]
        self.cursor: int = memory["cursor"]

    def __getitem__(self, name: str) -> Any:
        """The value of ``name``."""
        return self.memory[name]

    @property
    def place(self) -> tuple[str, int, int]:
        """Map, column and row of the hero."""
        memory = self.memory
        return memory["map"], memory["x"], memory["y"]

    @property
    def where(self) -> str:
        """On which map the hero is, as people say it."""
        return facts.inside(self.memory["map"])

    @property
    def lying(self) -> frozenset[str]:
        """What has not been picked up yet."""
        return frozenset(name for name, taken in self.memory["picked"].items() if not taken)

    @property
    def team(self) -> list[Mapping[str, Any]]:
        """The creatures of the party."""
        team: list[Mapping[str, Any]] = self.memory["team"]
        return team

    def find(self, species: str) -> int | None:
        """The place of the first creature of ``species`` in the party."""
        return next((n for n, one in enumerate(self.team) if one["species"] == species), None)

    @cached_property
    def bag(self) -> list[str]:
        """The items of the bag, in its order."""
        return [slot["item"] for slot in self.memory["bag"][: self.memory["bag_count"]]]

    @cached_property
    def bag_entries(self) -> list[str]:
        """The bag's list as the screen spells it, the way back last."""
        return [*(facts.label("item", item) for item in self.bag), "BACK"]

    @property
    def team_entries(self) -> list[str]:
        """The party's list as the screen spells it."""
        return [facts.label("species", one["species"]) for one in self.team]

    def count(self, item: str) -> int:
        """How many of ``item`` are in the bag."""
        count: int = self.memory["items"][item]["count"]
        return count

    @property
    def battle(self) -> Mapping[str, Any]:
        """The battle."""
        battle: Mapping[str, Any] = self.memory["battle"]
        return battle

    @property
    def fighting(self) -> bool:
        """Whether a battle is on."""
        return bool(self.battle["kind"] != "none")

    @property
    def own(self) -> Mapping[str, Any]:
        """The creature that is out in this battle."""
        active: int = self.battle["active"]
        return self.team[active]

    @property
    def enemy(self) -> Mapping[str, Any]:
        """The creature that it faces."""
        enemy: Mapping[str, Any] = self.battle["enemy"]
        return enemy

    @property
    def prompt(self) -> str:
        """What the lowest box of the party's screen asks."""
        return self.row(16)

    @property
    def title(self) -> str:
        """What stands above a list: BAG, BUY or SELL."""
        return self.row(1).partition(" ")[0]

    def row(self, number: int) -> str:
        """A row of letters of the screen, without what stands around them."""
        row: str = self.memory["screen"][number]
        return row.strip()

    @property
    def said(self) -> str:
        """The text in the box, on one line."""
        said: str = self.memory["said"]
        return said

    @property
    def speaker(self) -> str:
        """Who says it; empty for messages of the game."""
        text: str = self.memory["text_id"]
        if text == "none":
            return ""
        name = text.rpartition("_")[0]
        return facts.person(text if text.endswith("_sign") else name)
