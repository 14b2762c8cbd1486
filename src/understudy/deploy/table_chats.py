"""Chats of the table for checks of a model: the scenarios that come with the package and that no
model is trained on.
"""

from __future__ import annotations

from pathlib import Path

from understudy.chat.scenarios.scenario import Scenario
from understudy.formats.scenario_markdown import read_scenario, scenario_paths
from understudy.players.backends.chat_model import Messages

SCENARIOS = Path(__file__).parents[1] / "scenarios_validation"
MOST = 24
"""Enough to see whether a model runs and answers; how well it plays is what validation asks."""


def table_scenarios(folder: Path = SCENARIOS) -> list[tuple[str, Scenario]]:
    """The scenarios of a folder by name. FormatError for one that cannot be read."""
    return [(path.stem, read_scenario(path).scenario) for path in scenario_paths(folder)]


def table_chats(folder: Path = SCENARIOS, most: int | None = MOST) -> list[Messages]:
    """The same as chats, with their authors' answers; of many, ``most`` from among all."""
    chats = [scenario.messages() for _, scenario in table_scenarios(folder)]
    if most is None or len(chats) <= most:
        return chats
    return [chats[number * len(chats) // most] for number in range(most)]
