"""What people and judges said about a session: appended, never edited; current values derived.

``feedback.jsonl`` holds one checked line an entry. Two authors may disagree, and both stay; one
author's later word replaces that author's earlier one in the derived values only, and so does a
withdrawal: it takes back one entry of the same author, which stays written.
"""

from __future__ import annotations

import contextlib
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import filelock
import msgspec

from understudy.errors import StorageError, UsageError
from understudy.session.migrations import SCHEMA, migrate
from understudy.store.appending import append_checked
from understudy.store.checked_lines import whole_lines
from understudy.store.ulids import new_ulid

FILE_NAME = "feedback.jsonl"
LOWEST, HIGHEST = 1, 10
_PATIENCE_S = 30.0


class FeedbackEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that one author said at one time."""

    id: str
    time: str
    author: str
    """``human:NAME``, ``auto:RULE`` or ``model:NAME``: who speaks, and what kind of speaker."""
    step: int | None = None
    """The trace line (its ``n``) that is meant; None for the session as a whole."""
    score: float | None = None
    comment: str | None = None
    tags: tuple[str, ...] = ()
    removed_tags: tuple[str, ...] = ()
    correction: Any = None
    """What should have stood there instead, in the form of what it corrects."""
    reason: str | None = None
    seconds: float | None = None
    """How long the author took, from seeing the session to the score."""
    withdraws: str | None = None
    """Id of an earlier entry of the same author that no longer counts."""
    schema: int = SCHEMA


class CurrentFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """What all entries come to."""

    human_score: float | None = None
    """Median of the latest score of each human author, for the session as a whole."""
    auto_score: float | None = None
    """The same over authors that are no humans."""
    scores: dict[str, float] = {}
    """Author → latest score of the session: where they disagree, it shows here."""
    tags: tuple[str, ...] = ()
    comments: tuple[FeedbackEntry, ...] = ()
    corrections: dict[int, FeedbackEntry] = {}
    """Trace line → the latest correction of it."""


def append_feedback(folder: Path, entries: Sequence[FeedbackEntry]) -> None:
    """Append ``entries`` and sync them, one process at a time. Raises StorageError."""
    append_checked(folder / FILE_NAME, entries)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Let nobody, in any process, add feedback to the session in ``folder`` meanwhile."""
    lock = filelock.FileLock(folder / f".{FILE_NAME}.lock", timeout=_PATIENCE_S, thread_local=False)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise StorageError(
            f"another process has been writing feedback to {folder} for {_PATIENCE_S:.0f} s; try "
            "again when it has finished"
        ) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{folder} cannot be written to ({reason})") from error
    try:
        yield
    finally:
        lock.release()


def new_entry(
    *,
    time: str,
    author: str,
    step: int | None = None,
    score: float | None = None,
    comment: str | None = None,
    tags: Sequence[str] = (),
    removed_tags: Sequence[str] = (),
    correction: Any = None,
    reason: str | None = None,
    seconds: float | None = None,
    withdraws: str | None = None,
) -> FeedbackEntry:
    """A checked entry, as it will be read back.

    UsageError for a score off the scale, no author, nothing said, or a value of another type.
    """
    if not author or not str(author).strip():
        raise UsageError("feedback needs an author, such as human:me")
    if score is not None:
        score = _checked_score(score)
    if isinstance(tags, str) or isinstance(removed_tags, str):
        raise UsageError("tags are a list of texts, such as ['funny'], not one text")
    said = score is not None or comment or tags or removed_tags or correction is not None
    if not said and withdraws is None:
        raise UsageError("feedback needs a score, a comment, a tag or a correction")
    if said and withdraws is not None:
        raise UsageError("what withdraws an earlier entry says nothing else; give it by itself")
    if seconds is not None and not 0 <= seconds < math.inf:
        raise UsageError(f"feedback takes 0 or more seconds, not {seconds!r}")
    if correction is not None and step is None:
        raise UsageError("a correction needs the step that it corrects")
    entry = FeedbackEntry(
        id=new_ulid(), time=time, author=author, step=step, score=score, comment=comment,
        tags=tuple(tags), removed_tags=tuple(removed_tags), correction=correction, reason=reason,
        seconds=seconds, withdraws=withdraws,
    )  # fmt: skip
    try:
        return msgspec.convert(msgspec.to_builtins(entry), type=FeedbackEntry)
    except (msgspec.ValidationError, TypeError) as error:
        raise UsageError(f"the feedback is not what feedback can be: {error}") from error


def _checked_score(score: object) -> float:
    try:
        number = float(score)  # type: ignore[arg-type]  # NumPy's numbers count too
    except (TypeError, ValueError):
        number = float("nan")
    if isinstance(score, bool | str) or not LOWEST <= number <= HIGHEST:
        raise UsageError(f"a score is a number from {LOWEST} to {HIGHEST}, not {score!r}")
    return number


def read_feedback(folder: Path) -> list[FeedbackEntry]:
    """All whole entries, in the order they were given."""
    path = folder / FILE_NAME
    return parse_feedback(whole_lines(path), path) if path.exists() else []


def parse_feedback(lines: Iterable[bytes], path: Path) -> list[FeedbackEntry]:
    """The entries of whole lines; ``path`` names them in errors."""
    entries = []
    for number, line in enumerate(lines, start=1):
        record = migrate(msgspec.json.decode(line), what=f"line {number} of {path}")
        record.pop("crc", None)
        entries.append(msgspec.convert(record, type=FeedbackEntry))
    return entries


def is_human(author: str) -> bool:
    return author.partition(":")[0] == "human" or ":" not in author


def standing(entries: Sequence[FeedbackEntry]) -> list[FeedbackEntry]:
    """``entries`` without those that their own authors withdrew, and without the withdrawals."""
    withdrawn = {(entry.withdraws, entry.author) for entry in entries if entry.withdraws}
    return [
        entry
        for entry in entries
        if not entry.withdraws and (entry.id, entry.author) not in withdrawn
    ]


def derive(entries: list[FeedbackEntry], tags: tuple[str, ...] = ()) -> CurrentFeedback:
    """The current values; ``tags`` are those the session began with."""
    scores: dict[str, float] = {}
    current_tags = dict.fromkeys(tags)
    comments = []
    corrections: dict[int, FeedbackEntry] = {}
    for entry in standing(entries):
        if entry.score is not None and entry.step is None:
            scores[entry.author] = entry.score
        current_tags.update(dict.fromkeys(entry.tags))
        for tag in entry.removed_tags:
            current_tags.pop(tag, None)
        if entry.comment:
            comments.append(entry)
        if entry.correction is not None and entry.step is not None:
            corrections[entry.step] = entry
    human = [score for author, score in scores.items() if is_human(author)]
    automatic = [score for author, score in scores.items() if not is_human(author)]
    return CurrentFeedback(
        human_score=statistics.median(human) if human else None,
        auto_score=statistics.median(automatic) if automatic else None,
        scores=scores,
        tags=tuple(current_tags),
        comments=tuple(comments),
        corrections=corrections,
    )


def disagreement(entries: list[FeedbackEntry]) -> Counter[float]:
    """How many human authors hold each score, by their latest."""
    latest = derive(entries).scores
    return Counter(score for author, score in latest.items() if is_human(author))
