"""Asking a model every case of a suite, and judging what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

import msgspec

from understudy.chat.tools.registry import TOOLS, ToolRegistry
from understudy.evaluate import quality
from understudy.evaluate.cases import Case
from understudy.evaluate.given_calls import Failure
from understudy.evaluate.memory import resident_mb
from understudy.evaluate.quality import Quality
from understudy.evaluate.suites import Suite
from understudy.evaluate.tool_calls import CallScore, Execute, score_calls
from understudy.players.backends.chat_model import Answer, ChatModel, Progress, tokens_per_second

Judge = Callable[[Case, str], float | None]
"""A score from 1 to 10 of an answer to a case; None where the judge gave none."""
DEFAULT_MAX_TOKENS = 96


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """How the cases are asked."""

    max_tokens: int = DEFAULT_MAX_TOKENS
    temperature: float = 0.0
    repeats: int = 1
    """How often each case is asked; more than once makes sense above temperature 0."""
    seed: int = 1
    """Of the drawing of words; each repeat has the next one."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one case; of several repeats, the first answer is kept."""

    case: str
    unit: str
    right: float
    """The share of its repeats with nothing wrong: the calls, or the facts that were to be told."""
    state: float | None
    """The share whose calls leave the table as it should be; None where that was not asked."""
    good: float
    """The share of answers of good quality."""
    given: int
    """Calls attempted, over all repeats."""
    readable: int
    answer: str
    quality: Quality
    failures: tuple[Failure, ...] = ()
    """Of the first answer with any."""
    judged: float | None = None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a model made of a suite."""

    name: str
    outcomes: dict[str, list[Outcome]]
    """By set, in the order of its cases."""
    tokens_per_second: float | None
    """Tokens generated ÷ time, reading the conversations included."""
    memory_mb: float | None
    """By how much the process grew from before the model was loaded to its largest since."""
    answers: int
    tokens: int
    seconds: float


def measure_model(
    load: Callable[[], ChatModel],
    suite: Suite,
    *,
    asking: Asking | None = None,
    registry: ToolRegistry = TOOLS,
    execute: Execute | None = None,
    judge: Judge | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Load a model, ask it everything, close it. Raises PlayerError as the model does.

    ``progress`` hears how many answers there are, and of how many.
    """
    asking = asking or Asking()
    before = resident_mb()
    model = load()
    try:
        return _ask(model, suite, asking, registry, execute, judge, progress, before)
    finally:
        model.close()


def _ask(
    model: ChatModel,
    suite: Suite,
    asking: Asking,
    registry: ToolRegistry,
    execute: Execute | None,
    judge: Judge | None,
    progress: Progress | None,
    before: float | None,
) -> Measured:
    total = sum(map(len, suite.sets.values())) * asking.repeats
    all_answers: list[Answer] = []
    outcomes: dict[str, list[Outcome]] = {}
    most = before
    for name, cases in suite.sets.items():
        rounds: list[list[Answer]] = []
        for repeat in range(asking.repeats):
            done = len(all_answers)
            answers = model.answer(
                [case.messages for case in cases],
                max_tokens=asking.max_tokens,
                temperature=asking.temperature,
                seed=asking.seed + repeat,
                progress=None if progress is None else _after(done, total, progress),
            )
            rounds.append(answers)
            all_answers += answers
        outcomes[name] = [
            _outcome(case, [answer.text for answer in said], registry, execute, judge)
            for case, *said in zip(cases, *rounds, strict=True)
        ]
        now = resident_mb()
        most = now if most is None or now is None else max(most, now)
    return Measured(
        name=model.name,
        outcomes=outcomes,
        tokens_per_second=tokens_per_second(all_answers),
        memory_mb=None if before is None or most is None else max(0.0, most - before),
        answers=len(all_answers),
        tokens=sum(answer.tokens for answer in all_answers),
        seconds=sum(answer.seconds for answer in all_answers),
    )


def _after(done: int, total: int, progress: Progress) -> Progress:
    return lambda now, _: progress(done + now, total)


def _outcome(
    case: Case,
    answers: Sequence[str],
    registry: ToolRegistry,
    execute: Execute | None,
    judge: Judge | None,
) -> Outcome:
    scores = [score_calls(case, answer, registry, execute=execute) for answer in answers]
    qualities = [quality.measure(case.messages, answer, registry) for answer in answers]
    states = [float(score.state) for score in scores if score.state is not None]
    judged: list[float] = []
    if judge is not None:
        found = (judge(case, answer) for answer in answers)
        judged = [score for score in found if score is not None]
    return Outcome(
        case=case.id,
        unit=case.unit,
        right=fmean(map(_right(case, registry), answers, scores)),
        state=fmean(states) if states and not case.tells else None,
        good=fmean(one.good for one in qualities),
        given=sum(score.given for score in scores),
        readable=sum(score.readable for score in scores),
        answer=answers[0],
        quality=qualities[0],
        failures=next((score.failures for score in scores if score.failures), ()),
        judged=fmean(judged) if judged else None,
    )


def _right(case: Case, registry: ToolRegistry) -> Callable[[str, CallScore], float]:
    if case.tells:
        return lambda answer, _: float(quality.tells(answer, case.tells, registry))
    return lambda _, score: float(score.right)
