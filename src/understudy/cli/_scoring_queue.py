"""The dialogue of ``understudy score``: show a session, ask for its score, go on to the next.

It knows what is said and asked and stores nothing itself: it is given the sessions, a way to show
one, and what to do with an answer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from understudy.curate.guide import guide
from understudy.session.feedback import HIGHEST, LOWEST

_ASK_SCORE = f"Rate task completion ({LOWEST}-{HIGHEST}): "
_ASK_FEEDBACK = "Additional feedback (optional): "
_ASK_REASON = "Justification of the score (optional): "
_OFF_THE_SCALE = f"Please enter a score between {LOWEST} and {HIGHEST}"
_NO_NUMBER = "Please enter a valid number"
_COMMANDS = {
    "s": "skip",
    "skip": "skip",
    "u": "undo",
    "undo": "undo",
    "q": "quit",
    "quit": "quit",
    "?": "guide",
    "guide": "guide",
}
KEYS = "s skip, u undo the last score, q quit, ? the guide"
_LONGEST_NUMBER = 9


@dataclass(frozen=True)
class Answer:
    """What a person says about a session."""

    score: int
    feedback: str = ""
    justification: str = ""
    seconds: float = 0.0
    """From showing the session to its score."""


@dataclass
class Tally:
    """What a sitting came to."""

    scored: int = 0
    skipped: int = 0
    undone: int = 0
    left: int = 0
    """Without a score of this sitting, the skipped ones among them."""


class Desk(Protocol):
    """Where the dialogue takes place."""

    def say(self, text: str) -> None:
        """Show some lines."""

    def ask(self, question: str) -> str:
        """What is typed after ``question``; EOFError when nothing more will come."""

    def show(self, session: str, place: int, total: int) -> bool:
        """Show a session; False when it cannot be shown, which is said then."""

    def keep(self, session: str, answer: Answer) -> Callable[[], None]:
        """Store what was said about a session; the result takes it back."""


class ScoringQueue:
    """One person's sitting over some sessions, in their order."""

    def __init__(
        self, desk: Desk, sessions: Sequence[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._desk = desk
        self._sessions = list(sessions)
        self._clock = clock
        self._done: list[tuple[int, Callable[[], None]]] = []
        self._skipped: set[int] = set()
        self._over = False
        self.tally = Tally(left=len(sessions))

    def run(self) -> Tally:
        """Ask until all sessions are through or the person has had enough."""
        place = 0
        while place < len(self._sessions) and not self._over:
            session = self._sessions[place]
            if self._desk.show(session, place + 1, len(self._sessions)):
                place = self._score(session, place)
            else:
                place += 1
        self.tally.skipped = len(self._skipped)
        self.tally.left = len(self._sessions) - self.tally.scored
        return self.tally

    def _score(self, session: str, place: int) -> int:
        """Ask about one session; the place of the one that comes next."""
        shown = self._clock()
        while True:
            said = self._ask(_ASK_SCORE)
            if said is None:
                return place
            command = _COMMANDS.get(said.lower())
            if command == "quit":
                self._over = True
                return place
            if command == "skip":
                self._skipped.add(place)
                return place + 1
            if command == "guide":
                self._desk.say(f"{guide()}\n\n{KEYS}")
            elif command == "undo":
                if self._done:
                    return self._undo()
                self._desk.say("There is no score of this sitting to undo.")
            else:
                score = read_score(said)
                if isinstance(score, str):
                    self._desk.say(score)
                    continue
                answer = self._more(score, self._clock() - shown)
                self._done.append((place, self._desk.keep(session, answer)))
                self._skipped.discard(place)
                self.tally.scored += 1
                return place + 1

    def _more(self, score: int, seconds: float) -> Answer:
        """The optional parts. Where no more is typed the score stands without them."""
        feedback = self._ask(_ASK_FEEDBACK) or ""
        justification = "" if self._over else self._ask(_ASK_REASON) or ""
        return Answer(
            score=score, feedback=feedback, justification=justification, seconds=max(0.0, seconds)
        )

    def _undo(self) -> int:
        place, take_back = self._done.pop()
        take_back()
        self.tally.scored -= 1
        self.tally.undone += 1
        self._desk.say("The last score is withdrawn; here is its session again.")
        return place

    def _ask(self, question: str) -> str | None:
        try:
            return _cleaned(self._desk.ask(question))
        except EOFError:
            self._over = True
            return None


def read_score(typed: str) -> int | str:
    """The whole number from 1 to 10 that was typed, else what to say about it."""
    if not re.fullmatch(r"[+-]?[0-9]+", typed):
        return _NO_NUMBER
    if len(typed) > _LONGEST_NUMBER or not LOWEST <= int(typed) <= HIGHEST:
        return _OFF_THE_SCALE
    return int(typed)


def _cleaned(typed: str) -> str:
    """What was typed without what no keyboard has: it is stored and shown to others."""
    text = typed.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() else " " for c in text).strip()
