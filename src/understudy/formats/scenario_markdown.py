"""Scenarios as people write them, in Markdown: headings for who speaks, plain text below them.

Three spellings are read, in any letter case: flat (``# SYSTEM``, ``# USER``, ``# DM``,
``# TOOLCALL``), nested (``# CONVERSATION`` with ``## User`` and so on below it), and results inside
a turn (``<TOOLCALL>stealth: 14 + 7(skill) = *21*</TOOLCALL>``). Flat is the canonical one: what is
written in it is read and written again byte by byte. A line of a turn that looks like a heading, or
a tag that is meant as words, carries a backslash before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from understudy.chat.scenarios.scenario import Fact, PartyMember, Scenario, Speaker, Turn
from understudy.errors import FormatError

Spelling = Literal["flat", "nested", "inline"]
Heading = Literal["system", "conversation", "user", "dm", "toolcall"]

TRAINING = Path(__file__).parents[1] / "scenarios"
"""The scenarios that come with Understudy, a folder for each group."""
VALIDATION = Path(__file__).parents[1] / "scenarios_validation"
"""Those that are set aside: nothing is trained on them."""

_HEADINGS: dict[str, Heading] = {
    "system": "system",
    "conversation": "conversation",
    "user": "user",
    "dm": "dm",
    "toolcall": "toolcall",
}
_SPEAKERS: dict[Heading, Speaker] = {"user": "user", "dm": "dm", "toolcall": "tool"}
_FLAT = {"user": "# USER", "dm": "# DM", "tool": "# TOOLCALL"}
_NESTED = {"user": "## User", "dm": "## DM", "tool": "## TOOLCALL"}
_SUFFIX = ".md"

# Nothing in these can match in two ways. The first is looked for by the line end before it, which
# is three times as quick as by an anchor.
_HEADING = re.compile(r"\n##?[ \t]+([^\n]*)")
_LIKE_HEADING = re.compile(r"^(\\*##?[ \t])", re.MULTILINE)
_ESCAPED_HEADING = re.compile(r"^\\(\\*##?[ \t])", re.MULTILINE)
_TAG = re.compile(r"<(/?)toolcall>", re.IGNORECASE)
_MEMBER = re.compile(
    r"([^(),\n]+), *level *(\d{1,3}), *hp: *(\d{1,5}) */ *(\d{1,5}) *\)", re.IGNORECASE | re.ASCII
)
_KEY = re.compile(r"[^\W\d_][\w' -]{0,30}")
_OWN_KEYS = {"role": "Role", "world": "World", "location": "Location", "rules": "Rules"}


class ScenarioFile(msgspec.Struct, frozen=True):
    """A scenario that was read, and where each of its turns begins."""

    scenario: Scenario
    lines: tuple[int, ...]
    """The line, from 1, on which each turn's text begins."""
    path: Path | None = None


def read_scenario(path: Path) -> ScenarioFile:
    """The scenario of a file. FormatError, with the line, when it cannot be understood."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FormatError(f"it cannot be read ({reason}); check its name", path=path) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError(
            "it is not UTF-8; save it in that encoding", path=path, position=f"line {line}"
        ) from error
    return parse_scenario(text, path)


def read_scenarios(
    paths: Iterable[Path], *, report: Callable[[FormatError], None]
) -> Iterator[ScenarioFile]:
    """The scenarios of files, and of folders with all that lies below them, in order of the names.

    A file that cannot be understood goes to ``report`` and is passed over.
    """
    for path in paths:
        for file in scenario_paths(path):
            try:
                yield read_scenario(file)
            except FormatError as error:
                report(error)


def scenario_paths(path: Path) -> list[Path]:
    """The Markdown files at or below ``path``, sorted."""
    return sorted(path.rglob(f"*{_SUFFIX}")) if path.is_dir() else [path]


def parse_scenario(text: str, path: Path | None = None) -> ScenarioFile:
    """The scenario that ``text`` spells; ``path`` names it in errors."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _Parser(text, path).parse()


