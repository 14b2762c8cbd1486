"""Plays `pocket` from a picture of its screen alone: reads the letters on it, and nothing else."""

from __future__ import annotations

import io
import re
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

FONT = Path(__file__).parents[3] / "games" / "pocket" / "art" / "font.txt"
WIDTH, HEIGHT, TILE = 160, 144, 8
MENU = ["BAG", "PARTY", "CARD", "SAVE", "EXIT"]


@cache
def letters() -> dict[bytes, str]:
    """The dots of each letter, as they lie in a tile."""
    found = {}
    for line in FONT.read_text(encoding="utf-8").splitlines():
        if line.startswith("# One letter") or not line:
            continue
        tile = np.zeros((TILE, TILE), bool)
        for y, row in enumerate(line[2:].split("/")):
            for x, dot in enumerate(row):
                tile[y, x + 1] = dot == "#"
        found[tile.tobytes()] = line[0]
    return found


def read_screen(png: bytes) -> list[str]:
    """The 18 rows of letters on the screen; what is no letter is a space."""
    image = Image.open(io.BytesIO(png)).convert("L")
    factor = image.width // WIDTH
    assert image.size == (WIDTH * factor, HEIGHT * factor), image.size
    dark = np.array(image)[::factor, ::factor] < 64
    known = letters()
    return [
        "".join(
            known.get(np.ascontiguousarray(dark[y : y + TILE, x : x + TILE]).tobytes(), " ")
            for x in range(0, WIDTH, TILE)
        )
        for y in range(0, HEIGHT, TILE)
    ]


def decide(png: bytes, goal: str) -> dict[str, str]:
    """What somebody would press who sees this screen and wants ``goal``."""
    rows = read_screen(png)
    text = "\n".join(rows)
    action, answer, seen = "press_start", "", "the map"
    if "Save the game" in text:
        action, seen = "press_a", "the question whether to save"
    elif potions := re.search(r"^\W*POTION\s+x\s*(\d+)", text, re.MULTILINE):
        action, answer, seen = "report", f"There are {potions[1]} potions.", "the bag"
    elif all(word in text for word in MENU):
        place = next((row for row in rows if ">" in row), "")
        at = next((MENU.index(word) for word in MENU if word in place), 0)
        wanted = 1 if "party" in goal else 3 if "save" in goal else 0
        action, seen = "press_a" if at == wanted else "press_down", f"the menu at {MENU[at]}"
    return {
        "reasoning": f"I see {seen}.",
        "action": action,
        "text": answer,
        "expected_outcome": "The screen changes.",
        "note": "",
    }
