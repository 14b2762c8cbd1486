"""The rows of a dataset: a decision of a player, or a call to a chat model, made self-contained.

Every format that a dataset can be written in is made from these.
"""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.session.instruction import InstructionRow


class AgentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a player with the picture that it saw."""

    row: InstructionRow
    picture: bytes | None
    """The PNG before the action; None where the game shows none."""
    corrected: bool = False
    """Whether somebody's correction stands in the place of what was played."""

    @property
    def session(self) -> str:
        return self.row.session

    @property
    def n(self) -> int:
        return self.row.n


class ChatRow(msgspec.Struct, frozen=True, kw_only=True):
    """One call to a chat model as a training example."""

    example: dict[str, Any]
    """In the shape of OpenAI's format: ``messages``, and ``tools`` where there are some."""
    session: str
    n: int
    """The trace line it is from."""
    game: str
    player: str
    timestamp: str
    model_used: str
    success: bool | None
    """Whether the session's task was completed."""
    human_score: float | None
    auto_score: float | None
    corrected: bool = False
    """Whether somebody's correction stands in the place of the answer."""


Row = AgentRow | ChatRow
