"""Whether one split knows what another is to find out: origins, examples and pictures in both."""

from __future__ import annotations

import msgspec

from understudy.curate.duplicates import digest, exact_digest
from understudy.datasets.chat_examples import chat_digest, example_digest
from understudy.formats.dataset_rows import AgentRow, Row


class Leaks(msgspec.Struct, frozen=True, kw_only=True):
    """How much stands in more than one split."""

    sessions: int = 0
    """Sessions and scenarios."""
    examples: int = 0
    """The same in all that is learned from."""
    sights: int = 0
    """The same picture with the same action (of chats: the same question), known from a split
    before: no fault where a game shows the same screen in every episode, but worth knowing."""


class LeakCheck:
    """Takes in the rows of all splits, one after the other."""

    def __init__(self) -> None:
        self._origins: dict[str, str] = {}
        self._examples: dict[bytes, str] = {}
        self._sights: dict[bytes, str] = {}
        self._torn: set[str] = set()
        self._repeated = 0
        self._seen_again: set[bytes] = set()

    def add(self, split: str, row: Row) -> list[str]:
        """What of ``row`` stands in another split, in words; its sight is only counted."""
        found = []
        if self._origins.setdefault(row.origin, split) != split:
            if row.origin not in self._torn:
                what = "session" if row.session else "scenario"
                found.append(f"its {what} is in {self._origins[row.origin]} too")
            self._torn.add(row.origin)
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
    return chat_digest(row)


def _sight(row: Row) -> bytes | None:
    if not isinstance(row, AgentRow):
        return example_digest({"messages": row.example["messages"][:-1]})
    if row.picture is None:
        return None
    return digest(row.row.action.encode(errors="replace") + b"\n" + row.picture)
