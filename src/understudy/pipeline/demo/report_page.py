"""``report.html``: what the demonstration came to, in one file with its plots and pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from understudy._util import html_page
from understudy.curate.bar_chart import bar_chart
from understudy.pipeline.demo.scoreboard import AGENT, HEADS, MASTER, Line

if TYPE_CHECKING:
    from understudy.pipeline.demo.demonstration import Demonstration

NAME = "report.html"


def report_page(done: Demonstration) -> str:
    """The page."""
    return html_page.page("From play to a model that plays", _parts(done))


def _parts(done: Demonstration) -> Iterator[str]:
    yield "<h2>Before and after</h2>"
    yield (
        "<p>The embedded base model before training, and what became of it: the Dungeon Master as "
        "the file that ships, held to its tools and the party sheet as in a game, the agent as it "
        "plays. Each is measured on the same cases before and after; where the interval of the "
        "difference holds 0, no difference is shown.</p>"
    )
    yield html_page.table(
        [head.capitalize() for head in HEADS], [line.cells for line in done.lines]
    )
    for who, unit in ((MASTER, "percent of the cases"), (AGENT, "percent of the episodes")):
        yield _chart(who, [line for line in done.lines if line.who == who], unit)
    yield "<h2>One turn with what was deployed</h2>"
    turn = done.first_turn
    told = "\n".join((f"you: {turn.said}", *(f"DM:  {answer}" for answer in turn.answers)))
    yield f"<pre>{escape(told)}</pre>"
    yield "<h2>What the script played, step by step</h2>"
    yield _picture(done.contact_sheet, "Sessions of pocket, each a row of its screens")
    yield "<h2>How it went</h2>"
    yield html_page.table(
        ("Stage", "Seconds", "Reused"),
        [(one.stage, f"{one.seconds:.1f}", "yes" if one.reused else "") for one in done.stages],
    )


def _chart(who: str, lines: Sequence[Line], unit: str) -> str:
    return bar_chart(
        who,
        [_in_two(line.measured) for line in lines],
        {
            "before": [100 * line.before for line in lines],
            "after": [100 * line.after for line in lines],
        },
        unit=unit,
        beside=True,
        top=100,
        empty="Nothing was right, before or after.",
    )


def _in_two(label: str) -> str:
    """Its words in two lines that are about as long."""
    words = label.split()
    ways = [(" ".join(words[:cut]), " ".join(words[cut:])) for cut in range(1, len(words) + 1)]
    best = min(ways, key=lambda way: max(len(way[0]), len(way[1])))
    return "\n".join(line for line in best if line)


def _picture(path: Path, words: str) -> str:
    inside = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{inside}">'
