"""What a line of the catalog holds. The tables that it is kept in stand in ``tables``."""

from __future__ import annotations

import msgspec


class PlayFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a task that was played comes to, derived from the session when it is sealed."""

    task_id: str = ""
    """Empty for something that was asked and that the game has no task for."""
    group: str = ""
    difficulty: int | None = None
    reference_steps: int | None = None
    """A good number of steps for the task."""
    max_steps: int | None = None
    """The budget that was given."""
    seed: int | None = None
    completion: str = ""
    """``success``, ``failure``, ``step_limit``, ``quit``, ``interrupted`` or ``error``."""
    conditions: int = 0
    """How many the task's check is made of."""
    missing: int = 0
    """How many of them did not hold at the end."""
    screens: int = 0
    """Distinct pictures that were seen."""
    no_effect: int = 0
    """Steps after which nothing had changed, waiting not counted."""
    repeated: int = 0
    """Steps that did what had been done before on the same picture."""
    mistakes: int = 0
    """Steps that the player itself recorded as deliberate mistakes."""
    examples: int = 0
    """Steps with a picture before them: what a training example needs."""
    path: str = ""
    """The actions in order, such as ``press_start press_down*3 press_a``."""


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalog knows of a session without opening it."""

    id: str
    """ULID."""
    directory: str
    """Name of its folder in ``runs/``, also while it is archived."""
    name: str = ""
    game: str = ""
    task: str = ""
    task_id: str = ""
    """Of the game's own task; empty where there is none."""
    player: str = ""
    model: str = ""
    status: str = "recording"
    """``recording``, ``sealed``, ``incomplete`` or ``killed``."""
    reason: str | None = None
    """Why it has that status, in words."""
    started: str
    """ISO 8601, UTC."""
    ended: str | None = None
    duration_s: float | None = None
    steps: int = 0
    chats: int = 0
    frames: int = 0
    images: int = 0
    bytes: int = 0
    seen: int = 0
    stored: int = 0
    dropped: int = 0
    masked: int = 0
    human_score: float | None = None
    auto_score: float | None = None
    success: bool | None = None
    tags: list[str] = []
    license: str = ""
    consent: str = ""
    archived: bool = False
    sealed_sha256: str | None = None
    """Of its manifest."""
    schema: int = 1
    """Of the session's own files."""
    play: PlayFacts | None = None
    """Only of sessions in which a player played a game step by step."""
