"""The conversation that ``understudy demo`` plays: an evening in a tavern, written in advance."""

from __future__ import annotations

from typing import Any

from understudy.players.backends.scripted import Answer

SYSTEM = (
    "You are the Dungeon Master. World: the river lands. Location: the Drowned Lantern, a tavern. "
    "Party: Mira (Ranger, Level 3, HP: 21/24). Roll dice with the tool."
)

TURNS = (
    "I push the door open and shake the rain off my cloak.",
    "I put a silver piece on the counter and ask who else is here tonight.",
    "I look for tracks on the floor, without being seen.",
    "I show her the letter. It says: write to captain@drowned-lantern.com by full moon.",
    "I thank her and take the stairs.",
    "I listen at the third door.",
    "I go in, bow in hand.",
    "I ask him who sent him.",
    "I let him go, and follow him from the window.",
)

ANSWERS = (
    Answer(text="The talk stops for a breath. Old Tamsin points at your boots: 'Wipe them.'"),
    Answer(text="Her hand is quick. 'Two bargemen, a priest, and a man who pays in gold.'"),
    Answer(tool_calls=[("roll", {"check": "investigation", "die": "d20", "modifier": 5})]),
    Answer(text="River mud, and in it the print of a soldier's boot, leading to the cellar door."),
    Answer(text="Tamsin reads, and burns it in the candle. 'You never had this. Room three.'"),
    Answer(text="The third door stands ajar. Somebody has been here before you."),
    Answer(text="A drawer opens. A page turns. Whoever it is reads slowly."),
    Answer(text="A boy of twelve drops your map case. 'He said nobody had the room!'"),
    Answer(text="'The man with the gold. He is in the cellar, waiting for the moon.'"),
    Answer(text="He runs for the jetty, where a lantern swings twice. Somebody swings one back."),
)

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "roll",
            "description": "Roll dice for a check.",
            "parameters": {
                "type": "object",
                "properties": {
                    "check": {"type": "string"},
                    "die": {"type": "string"},
                    "modifier": {"type": "integer"},
                },
                "required": ["check", "die", "modifier"],
            },
        },
    }
]

TOOL_RESULT = "investigation: 14 + 5(skill) = *19*"
STREAMED_TURNS = frozenset({1, 3})
"""Counted from 0: these answers come as a stream, so that both ways are shown."""
