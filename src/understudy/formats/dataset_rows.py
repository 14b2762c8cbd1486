"""The rows of a dataset: a decision of a player, or a chat with a model, made self-contained.

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

    @property
    def origin(self) -> str:
        """What keeps rows together that must not be torn apart: the session."""
        return self.session


class ScenarioPart(msgspec.Struct, frozen=True, kw_only=True):
    """The scenario that a row was made of."""

    name: str
    """Such as ``scenarios/combat/wolves.md``, or ``generated/1/17`` for number 17 of seed 1."""
    sha256: str = ""
    """Of its file; empty for one that was made."""
    seed: int | None = None
    """Of one that was made."""


class ChatRow(msgspec.Struct, frozen=True, kw_only=True):
    """One call to a chat model, or a scenario, as a training example."""

    example: dict[str, Any]
    """In the shape of OpenAI's format: ``messages``, and ``tools`` where there are some."""
    session: str
    """Empty for a scenario."""
    n: int
    """The trace line it is from; of a scenario the number of its part, from 1."""
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
    rejected: dict[str, Any] | None = None
    """What was said before the correction, where that is something else."""
    answer_score: float | None = None
    """What people gave to the answer that was recorded, by itself."""
    scenario: ScenarioPart | None = None
    """None for what was captured."""

    @property
    def origin(self) -> str:
        """What keeps rows together that must not be torn apart: the session, or the scenario."""
        return self.session if self.scenario is None else self.scenario.name


Row = AgentRow | ChatRow
