"""Prompt templates: files ``NAME.vN.md`` with a system part, a user part and placeholders.

A placeholder is a name in double braces. Filling one in is all a template can do: nothing in it is
carried out, and what is filled in is not looked at again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.errors import PlayerError

PLACEHOLDERS = {
    "game": "the name of the game",
    "goal": "what is asked of the player",
    "actions": "the actions and what they do, one a line",
    "answer_format": "how to answer, in words",
    "screenshot": "the picture; only in the user part, once",
    "observation": "the state in words, as the game describes it",
    "previous_actions": "the last actions, and which of them changed nothing",
    "step": "the number of this step",
    "max_steps": "how many steps there are",
    "warning": "the warning that few steps are left; empty before",
    "notes": "what the model noted in this session",
    "lessons": "what was learned in earlier sessions of this game",
}
"""What may stand in a template, and what it becomes."""

REQUIRED = ("goal", "actions", "answer_format")
"""Without these no model could answer."""

TRAINED = "trained"
"""The prompt that is no file: the words in which models are trained on datasets."""

_SCREENSHOT = "screenshot"
_FILE_NAME = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_-]*)\.v(?P<version>[0-9]{1,6})\.md")
_ASKED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_-]*)(?:\.v(?P<version>[0-9]{1,6}))?")
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_HEADINGS = {"# System": "system", "# User": "user"}
_LONGEST_FILE = 100_000
_PACKAGED = Path(__file__).with_name("prompts")


@dataclass(frozen=True)
class Template:
    """One version of a prompt."""

    name: str
    version: int
    sha256: str
    """Of the file."""
    system: str
    user: str

    def __str__(self) -> str:
        return f"{self.name}.v{self.version}"

    def messages(self, values: Mapping[str, str], picture: str | None) -> list[dict[str, Any]]:
        """The messages with ``values`` filled in, and the data URL ``picture`` in its place.

        Without a picture its place is left out.
        """
        before, found, after = self.user.partition(_MARK)
        if picture is None:
            before, found, after = before + after, "", ""
        parts: list[dict[str, Any]] = [
            {"type": "text", "text": _filled(before, values)},
            {"type": "image_url", "image_url": {"url": picture or ""}},
            {"type": "text", "text": _filled(after, values)},
        ]
        wanted = [part for part in parts if part.get("text", True)]
        content: Any = wanted if found else _filled(before, values)
        user = {"role": "user", "content": content}
        system = _filled(self.system, values)
        return [{"role": "system", "content": system}, user] if system else [user]


_MARK = "{{screenshot}}"


def find_template(asked: str, own: Path | None) -> Template:
    """The template that the settings ask for; PlayerError naming what is wrong, and where.

    ``own`` is the folder of the workspace's own prompts; relative paths start from beside it.
    """
    if asked.endswith(".md") or "/" in asked or "\\" in asked:
        path = Path(asked).expanduser()
        return read_template(own.parent / path if own else path)
    wanted = _ASKED.fullmatch(asked)
    found: dict[int, Path] = {}
    if wanted:
        for folder in (_PACKAGED, *([own] if own else [])):  # the own ones go before
            for path in sorted(folder.glob(f"{wanted['name']}.v*.md")):
                named = _FILE_NAME.fullmatch(path.name)
                if named:
                    found[int(named["version"])] = path
        version = int(wanted["version"]) if wanted["version"] else max(found, default=0)
        if version in found:
            return read_template(found[version])
    raise PlayerError(
        f"there is no prompt {asked!r}; [chat] prompt may name {', '.join(_known(own))}, or the "
        "path of a file NAME.vN.md"
    )


def read_template(path: Path) -> Template:
    """The template in ``path``. PlayerError with file, line and reason."""
    named = _FILE_NAME.fullmatch(path.name)
    if named is None:
        raise PlayerError(f"{path} is no name of a prompt; call it NAME.vN.md, as in play.v2.md")
    if named["name"] == TRAINED:
        raise PlayerError(
            f"{path}: `{TRAINED}` means the words in which models are trained; name the prompt "
            "otherwise"
        )
    try:
        data = path.read_bytes()
        text = data.decode("utf-8").removeprefix("\ufeff")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PlayerError(f"the prompt {path} cannot be read ({reason})") from error
    except UnicodeDecodeError as error:
        raise PlayerError(f"{path} is not UTF-8 text; save the prompt as UTF-8") from error
    if len(text) > _LONGEST_FILE:
        raise PlayerError(
            f"{path} has {len(text)} characters; a prompt has {_LONGEST_FILE} at most"
        )
    _check_placeholders(path, text)
    parts = _parts(path, text)
    return Template(
        name=named["name"],
        version=int(named["version"]),
        sha256=hashlib.sha256(data).hexdigest(),
        system=parts.get("system", ""),
        user=parts["user"],
    )


def _known(own: Path | None) -> list[str]:
    folders = (_PACKAGED, *([own] if own else []))
    paths = [path for folder in folders for path in folder.glob("*.md")]
    named = {path.stem for path in paths if _FILE_NAME.fullmatch(path.name)}
    return sorted({*named, TRAINED})


def _check_placeholders(path: Path, text: str) -> None:
    found: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        names = [match[1] for match in _PLACEHOLDER.finditer(line)]
        if "{{" in _PLACEHOLDER.sub("", line):
            raise PlayerError(
                f"{path}, line {number}: a placeholder is a name in double braces, as in "
                "{{goal}}; close every {{ with }} on the same line"
            )
        for name in names:
            if name not in PLACEHOLDERS:
                raise PlayerError(
                    f"{path}, line {number}: the placeholder `{name}` is unknown; there is: "
                    f"{', '.join(PLACEHOLDERS)}"
                )
        found += names
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise PlayerError(
            f"{path}: the placeholder `{missing[0]}` is missing, without which no model could "
            "answer; put {{" + missing[0] + "}} where it belongs"
        )
    if found.count(_SCREENSHOT) > 1:
        raise PlayerError(f"{path}: {_MARK} stands there more than once; one picture is sent")


def _parts(path: Path, text: str) -> dict[str, str]:
    parts: dict[str, list[str]] = {}
    current: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        part = _HEADINGS.get(line.rstrip())
        if part is not None:
            if part in parts:
                raise PlayerError(f"{path}, line {number}: there is another `{line.rstrip()}`")
            current = parts[part] = []
        elif parts:
            current.append(line)
        elif line.strip():
            raise PlayerError(
                f"{path}, line {number}: a prompt begins with the line `# System` or `# User`"
            )
    written = {
        part: _PLACEHOLDER.sub(r"{{\1}}", "\n".join(lines)).strip() for part, lines in parts.items()
    }
    if not written.get("user"):
        raise PlayerError(f"{path}: the part under `# User` is missing or empty; write it")
    if _MARK in written.get("system", ""):
        raise PlayerError(f"{path}: {_MARK} belongs into the part under `# User`")
    return written


def _filled(text: str, values: Mapping[str, str]) -> str:
    filled = _PLACEHOLDER.sub(lambda match: values[match[1]], text)
    # A value may be empty; the lines around it must not gape.
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", filled)).strip()
