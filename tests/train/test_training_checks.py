"""What is looked at before anything is trained, and that each fault names the example it is in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.train.conftest import looking, sneaking

from understudy.chat.tools.json_schema import openai_tools
from understudy.chat.tools.registry import TOOLS
from understudy.errors import TrainingError
from understudy.train.checks import IGNORED, Checked, check_examples
from understudy.train.convertible import known_objections
from understudy.train.examples import as_example, content_hash, split_off
from understudy.train.loading import load_tokenizer
from understudy.train.templates import ChatText

pytestmark = pytest.mark.slow  # transformers is loaded


@pytest.fixture(scope="module")
def chat(tiny_base: Path) -> ChatText:
    return ChatText(load_tokenizer(tiny_base))


def check(chat: ChatText, *raw: dict[str, Any], **options: Any) -> Checked:
    told = {"registry": TOOLS, "max_length": 256, **options}
    examples = [
        as_example(one, f"line {number}", registry=told["registry"])
        for number, one in enumerate(raw, start=1)
    ]
    return check_examples(examples, chat, **told)


def talk(*said: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {
        "messages": [
            {"role": roles[number % 2], "content": text} for number, text in enumerate(said)
        ]
    }


def test_only_the_assistants_words_and_its_end_mark_are_learned(chat: ChatText) -> None:
    (row,) = check(chat, talk("Mira sneaks.", "[check: stealth, Mira]", "And?", "She hides.")).rows
    learned = [token for token in row.labels if token != IGNORED]
    assert chat.tokenizer.decode(learned) == (" [check: stealth, Mira]<|end|> She hides.<|end|>")
    assert [a for a, b in zip(row.input_ids, row.labels, strict=True) if b != IGNORED] == learned


def test_an_answer_of_weight_nought_is_read_and_not_learned(chat: ChatText) -> None:
    raw = talk("Mira sneaks.", "Wrong.", "Again.", "She hides.")
    raw["messages"][1]["weight"] = 0
    (row,) = check(chat, raw).rows
    learned = [token for token in row.labels if token != IGNORED]
    assert chat.tokenizer.decode(learned) == " She hides.<|end|>"


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"messages": []}, "line 1 has no messages"),
        ({"text": "Once"}, "line 1 has no messages"),
        ({"messages": [{"role": "dm", "content": "x"}]}, "message 1 of line 1 has the role 'dm'"),
        ({"messages": [{"role": "user", "content": "x"}]}, "nobody answers in line 1"),
        (talk("a", "b", "c"), "line 1 ends with a user message"),
        (talk("a", ""), "message 2 of line 1 says nothing"),
        (
            {"messages": [{"role": "tool", "content": "x"}, {"role": "assistant", "content": "y"}]},
            "message 1 of line 1 is the result of a tool and follows nothing",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "x"},
                    {"role": "system", "content": "late"},
                    {"role": "assistant", "content": "y"},
                ]
            },
            "message 2 of line 1 is a system prompt in the middle",
        ),
        (
            talk("x", "[check: climbing, Mira]"),
            "message 2 of line 1 calls check with '\\[check: climbing, Mira\\]'",
        ),
        (
            talk("x", "[save: dexterity, Mira]"),
            "message 2 of line 1 calls save .* dc is missing",
        ),
        (talk("x", "[dance: Mira]"), "calls 'dance', which is no known tool.*tools extend"),
    ],
)
def test_a_fault_stops_with_the_example_named(
    chat: ChatText, raw: dict[str, Any], told: str
) -> None:
    with pytest.raises(TrainingError, match=told):
        check(chat, raw)


def test_without_a_registry_brackets_are_no_calls(chat: ChatText) -> None:
    checked = check(chat, talk("x", "[dance: Mira]"), registry=None)
    assert checked.calls == 0


def test_an_example_that_is_too_long_stops_or_is_left_out_and_counted(chat: ChatText) -> None:
    long = talk("x", "word " * 60)
    with pytest.raises(TrainingError, match=r"line 2 has \d+ tokens and at most 80"):
        check(chat, looking("Mira", "door"), long, max_length=80)
    checked = check(chat, looking("Mira", "door"), long, max_length=80, drop_too_long=True)
    assert checked.kept == [0]
    assert checked.too_long == ["line 2"]
    assert checked.longest <= 80


def with_template(tiny_base: Path, template: str) -> ChatText:
    tokenizer = load_tokenizer(tiny_base)
    tokenizer.chat_template = template
    return ChatText(tokenizer)


def test_an_empty_loss_mask_is_an_error_that_names_the_example(tiny_base: Path) -> None:
    chat = with_template(
        tiny_base,
        "{% for m in messages %}{{ m['content'] }}{% endfor %}"
        "{% if false %}{% generation %}{% endgeneration %}{% endif %}",
    )
    with pytest.raises(TrainingError, match=r"no word of line 1 would be learned"):
        check(chat, looking("Mira", "door"))


def test_a_stop_token_outside_of_what_is_learned_is_an_error(tiny_base: Path) -> None:
    chat = with_template(
        tiny_base,
        "{% for m in messages %}{% if m['role'] == 'assistant' %}{% generation %}"
        "{{ m['content'] }}{% endgeneration %}{{ '<|end|>' }}{% else %}{{ m['content'] }}"
        "{% endif %}{% endfor %}",
    )
    with pytest.raises(TrainingError, match=r"answer 1 of line 1 does not end in a token to stop"):
        check(chat, looking("Mira", "door"))


def test_calls_that_the_template_leaves_out_are_an_error(chat: ChatText) -> None:
    raw = {
        "tools": openai_tools(TOOLS),
        "messages": [
            {"role": "user", "content": "Mira sneaks."},
            {
                "role": "assistant",
                "content": "She moves.",
                "tool_calls": [
                    {
                        "id": "1",
                        "type": "function",
                        "function": {
                            "name": "check",
                            "arguments": '{"ability": "stealth", "character": "Mira"}',
                        },
                    }
                ],
            },
        ],
    }
    example = as_example(raw, "line 1", registry=TOOLS, calls="json")
    with pytest.raises(TrainingError, match="the call 'check' in answer 1 of line 1 is not in"):
        check_examples([example], chat, registry=TOOLS, max_length=256)
    in_brackets = as_example(raw, "line 1", registry=TOOLS, calls="auto")
    assert in_brackets["messages"][1]["content"] == "She moves. [check: stealth, Mira]"
    assert "tools" not in in_brackets
    assert check_examples([in_brackets], chat, registry=TOOLS, max_length=256).calls == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"who": "Mira"}, "steps is missing"),
        ({"who": "Mira", "steps": "two"}, "steps is 'two', which is no integer"),
        ({"who": "Mira", "steps": True}, "which is no integer"),
        ({"who": "Mira", "steps": 2, "how": "fast"}, "it has no argument 'how'"),
        ({"who": "Nobody", "steps": 2}, "which is none of Mira, Sara"),
    ],
)
def test_calls_are_held_to_the_schema_that_the_example_brings(
    chat: ChatText, arguments: dict[str, Any], told: str
) -> None:
    schema = {
        "type": "object",
        "properties": {
            "who": {"type": "string", "enum": ["Mira", "Sara"]},
            "steps": {"type": "integer"},
        },
        "required": ["who", "steps"],
    }
    call = {"type": "function", "function": {"name": "walk", "arguments": arguments}}
    raw = {
        "tools": [{"type": "function", "function": {"name": "walk", "parameters": schema}}],
        "messages": [
            {"role": "user", "content": "Go."},
            {"role": "assistant", "content": "", "tool_calls": [call]},
        ],
    }
    with pytest.raises(TrainingError, match=f"message 2 of line 1 calls walk wrongly: .*{told}"):
        check(chat, raw)


def test_calls_get_their_one_spelling(chat: ChatText) -> None:
    example = as_example(talk("x", "Go! [ROLL:  D20 + 5 ]"), "line 1", registry=TOOLS)
    assert example["messages"][1]["content"] == "Go! [roll: 1d20+5]"


def test_equal_content_has_an_equal_hash_wherever_it_is_from() -> None:
    one = as_example(sneaking("Mira", "door"), "a.jsonl", registry=TOOLS)
    same = as_example(sneaking("Mira", "door"), "b.md", registry=TOOLS)
    other = as_example(sneaking("Mira", "gate"), "a.jsonl", registry=TOOLS)
    assert content_hash(one) == content_hash(same) != content_hash(other)


def test_an_example_is_held_back_in_every_training_or_in_none(
    sneaks: list[dict[str, Any]], looks: list[dict[str, Any]]
) -> None:
    first, held = split_off(sneaks, 0.3, 100)
    later, held_later = split_off([*looks, *sneaks], 0.3, 100)
    assert held
    assert all(example in held_later for example in held)
    assert all(example in later for example in first)
    assert split_off(sneaks, 0.3, 1)[1] == held_later[:1] or len(split_off(sneaks, 0.3, 1)[1]) == 1
    assert split_off(sneaks[:1], 0.999, 100) == (sneaks[:1], [])


# Templates ------------------------------------------------------------------------------------


def test_a_base_without_a_template_gets_a_plain_one(tiny_base: Path) -> None:
    tokenizer = load_tokenizer(tiny_base)
    tokenizer.chat_template = None
    chat = ChatText(tokenizer)
    assert chat.plain
    (row,) = check(chat, looking("Mira", "door")).rows
    assert chat.tokenizer.decode(row.input_ids) == (
        "user: Mira looks at the door.\nassistant: [check: perception, Mira]<|end|>\n"
    )


def test_a_template_without_marks_is_learned_from_by_what_each_message_adds(
    tiny_base: Path,
) -> None:
    chat = with_template(
        tiny_base,
        "{% for m in messages %}{{ m['role'] + '> ' + m['content'] + eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant> ' }}{% endif %}",
    )
    assert chat.method == "differences"
    (row,) = check(chat, talk("Go.", "She goes.", "On.", "She goes on.")).rows
    learned = [token for token in row.labels if token != IGNORED]
    assert chat.tokenizer.decode(learned) == "She goes.<|end|>She goes on.<|end|>"


def test_a_well_known_template_is_learned_from_by_trls_copy_of_it(tiny_base: Path) -> None:
    import trl

    folder = Path(trl.__file__).parent / "chat_templates"
    tokenizer = load_tokenizer(tiny_base)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = (folder / "qwen3.jinja").read_text("utf-8")
    chat = ChatText(tokenizer)
    assert chat.method == "added marks"
    (row,) = check(chat, talk("Go.", "She goes.")).rows
    learned = chat.tokenizer.decode([token for token in row.labels if token != IGNORED])
    assert learned.endswith("She goes.<|im_end|>\n")


def test_a_template_that_changes_what_came_before_is_refused(tiny_base: Path) -> None:
    chat = with_template(
        tiny_base, "{{ messages | length }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    )
    with pytest.raises(TrainingError, match=r"line 1 cannot be written .*put {% generation %}"):
        check(chat, talk("Go.", "She goes.", "On.", "She goes on."))


def test_what_a_template_refuses_is_told_with_its_words(tiny_base: Path) -> None:
    chat = with_template(tiny_base, "{{ raise_exception('no systems here') }}")
    with pytest.raises(TrainingError, match=r"line 1 cannot be written .*no systems here"):
        check(chat, looking("Mira", "door"))


# What the converter takes ---------------------------------------------------------------------


def stand_in(folder: Path, architecture: str, model: dict[str, Any], *, pieces: bool) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    (folder / "tokenizer.json").write_text(json.dumps({"model": model}))
    if pieces:
        (folder / "tokenizer.model").write_bytes(b"")
    return folder


def words(count: int) -> dict[str, Any]:
    return {"type": "BPE", "vocab": {f"w{number}": number for number in range(count)}}


@pytest.mark.parametrize(
    ("architecture", "model", "pieces", "told"),
    [
        ("LlamaForCausalLM", {"byte_fallback": True, **words(9)}, True, ""),
        ("LlamaForCausalLM", {"byte_fallback": True, **words(9)}, False, "tokenizer.model is miss"),
        ("Qwen3ForCausalLM", words(9), False, "a byte-level tokenizer of one's own"),
        ("Qwen2ForCausalLM", words(9), True, "Qwen with a SentencePiece tokenizer"),
        ("Qwen3ForCausalLM", words(30_001), False, ""),
        ("GPT2LMHeadModel", words(400), False, "its genuine vocabulary"),
        ("GPT2LMHeadModel", words(50257), False, ""),
        ("PoetryForCausalLM", words(30_001), False, "PoetryForCausalLM is not among those"),
    ],
)
def test_what_the_converter_will_not_take_is_known_before_training(
    tmp_path: Path, architecture: str, model: dict[str, Any], pieces: bool, told: str
) -> None:
    found = known_objections(stand_in(tmp_path / "base", architecture, model, pieces=pieces))
    assert [told in reason for reason in found] == ([True] if told else [])


def test_the_tiny_base_of_these_tests_can_be_converted(tiny_base: Path) -> None:
    assert known_objections(tiny_base) == []
