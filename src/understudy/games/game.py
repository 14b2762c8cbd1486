"""What a game is: a Gymnasium environment with tasks, and with what players need beside it.

``step`` takes an index of ``action_names`` as every environment of Gymnasium does, or a name, or an
``Action``, which can carry a text. A game in words has one action, ``say``: there ``step`` takes
what is said. The same start, seed and actions give the same screens. How many steps a player may
take is no business of the game.
"""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from understudy.errors import GameError
from understudy.games.task import CheckResult, Progress, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from understudy.chat.record import Message

try:
    import gymnasium
except ImportError as error:
    raise GameError(
        f"games need Gymnasium, which cannot be imported ({error}); install the extra `games`, as "
        "in `pip install '.[games]'`"
    ) from error

REPORT = "report"
"""The action that answers a report task; its text is the answer."""
SAY = "say"
"""The action of games in words; its text is what is said."""
TEXT_ACTIONS = (REPORT, SAY)
"""The actions that are nothing without their text."""


@dataclass(frozen=True)
class Action:
    """What a player does in one step; only ``report`` and ``say`` have a text."""

    name: str
    text: str = ""

    def __str__(self) -> str:
        """As records and datasets write it: ``press_a``, or ``report: three potions``."""
        return f"{self.name}: {self.text}" if self.text else self.name

    @classmethod
    def parse(cls, written: str) -> Action:
        """What ``str`` made of an action."""
        name, _, text = written.partition(":")
        return cls(name.strip(), text.strip())


class Game(gymnasium.Env[Any, Any]):
    """Base of every game.

    Beside ``observation_space``, ``action_space``, ``reset`` and ``step``, a game provides what is
    abstract here. ``reset`` takes the task as ``options={"task": id}``, else plays the one chosen
    with ``set_task``, else none. ``info`` of ``reset`` and ``step`` has ``task`` (its id or ``""``)
    and ``success``; that of ``step`` also ``action`` (its name). A step that completes the task
    has the reward 1 and terminates, as does every report in a report task; other rewards are 0.

    A game may have a part for a language model beside the player, and hear in ``take_model`` who
    plays it. What is said to that model and what it answers stands in ``info`` of ``step`` as
    ``chats``: a list of ``messages``, ``response`` and ``model``.
    """

    name: str = ""
    open_words: str = ""
    """What is asked of a player who has no task, where the game can be played without one."""
    model_part: str = ""
    """The part that a language model can play beside the player (``Dungeon Master``)."""
    metadata = {"render_modes": ["rgb_array"], "render_fps": 60}  # noqa: RUF012 - as Env has it

    _next_task: Task | None = None
    _progress: Progress | None = None

    @property
    @abstractmethod
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that can be played, each id once."""

    @property
    @abstractmethod
    def action_names(self) -> tuple[str, ...]:
        """The names of the actions, in the order of the action space."""

    @abstractmethod
    def screenshot(self) -> NDArray[np.uint8]:
        """What the player sees now: height x width x RGB, an array of the caller's own."""

    @abstractmethod
    def snapshot(self) -> bytes:
        """Everything that decides how the game goes on, the progress in the task included."""

    @abstractmethod
    def restore(self, snapshot: bytes) -> None:
        """Go on from what ``snapshot`` returned; GameError when it is of another game."""

    @abstractmethod
    def memory(self) -> dict[str, Any]:
        """The named values of the game's state now: plain data, not to be changed."""

    def describe(self) -> str:
        """The state in words, for players that read."""
        return "\n".join(f"{name}: {value}" for name, value in self.memory().items())

    def identity(self) -> dict[str, str]:
        """What has to be the same for a session to be played again: versions and hashes."""
        return {}

    @property
    def spoken(self) -> bool:
        """Whether all that a player does is to say something."""
        return only_spoken(self.action_names)

    def take_model(self, name: str, answer: Callable[[list[Message]], str] | None) -> None:
        """From the next ``reset`` on the model ``name`` plays its part: ``answer`` says what it
        says to a chat. None: whoever has the part where there is no model. GameError when the game
        has no such part.
        """
        raise GameError(
            f"no language model plays a part in {self.name}; name a model together with a player "
            "that asks one, such as `chat`"
        )

    @property
    def task(self) -> Task | None:
        """The task that is being played."""
        return self._progress.task if self._progress else None

    def find_task(self, id: str) -> Task:
        """The task named ``id``; GameError listing those that come near when there is none."""
        for task in self.tasks:
            if task.id == id:
                return task
        raise GameError(
            f"{self.name} has no task {id!r}; {_nearest(id, [t.id for t in self.tasks])}"
        )

    def set_task(self, task: Task | str | None) -> None:
        """Play ``task`` from the next ``reset`` on; None plays without one."""
        self._next_task = self.find_task(task) if isinstance(task, str) else task

    def check(self) -> CheckResult:
        """What the machine says about the task now; GameError when none is being played."""
        if self._progress is None:
            raise GameError(f"{self.name} is played without a task; name one when resetting it")
        return self._progress.observe(self.memory())

    def as_action(self, action: Action | str | int) -> Action:
        """``action``, given by its index, name or words, as an Action; GameError for none."""
        names = self.action_names
        if isinstance(action, Action):
            chosen = action
        elif isinstance(action, str):
            chosen = Action(SAY, action) if self.spoken else Action(action)
        else:
            try:
                index = operator.index(action)
            except TypeError:
                raise GameError(f"{action!r} is no action of {self.name}") from None
            if not 0 <= index < len(names):
                raise GameError(f"{self.name} has the actions 0 to {len(names) - 1}, not {index}")
            chosen = Action(names[index])
        if chosen.name not in names:
            raise GameError(
                f"{chosen.name!r} is no action of {self.name}; there is: {', '.join(names)}"
            )
        return chosen

    def render(self) -> Any:
        """The screenshot, with ``render_mode="rgb_array"``."""
        return self.screenshot() if self.render_mode == "rgb_array" else None

    def _task_for(self, options: dict[str, Any] | None) -> Task | None:
        """The task that a ``reset`` with ``options`` is to play."""
        if options and "task" in options:
            self.set_task(options["task"])
        return self._next_task

    def _begin(self, task: Task | None) -> None:
        """Begin to judge ``task`` by the memory as it is now."""
        self._progress = Progress(task, self.memory()) if task else None

    def _judge(self, action: Action) -> tuple[float, bool, dict[str, Any]]:
        """Reward, whether it is over, and ``info``, after ``action`` has been carried out."""
        progress = self._progress
        info: dict[str, Any] = {"action": action.name, "task": "", "success": False}
        if progress is None:
            return 0.0, False, info
        reports = action.name == REPORT and progress.task.kind == "report"
        if reports:
            progress.report = action.text
        success = progress.observe(self.memory()).success
        info |= {"task": progress.task.id, "success": success}
        return float(success), success or reports, info


def only_spoken(action_names: Iterable[str]) -> bool:
    """Whether these actions leave a player nothing to do but to say something."""
    return tuple(action_names) == (SAY,)


def _nearest(wanted: str, known: Iterable[str]) -> str:
    import difflib

    names = list(known)
    near = difflib.get_close_matches(wanted, names, n=5, cutoff=0.4) or names[:10]
    return f"there is, for example: {', '.join(near)}" if near else "it has none"
