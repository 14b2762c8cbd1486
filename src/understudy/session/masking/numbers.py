"""Payment cards and phone numbers: what digits can mean besides hit points.

Games are full of numbers, so digits alone prove nothing. A card needs an issuer's first digits, a
length and grouping that cards have, and the Luhn check. A phone number needs one of

- a leading ``+`` and a country and length that ``phonenumbers`` knows,
- the North American form with brackets, dashes or dots (``(415) 555-2671``),
- a national number with trunk zero and separators, valid in one of :data:`REGIONS`,
- a word such as "phone:" or "call me at" directly before it.

Bare runs of digits (seeds, milliseconds since 1970, ids), dates, scores and coordinates are none of
these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from understudy.session.masking.escapes import BEGIN, END
from understudy.session.masking.kinds import Finding

REGIONS: Final = ("DE", "GB", "FR", "IT", "NL", "AT", "CH", "SE", "AU", "JP")
"""Countries that write a trunk zero; a national number is tried against each of them."""

_SPAN: Final = re.compile(r"[0-9][0-9 ().\-/\u00a0]{5,}[0-9]")

_CARD: Final = re.compile(
    BEGIN + r"(?<![.+])(?<![0-9][ -])(?:[0-9]{14,16}"
    r"|[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{3})?"
    r"|[0-9]{4}([ -])[0-9]{6}\2[0-9]{4,5})(?![\w]|[.][0-9]|[ -][0-9]{4})"
)
_ISSUER: Final = re.compile(
    r"4[0-9]{15}(?:[0-9]{3})?\Z|5[1-5][0-9]{14}\Z|2(?:2[2-9]|[3-6]|7[01]|720)[0-9]{12,14}\Z"
    r"|3[47][0-9]{13}\Z|6(?:011|5|4[4-9]|2)[0-9]{12,17}\Z|35[0-9]{14}\Z|3(?:0|6|8)[0-9]{12}\Z"
)

_INTERNATIONAL: Final = re.compile(
    r"(?:(?<![\w+])|(?<=\\[nrtbf]))\+(?=\(?[1-9])[(]?[0-9][0-9 ().\-/\u00a0]{5,24}[0-9]" + END
)
_ZERO_ZERO: Final = re.compile(
    BEGIN + r"(?<![0-9][ .-])00[1-9][0-9]{0,2}[ -][0-9 ().\-/]{5,20}[0-9]" + END
)
_NORTH_AMERICAN: Final = re.compile(
    r"(?:(?<![\w.-])|(?<=\\[nrtbf]))(?:\+?1[ .-])?"
    r"(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}([-.]))[0-9]{3}(?(1)\1|[-. ])[0-9]{4}(?![\w]|[-.][0-9])"
)
_TRUNK_ZERO: Final = re.compile(
    BEGIN + r"(?<![0-9][ ./-])(?<![.,+])(?:"
    r"0[1-9](?:([ .-])[0-9]{2})(?:\1[0-9]{2}){3}"
    r"|\(?0[1-9]\)?[ /-][0-9]{4,8}(?:[ -][0-9]{2,4}){0,2}"
    r"|\(?0[1-9][0-9]{1,4}\)?[ /-][0-9]{2,8}(?:[ -][0-9]{2,4}){0,3}"
    r")(?![\w]|[ ./,-][0-9])"
)
_LABEL: Final = re.compile(
    r"(?i)\b(?:tele?phone|phone|tel|telefon|mobile|cell|cellphone|handy|fax|whatsapp|sms|hotline"
    r"|dial|call(?: (?:me|us|him|her|them))?|reach (?:me|us)|text (?:me|us)|my number)"
    r"(?:[ _.]?(?:number|num|nr|no))?(?:[\s:=.\"'\\]|\b(?:is|at|on|under)\b){1,8}[(+]?\Z"
)
_LABELLED: Final = re.compile(r"[0-9][0-9 ().\-/]{5,18}[0-9]" + END)
_TRIPLES: Final = re.compile(r"[0-9]{3}(?: [0-9]{3})*\Z")
_JSON_FIELD: Final = re.compile(r"\"\s*:\s*\Z")
_JSON_ITEM: Final = re.compile(r"[\[,:]\s*\Z")
_JSON_AFTER: Final = re.compile(r"\s*(?:[,}\]]|\Z)")
_PLAIN: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9]{2})?)\Z")
_LABEL_PARTS: Final = (
    "phone",
    "tel",
    "mobile",
    "cell",
    "handy",
    "fax",
    "whatsapp",
    "sms",
    "hotline",
    "dial",
    "call",
    "reach",
    "text",
    "number",
)
"""One of these is in every label; looking for them is cheaper."""
_DATE: Final = re.compile(r"(?:19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}")


_PHONE_FIELD: Final = re.compile(
    r"(?i)(?:^|[_\- ])(?:tele?phone|phone|tel|mobile|cell|cellphone|fax|whatsapp)"
    r"(?:[_\- ]?(?:number|num|nr|no))?\Z"
)
_PHONE_VALUE: Final = re.compile(r"\+?[0-9 ().\-/]{7,24}\Z")


def is_phone_field(name: str, value: str) -> bool:
    """Whether a value stored under ``name`` is a phone number because of that name."""
    return (
        len(value) <= 24
        and _PHONE_VALUE.match(value) is not None
        and 7 <= _digit_count(value) <= 15
        and _PHONE_FIELD.search(name) is not None
    )


def numbers(text: str, *, cards: bool, phones: bool) -> Iterator[Finding]:
    """Cards and phone numbers, looked for only where enough digits stand together."""
    for span in _SPAN.finditer(text):
        # One character more on the left for a sign or bracket, two on the right for look-aheads.
        start, end = max(0, span.start() - 1), min(len(text), span.end() + 2)
        if _PLAIN.match(text, span.start(), span.end()):
            yield from _plain_digits(text, start, end, span, cards=cards, phones=phones)
            continue
        if cards:
            for match in _CARD.finditer(text, start, end):
                if _is_card(match.group()) and not _is_json_number(text, *match.span()):
                    yield Finding("CREDIT_CARD", *match.span())
        if phones:
            yield from _phones(text, start, end, span)


def _plain_digits(
    text: str, start: int, end: int, span: re.Match[str], *, cards: bool, phones: bool
) -> Iterator[Finding]:
    """The short way for what most long digits are: a seed, an id, a decimal number, a date."""
    if cards and 14 <= span.end() - span.start() <= 16:
        card = _CARD.match(text, span.start(), end)
        if card and _is_card(card.group()) and not _is_json_number(text, *card.span()):
            yield Finding("CREDIT_CARD", *card.span())
    if phones:
        if text[start] == "+" or text[start] == "(":
            yield from _phones(text, start, end, span)
        else:
            yield from _labelled(text, end, span)


def _phones(text: str, start: int, end: int, span: re.Match[str]) -> Iterator[Finding]:
    for match in _INTERNATIONAL.finditer(text, max(0, start), end):
        length = _international_length(match.group())
        if length:
            yield Finding("PHONE", match.start(), match.start() + length)
    for match in _ZERO_ZERO.finditer(text, start, end):
        length = _international_length("+" + match.group()[2:])
        if length:
            yield Finding("PHONE", match.start(), match.start() + length + 1)
    for match in _NORTH_AMERICAN.finditer(text, start, end):
        yield Finding("PHONE", *match.span())
    for match in _TRUNK_ZERO.finditer(text, start, end):
        if _is_national(match.group()):
            yield Finding("PHONE", *match.span())
    yield from _labelled(text, end, span)


def _labelled(text: str, end: int, span: re.Match[str]) -> Iterator[Finding]:
    before = text[max(0, span.start() - 40) : span.start()]
    lowered = before.lower()
    if any(map(lowered.__contains__, _LABEL_PARTS)) and _LABEL.search(before):
        labelled = _LABELLED.match(text, span.start(), end)
        if (
            labelled
            and 7 <= _digit_count(labelled.group()) <= 15
            and not _DATE.match(labelled.group())
            and not _is_json_number(text, *labelled.span())
        ):
            opened = span.start() and text[span.start() - 1] in "(+"
            yield Finding("PHONE", span.start() - (1 if opened else 0), labelled.end())


def _is_json_number(text: str, start: int, end: int) -> bool:
    """Whether these digits are a number in JSON source, where a placeholder would break it."""
    if not text[start:end].isdigit() or not _JSON_AFTER.match(text, end):
        return False
    before = text[max(0, start - 16) : start]
    return _JSON_FIELD.search(before) is not None or (
        text[:64].lstrip()[:1] in ("[", "{") and _JSON_ITEM.search(before) is not None
    )


def _digit_count(written: str) -> int:
    return sum(character.isdigit() for character in written)


def _is_card(written: str) -> bool:
    digits = "".join(character for character in written if character.isdigit())
    if not _ISSUER.match(digits) or len(set(digits)) == 1:
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _international_length(written: str) -> int:
    """How many characters of a ``+…`` candidate are a phone number; 0 when none are."""
    import phonenumbers

    for match in phonenumbers.PhoneNumberMatcher(written, None):
        if match.start == 0:
            return int(match.end)
    # Numbers that no exchange has given out yet (555 in films and examples) are of the right
    # length and grouped like a number; a bonus such as "+20000000 gold" is not.
    try:
        number = phonenumbers.parse(written, None)
    except phonenumbers.NumberParseException:
        return 0
    national = str(number.national_number)
    possible = (
        phonenumbers.is_possible_number_with_reason(number)
        == phonenumbers.ValidationResult.IS_POSSIBLE
    )
    return len(written) if possible and len(national) >= 8 and not national.endswith("0000") else 0


def _is_national(written: str) -> bool:
    import phonenumbers

    if not 9 <= _digit_count(written) <= 12 or _TRIPLES.match(written):
        return False
    for region in REGIONS:
        try:
            number = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            return False
        if phonenumbers.is_valid_number(number):
            return True
    return False
