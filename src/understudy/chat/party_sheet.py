"""The party sheet as it stands in a chat: who the heroes are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from understudy.chat.messages import SYSTEM_ROLES, text_of

_MEMBER = re.compile(r"^- ([^()\n]{1,60}) \(", re.MULTILINE)


def names_on_sheet(messages: Iterable[Any]) -> tuple[str, ...]:
    """The names on the party sheet, where a system message holds one."""
    for message in messages:
        if isinstance(message, dict) and message.get("role") in SYSTEM_ROLES:
            return tuple(_MEMBER.findall(text_of(message.get("content"))))
    return ()
