"""The one loop that plays a game: asks a player, plays its answer, records both, keeps the budget.

However a session ends, it is sealed: a task that is done or not done as a whole one, Ctrl-C, a
crashed emulator or a player that cannot go on as an incomplete one with its reason.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from understudy._util.signals import StopSignals
from understudy.errors import PluginError, UnderstudyError
from understudy.games.game import REPORT, Game
from understudy.games.task import CheckResult, Task
from understudy.players.budget import StepBudget
from understudy.players.error_analysis import ErrorAnalysis
from understudy.players.memory import AFTER, BEFORE, open_memory, remember_game
from understudy.players.player import Decision, Outcome, Player, PlayerQuit, Situation, View

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from understudy.session.recording.recorder import SessionRecorder

INTERRUPTED = "it was interrupted"
_ENDED_WELL = ("success", "failure", "step_limit", "quit")
_TOLD = ("frames", "settled")
"""What the game tells of a step that is worth keeping."""
_OURS = frozenset(
    ("action", "observation", "screenshot", "screenshot_after", "reasoning", "expected_outcome",
     "result", "success", "reward", "latency_s", "tokens", "model", "wait", "screen",
     "screen_after")
)  # fmt: skip
"""Fields of a step that a player's own facts cannot take the place of."""
_NO_PROMPTS: dict[str, Any] = {"prompt_variations": {"variations": []}}
"""Of players that ask no model."""


@dataclass(frozen=True)
class PlayedStep:
    """One step, as it is told to whoever watches."""

    view: View
    decision: Decision
    outcome: Outcome
    screenshot: NDArray[np.uint8]
    """After the step."""


@dataclass(frozen=True)
class Played:
    """How a session ended."""

    completion: str
    """``success``, ``failure`` (the game ended without it), ``step_limit``, ``quit``,
    ``interrupted`` (Ctrl-C) or ``error``."""
    success: bool | None
    """None where the game had no task to check."""
    outcome: str
    """In words."""
    steps: int
    check: CheckResult | None = None
    reason: str | None = None
    """What ended it, in words, where it did not end by itself."""
    extended_by: int = 0
    """Steps that were added when the limit was reached."""


def play(
    game: Game,
    player: Player,
    session: SessionRecorder,
    budget: StepBudget,
    *,
    words: str,
    task: Task | None,
    seed: int,
    collect_screenshots: bool = False,
    prepare: Callable[[Game], None] | None = None,
    on_step: Callable[[PlayedStep], None] | None = None,
) -> Played:
    """Play ``task``, or whatever ``words`` ask where there is none, until it ends; then seal.

    Nothing that happens while playing is raised: ``Played`` tells. ``prepare`` is called once the
    game has been reset, to go on from another place. ``on_step`` sees every step after it has been
    recorded; what it raises ends the session.
    """
    with StopSignals() as stop:
        table = _Table(game, player, session, budget, task, collect_screenshots, on_step, stop)
        try:
            completion = table.play(words, seed, prepare)
            error: BaseException | None = None
        except PlayerQuit:
            completion, error = "quit", None
        except KeyboardInterrupt as interrupt:
            completion, error = "interrupted", interrupt
        except Exception as problem:  # a stranger's game or player may raise anything
            completion, error = "error", problem
        return table.end(completion, error)


def screen_digest(picture: NDArray[np.uint8]) -> str:
    """16 hexadecimal digits that are the same for the same picture."""
    import numpy as np
    import xxhash

    return xxhash.xxh3_64_hexdigest(np.ascontiguousarray(picture).data)


