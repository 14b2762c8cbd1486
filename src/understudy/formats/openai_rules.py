"""What makes an example of OpenAI's fine-tuning format a good one (roles, order, tools, images)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from understudy.formats.image_rules import MOST_IMAGES, image_problem

KEYS = frozenset({"messages", "tools", "parallel_tool_calls", "functions"})
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MESSAGE_KEYS = {
    "assistant": {"role", "content", "name", "weight", "tool_calls", "function_call", "refusal"},
    "tool": {"role", "content", "tool_call_id"},
}
_PLAIN_KEYS = {"role", "content", "name"}


def validate_example(example: Any, *, bare_results: bool = False) -> list[str]:
    """The reasons why ``example`` cannot be trained on; empty when it can.

    The deprecated ``functions`` and ``function_call`` are accepted. The calls of the last message
    need no answers: making them is what is learned. With ``bare_results`` a ``tool`` message may
    name no call, as where calls stand in brackets in the words; OpenAI's own format has none such.
    """
    if not isinstance(example, dict):
        return [f"it is a {type(example).__name__}, not an object"]
    reasons = [f"it has the unknown key {key!r}" for key in example if key not in KEYS]
    messages = example.get("messages")
    if not isinstance(messages, list) or not messages:
        return [*reasons, "it has no messages"]
    for number, message in enumerate(messages, start=1):
        reasons += [
            f"message {number}: {reason}" for reason in _message(message, bare_results=bare_results)
        ]
    if not reasons:
        reasons += _order(messages)
        reasons += _images(messages)
    reasons += _tools(example)
    return reasons


def _message(message: Any, *, bare_results: bool) -> Iterable[str]:
    if not isinstance(message, dict):
        yield f"it is a {type(message).__name__}, not an object"
        return
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        yield f"its role is {role!r}"
        return
    for key in message.keys() - _MESSAGE_KEYS.get(role, _PLAIN_KEYS):
        yield f"the key {key!r} does not belong to a message of role {role}"
    if "name" in message and not isinstance(message["name"], str):
        yield "its name is no text"
    if role == "assistant":
        yield from _assistant(message)
    else:
        yield from _content(message.get("content"), role)
    bare = bare_results and "tool_call_id" not in message
    if role == "tool" and not bare and not isinstance(message.get("tool_call_id"), str):
        yield (
            "it does not say which tool call it answers (calls in brackets have to be written as "
            "tool calls)"
        )
    if role == "function" and not isinstance(message.get("name"), str):
        yield "it does not name the function that it answers"


def _assistant(message: dict[str, Any]) -> Iterable[str]:
    calls, function_call = message.get("tool_calls"), message.get("function_call")
    content = message.get("content")
    if content is not None:
        yield from _content(content, "assistant")
    elif not calls and not function_call and not isinstance(message.get("refusal"), str):
        yield "it has neither content nor a tool call"
    weight = message.get("weight")
    if "weight" in message and (isinstance(weight, bool) or weight not in (0, 1)):
        yield f"its weight is {weight!r} instead of 0 or 1"
    if calls is not None:
        if not isinstance(calls, list) or not calls:
            yield "its tool_calls are no list of calls"
        else:
            for call in calls:
                yield from _call(call)
    if function_call is not None:
        yield from _function(function_call)


def _call(call: Any) -> Iterable[str]:
    if not isinstance(call, dict):
        yield "a tool call is no object"
        return
    if not isinstance(call.get("id"), str) or not call["id"]:
        yield "a tool call has no id"
    if call.get("type", "function") != "function":
        yield f"a tool call is of the type {call.get('type')!r}"
    yield from _function(call.get("function"))


def _function(function: Any) -> Iterable[str]:
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        yield "a tool call names no function"
        return
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        yield f"the arguments of {function['name']} are no JSON string"
        return
    try:
        parsed = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        yield f"the arguments of {function['name']} are not valid JSON"
        return
    if not isinstance(parsed, dict):
        yield f"the arguments of {function['name']} are no JSON object"


def _content(content: Any, role: str) -> Iterable[str]:
    if isinstance(content, str):
        return
    if not isinstance(content, list) or not content:
        yield "its content is neither text nor a list of parts"
        return
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            continue
        if kind == "refusal" and role == "assistant" and isinstance(part.get("refusal"), str):
            continue
        if kind == "image_url" and role == "user":
            continue
        if kind == "image_url":
            yield f"an image stands in a message of role {role}"
        else:
            yield f"a part of its content is of the type {kind!r} or broken"


def _order(messages: list[dict[str, Any]]) -> Iterable[str]:
    """Who may follow whom; the messages are well-formed by themselves."""
    open_calls: set[str] = set()
    for number, message in enumerate(messages, start=1):
        if message["role"] == "tool":
            if "tool_call_id" not in message:
                before = messages[number - 2]["role"] if number > 1 else ""
                if open_calls or before not in ("assistant", "tool"):
                    yield f"message {number} is a result, and no call in brackets stands before it"
                continue
            if message["tool_call_id"] not in open_calls:
                yield f"message {number} answers a tool call that does not stand open before it"
            open_calls.discard(message["tool_call_id"])
            continue
        if open_calls:
            yield (
                f"message {number} comes before the tool call "
                f"{', '.join(sorted(open_calls))} is answered"
            )
        ids = [call["id"] for call in message.get("tool_calls") or ()]
        if len(set(ids)) < len(ids):
            yield f"message {number} uses the id of a tool call twice"
        open_calls = set(ids)
    last = messages[-1]
    if last["role"] != "assistant":
        yield f"the last message is of role {last['role']}, not the assistant's"
    elif not (
        last.get("content")
        or last.get("tool_calls")
        or last.get("function_call")
        or last.get("refusal")
    ):
        yield "the answer is empty"
    if all(m.get("weight") == 0 for m in messages if m["role"] == "assistant"):
        yield "no assistant message has a weight other than 0"


def _images(messages: list[dict[str, Any]]) -> Iterable[str]:
    count = 0
    for number, message in enumerate(messages, start=1):
        if not isinstance(message.get("content"), list):
            continue
        for part in message["content"]:
            if part["type"] == "image_url":
                count += 1
                image = part.get("image_url")
                problem = image_problem(image.get("url") if isinstance(image, dict) else image)
                if problem:
                    yield f"message {number}: {problem}"
    if count > MOST_IMAGES:
        yield f"it holds {count} images, and at most {MOST_IMAGES} are allowed"


def _tools(example: dict[str, Any]) -> Iterable[str]:
    tools = example.get("tools")
    if tools is not None:
        if not isinstance(tools, list):
            yield "its tools are no list"
            tools = []
        for tool in tools:
            function = tool.get("function") if isinstance(tool, dict) else None
            if not isinstance(function, dict) or tool.get("type") != "function":
                yield "a tool is not of the type function"
            else:
                yield from _definition(function)
    parallel = example.get("parallel_tool_calls")
    if parallel is not None:
        if not isinstance(parallel, bool):
            yield "parallel_tool_calls is neither true nor false"
        elif not tools:
            yield "it sets parallel_tool_calls without tools"
    functions = example.get("functions")
    if functions is not None:
        if not isinstance(functions, list) or not all(isinstance(f, dict) for f in functions):
            yield "its functions are no list of objects"
        else:
            for function in functions:
                yield from _definition(function)


def _definition(function: dict[str, Any]) -> Iterable[str]:
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield f"a tool's name is {name!r}; letters, digits, _ and -, at most 64, are allowed"
    if not isinstance(function.get("parameters", {}), dict):
        yield f"the parameters of the tool {name} are no JSON schema"
