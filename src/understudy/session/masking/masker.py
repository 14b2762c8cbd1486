"""The masker: texts and JSON-like values in, the same without secrets out, with counts."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Any, Final

from understudy.session.masking.blobs import is_blob
from understudy.session.masking.credentials import kind_of_field
from understudy.session.masking.detection import Detection
from understudy.session.masking.gates import TOKEN_RUN
from understudy.session.masking.kinds import TOO_DEEP, Finding, chosen_kinds, placeholder
from understudy.session.masking.numbers import is_phone_field
from understudy.session.masking.words import WordList

MAX_DEPTH: Final = 200
"""Containers nested deeper than this are replaced by ``[TOO_DEEP]``; so are cycles."""

_CACHED_FROM: Final = 512
_CACHE_ENTRIES: Final = 8192
_CACHE_CHARACTERS: Final = 16_000_000

_CLEAN_ENTRIES: Final = 4096
_PASSED_THROUGH: Final = frozenset((int, float, bool, type(None)))

_Cached = tuple[str, dict[str, int]] | None


class Masker:
    """Replaces secrets and personal data by placeholders such as ``[EMAIL]``.

    ``kinds`` are names from ``KINDS`` (any letter case; None: all), ``words`` the user's own words.
    An unknown kind raises UsageError. Thread-safe. Histories repeat, so the outcome for long texts
    is remembered under a keyed hash: of a text with findings only the masked form is kept.
    """

    def __init__(
        self,
        *,
        enabled: bool = True,
        kinds: Iterable[str] | None = None,
        words: Iterable[str] = (),
    ) -> None:
        self.enabled = enabled
        self.kinds = chosen_kinds(kinds)
        self._words = WordList(words)
        self._detection = Detection(self.kinds, self._words)
        self._cache_key = os.urandom(16)
        self._cache: OrderedDict[bytes, _Cached] = OrderedDict()
        self._cached_characters = 0
        self._clean: set[str] = set()
        """Short texts without findings: names, roles, models and short lines come again too."""
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Masker(enabled={self.enabled}, kinds={sorted(self.kinds)}, words={self._words!r})"

    def find(self, text: str) -> list[Finding]:
        """Where something would be masked: disjoint, in order; empty when switched off."""
        if not self.enabled or is_blob(text):
            return []
        return self._detection.find(text)

    def mask_text(self, text: str) -> tuple[str, Counter[str]]:
        """The masked text (the same object when nothing was found) and the counts by kind."""
        counts: Counter[str] = Counter()
        return self._text(text, counts), counts

    def mask_value(self, value: Any) -> tuple[Any, Counter[str]]:
        """The same for any JSON-like value, keys included; counts are over all of it.

        Strings, bytes that are UTF-8, and what dicts, lists and tuples hold are looked at; every
        other object is passed through. Nothing is changed in place: containers on the way to a
        finding are copied, all others (and the value itself without findings) stay the same object.
        """
        counts: Counter[str] = Counter()
        if not self.enabled:
            return value, counts
        return self._value(value, counts, []), counts

    def _value(self, value: Any, counts: Counter[str], path: list[int]) -> Any:
        if type(value) in _PASSED_THROUGH:
            return value
        if isinstance(value, str):
            return self._text(value, counts)
        if isinstance(value, (dict, list, tuple)):
            if not value:
                return value
            if len(path) >= MAX_DEPTH or id(value) in path:
                counts[TOO_DEEP] += 1
                return placeholder(TOO_DEEP)
            path.append(id(value))
            try:
                if isinstance(value, dict):
                    return self._dict(value, counts, path)
                return self._sequence(value, counts, path)
            finally:
                path.pop()
        if isinstance(value, (bytes, bytearray)):
            return self._bytes(value, counts)
        return value

    def _dict(self, value: dict[Any, Any], counts: Counter[str], path: list[int]) -> Any:
        changed = False
        masked: dict[Any, Any] = {}
        for key, item in value.items():
            new_key = self._value(key, counts, path) if isinstance(key, (str, bytes)) else key
            new_item = self._field(key, item, counts) if isinstance(item, str) else item
            new_item = self._value(new_item, counts, path)
            changed = changed or new_key is not key or new_item is not item
            masked[_free_key(new_key, masked) if new_key in masked else new_key] = new_item
        return masked if changed else value

    def _sequence(
        self, value: list[Any] | tuple[Any, ...], counts: Counter[str], path: list[int]
    ) -> Any:
        items = [self._value(item, counts, path) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        if isinstance(value, list):
            return items
        return type(value)._make(items) if hasattr(value, "_make") else tuple(items)

    def _field(self, key: Any, text: str, counts: Counter[str]) -> str:
        """A value that is a secret because of the name it stands under."""
        if not isinstance(key, str) or not 4 <= len(text) <= 4096:
            return text
        kind = kind_of_field(key, text)
        if kind is None and is_phone_field(key, text):
            kind = "PHONE"
        if kind is None or kind not in self.kinds:
            return text
        counts[kind] += 1
        return placeholder(kind)

    def _bytes(self, value: bytes | bytearray, counts: Counter[str]) -> bytes | bytearray:
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            return value
        masked = self._text(text, counts)
        return value if masked is text else type(value)(masked.encode("utf-8"))

    def _text(self, text: str, counts: Counter[str]) -> str:
        if not self.enabled:
            return text
        if len(text) < _CACHED_FROM:
            # Most strings are keys and roles: a short name can only be one of the listed words.
            if len(text) < TOKEN_RUN and text.isidentifier() and not self._words.may_be_in(text):
                return text
            if text in self._clean:
                return text
            masked, found = self._detection.mask(text)
            if found:
                counts.update(found)
                return masked
            if len(self._clean) >= _CLEAN_ENTRIES:
                self._clean.clear()
            self._clean.add(text)
            return text
        if is_blob(text):
            return text
        outcome = self._remembered(text)
        if outcome is None:
            return text
        counts.update(outcome[1])
        return outcome[0]

    def _remembered(self, text: str) -> _Cached:
        raw = text.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(raw, digest_size=16, key=self._cache_key).digest()
        with self._lock:
            if digest in self._cache:
                self._cache.move_to_end(digest)
                return self._cache[digest]
        masked, found = self._detection.mask(text)
        outcome = (masked, found) if found else None
        with self._lock:
            if digest not in self._cache:
                self._cache[digest] = outcome
                self._cached_characters += len(masked) if found else 0
            while self._cache and (
                len(self._cache) > _CACHE_ENTRIES or self._cached_characters > _CACHE_CHARACTERS
            ):
                _, dropped = self._cache.popitem(last=False)
                self._cached_characters -= len(dropped[0]) if dropped else 0
        return outcome


def _free_key(key: Any, taken: dict[Any, Any]) -> Any:
    """Two keys that are masked alike must not overwrite each other."""
    if not isinstance(key, str):
        return key
    number = 2
    while f"{key} {number}" in taken:
        number += 1
    return f"{key} {number}"
