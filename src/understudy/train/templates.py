"""How a chat becomes text for a model, and which of that text the model itself is to say.

A chat template with ``{% generation %}`` marks tells it. For well-known templates without them TRL
has copies with the marks. For any other the assistant's words are found by what each of its
messages adds to the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from understudy.errors import TrainingError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, ProcessorMixin

Method = Literal["marks", "added marks", "differences"]
PLAIN = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ 'assistant:' }}{% generation %}{{ ' ' + message['content'] + eos_token }}"
    "{% endgeneration %}{{ '\\n' }}"
    "{% else %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
)
"""For a base that has no chat template of its own."""
_MARKS = re.compile(r"\{%-?\s*generation\s*-?%\}")


class Encoded(msgspec.Struct, frozen=True):
    """A chat as tokens."""

    tokens: list[int]
    said: list[list[int]]
    """For each stretch that the model is to say, the places of its tokens."""


class ChatText:
    """Writes chats for one tokenizer. Gives a tokenizer without a template the plain one."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Raises TrainingError for a tokenizer without a mark for the end of a turn."""
        if tokenizer.eos_token is None:
            raise TrainingError(
                "the tokenizer of the base has no end-of-text token, so a model could never stop; "
                "set eos_token in its tokenizer_config.json"
            )
        self.tokenizer = tokenizer
        self.plain = not tokenizer.chat_template
        if self.plain:
            tokenizer.chat_template = PLAIN
        self.template: str | None = None
        """What is used instead of the tokenizer's own; None for its own."""
        self.method: Method = "marks"
        if not has_marks(tokenizer.chat_template):
            self.template = marked_copy(tokenizer)
            self.method = "differences" if self.template is None else "added marks"

    def encode(self, messages: Sequence[dict[str, Any]], tools: Any = None) -> Encoded:
        """The tokens. Raises TrainingError, in words without a place, when that cannot be done."""
        import jinja2

        try:
            if self.method == "differences":
                return self._by_differences(messages, tools)
            found: Any = self.tokenizer.apply_chat_template(
                list(messages),
                tools=tools,
                chat_template=self.template,
                tokenize=True,
                return_dict=True,
                return_assistant_tokens_mask=True,
            )
        except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
            raise TrainingError(
                f"its chat template refuses it ({str(error).strip().splitlines()[-1]})"
            ) from error
        return Encoded(list(found["input_ids"]), _stretches(found["assistant_masks"]))

    def text(self, messages: Sequence[dict[str, Any]], tools: Any = None) -> str:
        """The chat as text, as a model server would write it for a request."""
        return self._render(messages, tools)

    def _by_differences(self, messages: Sequence[dict[str, Any]], tools: Any) -> Encoded:
        whole = self._render(messages, tools)
        spans = []
        for number, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            before = self._render(messages[:number], tools, prompt=True) if number else ""
            through = self._render(messages[: number + 1], tools)
            if not (whole.startswith(before) and whole.startswith(through.rstrip())):
                raise TrainingError(
                    f"what its chat template writes before message {number + 1} changes with what "
                    "follows, so the assistant's words cannot be told apart; put {% generation %} "
                    "and {% endgeneration %} around them in the template"
                )
            spans.append((len(before), len(through.rstrip())))
        found: Any = self.tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
        said: list[list[int]] = [[] for _ in spans]
        for place, (start, end) in enumerate(found["offset_mapping"]):
            for number, (first, last) in enumerate(spans):
                if first <= start < last and end <= last:
                    said[number].append(place)
        return Encoded(list(found["input_ids"]), said)

    def _render(
        self, messages: Sequence[dict[str, Any]], tools: Any, *, prompt: bool = False
    ) -> str:
        return str(
            self.tokenizer.apply_chat_template(
                list(messages),
                tools=tools,
                chat_template=self.template,
                tokenize=False,
                add_generation_prompt=prompt,
            )
        )


def has_marks(template: str | dict[str, str] | None) -> bool:
    """Whether a chat template marks the assistant's words."""
    own = template.get("default", "") if isinstance(template, dict) else template
    return bool(_MARKS.search(own or ""))


def marked_copy(tokenizer: PreTrainedTokenizerBase | ProcessorMixin) -> str | None:
    """The template of ``tokenizer`` with such marks, where it is one that TRL knows."""
    from trl.chat_template_utils import get_training_chat_template

    try:
        found = get_training_chat_template(tokenizer)
    except Exception:  # whatever a stranger's template may raise when TRL tries it
        return None
    return str(found) if found and has_marks(str(found)) else None


def _stretches(mask: Sequence[int]) -> list[list[int]]:
    stretches: list[list[int]] = []
    before = 0
    for place, said in enumerate(mask):
        if said and not before:
            stretches.append([])
        if said:
            stretches[-1].append(place)
        before = said
    return stretches
