"""The table: who sits there, what everybody carries, and what came of the dice until now.

Everything in it is plain data, so that it can be kept and put back as a whole. It changes only by
the rules, in `rules`, and by where the party goes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.games.builtin.tavern.hero import Foe, Hero

PLAYER = "player"


class Table(msgspec.Struct, kw_only=True):
    """The state of the game as everybody at the table would agree on it."""

    party: list[Hero]
    foes: list[Foe]
    place: str
    speaker: str
    """The hero that "I" and ``player`` are."""
    best: dict[str, int] = {}
    """Skill or ability → the best check that was made of it."""
    cast: list[str] = []
    """The spells that were cast, in order."""
    checks: int = 0
    saves: int = 0
    rolls: int = 0
    fallen: int = 0
    """How often a hero has fallen unconscious."""
    refused: int = 0
    """Calls that were malformed or against the rules."""
    turns: int = 0
    """How often the adventurers have said something."""

    def hero(self, name: str) -> Hero | None:
        """The hero of that name, in any case; ``player`` is the speaker."""
        wanted = name.casefold()
        if wanted == PLAYER:
            wanted = self.speaker.casefold()
        return next((one for one in self.party if one.name.casefold() == wanted), None)

    def foe(self, name: str) -> Foe | None:
        """The foe of that name, in any case, with an article or without."""
        wanted = name.casefold().removeprefix("the ")
        return next((one for one in self.foes if one.name.casefold() == wanted), None)

    def foes_here(self) -> list[Foe]:
        """Those in the place of the party that can still fight."""
        return [one for one in self.foes if one.place == self.place and not one.beaten]

    def memory(self) -> dict[str, Any]:
        """The named values that tasks are checked by."""
        return {
            "place": self.place,
            "turns": self.turns,
            "party": {hero.name.lower(): hero.facts() for hero in self.party},
            "foes": {
                foe.name.replace(" ", "_"): {"hp": foe.hp, "max_hp": foe.max_hp}
                for foe in self.foes
            },
            "best": dict(self.best),
            "cast": list(self.cast),
            "checks": self.checks,
            "saves": self.saves,
            "rolls": self.rolls,
            "fallen": self.fallen,
            "refused": self.refused,
        }
