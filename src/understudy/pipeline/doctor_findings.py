"""What a check comes to."""

from __future__ import annotations

from typing import Literal

import msgspec


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    verdict: Literal["ok", "warning", "problem"]
    """``warning``: works now and should be looked at. ``problem``: something does not work."""
    said: str
    """A sentence; where it is not ``ok``, with what to do."""


def ok(name: str, said: str) -> Check:
    return Check(name=name, verdict="ok", said=said)


def warning(name: str, said: str) -> Check:
    return Check(name=name, verdict="warning", said=said)


def problem(name: str, said: str) -> Check:
    return Check(name=name, verdict="problem", said=said)
