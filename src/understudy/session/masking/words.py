r"""Words the user lists: whole words, any letter case, any script.

The words are looked for as written, in full case folding (``Straße`` finds ``STRASSE``), composed
and decomposed, and in the ``\u00e9`` spelling that JSON inside a string may use. Spaces in a
listed phrase stand for any white space.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator

from understudy.session.masking.escapes import BEGIN, END
from understudy.session.masking.kinds import Finding


class WordList:
    """Finds listed words; its repr tells how many there are, never which."""

    def __init__(self, words: Iterable[str]) -> None:
        variants = {variant for word in words for variant in _variants(word.strip()) if variant}
        self._needles = frozenset(_needle(variant) for variant in variants)
        self._pattern = (
            re.compile(
                rf"{BEGIN}(?:{'|'.join(map(_source, sorted(variants, key=_longest_first)))}){END}",
                re.IGNORECASE,
            )
            if variants
            else None
        )

    def __repr__(self) -> str:
        return f"WordList({len(self._needles)} spellings)"

    def may_be_in(self, text: str) -> bool:
        """Cheap: False means that no listed word is in the text."""
        if self._pattern is None:
            return False
        folded = text.lower() if text.isascii() else text.casefold()
        return any(needle in folded for needle in self._needles)

    def findings(self, text: str) -> Iterator[Finding]:
        if self._pattern is not None:
            for match in self._pattern.finditer(text):
                yield Finding("WORD", *match.span())


def _variants(word: str) -> set[str]:
    cases = {word, word.casefold(), word.upper()}
    spelled = {unicodedata.normalize(form, case) for case in cases for form in ("NFC", "NFD")}
    escaped = {json.dumps(spelling)[1:-1] for spelling in spelled if not spelling.isascii()}
    return spelled | escaped


def _needle(variant: str) -> str:
    """The longest part between white space, folded as the text will be."""
    return max(variant.casefold().split(), key=len)


def _source(variant: str) -> str:
    return r"\s+".join(map(re.escape, variant.split()))


def _longest_first(variant: str) -> tuple[int, str]:
    return (-len(variant), variant)
