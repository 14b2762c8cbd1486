"""Measuring how well players play a game: the same starts for each of them, one table for all.

A player is the script, chance, whatever the section [chat] of the settings leads to, or a language
model of the workspace. Such a model is served by llama.cpp and asked by the chat player in the
words of its training, as it would be in use.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from understudy.config import Settings
from understudy.datasets.versions import usable_version
from understudy.errors import DatasetError, PlayerError, UsageError
from understudy.evaluate.playing import Episode, PlayResult, by_task, facts, score
from understudy.games.game import Game
from understudy.games.task import Task
from understudy.models.registry import PLAYING, ModelVersion, add_result, find_model
from understudy.pipeline.play import Players, PlayRequest, play_session
from understudy.pipeline.serving import Served, explains, is_plain, served
from understudy.players.loop import PlayedStep, screen_digest
from understudy.players.player import Player
from understudy.players.registry import PlayerSettings, make_player, player_names
from understudy.players.stumbling import StumblingPlayer
from understudy.session.workspace import Workspace

FIRST_SEED = 100_001
"""Of evaluations: sessions that are learned from are played with the small seeds."""
TAG = "evaluation"
LEARNED, NOT_LEARNED = "tasks learned from", "tasks never learned from"
_HUMAN = "human"
_STARTS_TRIED = 20
_FAR = 1_000_000
"""From the seed of a start that does not count to that of the next one."""
_WAY_DIGITS = 16
_MOST_TOKENS = 160
_MOST_OF_ACTION = 48
"""The same of an answer that is the action alone; what a base rambles on with is not waited for."""

Progress = Callable[[int, int], None]


class PlayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What every player is to play."""

    game: str
    tasks: tuple[str, ...] = ()
    """Their ids; empty for all of the game."""
    episodes: int = 100
    """In all, dealt to the tasks in turn."""
    seed: int = FIRST_SEED
    """Of the first round; each further round of the tasks has the next one."""
    stumbles: int = 0
    """How many steps chance takes before the player begins."""
    steps: int | None = None
    """The step limit; None adapts it to each task."""


def evaluate_players(
    workspace: Workspace,
    names: Sequence[str],
    plan: PlayPlan,
    *,
    keep_sessions: bool = False,
    progress: Callable[[str], Progress] | None = None,
) -> list[PlayResult]:
    """Let each of the players play what is planned.

    A name is ``script``, ``random``, ``chat`` or another registered player, or a model as `served`
    takes one. The sessions are played in a workspace that is thrown away, unless they are to be
    kept in this one, with the tag ``evaluation``. Raises UsageError for a plan that cannot be
    played, and what a player or a model raises that cannot be had.
    """
    if plan.episodes < 1 or plan.stumbles < 0:
        raise UsageError("give 1 episode or more, and 0 steps of chance or more before each")
    if not names:
        raise UsageError("no player is named; name `script`, `random`, `chat` or a model")
    told = progress or (lambda _: lambda done, total: None)
    models = [find_model(workspace, name) for name in names if _is_trained(name)]
    learned = frozenset[str]().union(*(learned_tasks(workspace, model) for model in models))
    reasoning = all(explains(model) for model in models)
    results = []
    with _place(workspace, keep=keep_sessions) as place:
        for name in names:
            with (
                _made(workspace, name, reasoning=reasoning) as (player, on),
                Players(workspace) as players,
            ):
                players.seat(name, _stumbling(player, plan))
                table = _Table(place, players, name, plan, told(name))
                results.append(table.play(learned, on))
    return results


def keep_results(workspace: Workspace, results: Sequence[PlayResult]) -> None:
    """Write what models of the workspace came to into the folders of their versions."""
    for result in results:
        if _is_trained(result.player):
            add_result(find_model(workspace, result.player), PLAYING, facts(result))


