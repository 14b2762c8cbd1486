"""From a recipe's file to the line that it describes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from understudy.pipeline.recipes.recipe import is_agent_recipe, read_recipe, recipe_table
from understudy.pipeline.recipes.stage_line import StageLine, Watcher

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace


def open_line(workspace: Workspace, path: Path, watcher: Watcher) -> StageLine:
    """The line of the recipe in ``path``: an agent's where it says what to play, else that of a
    Dungeon Master. Raises as `read_recipe` does.
    """
    table = recipe_table(path)
    if is_agent_recipe(table):
        # Only these need what plays games.
        from understudy.pipeline.recipes.agent_line import AgentLine
        from understudy.pipeline.recipes.agent_recipe import read_agent_recipe

        return AgentLine(workspace, read_agent_recipe(path, table), watcher)
    from understudy.pipeline.recipes.line import Line

    return Line(workspace, read_recipe(path), path.absolute().parent, watcher)