class _Table:
    """Where one session is played."""

    def __init__(
        self,
        game: Game,
        player: Player,
        session: SessionRecorder,
        budget: StepBudget,
        task: Task | None,
        collect_screenshots: bool,
        on_step: Callable[[PlayedStep], None] | None,
        stop: StopSignals,
    ) -> None:
        self._game = game
        self._player = player
        self._session = session
        self._budget = budget
        self._task = task
        self._collect = collect_screenshots
        self._on_step = on_step
        self._stop = stop
        self._memory = open_memory()
        self._analysis = ErrorAnalysis()
        self._started = False
        """Whether the game is at the start of this session, not still in another."""
        self._begun = False
        """Whether the player has begun."""
        self._report: str | None = None

    def play(self, words: str, seed: int, prepare: Callable[[Game], None] | None) -> str:
        """Play until it is over; how it ended, in a word."""
        game, budget = self._game, self._budget
        options = {"task": self._task.id if self._task else None}
        game.reset(seed=seed, options=options)
        self._started = True
        if prepare is not None:
            prepare(game)
        remember_game(self._memory, game.memory())
        self._player.begin(
            Situation(
                game=game,
                words=words,
                task=self._task,
                seed=seed,
                max_steps=budget.limit,
                session=self._session,
                memory=self._memory,
            )
        )
        self._begun = True
        self._snapshot(BEFORE)
        picture = game.screenshot()
        digest, observation = screen_digest(picture), game.describe()
        previous: list[str] = []
        warned = False
        while budget.left > 0 or self._extended():
            warning = budget.warning
            if warning and not warned:
                self._session.event("soft_limit", step=budget.used + 1, left=budget.left)
                warned = True
            view = View(
                step=budget.used + 1,
                max_steps=budget.limit,
                screenshot=picture,
                observation=observation,
                previous_actions=tuple(previous),
                warning=warning,
            )
            asked = time.monotonic()
            with self._stop.at_once():
                decision = self._player.decide(view)
            latency = time.monotonic() - asked
            if not isinstance(decision, Decision):
                raise PluginError(
                    f"the player {self._player.name} decided {type(decision).__name__}, which is "
                    "no Decision"
                )
            action = game.as_action(decision.action)
            _, reward, terminated, truncated, info = game.step(action)
            budget.used += 1
            self._keep_chats(info)
            after = game.screenshot()
            digest_after, observation_after = screen_digest(after), game.describe()
            outcome = Outcome(
                step=budget.used,
                action=action,
                effect=(digest, observation) != (digest_after, observation_after),
                done=terminated or truncated,
                success=bool(info.get("success")),
            )
            if action.name == REPORT:
                self._report = action.text
            facts: dict[str, Any] = {key: info[key] for key in _TOLD if key in info}
            facts |= {"screen": digest, "screen_after": digest_after}
            facts |= {str(key): fact for key, fact in decision.facts.items() if key not in _OURS}
            self._record(view, decision, outcome, float(reward), latency, after, facts)
            previous.append(str(action))
            picture, digest, observation = after, digest_after, observation_after
            self._player.told(outcome)
            if self._on_step is not None:
                self._on_step(PlayedStep(view, decision, outcome, after))
            if outcome.done:
                return "success" if outcome.success else "failure"
            self._stop.check()
        return "step_limit"

    def end(self, completion: str, error: BaseException | None) -> Played:
        """Keep what is left to keep, and seal the session."""
        check = self._check(completion)
        success = None if check is None else completion == "success"
        outcome = self._outcome(completion, check)
        reason = None if completion in _ENDED_WELL else _reason(completion, error)
        extended_by = self._budget.extension if self._budget.extended else 0
        if self._begun:
            self._keep_memories()
        missing = check.missing if check is not None else ()
        self._session.analysis(
            "error_analysis", self._analysis.content(completion=completion, missing=missing)
        )
        self._memory.close()
        self._session.seal(
            reason,
            status="sealed" if reason is None else "incomplete",
            success=success,
            outcome=outcome,
            completion=completion,
            check=None if check is None else msgspec.to_builtins(check),
            extended_by=extended_by or None,
        )
        return Played(completion, success, outcome, self._budget.used, check, reason, extended_by)

    def _record(
        self,
        view: View,
        decision: Decision,
        outcome: Outcome,
        reward: float,
        latency: float,
        after: NDArray[np.uint8],
        facts: dict[str, Any],
    ) -> None:
        result = "the task is done" if outcome.success else None
        wrong = outcome.action.name == REPORT and outcome.done and not outcome.success
        effect = outcome.effect or outcome.success
        if wrong:
            result = "the report is not right"
        self._analysis.add(
            outcome.step,
            outcome.action,
            screen=facts["screen"],
            effect=effect,
            wrong_report=wrong,
            facts=facts,
        )
        self._session.step(
            action=str(outcome.action),
            observation=view.observation,
            screenshot=view.screenshot,
            screenshot_after=after if self._collect else None,
            reasoning=decision.reasoning,
            expected_outcome=decision.expected_outcome,
            result=result,
            success=effect,
            reward=reward,
            latency_s=round(latency, 6),
            tokens=decision.tokens,
            model=self._player.model,
            **facts,
        )

    def _keep_chats(self, info: dict[str, Any]) -> None:
        """What the game and a language model that plays a part in it have said to each other."""
        for chat in info.get("chats", ()):
            self._session.chat(**chat)

    def _extended(self) -> bool:
        steps = self._budget.extend()
        if steps:
            self._session.event("extension", steps=steps, after=self._budget.used)
        return steps > 0

    def _check(self, completion: str) -> CheckResult | None:
        if self._task is None:
            return None
        if not self._started:
            return CheckResult(success=False, missing=("the game could not be started",))
        try:
            check = self._game.check()
        except Exception:  # the emulator is gone, and with it whatever could be checked
            check = CheckResult(success=False, missing=("the game could not be asked any more",))
        if completion == "success" and not check.success:  # the game judged it by itself
            return CheckResult(success=True, of=check.of)
        return check

    def _outcome(self, completion: str, check: CheckResult | None) -> str:
        steps = f"{self._budget.used} step{'' if self._budget.used == 1 else 's'}"
        if self._report is not None:
            return self._report
        if completion == "success":
            return f"done in {steps}"
        if check is None:
            return f"{steps} played; the game has no check for what was asked"
        return f"not done after {steps}: {'; '.join(check.missing)}"

    def _keep_memories(self) -> None:
        """What the player has to say in the end; a fault of it costs itself alone."""
        try:
            self._player.end()
            for name, content in (_NO_PROMPTS | self._player.analysis()).items():
                self._session.analysis(name, content)
        except Exception as problem:
            self._session.counters.fail(f"the player {self._player.name} ended badly: {problem}")
        try:
            remember_game(self._memory, self._game.memory())
        except Exception as problem:
            self._session.counters.fail(f"the game's memory could not be kept: {problem}")
        self._snapshot(AFTER)

    def _snapshot(self, name: str) -> None:
        try:
            content = self._memory.serialize()
        except sqlite3.Error as problem:
            self._session.counters.fail(f"the memory could not be copied: {problem}")
            return
        self._session.snapshot(name, content)


def _reason(completion: str, error: BaseException | None) -> str:
    if completion == "interrupted":
        return INTERRUPTED
    if isinstance(error, UnderstudyError):
        return str(error)
    return f"{type(error).__name__}: {error}"
