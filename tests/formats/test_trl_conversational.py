"""TRL's conversational form: what `datasets` loads, what TRL's collator takes, and read back."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.formats.example_rows import agent_row, picture_part, png, tool_chat

from understudy.errors import FormatError, UsageError
from understudy.formats.instruction_chat import instruction_chat
from understudy.formats.trl_conversational import TrlConversational, TrlWriter, read_conversations

ANSWER = {"role": "assistant", "content": "Ho"}


def ask(**changes: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Hi", **changes}, ANSWER]}


def written(tmp_path: Path, *examples: dict[str, Any]) -> tuple[Path, TrlWriter]:
    output = tmp_path / "train.parquet"
    writer = TrlConversational().open(output, max_bytes=None)
    for example in examples:
        writer.write(example)
    assert writer.finish() == [output]
    return output, writer


def loaded(output: Path, tmp_path: Path) -> Any:
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(
        "parquet", data_files={"train": str(output)}, cache_dir=str(tmp_path / "c"), split="train"
    )


def test_a_step_has_its_picture_in_a_column_and_its_place_in_the_message(tmp_path: Path) -> None:
    row = agent_row(png(90))
    output, _ = written(tmp_path, instruction_chat(row))
    (found,) = loaded(output, tmp_path)
    text, image = found["messages"][1]["content"]
    assert text["type"] == "text"
    assert image == {"type": "image"}
    with Image.open(io.BytesIO(row.picture or b"")) as picture:
        assert [p.tobytes() for p in found["images"]] == [picture.tobytes()]
    assert found["tools"] is None


def test_tool_calls_have_their_arguments_as_objects(tmp_path: Path) -> None:
    output, _ = written(tmp_path, tool_chat(), ask())
    with_tools, without = loaded(output, tmp_path)
    call = with_tools["messages"][2]["tool_calls"][0]["function"]
    assert call == {"name": "roll", "arguments": {"die": 20, "für": "Wahrnehmung"}}
    assert with_tools["messages"][3] == {
        "role": "tool", "tool_call_id": "call_1", "name": "roll", "content": "17"
    }  # fmt: skip
    assert with_tools["tools"] == tool_chat()["tools"]
    assert without["messages"] == ask()["messages"]
    assert without["images"] == []


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    several = ask(
        content=[picture_part(png(1)), {"type": "text", "text": "?"}, picture_part(png(2))]
    )
    examples = [instruction_chat(agent_row()), tool_chat(), ask(), several]
    output, _ = written(tmp_path, *examples)
    assert list(read_conversations(output)) == examples


@pytest.mark.slow
@given(words=st.text(), other=st.text())
@settings(max_examples=40, deadline=None)
def test_any_text_survives(
    tmp_path_factory: pytest.TempPathFactory, words: str, other: str
) -> None:
    example = instruction_chat(agent_row(memory_context=words, reasoning=other, action=words))
    output, _ = written(tmp_path_factory.mktemp("any"), example)
    assert list(read_conversations(output)) == [example]


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        (ask(content=[{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]), "web"),
        ({"messages": [ask()["messages"][0], {**ANSWER, "weight": 0}]}, "weight 0"),
        ({"messages": [ask()["messages"][0], {"role": "assistant", "refusal": "No"}]}, "refusal"),
        ({**ask(), "functions": [{"name": "f"}]}, "deprecated"),
        ({"messages": [{"role": "function", "name": "f", "content": "1"}, ANSWER]}, "deprecated"),
        ({**ask(), "tools": [{"n": 2**70}]}, "more than 64 bits"),
    ],
)
def test_what_would_mean_something_else_is_left_out(
    tmp_path: Path, example: dict[str, Any], reason: str
) -> None:
    writer = TrlConversational().open(tmp_path / "train.parquet", max_bytes=None)
    with pytest.raises(FormatError, match=reason):
        writer.write(example)
    assert (writer.count, writer.lost) == (0, {})


def test_what_does_not_matter_for_training_is_dropped_and_counted(tmp_path: Path) -> None:
    example = {
        "messages": [{"role": "developer", "content": "DM"}, *ask(name="eve")["messages"]],
        "tools": tool_chat()["tools"],
        "parallel_tool_calls": False,
    }
    output, writer = written(tmp_path, example, example)
    assert writer.lost == {
        "parallel_tool_calls": 2,
        "the role developer, now system": 2,
        "the name of a speaker": 2,
    }
    first = next(read_conversations(output))
    assert first["messages"] == [{"role": "system", "content": "DM"}, *ask()["messages"]]


def test_a_row_that_is_no_conversation_is_named(tmp_path: Path) -> None:
    from understudy.formats._parquet_file import ParquetFile
    from understudy.formats.trl_conversational import FEATURES

    file = ParquetFile(tmp_path / "odd.parquet", FEATURES)
    file.add([[json.dumps({"role": "user", "content": [{"type": "image"}]})], [], None], 10)
    file.finish()
    with pytest.raises(FormatError, match="row 1: it is no conversation"):
        list(read_conversations(tmp_path / "odd.parquet"))


def test_it_is_not_split(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not split"):
        TrlConversational().open(tmp_path / "train.parquet", max_bytes=5)


def tiny_processor() -> Any:
    """A processor of texts and pictures made here: bytes as tokens, and pictures of 16 x 16."""
    from tokenizers import Tokenizer, decoders, models
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import PreTrainedTokenizerFast
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.llava.processing_llava import LlavaProcessor

    vocabulary = {character: n for n, character in enumerate(sorted(ByteLevel.alphabet()))}
    tokens = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokens.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokens.decoder = decoders.ByteLevel()
    template = (
        "{% for m in messages %}<{{ m['role'] }}>{% if m['role'] == 'assistant' %}"
        "{% generation %}{% for p in m['content'] %}{{ p['text'] }}{% endfor %}<end>"
        "{% endgeneration %}{% else %}{% for p in m['content'] %}{% if p['type'] == 'image' %}"
        "<image>{% else %}{{ p['text'] }}{% endif %}{% endfor %}{% endif %}{% endfor %}"
    )
    return LlavaProcessor(
        image_processor=CLIPImageProcessorPil(
            size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
        ),
        tokenizer=PreTrainedTokenizerFast(
            tokenizer_object=tokens,
            pad_token="<pad>",
            eos_token="<end>",
            additional_special_tokens=["<image>"],
        ),
        patch_size=8,
        vision_feature_select_strategy="full",
        image_token="<image>",
        chat_template=template,
    )


@pytest.mark.slow
def test_trls_own_collator_takes_it_and_learns_the_answer_alone(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra `llm` is not installed")
    sft = pytest.importorskip("trl.trainer.sft_trainer", reason="the extra `llm` is not installed")
    rows = [agent_row(png(10), reasoning="Zuerst das Menü"), agent_row(png(200), action="press_a")]
    examples = [instruction_chat(row, actions={"pocket": ["press_a"]}) for row in rows]
    output, _ = written(tmp_path, *examples)
    processor = tiny_processor()
    collator = sft.DataCollatorForVisionLanguageModeling(processor, assistant_only_loss=True)

    batch = collator(list(loaded(output, tmp_path)))

    assert list(batch["pixel_values"].shape) == [2, 3, 16, 16]
    assert batch["pixel_values"][0].mean() < batch["pixel_values"][1].mean()
    for labels, example in zip(batch["labels"], examples, strict=True):
        learned = processor.tokenizer.decode(labels[labels != -100])
        assert learned == example["messages"][-1]["content"] + "<end>"
