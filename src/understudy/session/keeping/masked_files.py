"""What the masker finds in each file of a session, and the same file without it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import IO, Any

import msgspec

from understudy.session.masking import Masker
from understudy.session.recording.plain import encode
from understudy.session.views import VIEWS
from understudy.store.atomic import safe_slug
from understudy.store.checked_lines import line_is_whole, seal_line
from understudy.store.manifest import MANIFEST_NAME

CHECKED = ("trace.jsonl", "feedback.jsonl")
HEADER = "session.json"
_DATE_LENGTH = len("session_YYYYMMDD_HHMMSS_")
LARGEST_TEXT = 256 * 1024 * 1024
"""Bytes of a file that is no file of lines, up to which it is read."""

_SAID = ("name", "game", "task", "player", "model", "tags", "license", "consent", "metadata")
"""What a caller says about a session; the rest of ``session.json`` is ours."""
_OURS = frozenset(
    ("type", "n", "time", "mono_ns", "schema", "step", "screenshot", "screenshot_after", "crc",
     "id", "author")
)  # fmt: skip
"""Members of lines that hold nothing a player said; the author is masked by its own rule."""
_OTHERWISE = re.compile(r".*\.(png|parquet|pack|blocks|partial|lock)|rewrite\.json")


def is_looked_at(name: str) -> bool:
    """Whether the file may hold text that is not derived from another file of the session."""
    return name not in VIEWS and not _OTHERWISE.fullmatch(name)


def find_in_file(
    name: str, file: IO[bytes], masker: Masker
) -> Iterator[tuple[int | None, Counter[str]]]:
    """Line (None where there are no lines) and counts of what is found.

    Raises UnicodeDecodeError when the file is no text.
    """
    if name in CHECKED:
        authors = Authors(masker)
        for number, line in enumerate(file, start=1):
            _, counts = mask_line(line, masker, authors)
            if counts:
                yield number, counts
    elif name == HEADER:
        _, counts = mask_header(msgspec.json.decode(file.read()), masker)
        if counts:
            yield None, counts
    elif name == MANIFEST_NAME:
        facts = msgspec.json.decode(file.read()).get("facts")
        _, counts = masker.mask_value(facts)
        if counts:
            yield None, counts
    else:
        data = file.read()
        content = _analysis(name, data)
        if content is None:
            yield from _find_in_text(data.decode(), masker)
            return
        _, counts = masker.mask_value(content)
        if counts:
            yield None, counts


def mask_file(name: str, file: IO[bytes], target: IO[bytes], masker: Masker) -> Counter[str]:
    """Write ``file`` to ``target`` without what is found; how much of each kind that was.

    Raises UnicodeDecodeError when the file is no text.
    """
    total: Counter[str] = Counter()
    if name in CHECKED:
        authors = Authors(masker)
        for line in file:
            masked, counts = mask_line(line, masker, authors)
            target.write(masked)
            total += counts
    elif name == HEADER:
        header, total = mask_header(msgspec.json.decode(file.read()), masker)
        target.write(_json(header))
    else:
        data = file.read()
        content = _analysis(name, data)
        if content is None:
            text, total = masker.mask_text(data.decode())
            target.write(text.encode())
        else:
            content, total = masker.mask_value(content)
            target.write(_json(content))
    return total


class Authors:
    """Masked names of authors: who are two stay two, or their scores would become one."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._names: dict[str, str] = {}

    def mask(self, author: str) -> tuple[str, Counter[str]]:
        name, counts = self._masker.mask_text(author)
        if not counts:
            return author, counts
        if author not in self._names:
            number, taken = 1, set(self._names.values())
            while (numbered := name if number == 1 else f"{name} {number}") in taken:
                number += 1
            self._names[author] = numbered
        return self._names[author], counts


def mask_line(line: bytes, masker: Masker, authors: Authors) -> tuple[bytes, Counter[str]]:
    """A checked line without what is found; the same bytes where nothing is, or it is not whole."""
    if not line_is_whole(line):
        return line, Counter()
    record: dict[str, Any] = msgspec.json.decode(line)
    said, counts = masker.mask_value({k: v for k, v in record.items() if k not in _OURS})
    counts = Counter(counts)
    if isinstance(record.get("author"), str):
        said["author"], found = authors.mask(record["author"])
        counts += found
    if not counts:
        return line, counts
    masked = {k: v for k, v in record.items() if k in _OURS and k != "crc"} | said
    return seal_line(encode(masked, _say_nothing)), counts


def mask_header(header: dict[str, Any], masker: Masker) -> tuple[dict[str, Any], Counter[str]]:
    """The members of ``session.json``, those that a caller gave masked."""
    masked, counts = masker.mask_value({k: v for k, v in header.items() if k in _SAID})
    masked["directory"] = renamed(header["directory"], header["name"], masked["name"])
    return {**header, **masked}, counts


def renamed(directory: str, old: str, new: str) -> str:
    """A session's folder name after its name was masked: it shows the name behind the date."""
    date, shown = directory[:_DATE_LENGTH], directory[_DATE_LENGTH:]
    if new == old or not shown.startswith(safe_slug(old)):
        return directory
    return date + safe_slug(new) + shown.removeprefix(safe_slug(old))


def _analysis(name: str, data: bytes) -> Any:
    """The content of a JSON file in ``analysis/``: its texts are escaped. None of any other."""
    if not name.startswith("analysis/"):
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _json(content: Any) -> bytes:
    return msgspec.json.format(encode(content, _say_nothing), indent=2) + b"\n"


def _find_in_text(text: str, masker: Masker) -> Iterator[tuple[int, Counter[str]]]:
    """By line; where replacing one thing uncovers another, that counts where the first stood."""
    by_line: dict[int, Counter[str]] = {}
    line, position = 1, 0
    for kind, start, _ in masker.find(text):
        line += text.count("\n", position, start)
        position = start
        by_line.setdefault(line, Counter())[kind] += 1
    yield from by_line.items()


_say_nothing: Callable[[str], None] = lambda _: None  # noqa: E731 - what is read was encoded once