class _Table:
    """Where one player plays what is planned; its sessions lie in ``place``."""

    def __init__(
        self, place: Workspace, players: Players, name: str, plan: PlayPlan, progress: Progress
    ) -> None:
        self._place = place
        self._players = players
        self._name = name
        self._plan = plan
        self._progress = progress
        self._void = 0

    def play(self, learned: frozenset[str], on: Served | None) -> PlayResult:
        """Play all of it, and count."""
        began = time.monotonic()
        plan = self._plan
        tasks = _tasks(self._players.game(plan.game), plan)
        episodes: list[Episode] = []
        for number in range(plan.episodes):
            episode = self._episode(tasks[number % len(tasks)], plan.seed + number // len(tasks))
            if episode is not None:
                episodes.append(episode)
            self._progress(number + 1, plan.episodes)
        overall = score(episodes)
        if overall is None:
            raise UsageError(
                f"after {plan.stumbles} steps of chance every task of the plan is done already; "
                "take fewer of them"
            )
        groups = {
            LEARNED: score([one for one in episodes if one.task in learned]),
            NOT_LEARNED: score([one for one in episodes if one.task not in learned]),
        }
        return PlayResult(
            player=self._name if on is None else on.name,
            model=self._players.player(self._name).model,
            weights="" if on is None else on.weights,
            game=plan.game,
            episodes=overall.episodes,
            seed=plan.seed,
            stumbles=plan.stumbles,
            tasks=overall.tasks,
            success_rate=overall.success_rate,
            success_rate_ci=overall.success_rate_ci,
            all=overall,
            parts={part: found for part, found in groups.items() if learned and found is not None},
            by_task=by_task(episodes),
            void=self._void,
            seconds=round(time.monotonic() - began, 3),
            played=episodes,
        )

    def _episode(self, task: Task, seed: int) -> Episode | None:
        """The episode; None where chance alone does the task whatever the seed.

        Whether a start counts is decided by chance's steps, so it does for all players or none.
        """
        for again in range(_STARTS_TRIED):
            found = self._session(task, seed + again * _FAR)
            if not (found.success and found.steps <= self._plan.stumbles):
                return found
            self._void += 1
        return None

    def _session(self, task: Task, seed: int) -> Episode:
        plan = self._plan
        way = hashlib.sha256()
        refused = 0

        def watch(step: PlayedStep) -> None:
            nonlocal refused
            way.update(f"{step.outcome.action} {screen_digest(step.screenshot)}\n".encode())
            refused += "refused" in step.decision.facts

        request = PlayRequest(
            game=plan.game,
            asked=task.id,
            player=self._name,
            steps=plan.steps,
            seed=seed,
            durability="interval",
            tags=(TAG,),
        )
        played = play_session(self._place, self._players, request, on_step=watch).played
        if played.completion == "interrupted":
            raise KeyboardInterrupt
        if played.completion == "error":
            raise PlayerError(f"{self._name} could not be measured: {played.reason}")
        return Episode(
            task=task.id,
            seed=seed,
            success=bool(played.success),
            steps=played.steps,
            way=way.hexdigest()[:_WAY_DIGITS],
            refused=refused,
        )


def _stumbling(player: Player, plan: PlayPlan) -> Player:
    return StumblingPlayer(player, plan.stumbles) if plan.stumbles else player


@contextmanager
def _place(workspace: Workspace, *, keep: bool) -> Iterator[Workspace]:
    if keep:
        yield workspace
        return
    with (
        tempfile.TemporaryDirectory(prefix="understudy-") as folder,
        Workspace(Path(folder)) as scratch,
    ):
        yield scratch


@contextmanager
def _made(
    workspace: Workspace, name: str, *, reasoning: bool
) -> Iterator[tuple[Player, Served | None]]:
    """The player that a name means, and what serves its model where we do.

    ``reasoning`` is for a base: it is asked as the models beside it are.
    """
    if name == _HUMAN:
        raise UsageError("nobody sits at an evaluation; name another player")
    if name in player_names():
        settings = PlayerSettings(
            settings=_measured(workspace.settings), prompts=workspace.path / "prompts"
        )
        yield make_player(name, settings), None
        return
    with served(workspace, name, reasoning=reasoning) as on:
        yield make_player("chat", PlayerSettings(settings=_asking(workspace.settings, on))), on


def _measured(settings: Settings) -> Settings:
    """Settings under which what was learned or answered before has no part in what is measured."""
    return settings.model_copy(
        update={"chat": settings.chat.model_copy(update={"remember": False, "cache": False})}
    )


def _asking(settings: Settings, on: Served) -> Settings:
    """Settings that ask a model that we serve, in the words of its training."""
    chat = _measured(settings).chat.model_copy(
        update={
            "base_url": on.base_url,
            "model": on.name,
            "prompt": ["trained"],
            "pictures": False,
            "reasoning": on.reasoning,
            "temperature": 0.0,
            "max_output_tokens": _MOST_TOKENS if on.reasoning else _MOST_OF_ACTION,
            "requests_per_minute": 0,
            "spend_limit": None,
        }
    )
    return settings.model_copy(update={"chat": chat})


def _tasks(game: Game, plan: PlayPlan) -> list[Task]:
    known = {task.id: task for task in game.tasks}
    unknown = [id for id in plan.tasks if id not in known]
    if unknown:
        raise UsageError(
            f"{game.name} has no task {unknown[0]!r}; `understudy play {game.name}` lists them"
        )
    tasks = [known[id] for id in plan.tasks] or list(game.tasks)
    if not tasks:
        raise UsageError(f"{game.name} has no tasks, so nothing can be measured by them")
    return tasks


def _is_trained(name: str) -> bool:
    """Whether it names a version of a model, and neither a player nor mere weights."""
    return name not in player_names() and not is_plain(name)


def learned_tasks(workspace: Workspace, version: ModelVersion) -> set[str]:
    """The tasks whose sessions a model was trained on; none where its datasets are gone."""
    found: set[str] = set()
    for source in (version.facts.get("data") or {}).get("sources", ()):
        if source.get("kind") == "dataset":
            try:
                dataset = usable_version(workspace, source["name"])
            except DatasetError:
                return set()
            found |= dataset.facts.get("tasks", {}).keys()
    return found
