"""What the tests of all dialects share: texts cut anywhere, and bytes made into a record."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import strategies as st

from understudy.chat.dialects.dialect import Dialect
from understudy.chat.exchange import Exchange
from understudy.chat.record import CallRequest

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def assembler(dialect: Dialect, request: Callable[..., CallRequest]) -> Callable[..., Any]:
    """A function that assembles a record of an answer and makes sure that it can be written."""

    def assembled(
        body: bytes | dict[str, Any], asked: CallRequest | None = None, **how: Any
    ) -> Any:
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        exchange = Exchange(**{"http_status": 200, "body": raw, **how})
        record = dialect.assemble(asked or request(), exchange)
        msgspec.json.encode(record)
        return record

    return assembled


def pieces_of(text: str, cuts: list[int]) -> list[str]:
    """``text`` in pieces, cut wherever the numbers fall."""
    edges = [0, *sorted({cut % (len(text) + 1) for cut in cuts}), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]
