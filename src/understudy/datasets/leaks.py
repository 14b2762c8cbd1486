"""Whether one split knows what another is to find out: sessions, examples and pictures in two."""

from __future__ import annotations

import msgspec

from understudy.curate.duplicates import digest, exact_digest
from understudy.datasets.chat_examples import example_digest
from understudy.formats.dataset_rows import AgentRow, Row


class Leaks(msgspec.Struct, frozen=True, kw_only=True):
    """How much stands in more than one split."""

    sessions: int = 0
    examples: int = 0
    """The same in all that is learned from."""
    sights: int = 0
    """The same picture with the same action (of chats: the same question), known from a split
    before: no fault where a game shows the same screen in every episode, but worth knowing."""


class LeakCheck:
    """Takes in the rows of all splits, one after the other."""

    def __init__(self) -> None:
        self._sessions: dict[str, str] = {}
        self._examples: dict[bytes, str] = {}
        self._sights: dict[bytes, str] = {}
        self._torn: set[str] = set()
        self._repeated = 0
        self._seen_again: set[bytes] = set()

    def add(self, split: str, row: Row) -> list[str]:
        """What of ``row`` stands in another split, in words; its sight is only counted."""
        found = []
        if self._sessions.setdefault(row.session, split) != split:
            if row.session not in self._torn:
                found.append(f"its session is in {self._sessions[row.session]} too")
            self._torn.add(row.session)
        example = row_digest(row)
        if self._examples.setdefault(example, split) != split:
            found.append(f"the same example is in {self._examples[example]}")
            self._repeated += 1
        sight = _sight(row)
        if sight is not None and self._sights.setdefault(sight, split) != split:
            self._seen_again.add(sight)
        return found

    @property
    def leaks(self) -> Leaks:
        return Leaks(
            sessions=len(self._torn), examples=self._repeated, sights=len(self._seen_again)
        )


def row_digest(row: Row) -> bytes:
    """Equal for rows that teach the same."""
    if isinstance(row, AgentRow):
        return exact_digest(row.row, row.picture)
    return example_digest(row.example)


def _sight(row: Row) -> bytes | None:
    if not isinstance(row, AgentRow):
        return example_digest({"messages": row.example["messages"][:-1]})
    if row.picture is None:
        return None
    return digest(row.row.action.encode(errors="replace") + b"\n" + row.picture)
