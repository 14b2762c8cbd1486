"""What is looked at before anything is trained: a fault stops it, with the example named.

Training on a broken example costs hours and says nothing; here it costs a sentence. What was
checked is what is trained on: the tokens made here go to the trainer as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.chat.messages import text_of
from understudy.chat.tools.bracket import read_brackets
from understudy.chat.tools.json_schema import read_json_call
from understudy.chat.tools.registry import ToolRegistry
from understudy.errors import TrainingError
from understudy.train.examples import Example, where_of
from understudy.train.templates import ChatText, Encoded

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
_SHOWN = 60
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


class Row(msgspec.Struct, frozen=True):
    """An example as the trainer takes it."""

    input_ids: list[int]
    labels: list[int]
    """The tokens to be learned, and ``IGNORED`` in the place of the others."""


class Checked(msgspec.Struct, kw_only=True):
    """What came of the checks."""

    rows: list[Row] = []
    kept: list[int] = []
    """The numbers, from 0, of the examples that the rows are of."""
    too_long: list[str] = []
    """What was left out, by name."""
    tokens: int = 0
    learned: int = 0
    """Tokens that count for the loss."""
    longest: int = 0
    calls: int = 0

    def facts(self) -> dict[str, Any]:
        return {
            "data_tokens": self.tokens,
            "learned_tokens": self.learned,
            "longest": self.longest,
            "calls": self.calls,
            "too_long": len(self.too_long),
        }


def check_examples(
    examples: Sequence[Example],
    chat: ChatText,
    *,
    registry: ToolRegistry | None,
    max_length: int,
    drop_too_long: bool = False,
    stop_tokens: Iterable[int] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Checked:
    """Check every example and make its tokens. Raises TrainingError for the first fault.

    ``registry`` is what calls in brackets have to fit; None where brackets are no calls.
    ``stop_tokens`` are what the base's generation ends at, beside its tokenizer's marks.
    """
    checked = Checked()
    stops = _stop_tokens(chat.tokenizer) | set(stop_tokens)
    for number, example in enumerate(examples):
        where = where_of(example, number + 1)
        check_form(example, where)
        tools = registry if example.get("brackets", True) else None
        calls = check_calls(example, where, tools)
        try:
            encoded = chat.encode(example["messages"], example.get("tools"))
        except TrainingError as error:
            raise TrainingError(f"{where} cannot be written for this model: {error}") from error
        if len(encoded.tokens) > max_length:
            if not drop_too_long:
                raise TrainingError(
                    f"{where} has {len(encoded.tokens):,} tokens and at most {max_length:,} are "
                    "trained on; raise max_seq_length, or leave longer ones out with too_long=drop"
                )
            checked.too_long.append(where)
            continue
        _check_said(example, where, encoded, chat, stops, tools)
        row = Row(encoded.tokens, _labels(example, encoded))
        if all(label == IGNORED for label in row.labels):
            raise TrainingError(
                f"{where} has no token to learn: the weight of every answer in it is 0; remove it"
            )
        checked.rows.append(row)
        checked.kept.append(number)
        checked.tokens += len(row.input_ids)
        checked.learned += sum(label != IGNORED for label in row.labels)
        checked.longest = max(checked.longest, len(row.input_ids))
        checked.calls += calls
        if progress is not None:
            progress(number + 1, len(examples))
    return checked


def check_form(example: Mapping[str, Any], where: str) -> None:
    """The order of the roles. Raises TrainingError."""
    messages = example.get("messages")
    if not messages:
        raise TrainingError(f"{where} has no messages; remove it, or give it some")
    before = ""
    for number, message in enumerate(messages, start=1):
        role = message["role"]
        if role == "tool" and before not in ("assistant", "tool"):
            raise TrainingError(
                f"message {number} of {where} is the result of a tool and follows "
                f"{'a ' + before if before else 'nothing'}; put the call before it"
            )
        if role == "system" and before not in ("", "system"):
            raise TrainingError(
                f"message {number} of {where} is a system prompt in the middle of a chat; put it "
                "first"
            )
        before = role
    if not any(message["role"] == "assistant" for message in messages):
        raise TrainingError(
            f"nobody answers in {where}, so there is nothing to learn; add an assistant's message"
        )
    if before != "assistant":
        raise TrainingError(
            f"{where} ends with a {before} message; an example ends with the assistant's answer"
        )


def check_calls(example: Mapping[str, Any], where: str, registry: ToolRegistry | None) -> int:
    """The calls against the registry, or against the tools that the example brings.

    Returns how many there are. Raises TrainingError.
    """
    count = 0
    own = {
        tool["function"]["name"]: tool["function"].get("parameters") or {}
        for tool in example.get("tools") or ()
    }
    for number, message in enumerate(example["messages"], start=1):
        if message["role"] != "assistant":
            continue
        place = f"message {number} of {where}"
        if registry is not None:
            count += _check_brackets(text_of(message.get("content")), place, registry)
        for call in message.get("tool_calls") or ():
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            _check_json(name, arguments, place, own, registry)
            count += 1
    return count


def _check_brackets(text: str, place: str, registry: ToolRegistry) -> int:
    reading = read_brackets(text, registry)
    for bad in reading.malformed:
        raise TrainingError(
            f"{place} calls {bad.tool} with {_shown(text[bad.start : bad.end])}: {bad.reason}; its "
            f"format is {registry[bad.tool].format}"
        )
    for strange in reading.unknown:
        raise TrainingError(
            f"{place} calls {strange.name!r}, which is no known tool: "
            f"{_shown(text[strange.start : strange.end])}; correct it, or take the tool in with "
            "`understudy tools extend` and name the registry with tools=FILE"
        )
    return len(reading.calls)


def _check_json(
    name: str,
    arguments: dict[str, Any],
    place: str,
    own: Mapping[str, Mapping[str, Any]],
    registry: ToolRegistry | None,
) -> None:
    if name in own:
        reason = _against_schema(arguments, own[name])
    elif registry is not None and name in registry:
        try:
            read_json_call(name, arguments, registry)
            reason = ""
        except ValueError as error:
            reason = str(error)
    else:
        known = ", ".join(own) or "none"
        raise TrainingError(
            f"{place} calls {name!r}, and the tools of the example are: {known}; add its schema to "
            "`tools`"
        )
    if reason:
        raise TrainingError(f"{place} calls {name} wrongly: {reason}; correct its arguments")


def _against_schema(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What does not fit, in words: required, unexpected, of another type, none of the choices."""
    properties = schema.get("properties") or {}
    for required in schema.get("required") or ():
        if required not in arguments:
            return f"{required} is missing"
    for key, value in arguments.items():
        if key not in properties:
            if properties and schema.get("additionalProperties") is not True:
                return f"it has no argument {key!r}"
            continue
        told = properties[key]
        kinds = told.get("type")
        allowed = [kinds] if isinstance(kinds, str) else list(kinds or ())
        fits = [_TYPES[kind] for kind in allowed if kind in _TYPES]
        is_null = value is None and "null" in allowed
        if fits and not is_null and not any(_is_a(value, types) for types in fits):
            return f"{key} is {_shown(value)}, which is no {' or '.join(allowed)}"
        if told.get("enum") and value not in told["enum"]:
            return f"{key} is {_shown(value)}, which is none of {', '.join(map(str, told['enum']))}"
    return ""