def write_scenario(scenario: Scenario, spelling: Spelling = "flat") -> str:
    """The text of a scenario; reading it gives the same scenario again.

    Raises FormatError for what the format cannot hold: an empty turn, a line end in a name, white
    space around a text.
    """
    blocks = ["\n".join(("# SYSTEM", *_system_lines(scenario)))]
    if spelling == "inline":
        blocks += _inline_blocks(scenario.turns)
    else:
        heads = _NESTED if spelling == "nested" else _FLAT
        if spelling == "nested":
            blocks.append("# CONVERSATION")
        blocks += [f"{heads[turn.speaker]}\n{_escaped(turn.text)}" for turn in scenario.turns]
    text = "\n\n".join(blocks) + "\n"
    try:
        again = parse_scenario(text).scenario
    except FormatError as error:
        raise FormatError(f"the scenario cannot be written as Markdown: {error}") from None
    if again != scenario:
        raise FormatError(
            f"the scenario cannot be written as Markdown: {_difference(scenario, again)} would "
            "not be read as it is; take out white space at its ends, line ends and the signs of "
            "the format"
        )
    return text


class _Parser:
    def __init__(self, text: str, path: Path | None) -> None:
        self._text = text
        self._path = path
        self._turns: list[Turn] = []
        self._lines: list[int] = []

    def parse(self) -> ScenarioFile:
        text = "\n" + self._text
        headings = list(_HEADING.finditer(text))
        first = headings[0].start() if headings else len(text)
        if text[:first].strip():
            raise self._error("text stands before the first heading; begin with # SYSTEM", 1)
        system: Scenario | None = None
        line = counted = 0
        for number, found in enumerate(headings):
            line += text.count("\n", counted, found.start() + 1)
            counted = found.start() + 1
            heading = _HEADINGS.get(found[1].strip().lower())
            if heading is None:
                raise self._error(
                    f"there is no heading {found[1].strip()!r}; known are SYSTEM, CONVERSATION, "
                    "USER, DM and TOOLCALL, and a backslash makes the line part of the text",
                    line,
                )
            end = headings[number + 1].start() if number + 1 < len(headings) else len(text)
            body = text[found.end() : end]
            if heading == "system":
                if system is not None:
                    raise self._error("a second SYSTEM stands here; one file is one scenario", line)
                system = self._system(body, line)
            elif system is None:
                raise self._error("a turn stands before SYSTEM; put # SYSTEM first", line)
            elif heading == "conversation":
                if body.strip():
                    raise self._error("text stands below CONVERSATION without a speaker", line)
            else:
                self._section(_SPEAKERS[heading], body, line)
        if system is None:
            raise self._error("there is no # SYSTEM; begin with it", 1)
        scenario = msgspec.structs.replace(system, turns=tuple(self._turns))
        return ScenarioFile(scenario, tuple(self._lines), self._path)

    def _section(self, speaker: Speaker, body: str, heading_line: int) -> None:
        """A turn, or the several that results inside it make of it."""
        text = body.strip()
        if not text:
            raise self._error("nothing is said under this heading; remove it", heading_line)
        line = heading_line + body.count("\n", 0, len(body) - len(body.lstrip()))
        if "\\" in text:
            text = _ESCAPED_HEADING.sub(r"\1", text)
        tags = list(_TAG.finditer(text)) if "<" in text else []
        if not tags:
            self._add(speaker, text, line)
            return
        first = len(self._turns)
        inside: int | None = None
        words: list[str] = []
        at = counted = 0
        began = here = line
        for tag in tags:
            start = tag.start()
            if text[start - 1 : start] == "\\":
                words += [text[at : start - 1], tag[0]]
                at = tag.end()
                continue
            words.append(text[at:start])
            at = tag.end()
            here += text.count("\n", counted, start)
            counted = start
            if bool(tag[1]) != (inside is not None):
                said = "closed and was never opened" if tag[1] else "opened inside another one"
                raise self._error(f"a result is {said}; write <TOOLCALL>…</TOOLCALL>", here)
            part = "".join(words)
            if inside is not None and not part.strip():
                raise self._error("a result is empty; write <TOOLCALL>…</TOOLCALL>", here)
            self._part("tool" if inside is not None else speaker, part, began, first)
            words = []
            inside, began = (None if tag[1] else here), here
        if inside is not None:
            raise self._error("a result is never closed; write </TOOLCALL> after it", inside)
        self._part(speaker, "".join((*words, text[at:])), began, first)

    def _part(self, speaker: Speaker, text: str, line: int, first: int) -> None:
        """A piece of a section whose turns begin with number ``first``."""
        bare = text.strip()
        if not bare:
            return
        line += text.count("\n", 0, len(text) - len(text.lstrip()))
        if speaker == "tool" and len(self._turns) > first and self._turns[-1].speaker == "tool":
            # Results that follow each other inside one section belong to the calls before them.
            self._turns[-1] = Turn("tool", f"{self._turns[-1].text}\n{bare}")
            return
        self._add(speaker, bare, line)

    def _add(self, speaker: Speaker, text: str, line: int) -> None:
        self._turns.append(Turn(speaker, text))
        self._lines.append(line)

    def _system(self, body: str, heading_line: int) -> Scenario:
        told: dict[str, str] = {}
        party: list[PartyMember] | None = None
        in_party = False
        facts: list[Fact] = []
        for line, raw in enumerate(body.split("\n"), start=heading_line):
            text = raw.strip()
            if not text:
                continue
            if in_party and text.startswith("-") and party is not None:
                party.append(self._member(text, party, line))
                continue
            in_party = False
            key, colon, value = text.partition(":")
            small = key.strip().lower()
            value = value.strip()
            if colon and small == "party":
                if party is not None:
                    raise self._error("a second party stands here; put the two together", line)
                if value:
                    raise self._error("the party stands on lines of its own, - Name (…)", line)
                party, in_party = [], True
            elif colon and small in _OWN_KEYS:
                if small in told:
                    raise self._error(f"{_OWN_KEYS[small]} is told twice; keep one", line)
                told[small] = value
            elif colon and value and _KEY.fullmatch(key):
                facts.append(Fact(key, value))
            else:
                facts.append(Fact("", text))
        return Scenario(
            role=told.get("role", ""),
            world=told.get("world", ""),
            location=told.get("location", ""),
            party=tuple(party or ()),
            rules=told.get("rules", ""),
            facts=tuple(facts),
        )

    def _member(self, text: str, before: Sequence[PartyMember], line: int) -> PartyMember:
        name, _, sheet = text[1:].partition("(")
        name = name.strip()
        found = _MEMBER.fullmatch(sheet)
        if found is None or not name:
            raise self._error(
                f"{text!r} is no line of a party; write - Name (Race Class, Level N, HP: a/b)", line
            )
        if any(name == member.name for member in before):
            raise self._error(f"{name} is in the party twice; give one another name", line)
        race, _, class_name = " ".join(found[1].split()).rpartition(" ")
        return PartyMember(
            name=name,
            race=race,
            class_name=class_name,
            level=int(found[2]),
            hit_points=int(found[3]),
            most_hit_points=int(found[4]),
        )

    def _error(self, reason: str, line: int) -> FormatError:
        return FormatError(reason, path=self._path, position=f"line {line}")


