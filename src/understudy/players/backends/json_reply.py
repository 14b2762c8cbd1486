"""Reading the JSON object that a language model was asked for, out of what it wrote instead.

Models wrap their JSON in fences, prose and thoughts, forget quotes and add commas. What can only be
meant one way is read; the rest is refused, so that it can be asked for again.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

LONGEST = 50_000
"""Characters of an answer that are looked at; a longer one is none."""

_MOST_KEYS = 100
_MOST_BRACKETS = 200
"""Guessing at more takes seconds."""

_THOUGHTS = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_FENCED = re.compile(r"```[ \t]*(?:json[0-9a-z]*)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class JsonReply:
    """What was read: an object, or the reason why there is none."""

    value: dict[str, Any] | None
    repaired: bool = False
    """Whether it was no JSON as it stood."""
    reason: str = ""


def read_json_reply(text: str) -> JsonReply:
    """The one JSON object in ``text``; raises nothing, whatever it holds."""
    if len(text) > LONGEST:
        return JsonReply(None, reason=f"the answer is longer than {LONGEST} characters")
    whole = _strictly(text)
    if whole is not None:
        return whole
    text = _THOUGHTS.sub("", text)
    fenced = _FENCED.findall(text)
    if len(fenced) == 1:
        text = fenced[0]
    if not text.strip():
        return JsonReply(None, reason="the answer is empty")
    start, end = text.find("{"), text.rfind("}")
    if start < 0:
        return JsonReply(None, reason="the answer holds no JSON object")
    if end < start:
        return JsonReply(None, reason="the JSON object in the answer does not end")
    inside = _strictly(text[start : end + 1])
    if inside is not None:
        return replace(inside, repaired=inside.value is not None)
    if _first_object_ends(text, start):
        return _SEVERAL
    return _mended(text[start : end + 1])


_SEVERAL = JsonReply(None, reason="the answer holds more than one JSON object")


class _Pairs(list[tuple[str, Any]]):
    """An object as it stands, so that a key said twice is seen."""


def _strictly(text: str) -> JsonReply | None:
    """What ``text`` says where it is a JSON object from end to end."""
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    if not isinstance(pairs, _Pairs):
        return None
    for key, times in Counter(key for key, _ in pairs).items():
        if times > 1:
            return _said_twice(key)
    return JsonReply(json.loads(text))


def _said_twice(key: str) -> JsonReply:
    return JsonReply(None, reason=f"the answer says `{key[:40]}` more than once")


def _first_object_ends(text: str, start: int) -> bool:
    """Whether a whole object begins at ``start`` and something like another one follows it."""
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return False
    return "{" in text[end:]


def _mended(text: str) -> JsonReply:
    import json_repair

    unreadable = JsonReply(None, reason="the answer is no JSON object that could be read")
    if text.count("{") + text.count("[") > _MOST_BRACKETS:
        return unreadable
    try:
        value = json_repair.loads(text)
    except Exception:  # a library that guesses at anything may stumble over anything
        return unreadable
    if isinstance(value, list):
        return _SEVERAL
    if not isinstance(value, dict) or not 0 < len(value) <= _MOST_KEYS:
        return unreadable
    for key in value:
        # Of two decisions the repair would silently take the later one.
        if len(re.findall(rf"""["']?{re.escape(str(key))}["']?\s*:""", text)) > 1:
            return _said_twice(str(key))
    return JsonReply(value, repaired=True)
