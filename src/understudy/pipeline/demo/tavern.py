"""The conversation that the demonstration plays: an evening in a tavern, written in advance."""

from __future__ import annotations

from typing import Any

from understudy.players.backends.scripted import Answer

SYSTEM = (
    "You are the Dungeon Master of a small table. World: the Salt Marches. Location: the Drowned "
    "Lantern, a tavern on stilts, on a night of rain. Party: Mira (Halfling Rogue, Level 3, HP: "
    "21/24). Keep it short. Roll dice with the tool."
)

TURNS = (
    "I push the door open with my hip and shake the rain off my hat.",
    "I bow to the goose and order whatever is hot.",
    "Three coppers, then. Who is the man by the stairs who has not turned a page all evening?",
    "I drift past his table and read over his shoulder.",
    "I slide a note under his mug: write to mira@quickfingers.org for the real nose.",
    "I sit down opposite and take his bread. Early for what?",
    "And what does the Guild pay for a silent bell?",
    "I count the coins with my thumb, under the table.",
    "I keep the button and give the goose a coin for her silence.",
    "I leave by the kitchen, the way the steam goes.",
    "I answer the light: twice, and once more for luck.",
)

_LIVELY = 0.02
"""Seconds between two words of an answer that is watched while it comes."""

ANSWERS = (
    Answer(
        text="Eleven heads turn, and ten go back to their soup. The eleventh belongs to a goose on "
        "the counter. The goose keeps looking."
    ),
    Answer(
        text="'Hot? That would be the cook's temper,' says Old Tamsin, and ladles eel stew all the "
        "same. 'Two coppers. Three if the goose likes you: she takes half.'",
        delay_s=_LIVELY,
    ),
    Answer(
        text="Tamsin polishes a mug that is dry already. 'Paid in gold and asked for no room. Who "
        "wants no bed is waiting for somebody who has one.'"
    ),
    Answer(tool_calls=[("roll", {"check": "stealth", "die": "d20", "modifier": 7})]),
    Answer(
        text="You are smoke with freckles. His book is upside down, and between its pages lies a "
        "drawing of your own face, rather kind about the nose."
    ),
    Answer(
        text="He reads it once, folds it twice, and turns a page at last. 'The Guild said you "
        "would be funny,' he says. 'They did not say you would be early.'"
    ),
    Answer(
        text="'For the barge at midnight. It carries a bell that must not ring, and a captain who "
        "loves to ring it.' He looks at where his bread was.",
        delay_s=_LIVELY,
    ),
    Answer(
        text="'Sixty silver, and your name out of the harbour book.' Ten come across the table, "
        "wet from his sleeve. 'The rest if nobody wakes.'"
    ),
    Answer(
        text="Nine, and a button. It is a very good button. He has the decency to blush.",
    ),
    Answer(
        text="The goose accepts. There is now exactly one witness in this room who can be trusted."
    ),
    Answer(tool_calls=[("roll", {"check": "acrobatics", "die": "d20", "modifier": 5})]),
    Answer(
        text="The wet step costs you your dignity and not your neck. Below, between the stilts, a "
        "lantern swings: once, twice."
    ),
    Answer(
        text="Out on the black water somebody laughs. And very softly, as if it were trying not "
        "to, a bell begins to ring.",
        delay_s=_LIVELY,
    ),
)

STREAMED_TURNS = frozenset({1, 5, 10})
"""Counted from 0: these answers come as a stream, so that both ways are shown."""

DICE = {
    "stealth": "stealth: 14 + 7(skill) = *21*",
    "acrobatics": "acrobatics: 6 + 5(skill) = *11*",
}
"""What a roll of the tool comes to."""

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
