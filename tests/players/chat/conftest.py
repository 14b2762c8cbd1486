"""What the tests of the chat player share: the server, settings for it, and time that stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.players.chat.vision_server import VisionServer

from understudy.config import ChatSettings, Settings
from understudy.players.backends.endpoint import Clock

KEY = "a-key-that-no-pattern-knows-0815"


@dataclass
class StandingTime:
    """A clock that only sleeping moves."""

    moment: float = 1_000_000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += seconds

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.moment, sleep=self.sleep, chance=lambda: 1.0)


@pytest.fixture
def time() -> StandingTime:
    return StandingTime()


@pytest.fixture
def server() -> Iterator[VisionServer]:
    with VisionServer() as running:
        yield running


@pytest.fixture
def make_settings(server: VisionServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Settings that lead to the server; the key is in the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    def make(**chat: Any) -> Settings:
        given = {"base_url": server.url, "model": "eyes-1", "backoff_s": 0.0, "timeout_s": 30}
        return Settings(chat=ChatSettings(**(given | chat)))

    return make
