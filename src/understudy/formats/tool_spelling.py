"""Calls of tools in the spelling that somebody trains on: in brackets in the words, or as JSON.

A chat in brackets becomes one with tool calls and the definitions of the tools, and the other way
round; what a system prompt says of brackets stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from understudy.chat.messages import text_of
from understudy.chat.tools.bracket import read_brackets
from understudy.chat.tools.json_schema import openai_tools, to_brackets, to_tool_calls
from understudy.chat.tools.registry import TOOLS, ToolRegistry

Calls = Literal["kept", "brackets", "json"]
"""``kept``: as they were recorded or written."""

_SPEAKERS = ("system", "developer", "assistant")


@dataclass(frozen=True)
class Spelling:
    """How calls are to be written, and which tools there are."""

    calls: Calls = "kept"
    registry: ToolRegistry = TOOLS

    def of(self, example: dict[str, Any], *, like: tuple[dict[str, Any], ...] = ()) -> Any:
        """``example`` in this spelling; itself where there is nothing to change.

        ``like`` are chats that are to be written alike: it is changed where one of them has to be.
        Calls of tools that are not in the registry stay as they are. Raises FormatError for calls
        that it does not allow, and for results that no call stands before.
        """
        alike = (example, *like)
        if self.calls == "json" and any(speaks_in_brackets(one, self.registry) for one in alike):
            return _as_calls(example, self.registry)
        if self.calls == "brackets":
            called = [name for one in alike for name in _called(one)]
            if called and all(name in self.registry for name in called):
                return _as_words(example, self.registry)
        return example


KEPT = Spelling()


def speaks_in_brackets(example: dict[str, Any], registry: ToolRegistry = TOOLS) -> bool:
    """Whether the chat has calls in brackets, speaks of them in its prompt, or has their results.

    So a chat in which no call was due still counts where the prompt says how calls are written.
    """
    for message in example["messages"]:
        if message.get("role") == "tool" and "tool_call_id" not in message:
            return True
        text = text_of(message.get("content")) if message.get("role") in _SPEAKERS else ""
        if "[" in text:
            reading = read_brackets(text, registry)
            if reading.calls or reading.malformed:
                return True
    return False


def _as_calls(example: dict[str, Any], registry: ToolRegistry) -> dict[str, Any]:
    messages = to_tool_calls(example["messages"], registry)
    # The calls of the last turn are what is learned: nothing answers them.
    while messages[-1]["role"] == "tool" and example["messages"][-1]["role"] != "tool":
        messages.pop()
    given = list(example.get("tools") or ())
    known = {tool["function"]["name"] for tool in given}
    more = [tool for tool in openai_tools(registry) if tool["function"]["name"] not in known]
    return {**example, "messages": messages, "tools": [*given, *more]}


def _as_words(example: dict[str, Any], registry: ToolRegistry) -> dict[str, Any]:
    changed = {**example, "messages": to_brackets(example["messages"], registry)}
    left = [tool for tool in example.get("tools") or () if tool["function"]["name"] not in registry]
    if left:
        return {**changed, "tools": left}
    changed.pop("tools", None)
    changed.pop("parallel_tool_calls", None)
    return changed


def _called(example: dict[str, Any]) -> Iterator[str]:
    for message in example["messages"]:
        for call in message.get("tool_calls") or ():
            yield call["function"]["name"]
