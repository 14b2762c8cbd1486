"""New tools from their uses: what each argument seems to take, judged by all that stood there.

A guess is marked as such (``found`` in the registry) and is meant to be read by a person: names of
arguments in particular are only as good as what they were inferred from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence, Set

from understudy.chat.tools.dice import normalise_dice
from understudy.chat.tools.registry import Argument, Kind, ToolRegistry, ToolSpec
from understudy.chat.tools.scanning import UnknownUse

_FEWEST_USES_OF_CHOICES = 4
_MOST_CHOICES = 6
_SHOWN_EXAMPLES = 3
_WHOLE = re.compile(r"[+−-]?\d{1,9}", re.ASCII)
_SIGNED = re.compile(r"[+−-]\d{1,9}", re.ASCII)
_BREAKS_BRACKETS = re.compile(r"[\[\],\r\n]")
_NAME = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
_BY_KIND = {
    "change": "modifier",
    "integer": "number",
    "dice": "dice_expression",
    "choice": "action",
    "text": "text",
}


def extend(registry: ToolRegistry, uses: Iterable[UnknownUse]) -> ToolRegistry:
    """``registry`` and a tool for each name among ``uses`` that it does not hold, in their order.

    Names that no tool may have are passed over.
    """
    by_name: dict[str, list[UnknownUse]] = {}
    for use in uses:
        if use.name not in registry and _NAME.fullmatch(use.name):
            by_name.setdefault(use.name, []).append(use)
    return registry.with_tools(infer_tool(name, found) for name, found in by_name.items())


def infer_tool(name: str, uses: Sequence[UnknownUse]) -> ToolSpec:
    """The tool that was called like this."""
    party = {character.casefold() for use in uses for character in (*use.party, "player")}
    longest = max(len(use.values) for use in uses)
    fewest = min(len(use.values) for use in uses)
    labels = next((use.argument_names for use in uses if len(use.argument_names) == longest), ())
    arguments: list[Argument] = []
    for place in range(longest):
        values = [use.values[place] for use in uses if place < len(use.values)]
        kind, choices = _kind(values)
        is_person = _are_people(values, party)
        label = labels[place] if labels else "character" if is_person else _BY_KIND[kind]
        if is_person:
            kind, choices = "text", ()
        arguments.append(
            Argument(
                name=_unused(label, arguments),
                kind=kind,
                choices=choices,
                required=place < fewest,
            )
        )
    examples = dict.fromkeys(
        f"[{name}: {', '.join(use.values)}]"
        for use in uses
        if not any(_BREAKS_BRACKETS.search(value) for value in use.values)
    )
    return ToolSpec(
        name=name,
        description="Found in play.",
        arguments=tuple(arguments),
        examples=tuple(examples)[:_SHOWN_EXAMPLES],
        found=True,
    )


def _are_people(values: Sequence[str], party: Set[str]) -> bool:
    """Whether they are names: half of them at least on a party sheet, and the others look alike."""
    known = sum(value.casefold() in party for value in values)
    return 2 * known >= len(values) and all(
        value[:1].isupper() or value.casefold() in party for value in values
    )


def _kind(values: Sequence[str]) -> tuple[Kind, tuple[str, ...]]:
    if all(_WHOLE.fullmatch(value) for value in values):
        return ("change" if any(_SIGNED.fullmatch(v) for v in values) else "integer"), ()
    if all(_holds(normalise_dice, value) for value in values):
        return "dice", ()
    words = sorted({" ".join(value.lower().replace("_", " ").split()) for value in values})
    if len(values) >= _FEWEST_USES_OF_CHOICES and len(words) <= min(
        _MOST_CHOICES, len(values) // 2
    ):
        return "choice", tuple(words)
    return "text", ()


def _holds(read: Callable[[str], object], value: str) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True


def _unused(label: str, before: Sequence[Argument]) -> str:
    taken = {argument.name for argument in before}
    name, number = label, 1
    while name in taken:
        number += 1
        name = f"{label}_{number}"
    return name
