"""Playing one session from beginning to end: game, task, player, budget and recording together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from understudy import plugins
from understudy.errors import StorageError, UsageError
from understudy.games.finding import FoundTask, find_task
from understudy.games.game import Game
from understudy.games.registry import located, open_game
from understudy.games.task import Task
from understudy.players.backends.chat_model import ChatModel
from understudy.players.budget import StepBudget
from understudy.players.loop import Played, PlayedStep, play
from understudy.players.player import Player
from understudy.players.registry import PlayerSettings, make_player
from understudy.session.workspace import Workspace

FIRST_SEED = 1
_PLAYERS_FOLDER = "players"


@dataclass(frozen=True, kw_only=True)
class PlayRequest:
    """What is to be played, by whom, and what is kept of it."""

    game: str
    """Name of a game, or the path of its TOML file."""
    asked: str
    """A task's id, its words, or any words; empty where the game can be played without."""
    player: str = ""
    """Empty: the script where the game has one and a task is asked for, else a person."""
    model: str | None = None
    """Plays the part that the game has for a language model, else the chat player asks it."""
    steps: int | None = None
    """The step limit; None adapts it to the task."""
    extension: int = 0
    seed: int = FIRST_SEED
    name: str | None = None
    """Of the session."""
    save_training_data: bool = False
    collect_screenshots: bool = False
    mistakes: float = 0.0
    durability: Literal["step", "interval"] | None = None
    tags: tuple[str, ...] = ()
    license: str = ""
    consent: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Further facts for the session's header."""


@dataclass(frozen=True)
class PlayedSession:
    """A session that was played, and where it lies."""

    id: str
    path: Path
    task: Task | None
    max_steps: int
    played: Played
    sealed: bool
    """False when the disk did not allow it: it is sealed when it is opened again."""
    stored: int
    dropped: int
    problems: tuple[str, ...]
    """What of it could not be kept, and why."""


