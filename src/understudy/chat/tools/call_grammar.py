"""A grammar in llama.cpp's notation in which every bracket is a call that its tool accepts.

An engine that is given it lets a model say what it likes, but a bracket that is opened has to be
closed as the call of a tool: no unknown skill, no missing argument. Whoever knows the party narrows
it to their names: then nobody makes a check who is not at the table. What the grammar cannot know
is whether a call is the right one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from understudy.chat.messages import SYSTEM_ROLES, text_of
from understudy.chat.party_sheet import names_on_sheet
from understudy.chat.scenarios import house_rules
from understudy.chat.tools.registry import Argument, ToolRegistry, ToolSpec

FILE_NAME = "tool_calls.gbnf"
_LARGEST = 999_999_999
"""A whole number of a call has nine digits at most."""
_MOST_LISTED = 100
"""Of a range of more numbers, only the end is held to, and 0 where it begins above."""
_LONGEST_TEXT = 60
"""Characters of a name or a thing; a model that has lost its way would never end."""
_ANY_HERO = "hero ::= text"
"""The rule that `held_to` narrows; an app does it by the same line."""
_OF_HEROES = ("check", "save", "spellcast")
"""Tools that the house rules call for a hero, by name; what is hurt or given something may be
anybody."""
_HERO = "character"
_UNWRITABLE = re.compile(r"[\[\],]")
_FIXED = (
    r"words ::= [^\[\]]*",
    rf"text ::= [^\[\],\r\n\t ] [^\[\],\r\n]{{0,{_LONGEST_TEXT - 1}}}",
    "dice ::= throw (sign (throw | number))*",
    'throw ::= ([1-9] [0-9]?)? "d" ([2-9] | [1-9] [0-9] [0-9]?)',
    'number ::= "0" | [1-9] [0-9]? [0-9]?',
    'sign ::= "+" | "-"',
)


def call_grammar(registry: ToolRegistry) -> str:
    """The text of the grammar; empty where there is no tool to call."""
    if not len(registry):
        return ""
    tools = list(registry)
    names = {tool.name: f"call-{number}" for number, tool in enumerate(tools)}
    lines = [
        'root ::= words ("[" call "]" words)*',
        f"call ::= {' | '.join(names.values())}",
    ]
    for tool in tools:
        lines.extend(_tool(tool, names[tool.name]))
    if any(_is_hero(tool, argument) for tool in tools for argument in tool.arguments):
        lines.append(_ANY_HERO)
    return "\n".join((*lines, *_FIXED, ""))


def held_to(grammar: str, heroes: Sequence[str]) -> str:
    """The grammar in which checks, saves and castings are those of ``heroes``, or of ``player``."""
    writable = [name for name in heroes if not _UNWRITABLE.search(name)]
    if not writable:
        return grammar
    names = " | ".join(map(_word, dict.fromkeys((*writable, "player"))))
    lines = (f"hero ::= {names}" if line == _ANY_HERO else line for line in grammar.split("\n"))
    return "\n".join(lines)


def held_to_sheet(grammar: str, messages: Iterable[Any]) -> str:
    """The same for the heroes on the party sheet of a chat, where the house rules stand in it.

    By other rules, somebody else may roll as well.
    """
    told = [*messages]
    prompts = (one for one in told if one.get("role") in SYSTEM_ROLES)
    rules = house_rules.prompt_text()
    if not any(rules in text_of(prompt.get("content")) for prompt in prompts):
        return grammar
    return held_to(grammar, names_on_sheet(told))


def for_each_chat(grammar: str) -> Callable[[Iterable[Any]], str] | None:
    """What `held_to_sheet` makes of it for a chat; None of an empty one."""
    return partial(held_to_sheet, grammar) if grammar else None


def read_grammar(folder: Path) -> str:
    """The grammar that lies in a folder; empty where there is none."""
    path = folder / FILE_NAME
    return path.read_text("utf-8") if path.is_file() else ""


def _tool(tool: ToolSpec, rule: str) -> list[str]:
    """The rule of one tool and those of its arguments."""
    parts = [f"{rule}-{number}" for number in range(len(tool.arguments))]
    required = sum(argument.required for argument in tool.arguments)
    inside = ""
    # From the last to the first: what may be left out stands in what stands before it.
    for number in reversed(range(len(parts))):
        between = '", " ' if number else '" " '
        inside = f"{between}{parts[number]} {inside}".rstrip()
        if number >= required:
            inside = f"({inside})?"
    lines = [f"{rule} ::= {_word(tool.name + ':')} {inside}".rstrip()]
    lines += [
        f"{part} ::= {'hero' if _is_hero(tool, argument) else _argument(argument)}"
        for part, argument in zip(parts, tool.arguments, strict=True)
    ]
    return lines


def _is_hero(tool: ToolSpec, argument: Argument) -> bool:
    return tool.name in _OF_HEROES and argument.name == _HERO and argument.kind == "text"


def _argument(argument: Argument) -> str:
    choices = [_word(choice) for choice in argument.choices]
    if argument.kind == "choice":
        return " | ".join(choices)
    if argument.kind == "dice":
        return " | ".join(("dice", *choices))
    if argument.kind == "text":
        return "text"
    return _numbers(argument)


def _numbers(argument: Argument) -> str:
    """The whole numbers of an argument's range, one by one where they are few."""
    if argument.minimum is not None and argument.maximum is not None:
        listed = range(argument.minimum, argument.maximum + 1)
        if len(listed) <= _MOST_LISTED and argument.kind == "integer":
            return " | ".join(_word(str(number)) for number in listed)
    high = _LARGEST if argument.maximum is None else max(argument.maximum, 0)
    low = -_LARGEST if argument.minimum is None else min(argument.minimum, 0)
    if argument.kind == "change":
        return f'"+" ({_up_to(high)}) | "-" ({_up_to(-low)})'
    return f'{_up_to(high)} | "-" ({_up_to(-low)})' if low else _up_to(high)


def _up_to(largest: int) -> str:
    """The numbers from 0 to ``largest``: shorter ones, then those that are smaller at a digit."""
    digits = str(largest)
    found = [" ".join(["[0-9]"] * count) for count in range(1, len(digits))]
    for at, digit in enumerate(digits):
        if digit != "0":
            after = ["[0-9]"] * (len(digits) - at - 1)
            before = [_word(digits[:at])] if at else []
            found.append(" ".join((*before, f"[0-{int(digit) - 1}]", *after)))
    return " | ".join((*found, _word(digits)))


def _word(text: str) -> str:
    """A literal of the grammar."""
    bare = re.sub(r"[\r\n]", " ", text)
    return json.dumps(bare, ensure_ascii=False)
