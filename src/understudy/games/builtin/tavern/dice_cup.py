"""Throwing dice, by a library for them, from a chance that can be begun again at any point.

`wyrdbound-dice` rather than `d20`: it is kept up, takes the generator of random numbers, and needs
no other package; `d20` has not changed since 2021 and needs a parser that is no longer made.
"""

from __future__ import annotations

import random

import msgspec

from understudy.chat.tools.dice import Dice, parse_dice

D20 = parse_dice("1d20")
WORSE_OF_TWO = parse_dice("2d20kl1")


def throw(dice: Dice, chance: random.Random) -> int:
    """What the dice show, without the number that is added to them."""
    from wyrdbound_dice import Dice as Cup

    bare = msgspec.structs.replace(dice, constant=0)
    return int(Cup.roll(str(bare), rng=chance).total)
