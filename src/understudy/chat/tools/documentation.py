"""``tool_documentation.md``: the registry for people who write scenarios or build a game on it."""

from __future__ import annotations

from collections.abc import Mapping

from understudy._util.counting import counted
from understudy.chat.tools.registry import Argument, ToolRegistry, ToolSpec

FILE_NAME = "tool_documentation.md"


def documentation(registry: ToolRegistry, uses: Mapping[str, int] | None = None) -> str:
    """The registry as Markdown: all tools at a glance, then each with its arguments.

    ``uses`` says how often each tool was called where somebody counted.
    """
    lines = [
        "# Tools of the Dungeon Master",
        "",
        "A call stands in square brackets anywhere in a turn: `[name: arguments]`, the arguments",
        "separated by commas. Several may stand in one turn; spaces and letter case do not matter.",
        "",
        "| Tool | Format | Example |",
        "| --- | --- | --- |",
        *(f"| `{tool.name}` | `{tool.format}` | {_examples(tool)} |" for tool in registry),
    ]
    for tool in registry:
        lines += ["", *_section(tool, None if uses is None else uses.get(tool.name, 0))]
    return "\n".join(lines) + "\n"


def _section(tool: ToolSpec, uses: int | None) -> list[str]:
    lines = [f"## {tool.name}", "", f"`{tool.format}`"]
    if tool.description:
        lines += ["", tool.description]
    if uses is not None:
        lines += ["", f"Found {counted(uses, 'time')}."]
    if tool.found:
        lines += ["", "Its arguments were inferred from how it was used: check them."]
    if tool.arguments:
        lines += ["", "| Argument | What it takes |", "| --- | --- |"]
        lines += [f"| `{argument.name}` | {_takes(argument)} |" for argument in tool.arguments]
    return lines


def _takes(argument: Argument) -> str:
    parts = [argument.description] if argument.description else []
    if argument.kind == "choice":
        parts.append("one of " + ", ".join(f"`{choice}`" for choice in argument.choices))
    elif argument.kind == "dice":
        parts.append("dice, written as `1d20+5`")
        if argument.choices:
            parts.append("or one of " + ", ".join(f"`{choice}`" for choice in argument.choices))
    elif argument.kind == "change":
        parts.append("a whole number with its sign")
    elif argument.kind == "integer":
        parts.append("a whole number")
    if argument.minimum is not None and argument.maximum is not None:
        parts.append(f"from {argument.minimum} to {argument.maximum}")
    if argument.aliases:
        parts.append("short forms: " + ", ".join(f"`{alias}`" for alias in argument.aliases))
    if not argument.required:
        parts.append("may be left out")
    return _cell("; ".join(parts) or "words")


def _examples(tool: ToolSpec) -> str:
    return ", ".join(f"`{_cell(example)}`" for example in tool.examples) or "–"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
