"""Adding scripts to somebody's ``package.json`` without touching anything else in it.

The text is edited, not written anew: indentation, line ends, the order of the keys and whatever
else its owner did stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from understudy.errors import FormatError

NAME = "package.json"
_SCRIPTS = "scripts"
_SPACE = re.compile(r"[ \t\r\n]*")
_INDENT = "  "
Became = Literal["added", "replaced", "unchanged", "kept"]


class Script(msgspec.Struct, frozen=True):
    """What became of one script."""

    name: str
    became: Became
    """``kept``: its owner has another one by that name, which stays."""
    command: str
    """What stands in the file now."""


def with_scripts(
    text: str, scripts: Mapping[str, str], *, path: Path, force: bool = False
) -> tuple[str, list[Script]]:
    """The text of a ``package.json`` with ``scripts`` in it, and what became of each.

    One that is there with another command stays, unless ``force`` replaces it. ``path`` is what
    the text is from. Raises FormatError for what is no ``package.json``.
    """
    package = _read(text, path)
    standing: Mapping[str, Any] = package.get(_SCRIPTS, {})
    told = [_became(name, command, standing, force) for name, command in scripts.items()]
    for script in told:
        if script.became in ("added", "replaced"):
            text = _with_script(text, script)
    return text, told


def new_package(scripts: Mapping[str, str]) -> str:
    """A ``package.json`` with nothing but scripts, for an app that has none."""
    return json.dumps({"private": True, _SCRIPTS: dict(scripts)}, indent=2) + "\n"


def _read(text: str, path: Path) -> dict[str, Any]:
    try:
        package = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise FormatError(
            f"it is no JSON ({error}); correct it, then run `understudy init --npm` again",
            path=path,
        ) from error
    if not isinstance(package, dict) or not isinstance(package.get(_SCRIPTS, {}), dict):
        raise FormatError(
            "it is no package.json: an object, whose `scripts` are one too; correct it", path=path
        )
    return package


def _became(name: str, command: str, standing: Mapping[str, Any], force: bool) -> Script:
    if name not in standing:
        return Script(name, "added", command)
    if standing[name] == command:
        return Script(name, "unchanged", command)
    if force:
        return Script(name, "replaced", command)
    return Script(name, "kept", str(standing[name]))


class _Member(msgspec.Struct, frozen=True):
    """Where a key of an object and its value stand in the text."""

    lead: str
    """The space before the key."""
    colon: str
    """What stands between key and value."""
    begin: int
    """Of the value."""
    end: int


class _Object(msgspec.Struct, frozen=True):
    """An object in the text, its braces included."""

    begin: int
    end: int
    members: dict[str, _Member]


def _with_script(text: str, script: Script) -> str:
    """The text with one more script, or another command for one."""
    outer = _object(text, _after_space(text, text.startswith("\ufeff")))
    newline = "\r\n" if "\r\n" in text else "\n"
    if _SCRIPTS not in outer.members:
        text = _inserted(text, outer, _SCRIPTS, "{}", f"{newline}{_INDENT}", newline)
        outer = _object(text, outer.begin)
    around = outer.members[_SCRIPTS]
    scripts = _object(text, around.begin)
    command = json.dumps(script.command, ensure_ascii=False)
    if script.name in scripts.members:
        place = scripts.members[script.name]
        return f"{text[: place.begin]}{command}{text[place.end :]}"
    step = around.lead.strip("\r\n") if newline in around.lead else ""
    return _inserted(text, scripts, script.name, command, f"{around.lead}{step}", around.lead)


def _inserted(text: str, into: _Object, key: str, value: str, lead: str, closing: str) -> str:
    """The text with a member more at the end of an object, spaced as the one before it.

    In an empty object ``lead`` is the space before the key, and ``closing`` that before its end.
    """
    name = json.dumps(key)
    if not into.members:
        colon = ": " if lead else ":"
        return f"{text[: into.begin]}{{{lead}{name}{colon}{value}{closing}}}{text[into.end :]}"
    last = list(into.members.values())[-1]
    return f"{text[: last.end]},{last.lead}{name}{last.colon}{value}{text[last.end :]}"


def _object(text: str, begin: int) -> _Object:
    """The object that begins there, in a text that is known to be JSON."""
    decode = json.JSONDecoder().raw_decode
    members: dict[str, _Member] = {}
    at = begin + 1
    while True:
        key_begin = _after_space(text, at)
        if text[key_begin] == "}":
            return _Object(begin, key_begin + 1, members)
        key, key_end = decode(text, key_begin)
        value = _after_space(text, _after_space(text, key_end) + 1)
        _, end = decode(text, value)
        members[key] = _Member(text[at:key_begin], text[key_end:value], value, end)
        at = _after_space(text, end)
        if text[at] == ",":
            at += 1


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
