"""The demonstration's agent runs: ten tasks of a real game, scored, and made a dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from understudy.curate.contact_sheet import Caption, contact_sheet
from understudy.datasets.build import BuildRequest, build_dataset
from understudy.datasets.selection import Selection
from understudy.pipeline.play import Players, PlayRequest, play_session
from understudy.pipeline.scoring import score_by_rule
from understudy.session.workspace import Workspace
from understudy.store.catalog.schema import SessionRow

GAME, TAG, DATASET = "pocket", "demo", "agent-demo"
SCORE = 6.0
FORMAT = "vllm"
TASKS: tuple[tuple[str, float, int], ...] = (
    ("check-healing-items", 0.0, 1),
    ("open-bag", 0.3, 2),
    ("buy-two-antidotes", 0.0, 3),
    ("use-super-potion", 0.2, 4),
    ("talk-to-both", 0.0, 5),
    ("heal-from-town", 0.1, 6),
    ("run-away", 0.0, 7),
    ("catch-weak", 0.3, 8),
    ("save-the-game", 0.0, 9),
    ("battle-gym-leader", 0.0, 10),
)
"""Task, rate of mistakes, seed."""

Progress = Callable[[int, int], None]


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions that were played, by id, in the order of ``TASKS``."""

    sessions: list[str]

    def rows(self, workspace: Workspace) -> list[SessionRow]:
        """The catalog's lines of them."""
        return [workspace.find(id) for id in self.sessions]

    def stands(self, workspace: Workspace) -> bool:
        """Whether all of them are still there."""
        return all((workspace.runs / row.directory).is_dir() for row in self.rows(workspace))


def play_tasks(workspace: Workspace, progress: Progress) -> Runs:
    """Play the tasks with the script, some of them with mistakes."""
    sessions = []
    with Players(workspace) as players:
        for number, (task, mistakes, seed) in enumerate(TASKS):
            progress(number, len(TASKS))
            request = PlayRequest(
                game=GAME,
                asked=task,
                player="script",
                seed=seed,
                mistakes=mistakes,
                save_training_data=True,
                collect_screenshots=True,
                durability="interval",
                tags=(TAG,),
            )
            sessions.append(play_session(workspace, players, request).id)
        progress(len(TASKS), len(TASKS))
    return Runs(sessions=sessions)


def score(workspace: Workspace, runs: Runs) -> dict[str, Any]:
    """Let the rule score them."""
    report = score_by_rule(workspace, runs.rows(workspace))
    return {"author": report.author, "scored": report.scored}


def build(workspace: Workspace, runs: Runs) -> dict[str, Any]:
    """Make a version of the dataset of those that were scored well enough."""
    selection = Selection(
        sessions=tuple(runs.sessions), min_score=SCORE, score_source="auto", tags=(TAG,)
    )
    built = build_dataset(workspace, DATASET, BuildRequest(selection=selection, formats=(FORMAT,)))
    return {"ref": built.ref, "path": str(built.path), "facts": built.facts}


def draw_sheet(workspace: Workspace, runs: Runs) -> dict[str, Any]:
    """Draw the contact sheet of the sessions."""
    entries = []
    for row in runs.rows(workspace):
        folder = workspace.runs / row.directory / "screenshots"
        pictures = sorted(folder.glob("*.png"), key=_in_time)
        caption = Caption(
            words=row.task,
            success=row.success,
            steps=row.steps,
            max_steps=row.play.max_steps if row.play else None,
            score=row.auto_score,
        )
        entries.append((caption, pictures))
    path = workspace.path / "contact_sheet.png"
    contact_sheet(entries, path)
    return {"path": str(path)}


def sheet_stands(facts: dict[str, Any]) -> bool:
    """Whether the contact sheet is still there."""
    return Path(facts["path"]).is_file()


def _in_time(picture: Path) -> tuple[int, bool]:
    """Sorts ``step_03_before_action.png`` before ``step_03_after_action.png``."""
    _, number, moment, _ = picture.stem.split("_")
    return int(number), moment == "after"
