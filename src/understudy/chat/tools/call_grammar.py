"""A grammar in llama.cpp's notation in which every bracket is a call that its tool accepts.

An engine that is given it lets a model say what it likes, but a bracket that is opened has to be
closed as the call of a tool: no unknown skill, no missing argument. What the grammar cannot know is
whether a call is the right one.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from understudy.chat.tools.registry import Argument, ToolRegistry, ToolSpec

FILE_NAME = "tool_calls.gbnf"
_LARGEST = 999_999_999
"""A whole number of a call has nine digits at most."""
_MOST_LISTED = 100
"""Of a range of more numbers, only the end is held to, and 0 where it begins above."""
_LONGEST_TEXT = 60
"""Characters of a name or a thing; a model that has lost its way would never end."""
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
    return "\n".join((*lines, *_FIXED, ""))


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
        f"{part} ::= {_argument(argument)}"
        for part, argument in zip(parts, tool.arguments, strict=True)
    ]
    return lines


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
