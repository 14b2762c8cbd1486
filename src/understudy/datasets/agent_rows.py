"""From the steps of sessions to training rows: corrected where somebody corrected them, and without
what nobody should learn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.chat.decisions import ANSWER_KEYS
from understudy.datasets.found import Found, corrected_by
from understudy.datasets.screenshots import Screenshots
from understudy.datasets.selection import LeftOut, left_out
from understudy.errors import UnderstudyError
from understudy.formats.dataset_rows import AgentRow
from understudy.session.instruction import InstructionRow

if TYPE_CHECKING:
    from understudy.session.feedback import FeedbackEntry
    from understudy.session.reader import RecordedSession


def agent_rows(
    session: RecordedSession,
    leave_out: Callable[[LeftOut], None],
    *,
    with_mistakes: bool = False,
) -> Iterator[Found]:
    """A row for each step that can be learned from; ``leave_out`` hears of the others.

    Left out are steps without an action, without instruction, with neither picture nor state in
    words, whose picture is gone, and, unless ``with_mistakes``, those that the player recorded as
    deliberate mistakes. A correction in the feedback takes the place of what was played, and makes
    a mistake worth learning from.
    """
    n = None
    pictures = Screenshots(session.path)
    try:
        corrections = session.current_feedback.corrections
        for found in session.instruction_rows():
            n = found.n
            entry = corrections.get(n)
            row, objection = _corrected(found, entry)
            picture = pictures.read(found.screenshot)
            objection = objection or _objection(row, picture, with_mistakes=with_mistakes)
            if objection is not None:
                leave_out(left_out(session, n, objection))
                continue
            yield Found(
                row=AgentRow(row=row, picture=picture, corrected=entry is not None),
                session=session,
                corrected=corrected_by(session, n, entry),
            )
    except UnderstudyError as error:
        place = "its beginning" if n is None else f"step {n}"
        leave_out(left_out(session, None, f"what follows {place} could not be read: {error}"))


def _objection(row: InstructionRow, picture: bytes | None, *, with_mistakes: bool) -> str | None:
    if not row.action.strip():
        return "there is no action"
    if not row.instruction.strip():
        return "nothing was asked"
    if row.screenshot is not None and picture is None:
        return "its picture is missing"
    if picture is None and not row.memory_context.strip():
        return "there is neither a picture nor the state in words"
    if row.mistake and not with_mistakes:
        return "the player made a mistake on purpose"
    return None


def _corrected(
    row: InstructionRow, entry: FeedbackEntry | None
) -> tuple[InstructionRow, str | None]:
    """The row as somebody said that it should be, and what is wrong with that."""
    changes: dict[str, Any] = {}
    screen: object = row.screen
    if screen is not None and not isinstance(screen, str):
        changes["screen"] = None  # a game's own fact of the same name
    if entry is not None:
        said = entry.correction
        said = {"action": said} if isinstance(said, str) else said
        if not isinstance(said, dict) or not said or not said.keys() <= set(ANSWER_KEYS):
            return row, "its correction is no action"
        if not all(isinstance(text, str) for text in said.values()):
            return row, "its correction is no action"
        if "action" in said:
            # What was thought of another action does not explain this one.
            changes |= {"reasoning": "", "expected_outcome": "", "mistake": False}
        changes |= said
    return (msgspec.structs.replace(row, **changes) if changes else row), None
