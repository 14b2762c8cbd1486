"""Which chats of a file are new, and which of them belong to one conversation.

A collector writes a chat again with every turn, each time with all that was said before: such chats
are one conversation, as a chat goes on from an earlier one whose messages it begins with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from understudy.capture.importing.imported import content_of
from understudy.chat import json_values
from understudy.formats.chat_files import ChatRecord

_DIGEST_BYTES = 16


@dataclass
class Conversation:
    """The chats of a file that go on from one another."""

    places: list[str] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Planned:
    """A chat that is to be recorded."""

    conversation: Conversation
    place: str
    content: str


class Plan:
    """Takes in the chats of one file and says of each what becomes of it.

    ``known`` are the contents that are in the workspace; those planned here are added to ``taken``,
    which may be shared by several files.
    """

    def __init__(self, known: Collection[str], taken: set[str]) -> None:
        self.records = 0
        self.known = 0
        """How many are in the workspace already."""
        self.copies = 0
        """How many are the same as an earlier one that is imported now."""
        self.conversations: list[Conversation] = []
        self.steps: dict[int, Planned] = {}
        """By number of the record, from 0."""
        self._known = known
        self._taken = taken
        self._ends: dict[bytes, Conversation] = {}

    def add(self, record: ChatRecord) -> None:
        number, content = self.records, content_of(record.example)
        self.records += 1
        beginnings = list(_beginnings(record.example["messages"]))
        if content in self._known:
            self.known += 1
            return
        if content in self._taken:
            self.copies += 1
            return
        self._taken.add(content)
        earlier = (self._ends[end] for end in reversed(beginnings) if end in self._ends)
        conversation = next(earlier, None)
        if conversation is None:
            conversation = Conversation()
            self.conversations.append(conversation)
        conversation.places.append(record.place)
        conversation.contents.append(content)
        self._ends[beginnings[-1]] = conversation
        self.steps[number] = Planned(conversation, record.place, content)


def _beginnings(messages: list[dict[str, Any]]) -> Iterator[bytes]:
    """A digest of the messages up to each one."""
    so_far = b""
    for message in messages:
        said = json_values.encode_sorted(message).encode()
        so_far = hashlib.blake2b(so_far + said, digest_size=_DIGEST_BYTES).digest()
        yield so_far
