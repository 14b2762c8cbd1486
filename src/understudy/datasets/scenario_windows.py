"""Cutting a scenario that is too long for a model into parts that are not.

A part is a run of whole exchanges: what the player says and all that follows until the player
speaks again, so that no call is torn from its result and every turn is in one part. Each part gets
the whole system prompt.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from understudy.chat.scenarios.scenario import Scenario, Turn

CHARACTERS_OF_A_TOKEN = 4
_TOKENS_OF_A_TURN = 4
"""What the marks around a turn take."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """How much a part may hold at most; None for any amount."""

    turns: int | None = None
    tokens: int | None = None
    """By a simple measure: four characters are one, and each turn takes four more."""


def tokens_of(text: str) -> int:
    """How many tokens a turn with this text takes, about."""
    return -(-len(text) // CHARACTERS_OF_A_TOKEN) + _TOKENS_OF_A_TURN


def parts_of(scenario: Scenario, window: Window) -> tuple[list[Scenario], list[str]]:
    """The parts that fit, and why each exchange that is in none of them is left out."""
    runs: list[list[Turn]] = []
    reasons: list[str] = []
    left = _tokens_left(scenario, window)
    goes_on = False
    for exchange in _exchanges(scenario.turns):
        fits = _fits(exchange, window, left)
        if not fits:
            reasons.append(_too_long(exchange, window))
        elif goes_on and _fits([*runs[-1], *exchange], window, left):
            runs[-1] += exchange
        else:
            runs.append(exchange)
        goes_on = fits
    parts = []
    for turns in runs:
        answered = max((n for n, turn in enumerate(turns, 1) if turn.speaker == "dm"), default=0)
        if any(turn.speaker == "user" for turn in turns[answered:]):
            reasons.append("the Dungeon Master says nothing to the player's last words")
        if answered:
            parts.append(msgspec.structs.replace(scenario, turns=tuple(turns[:answered])))
    if not scenario.turns:
        reasons.append("nobody says anything in it")
    return parts, reasons


def _exchanges(turns: Sequence[Turn]) -> list[list[Turn]]:
    exchanges: list[list[Turn]] = []
    for number, turn in enumerate(turns):
        if not number or (turn.speaker == "user" and turns[number - 1].speaker != "user"):
            exchanges.append([])
        exchanges[-1].append(turn)
    return exchanges


def _too_long(exchange: Sequence[Turn], window: Window) -> str:
    if window.turns is not None and len(exchange) > window.turns:
        return f"one exchange alone is too long; it has {len(exchange)} turns"
    tokens = sum(tokens_of(turn.text) for turn in exchange)
    return f"one exchange alone is too long; it takes about {tokens} tokens beside the prompt"


def _fits(turns: Sequence[Turn], window: Window, left: int | None) -> bool:
    if window.turns is not None and len(turns) > window.turns:
        return False
    return left is None or sum(tokens_of(turn.text) for turn in turns) <= left


def _tokens_left(scenario: Scenario, window: Window) -> int | None:
    """What the system prompt leaves for the turns."""
    return None if window.tokens is None else window.tokens - tokens_of(scenario.prompt())