def _system_lines(scenario: Scenario) -> Iterator[str]:
    if scenario.role:
        yield f"Role: {scenario.role}"
    if scenario.world:
        yield f"World: {scenario.world}"
    if scenario.location:
        yield f"Location: {scenario.location}"
    party = ["Party:", *(member.line for member in scenario.party)] if scenario.party else []
    rules = [f"Rules: {scenario.rules}"] if scenario.rules else []
    facts = [fact.line for fact in scenario.facts]
    # Just below the party, a fact that begins like one of its members would be read as one.
    like_a_member = bool(facts) and facts[0].startswith("-") and not rules
    yield from (*facts, *party) if like_a_member else (*party, *rules, *facts)


def _inline_blocks(turns: Iterable[Turn]) -> Iterator[str]:
    """Results inside the turn that they follow, and what the same speaker says after them."""
    block: list[str] = []
    speaker: Speaker | None = None
    ends_in_result = False
    for turn in turns:
        text = _escaped(turn.text)
        is_result = turn.speaker == "tool" and _fits_a_tag(turn.text)
        if is_result and speaker in ("user", "dm") and not ends_in_result:
            block.append(f"<TOOLCALL>{text}</TOOLCALL>")
            ends_in_result = True
        elif ends_in_result and turn.speaker == speaker:
            block.append(text)
            ends_in_result = False
        else:
            if block:
                yield "\n".join(block)
            block, speaker, ends_in_result = [_FLAT[turn.speaker], text], turn.speaker, False
    if block:
        yield "\n".join(block)


def _fits_a_tag(text: str) -> bool:
    """Whether a result keeps its meaning with a tag right before and behind it."""
    return not text.endswith("\\") and not _LIKE_HEADING.match(text)


def _escaped(text: str) -> str:
    if "#" in text:
        text = _LIKE_HEADING.sub(r"\\\1", text)
    return _TAG.sub(r"\\\g<0>", text) if "<" in text else text


def _difference(one: Scenario, other: Scenario) -> str:
    for name in Scenario.__struct_fields__:
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine != theirs and name == "turns" and len(mine) == len(theirs):
            number = next(n for n, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b)
            return f"turn {number + 1}"
        if mine != theirs:
            return name
    return "it"