def _is_a(value: Any, types: tuple[type, ...]) -> bool:
    return isinstance(value, types) and not (isinstance(value, bool) and bool not in types)


def _check_said(
    example: Mapping[str, Any],
    where: str,
    encoded: Encoded,
    chat: ChatText,
    stops: set[int],
    registry: ToolRegistry | None,
) -> None:
    """Whether the model would learn its words, its calls and where to stop."""
    answers = [message for message in example["messages"] if message["role"] == "assistant"]
    if not any(encoded.said):
        raise TrainingError(
            f"no word of {where} would be learned: the chat template marks nothing as the "
            "assistant's; put {% generation %} and {% endgeneration %} around its answers"
        )
    if len(encoded.said) != len(answers):
        raise TrainingError(
            f"the chat template marks {len(encoded.said)} answers in {where}, which has "
            f"{len(answers)}; two answers in a row cannot be told apart, so put them together"
        )
    tokenizer = chat.tokenizer
    for number, (places, answer) in enumerate(zip(encoded.said, answers, strict=True), start=1):
        said = [encoded.tokens[place] for place in places]
        while said and not str(tokenizer.decode([said[-1]])).strip():
            said.pop()
        if not said or said[-1] not in stops:
            raise TrainingError(
                f"answer {number} of {where} does not end in a token to stop at within what is "
                "learned, so the model would never stop; put the end mark inside {% generation %} "
                "in the chat template"
            )
        if tokenizer.unk_token_id is not None and tokenizer.unk_token_id in said[:-1]:
            raise TrainingError(
                f"the tokenizer of the base cannot write answer {number} of {where}; use other "
                "words there, or another base"
            )
        text = str(tokenizer.decode(said, clean_up_tokenization_spaces=False))
        for call in _told_calls(answer, registry):
            if call in text:
                continue
            if call in chat.text(example["messages"], example.get("tools")):
                raise TrainingError(
                    f"the tokenizer of the base does not give back the call {_shown(call)} in "
                    f"answer {number} of {where} as it was written; take another base, or give "
                    "this one the tokenizer that belongs to it"
                )
            raise TrainingError(
                f"the call {_shown(call)} in answer {number} of {where} is not in the text that is "
                "learned; the chat template of the base leaves calls out, so train with "
                "calls=brackets, or take a base whose template writes them"
            )


def _told_calls(answer: Mapping[str, Any], registry: ToolRegistry | None) -> list[str]:
    """What must stand in the text of an answer: its brackets, and names and values of calls."""
    told = []
    if registry is not None:
        text = text_of(answer.get("content"))
        told = [text[placed.start : placed.end] for placed in read_brackets(text, registry).calls]
    for call in answer.get("tool_calls") or ():
        function = call["function"]
        plain = (value for value in function["arguments"].values() if isinstance(value, str))
        told += [function["name"], *(value for value in plain if value.isalnum())]
    return told


def _labels(example: Mapping[str, Any], encoded: Encoded) -> list[int]:
    answers = [message for message in example["messages"] if message["role"] == "assistant"]
    labels = [IGNORED] * len(encoded.tokens)
    for places, answer in zip(encoded.said, answers, strict=True):
        if answer.get("weight", 1):
            for place in places:
                labels[place] = encoded.tokens[place]
    return labels


def _stop_tokens(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return special | {int(number) for number in tokenizer.all_special_ids}


def _shown(value: Any) -> str:
    text = str(value)
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