class Players:
    """Games and players that are opened once and used for one session after another."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._games: dict[str, Game] = {}
        self._players: dict[tuple[str, str | None, float], Player] = {}
        self._models: dict[str, ChatModel] = {}

    def game(self, name: str) -> Game:
        """The game called ``name``, opened at its first use. Raises as ``open_game`` does."""
        if name not in self._games:
            self._games[name] = open_game(name, settings=self._workspace.settings.games)
        return self._games[name]

    def cast(self, game: Game, model: str | None) -> str | None:
        """Let ``model`` play the game's part for a language model; the name of who plays it then.

        None where the game has no such part, or nobody is named for it. Raises as
        ``open_chat_model`` does.
        """
        if not game.model_part:
            return None
        if model is None:
            game.take_model("", None)
            return None
        if model not in self._models:
            from understudy.pipeline.chat_models import open_chat_model

            self._models[model] = open_chat_model(
                model, self._workspace, self._workspace.settings, self._players_folder()
            )
        playing = self._models[model]
        game.take_model(playing.name, lambda messages: playing.answer([messages])[0].text)
        return playing.name

    def player(self, name: str, model: str | None = None, mistakes: float = 0.0) -> Player:
        """The player called ``name``, made at its first use. Raises as ``make_player`` does."""
        if not 0 <= mistakes <= 1:
            raise UsageError(f"the rate of mistakes is {mistakes:g}; give a number from 0 to 1")
        key = (name, model, mistakes)
        if key not in self._players:
            self._players[key] = make_player(
                name,
                PlayerSettings(
                    settings=self._workspace.settings,
                    folder=self._players_folder(),
                    prompts=self._workspace.path / "prompts",
                    model=model,
                    mistakes=mistakes,
                ),
            )
        return self._players[key]

    def seat(self, name: str, player: Player) -> None:
        """Let ``player`` play under this name; it is closed with the others."""
        self._players[name, None, 0.0] = player

    def drop_game(self, name: str) -> None:
        """Close a game that broke down: the next use opens it anew."""
        game = self._games.pop(name, None)
        if game is not None:
            with suppress(Exception):  # what is broken may not even close
                game.close()

    def close(self) -> None:
        """Close all of them."""
        for name in list(self._games):
            self.drop_game(name)
        while self._players:
            _, player = self._players.popitem()
            player.close()
        while self._models:
            _, model = self._models.popitem()
            model.close()

    def _players_folder(self) -> Path:
        folder = self._workspace.internal / _PLAYERS_FOLDER
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f"{folder} cannot be made ({reason}); play in a workspace that may be written"
            ) from error
        return folder

    def __enter__(self) -> Players:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def play_session(
    workspace: Workspace,
    players: Players,
    request: PlayRequest,
    *,
    prepare: Callable[[Game], None] | None = None,
    on_begin: Callable[[FoundTask, Player, int], None] | None = None,
    on_step: Callable[[PlayedStep], None] | None = None,
) -> PlayedSession:
    """Play what ``request`` says and record it.

    What stands in the way before the first step is raised (a game, task or player that cannot be);
    from then on everything ends in the session, and ``PlayedSession`` tells. ``on_begin`` hears
    which task was found, who plays, and the step limit.
    """
    if request.seed < 0:
        raise UsageError(f"the seed is {request.seed}; give 0 or more")
    game = players.game(request.game)
    asked = request.asked.strip() and request.asked
    if not asked and not game.open_words:
        raise UsageError("nothing is asked of the player; say what is to be done, or name a task")
    found = find_task(game.tasks, asked) if asked else FoundTask(None)
    asked = asked or game.open_words
    name = request.player or (default_player(game.name) if request.asked.strip() else "human")
    if name == "script" and found.task is None:
        raise UsageError(_no_task(game, asked, found))
    cast = players.cast(game, request.model)
    player = players.player(name, None if game.model_part else request.model, request.mistakes)
    budget = StepBudget.for_task(found.task, request.steps, request.extension)
    if on_begin is not None:
        on_begin(found, player, budget.limit)
    session = workspace.record(
        game=game.name,
        task=asked if found.task is None else found.task.words,
        player=player.name,
        model=cast or player.model,
        name=request.name or (found.task.id if found.task else asked),
        tags=request.tags,
        license=request.license,
        consent=request.consent,
        durability=request.durability,
        metadata=_metadata(game, found.task, budget, request),
    )
    if session.failure is not None:
        session.seal()
        raise StorageError(f"{session.failure}; nothing was played")
    played = play(
        game,
        player,
        session,
        budget,
        words=found.task.words if found.task else asked,
        task=found.task,
        seed=request.seed,
        collect_screenshots=request.collect_screenshots,
        prepare=prepare,
        on_step=on_step,
    )
    if played.completion == "error":
        players.drop_game(request.game)
    counted = session.counters
    problems = dict.fromkeys([*counted.reasons, *filter(None, [counted.last_error])])
    return PlayedSession(
        id=session.id,
        path=session.path,
        task=found.task,
        max_steps=budget.limit,
        played=played,
        sealed=session.sealed,
        stored=counted.stored,
        dropped=counted.dropped,
        problems=tuple(problems),
    )


def default_player(game: str) -> str:
    """Who plays ``game`` when nobody is named."""
    return "script" if game in plugins.names(plugins.SCRIPTS) else "human"


def _metadata(
    game: Game, task: Task | None, budget: StepBudget, request: PlayRequest
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "max_steps": budget.limit,
        "limit": budget.kind,
        "seed": request.seed,
        "game": game.identity(),
        "game_source": located(request.game),
        "save_training_data": request.save_training_data,
        "collect_screenshots": request.collect_screenshots,
        **request.metadata,
    }
    if request.mistakes:
        facts["mistakes"] = request.mistakes
    if task is not None:
        facts["task"] = {
            "id": task.id,
            "words": task.words,
            "group": task.group,
            "goal": task.goal,
            "kind": task.kind,
            "difficulty": task.difficulty,
            "reference_steps": task.reference_steps,
        }
    return facts


def _no_task(game: Game, asked: str, found: FoundTask) -> str:
    near = "; ".join(f"{task.id} ({task.words})" for task in found.near)
    return (
        f"no task of {game.name} is clearly meant by {asked!r}, and the script plays only tasks; "
        + (f"the nearest are: {near}" if near else f"`understudy play {game.name}` lists them")
        + "; name one by its id, or choose another --player"
    )
