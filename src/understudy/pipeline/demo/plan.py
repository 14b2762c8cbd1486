"""What a demonstration plays and trains: the whole of it, which tests make smaller."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from understudy.pipeline.recipes.agent_recipe import AgentRecipe, read_agent_recipe
from understudy.pipeline.recipes.recipe import Recipe, read_recipe, recipe_table

PLACE = Path(__file__).parent
TABLES: tuple[tuple[str, str, int], ...] = (
    ("buy-rope", "bold-adventurer", 1),
    ("kill-the-rat", "chatty-adventurer", 2),
    ("heal-mira", "cautious-adventurer", 3),
    ("the-guards-key", "chatty-adventurer", 4),
    ("past-the-brawler", "bold-adventurer", 5),
    ("read-the-runes", "cautious-adventurer", 6),
)
"""Evenings in the tavern: task, who plays, seed."""


@dataclass(frozen=True)
class Plan:
    """The tables that are played and the two recipes that are run."""

    tables: tuple[tuple[str, str, int], ...]
    master: Recipe
    agent: AgentRecipe


def whole_plan() -> Plan:
    """What `understudy demo` does."""
    master, agent = PLACE / "dm.toml", PLACE / "agent.toml"
    return Plan(
        tables=TABLES,
        master=read_recipe(master),
        agent=read_agent_recipe(agent, recipe_table(agent)),
    )
