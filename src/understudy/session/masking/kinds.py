"""The kinds of things that are masked, and the placeholders that stand for them afterwards.

A placeholder is the kind in square brackets. It holds no quote, backslash or line break, so a text
that was valid JSON stays valid JSON, and a placeholder is never looked into again: that is what
makes masking twice the same as masking once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from understudy.errors import UsageError

KINDS: Final[dict[str, str]] = {
    "PRIVATE_KEY": "private key blocks in PEM form, whole or cut off",
    "API_KEY": "keys and tokens of known services, and values assigned to names such as api_key",
    "TOKEN": "JSON web tokens and bearer or basic credentials",
    "PASSWORD": "passwords in URLs and values assigned to names such as password",
    "EMAIL": "e-mail addresses",
    "CREDIT_CARD": "payment card numbers with a valid check digit",
    "IP": "IP addresses, version 4 and 6",
    "PHONE": "phone numbers, international or in a national way of writing",
    "WORD": "the words listed in the settings",
}
"""Every kind with what it covers; the order decides which name overlapping findings get."""

TOO_DEEP: Final = "TOO_DEEP"
"""Counted, not a kind that can be switched off: a value nested beyond any use, replaced whole."""

PLACEHOLDER: Final = re.compile(r"\[(?:" + "|".join([*KINDS, TOO_DEEP]) + r")\]")

_RANK: Final = {kind: rank for rank, kind in enumerate(KINDS)}


class Finding(NamedTuple):
    """Where something of ``kind`` stands: character offsets, never the text itself."""

    kind: str
    start: int
    end: int


def placeholder(kind: str) -> str:
    return f"[{kind}]"


def chosen_kinds(kinds: Iterable[str] | None) -> frozenset[str]:
    """The kinds to look for (any letter case); all of them for ``None``.

    Raises UsageError for a name that is not in :data:`KINDS`.
    """
    if kinds is None:
        return frozenset(KINDS)
    names = frozenset(kind.upper() for kind in kinds)
    unknown = sorted(names - KINDS.keys())
    if unknown:
        raise UsageError(
            f"Masking knows no kind {', '.join(unknown)}: choose from {', '.join(KINDS)}."
        )
    return names


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """Sorted and disjoint: what overlaps becomes one finding with the weightiest kind."""
    merged: list[Finding] = []
    for finding in sorted(findings, key=lambda found: (found.start, -found.end)):
        if merged and finding.start < merged[-1].end:
            last = merged[-1]
            kind = min(last.kind, finding.kind, key=_RANK.__getitem__)
            merged[-1] = Finding(kind, last.start, max(last.end, finding.end))
        else:
            merged.append(finding)
    return merged
