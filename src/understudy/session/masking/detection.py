"""All detectors over one text: gates first, then only what the gates let through."""

from __future__ import annotations

from collections.abc import Iterator

from understudy.session.masking import addresses, credentials
from understudy.session.masking.blobs import without_blobs
from understudy.session.masking.escapes import after_escape
from understudy.session.masking.gates import CLOSED, Gates, gates_of, has_token_run
from understudy.session.masking.kinds import PLACEHOLDER, Finding, merge, placeholder
from understudy.session.masking.numbers import numbers
from understudy.session.masking.words import WordList


class Detection:
    """What to look for; immutable, so threads share it freely."""

    def __init__(self, kinds: frozenset[str], words: WordList) -> None:
        self._kinds = kinds
        self._words = words

    def find(self, text: str) -> list[Finding]:
        """Disjoint findings in order. What already is a placeholder is never part of one."""
        listed = "WORD" in self._kinds and self._words.may_be_in(text)
        tokens = has_token_run(text)
        if tokens or ";base64," in text:
            visible = without_blobs(text)
            if visible is not text:
                text, tokens = visible, has_token_run(visible)
        gates = gates_of(text, tokens=tokens)
        if gates == CLOSED and not listed:
            return []
        found = [finding for finding in self._look(text, gates) if finding.kind in self._kinds]
        if listed:
            found += self._words.findings(text)
        return merge(_clear_of_placeholders(text, found)) if found else []

    def _look(self, text: str, gates: Gates) -> Iterator[Finding]:
        kinds = self._kinds
        if gates.pem:
            yield from credentials.private_keys(text)
        if gates.tokens:
            yield from credentials.service_keys(text)
        if gates.assigned:
            yield from credentials.assigned(text)
        if gates.spoken:
            yield from credentials.spoken_passwords(text)
        if gates.at_sign:
            yield from addresses.at_signs(text)
        if gates.digits:
            yield from numbers(text, cards="CREDIT_CARD" in kinds, phones="PHONE" in kinds)
        if gates.ipv4:
            yield from addresses.ipv4_addresses(text)
        if gates.ipv4 or gates.ipv6:
            yield from addresses.ipv6_addresses(text)

    def mask(self, text: str) -> tuple[str, dict[str, int]]:
        """The text with every finding replaced, and how many of each kind there were.

        Replacing one thing may uncover another (its neighbour now stands free), so this goes on
        until nothing is found. It ends: each round turns some of the text into placeholders, and
        those are never looked into.
        """
        counts: dict[str, int] = {}
        while found := self.find(text):
            parts: list[str] = []
            end = 0
            for kind, start, stop in found:
                parts += [text[end:start], placeholder(kind)]
                end = stop
                counts[kind] = counts.get(kind, 0) + 1
            text = "".join([*parts, text[end:]])
        return text, counts


def _clear_of_placeholders(text: str, found: list[Finding]) -> Iterator[Finding]:
    taken = [match.span() for match in PLACEHOLDER.finditer(text)] if "[" in text else []
    for kind, start, end in found:
        start = after_escape(text, start)
        if start < end and not any(start < right and left < end for left, right in taken):
            yield Finding(kind, start, end)
