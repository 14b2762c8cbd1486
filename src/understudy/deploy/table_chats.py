"""Chats of the table for checks of a model: the scenarios that come with the package and that no
model is trained on.
"""

from __future__ import annotations

from pathlib import Path

from understudy.chat.scenarios.scenario import Scenario
from understudy.formats.scenario_markdown import read_scenario, scenario_paths
from understudy.players.backends.chat_model import Messages

SCENARIOS = Path(__file__).parents[1] / "scenarios_validation"


def table_scenarios(folder: Path = SCENARIOS) -> list[tuple[str, Scenario]]:
    """The scenarios of a folder by name. FormatError for one that cannot be read."""
    return [(path.stem, read_scenario(path).scenario) for path in scenario_paths(folder)]


def table_chats(folder: Path = SCENARIOS) -> list[Messages]:
    """The same as chats, with the answers that their author gave."""
    return [scenario.messages() for _, scenario in table_scenarios(folder)]
