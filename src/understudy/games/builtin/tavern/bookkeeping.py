"""What calls come to at a table of which only the party sheet is known.

For whoever compares two answers by what they do: the same state means that the same was done, in
whatever order and in however many calls. Nothing is thrown: a check that is asked for is noted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from understudy.chat.tools.registry import Call
from understudy.games.builtin.tavern.table import PLAYER

State = dict[str, Any]


def outcome(known: Mapping[str, Any], calls: Sequence[Call]) -> State:
    """The state after ``calls``.

    ``known`` has ``party`` (name → ``hp`` and ``max_hp``) and the ``speaker`` that ``player`` is,
    both of which may be missing. Hit points stay between 0 and the most, of others their sum is
    kept. Things and castings are counted, a thing that is taken and given away again is nowhere.
    """
    party = {name.casefold(): dict(hero) for name, hero in known.get("party", {}).items()}
    speaker = str(known.get("speaker", "")).casefold()
    health: dict[str, int] = {name: hero["hp"] for name, hero in party.items()}
    things: Counter[tuple[str, str]] = Counter()
    cast: Counter[tuple[str, str, int]] = Counter()
    asked: Counter[str] = Counter()
    for call in calls:
        arguments = {
            name: value if isinstance(value, int) else " ".join(value.casefold().split())
            for name, value in call.arguments.items()
        }
        who = str(arguments.get("character", ""))
        if who == PLAYER and speaker:
            who = speaker
        if call.tool == "health":
            after = health.get(who, 0) + int(arguments["modifier"])
            if who in party:
                after = max(0, min(after, party[who]["max_hp"]))
            health[who] = after
        elif call.tool == "inventory":
            sign = 1 if arguments["action"] == "add" else -1
            things[who, str(arguments["item"])] += sign
        elif call.tool == "spellcast":
            cast[who, str(arguments["spell"]), int(arguments["level"])] += 1
        else:
            told = sorted(
                (name, str(value)) for name, value in arguments.items() if name != "character"
            )
            asked[f"{call.tool} {who} {told}"] += 1
    return {
        "health": {name: hp for name, hp in health.items() if name in party or hp},
        "things": {key: count for key, count in things.items() if count},
        "cast": dict(cast),
        "asked": dict(asked),
    }
