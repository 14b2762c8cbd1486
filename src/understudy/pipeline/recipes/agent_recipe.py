"""What the recipe of an agent says: what is played to learn from, and how it is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from understudy.pipeline.agent_evaluation import FIRST_SEED
from understudy.pipeline.recipes.recipe import Fractions, Part, Train, checked


class Round(Part):
    """So many sessions of each task."""

    sessions: int = Field(default=1, gt=0)
    mistakes: float = Field(default=0.0, ge=0, le=1)
    """How often the script does something else than it should. What it does wrong is not learned,
    how it finds its way back is."""


class Collect(Part):
    """What is played to learn from."""

    game: str
    player: str = "script"
    tasks: list[str] = Field(min_length=1)
    """Ids of the game's tasks."""
    seed: int = Field(default=1, ge=0)
    """Of each task's first session; every further one, of later rounds too, has the next."""
    rounds: list[Round] = Field(default=[Round()], min_length=1)


class AgentData(Part):
    """Which of the sessions are learned from."""

    min_score: float = 6.0
    score_source: Literal["human", "auto", "any"] = "auto"
    splits: Fractions = (0.9, 0.1, 0.0)
    near_copies: bool = True
    """Whether steps that look nearly the same are all kept: without pictures, they differ in what
    was done before."""


class Evaluate(Part):
    """How the agent is measured, beside what it was trained from."""

    never_learned: list[str] = Field(default=[])
    """Tasks that are played beside those learned from."""
    players: list[str] = Field(default=[])
    """Who else plays the same starts, such as `random` and `script`."""
    episodes: int = Field(default=100, gt=0)
    seed: int = Field(default=FIRST_SEED, ge=0)
    stumbles: int = Field(default=0, ge=0)
    reach: float = Field(default=0.0, ge=0, le=1)
    """The share of tasks learned from that it has to complete to be put in use."""


class AgentRecipe(Part):
    """A whole line of an agent."""

    schema_version: int = Field(alias="schema", ge=1)
    name: str = Field(min_length=1)
    """Of the model and its dataset, and the tag of its sessions."""
    words: str = ""
    collect: Collect
    data: AgentData = AgentData()
    train: Train = Train()
    evaluate: Evaluate = Evaluate()


def read_agent_recipe(path: Path, table: dict[str, Any]) -> AgentRecipe:
    """The recipe with this ``table`` in ``path``. SettingsError with the key that is wrong."""
    return checked(path, table, AgentRecipe)
