"""Scoring sessions: the queue of a person, the rule's scores, and a judge's.

What is said is always appended to the session's feedback under the name of who says it: a person's
scores, those of a rule and those of a judge are never mixed up.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from understudy.curate import automatic
from understudy.curate.exhibit import exhibit
from understudy.curate.judging import SCHEMA, questions, read_verdict
from understudy.curate.opinions import scored_by
from understudy.curate.played import unchecked
from understudy.errors import FormatError, SessionError, UnderstudyError, UsageError

if TYPE_CHECKING:
    from understudy.players.backends.endpoint import Completion
    from understudy.session.workspace import Workspace
    from understudy.store.catalog.schema import SessionRow

FAILURES_IN_A_ROW = 5
"""After so many a judge is given up: a server that is gone would be asked for every session."""
BUSY = "being recorded or scored by another process"


class Judge(Protocol):
    """A chat model that can be asked with pictures."""

    @property
    def model(self) -> str:
        """Its name."""

    def complete(
        self, messages: list[dict[str, Any]], *, schema: dict[str, Any] | None, purpose: str
    ) -> Completion:
        """Its answer."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A session that could not be scored, and why."""

    session: str
    reason: str


class ScoringReport(msgspec.Struct, kw_only=True):
    """What one author's automatic scoring came to."""

    author: str
    scored: int = 0
    by_score: dict[int, int] = {}
    already: int = 0
    """Sessions that had a score of this author."""
    left_out: dict[str, int] = {}
    """Why a session cannot be scored → how many."""
    failed: list[Failure] = []
    gave_up: str | None = None
    """Why the rest was not tried."""
    cost: float = 0.0
    """What a judge cost, by the prices in the settings."""


def rater_author(workspace: Workspace, name: str) -> str:
    """The author under which the person called ``name`` scores.

    UsageError for no name, and for one that masking would change: two people must stay two.
    """
    name = " ".join(name.split())
    if not name:
        raise UsageError("a rater needs a name; give one with --rater NAME")
    author = f"human:{name}"
    masked, found = workspace.masker.mask_text(author)
    if masked != author:
        raise UsageError(
            f"a rater's name is stored with every score, and {name!r} would be masked "
            f"({', '.join(found)}); give another one with --rater NAME"
        )
    return author


def to_score(workspace: Workspace, author: str, rows: Iterable[SessionRow]) -> list[SessionRow]:
    """Those of ``rows`` that can be opened and have no score of ``author``."""
    return [
        row
        for row in rows
        if not row.archived
        and row.status != "recording"
        and (row.human_score is None or not scored_by(author, workspace.runs / row.directory))
    ]


def score_by_rule(
    workspace: Workspace,
    rows: Sequence[SessionRow],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> ScoringReport:
    """Score by the rule what it can score and has not scored yet.

    Sessions that it cannot score, or that fail, are counted with the reason; the others go on.
    """

    def score(row: SessionRow) -> dict[str, Any]:
        found = automatic.score_by_rule(row)
        return {"score": found.score, "comment": found.comment, "reason": found.reason}

    report = ScoringReport(author=automatic.AUTHOR)
    return _score_all(workspace, rows, report, unchecked, score, progress)


def score_by_judge(
    workspace: Workspace,
    rows: Sequence[SessionRow],
    judge: Judge,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> ScoringReport:
    """Ask ``judge`` for a score of every played session that it has not scored yet.

    A session on which it fails is named with the reason; after several in a row it is given up.
    """
    report = ScoringReport(author=f"model:{judge.model}")
    upscale = workspace.settings.chat.upscale

    def score(row: SessionRow) -> dict[str, Any]:
        session = workspace.session(row.id)
        try:
            asked = questions(exhibit(session), lambda path: _picture_url(path, upscale))
        finally:
            session.close()
        answer = judge.complete(asked, schema=SCHEMA, purpose="judge")
        report.cost += answer.cost
        if answer.parsed is None:
            raise FormatError(f"the judge's answer cannot be read: {answer.refused or 'no JSON'}")
        verdict = read_verdict(answer.parsed)
        return {
            "score": verdict.score,
            "comment": verdict.feedback,
            "reason": verdict.justification,
        }

    def against(row: SessionRow) -> str | None:
        return "nobody played" if row.play is None else None

    return _score_all(workspace, rows, report, against, score, progress)


@contextlib.contextmanager
def open_judge(workspace: Workspace, model: str | None = None) -> Iterator[Judge]:
    """The chat model of the workspace's settings, or ``model`` on the same server, as a judge.

    UsageError where no model is named, PlayerError where none can be asked.
    """
    if not (model or workspace.settings.chat.model):
        raise UsageError(
            "no model is named that could judge; give one with --judge-model, or as `model` in the "
            "section [chat] of understudy.toml"
        )
    from understudy.players.backends.endpoint import ChatEndpoint

    endpoint = ChatEndpoint(workspace.settings, model=model, folder=workspace.internal / "players")
    try:
        yield endpoint
    finally:
        endpoint.close()


def _picture_url(path: Path, upscale: int) -> str:
    import numpy as np
    from PIL import Image

    from understudy.players.chat.picture import data_url

    with Image.open(path) as image:
        return data_url(np.asarray(image.convert("RGB")), upscale)


def _score_all(
    workspace: Workspace,
    rows: Sequence[SessionRow],
    report: ScoringReport,
    against: Callable[[SessionRow], str | None],
    score: Callable[[SessionRow], dict[str, Any]],
    progress: Callable[[int, int], None] | None,
) -> ScoringReport:
    left_out: Counter[str] = Counter()
    in_a_row = 0
    for number, row in enumerate(rows, start=1):
        reason = _cannot_open(row) or against(row)
        if reason is not None:
            left_out[reason] += 1
        else:
            try:
                if not _score_one(workspace, row, report, score):
                    left_out[BUSY] += 1
                in_a_row = 0
            except (UnderstudyError, OSError, msgspec.MsgspecError) as error:
                report.failed.append(Failure(session=row.id, reason=str(error)))
                in_a_row += 1
        if progress is not None:
            progress(number, len(rows))
        if in_a_row == FAILURES_IN_A_ROW:
            report.gave_up = f"{in_a_row} sessions in a row failed; {len(rows) - number} not tried"
            break
    report.left_out = dict(left_out.most_common())
    report.by_score = dict(sorted(report.by_score.items()))
    return report


def _score_one(
    workspace: Workspace,
    row: SessionRow,
    report: ScoringReport,
    score: Callable[[SessionRow], dict[str, Any]],
) -> bool:
    """Score one session where it has no score of this author; False when another is at it.

    Looking and scoring are one: two processes that score at once give one score.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(workspace.exclusive(row.id))
        except SessionError:
            return False
        if scored_by(report.author, workspace.runs / row.directory):
            report.already += 1
            return True
        said = score(row)
        session = workspace.session(row.id)
        held.callback(session.close)
        session.add_feedback(author=report.author, **said)
    report.scored += 1
    report.by_score[said["score"]] = report.by_score.get(said["score"], 0) + 1
    return True


def _cannot_open(row: SessionRow) -> str | None:
    if row.archived:
        return "archived"
    return "not sealed" if row.status in ("recording", "killed") else None
