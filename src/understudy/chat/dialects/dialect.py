"""The contract of a dialect: one wire format of one API, read into canonical records."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from understudy.chat.exchange import Exchange
from understudy.chat.record import CallRecord, CallRequest


@runtime_checkable
class Dialect(Protocol):
    """Reads the requests and answers of one API; keeps no state between calls.

    Register the class, or an instance, under the entry-point group ``understudy.dialects``.
    """

    name: str

    def matches(self, method: str, path: str) -> bool:
        """Whether a request speaks this dialect. ``path`` has no query and may have a prefix."""

    def read_request(self, body: bytes) -> CallRequest:
        """What a request body asks for. FormatError when it is not what the API takes."""

    def first_content(self, chunk: bytes) -> bool:
        """Whether a chunk of an answer carries content, for the time to the first token.

        A cheap test on raw bytes, asked about each chunk until it says True; it may miss content
        whose mark is cut in two by the edge of a chunk, and then finds the next.
        """

    def assemble(self, request: CallRequest, exchange: Exchange) -> CallRecord:
        """The record of a finished or broken call. Pure, and never raises, whatever the bytes."""

    def record_from_response(
        self,
        request: dict[str, Any],
        response: Any,
        *,
        exchange: Exchange | None = None,
    ) -> CallRecord:
        """The record of a call made in this process, from what the client was given and gave.

        ``request`` holds the keyword arguments, ``response`` the answer as a mapping or a model,
        a list of stream events, or None when there was none. Times, status and errors come from
        ``exchange``, whose body is not looked at. Never raises.
        """
