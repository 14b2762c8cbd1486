"""The same tools for chat APIs that take JSON: definitions, and chats converted in both directions.

A chat in brackets has the calls in the Dungeon Master's words and all results of a turn in one
message, a line each. A chat with tool calls has them apart, one message a result. Where the calls
stand at the end of a turn, as the canonical layout has it, converting there and back changes
nothing; calls from the middle of a turn come back at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from understudy.chat import json_values
from understudy.chat.messages import assistant_message, function_call, function_tool, text_of
from understudy.chat.record import Message
from understudy.chat.tools.bracket import read_brackets, without_calls, write_turn
from understudy.chat.tools.registry import TOOLS, Argument, Call, ToolRegistry, ToolSpec, Value
from understudy.errors import FormatError

_JSON_TYPES = {"text": "string", "choice": "string", "dice": "string"}


def openai_tool(tool: ToolSpec) -> dict[str, Any]:
    """The definition of a tool as Chat Completions and the training stacks take it."""
    parameters: dict[str, Any] = {
        "type": "object",
        "properties": {argument.name: _property(argument) for argument in tool.arguments},
        "required": [argument.name for argument in tool.arguments if argument.required],
        "additionalProperties": False,
    }
    return function_tool(
        {"name": tool.name, "description": tool.description, "parameters": parameters}
    )


def openai_tools(registry: ToolRegistry = TOOLS) -> list[dict[str, Any]]:
    """The definitions of all tools, in the registry's order."""
    return [openai_tool(tool) for tool in registry]


def read_json_call(name: str, arguments: Any, registry: ToolRegistry = TOOLS) -> Call:
    """The call that a name and arguments (a mapping, or its JSON text) make.

    Arguments are brought to the same spelling as in brackets. ValueError, in words, when they do
    not fit; KeyError when there is no such tool.
    """
    tool = registry.get(name)
    if tool is None:
        raise KeyError(name)
    if isinstance(arguments, str):
        try:
            arguments = json_values.decode_writable(arguments.encode("utf-8", "replace") or b"{}")
        except ValueError:
            raise ValueError("its arguments are no JSON") from None
    if not isinstance(arguments, dict):
        raise ValueError("its arguments are no JSON object")
    for given in arguments:
        if all(given != argument.name for argument in tool.arguments):
            raise ValueError(f"it has no argument {given!r}")
    values: dict[str, Value] = {}
    for argument in tool.arguments:
        value = arguments.get(argument.name)
        if value is None:
            if argument.required:
                raise ValueError(f"{argument.name} is missing")
            continue
        values[argument.name] = argument.read(_spelled(argument, value))
    return Call(tool.name, values)


def to_tool_calls(messages: Sequence[Message], registry: ToolRegistry = TOOLS) -> list[Message]:
    """A chat in brackets as a chat with tool calls; each call is answered by a tool's message.

    Ids are given in order (``call_1``…). A malformed bracket stays words. Raises FormatError for
    results that no call stands before.
    """
    converted: list[Message] = []
    open_ids: list[str] = []
    count = 0
    for number, message in enumerate(messages, start=1):
        if message.get("role") == "tool":
            if not open_ids:
                raise FormatError(
                    "results stand here and no call before them; put the call into the turn before",
                    position=f"message {number}",
                )
            converted += _answers(open_ids, text_of(message.get("content")))
            open_ids = []
            continue
        converted += _answers(open_ids, "")
        open_ids = []
        if message.get("role") != "assistant" or message.get("tool_calls"):
            converted.append(dict(message))
            continue
        text = text_of(message.get("content"))
        calls = [placed.call for placed in read_brackets(text, registry).calls]
        open_ids = [f"call_{count + place}" for place in range(1, len(calls) + 1)]
        count += len(calls)
        written = [
            function_call(call_id, call.tool, call.arguments)
            for call_id, call in zip(open_ids, calls, strict=True)
        ]
        words = without_calls(text, registry) if calls else text
        converted.append(assistant_message(words, tool_calls=written))
    return converted + _answers(open_ids, "")


def to_brackets(messages: Sequence[Message], registry: ToolRegistry = TOOLS) -> list[Message]:
    """A chat with tool calls as a chat in brackets: the opposite of `to_tool_calls`.

    Raises FormatError, naming the message, for a call that the registry does not allow.
    """
    converted: list[Message] = []
    for number, message in enumerate(messages, start=1):
        role = message.get("role")
        if role == "tool":
            text = text_of(message.get("content"))
            if converted and converted[-1]["role"] == "tool":
                if text:
                    converted[-1]["content"] += f"\n{text}"
            elif text:
                converted.append({"role": "tool", "content": text})
            continue
        given = message.get("tool_calls") if role == "assistant" else None
        if not given:
            converted.append(dict(message))
            continue
        calls = [_read(call, number, registry) for call in given]
        words = text_of(message.get("content"))
        converted.append({"role": "assistant", "content": write_turn(words, calls, registry)})
    return converted


def _read(call: Any, number: int, registry: ToolRegistry) -> Call:
    function = call.get("function") if isinstance(call, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    try:
        return read_json_call(str(name), (function or {}).get("arguments"), registry)
    except KeyError:
        reason = f"there is no tool {name!r}; known are {', '.join(registry.names)}"
    except ValueError as error:
        reason = f"the call of {name} is malformed: {error}"
    raise FormatError(reason, position=f"message {number}")


def _answers(ids: Sequence[str], text: str) -> list[Message]:
    """One message a call; a line for each, and what is left over with the last."""
    if not ids:
        return []
    lines = text.split("\n", len(ids) - 1)
    lines += [""] * (len(ids) - len(lines))
    return [
        {"role": "tool", "tool_call_id": call_id, "content": line}
        for call_id, line in zip(ids, lines, strict=True)
    ]


def _property(argument: Argument) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _JSON_TYPES.get(argument.kind, "integer")}
    if argument.description:
        schema["description"] = argument.description
    if argument.kind == "choice":
        schema["enum"] = list(argument.choices)
    if argument.minimum is not None:
        schema["minimum"] = argument.minimum
    if argument.maximum is not None:
        schema["maximum"] = argument.maximum
    return schema


def _spelled(argument: Argument, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{argument.name} is of the type {type(value).__name__}")
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError(f"{argument.name} is {value}, which is no whole number")
        value = int(value)
    return str(value)
