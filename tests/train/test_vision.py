"""Fine-tuning on pictures, from end to end, on a model that sees: SmolVLM's architecture, tiny."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import understudy
from understudy.datasets.build import BuildRequest, build_dataset
from understudy.datasets.selection import Selection
from understudy.datasets.splits import Splits
from understudy.errors import TrainingError
from understudy.formats.pictures import data_url
from understudy.models.registry import find_model
from understudy.train.examples import Example, as_example
from understudy.train.new_version import TrainRequest, train_model
from understudy.train.running import TrainFacts
from understudy.train.settings import SftSettings, make_settings
from understudy.train.sft import train_sft

pytestmark = pytest.mark.slow

SEEN = {"red": "press_a", "blue": "press_b", "green": "press_up"}


def png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 36), colour).save(buffer, "PNG")
    return buffer.getvalue()


def example(colour: str, where: str = "line 1") -> Example:
    picture = {"type": "image_url", "image_url": {"url": data_url(png(colour))}}
    raw = {
        "messages": [
            {"role": "system", "content": "You play pocket."},
            {"role": "user", "content": [{"type": "text", "text": "Step"}, picture]},
            {"role": "assistant", "content": SEEN[colour]},
        ]
    }
    return as_example(raw, where, with_images=True)


@pytest.fixture(scope="module")
def seeing_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolVLM as published, but for its size and its weights."""
    import torch
    import trl
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3Processor,
        PreTrainedTokenizerFast,
    )
    from transformers.models.idefics3.image_processing_pil_idefics3 import (
        Idefics3ImageProcessorPil,
    )

    from understudy.train.loading import quiet

    folder = tmp_path_factory.mktemp("seeing") / "base"
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"]
    special += ["<fake_token_around_image>", "<end_of_utterance>", "<global-img>"]
    special += [f"<row_{row}_col_{col}>" for row in range(1, 7) for col in range(1, 7)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(["You play pocket. Step press_a press_b press_up"], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<end_of_utterance>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
    )
    template = Path(trl.__file__).parent / "chat_templates" / "smolvlm.jinja"
    pictures = Idefics3ImageProcessorPil(
        size={"longest_edge": 32}, max_image_size={"longest_edge": 32}, do_image_splitting=False
    )
    processor = Idefics3Processor(
        pictures, fast, image_seq_len=4, chat_template=template.read_text("utf-8")
    )
    torch.manual_seed(0)
    model = Idefics3ForConditionalGeneration(
        Idefics3Config(
            vision_config={
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "image_size": 32,
                "patch_size": 8,
            },
            text_config={
                "model_type": "llama",
                "vocab_size": len(fast),
                "hidden_size": 64,
                "intermediate_size": 64,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "num_key_value_heads": 2,
                "max_position_embeddings": 512,
                "pad_token_id": fast.pad_token_id,
                "bos_token_id": fast.bos_token_id,
                "eos_token_id": fast.eos_token_id,
            },
            image_token_id=fast.convert_tokens_to_ids("<image>"),
            scale_factor=2,
            pad_token_id=fast.pad_token_id,
            tie_word_embeddings=False,
        )
    )
    with quiet():
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
    return folder


def train(base: Path, out: Path, examples: list[Example], **given: Any) -> TrainFacts:
    settings = {"learning_rate": 1e-2, "batch_size": 6, "max_steps": 60, "precision": "fp32"}
    return train_sft(
        examples[:-3],
        examples[-3:],
        base=base,
        settings=make_settings(SftSettings, settings | given),
        out=out,
    )


def test_what_the_picture_shows_is_learned(seeing_base: Path, tmp_path: Path) -> None:
    """The text is the same in all; only the colour tells which button is right."""
    facts = train(seeing_base, tmp_path, [example(colour) for _ in range(5) for colour in SEEN])

    assert facts.checks["pictures"] == 12
    assert facts.template == "added marks"
    assert facts.validation_loss is not None
    assert facts.validation_loss_before is not None
    assert facts.validation_loss < facts.validation_loss_before
    learned = {path.name for path in (tmp_path / "adapter").iterdir()}
    assert learned >= {"adapter_model.safetensors", "processor_config.json", "tokenizer.json"}
    assert _answers(seeing_base, tmp_path / "adapter") == SEEN


def _answers(base: Path, adapter: Path) -> dict[str, str]:
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from understudy.train.loading import quiet

    with quiet():
        model = AutoModelForImageTextToText.from_pretrained(base)
        model = PeftModel.from_pretrained(model, adapter).eval()
        processor = AutoProcessor.from_pretrained(adapter)
        said = {}
        for colour in SEEN:
            asked = [
                {"role": "system", "content": [{"type": "text", "text": "You play pocket."}]},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Step"},
                        {"type": "image", "image": Image.open(io.BytesIO(png(colour)))},
                    ],
                },
            ]
            ready = processor.apply_chat_template(
                [asked],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
            made = model.generate(**ready, max_new_tokens=12, do_sample=False)
            answer = made[0, ready["input_ids"].shape[1] :]
            said[colour] = processor.decode(answer, skip_special_tokens=True).strip()
    return said


def test_a_resumed_training_on_pictures_is_the_same_one(seeing_base: Path, tmp_path: Path) -> None:
    examples = [example(colour) for _ in range(3) for colour in SEEN]
    given = {"max_steps": 4, "checkpoint_steps": 2, "batch_size": 2}
    whole = train(seeing_base, tmp_path / "whole", examples, **given)

    def interrupt(now: Any) -> None:
        if now.step == 3:
            raise KeyboardInterrupt

    settings = {"learning_rate": 1e-2, "precision": "fp32", **given}
    options: dict[str, Any] = {
        "base": seeing_base,
        "settings": make_settings(SftSettings, settings),
        "out": tmp_path / "cut",
    }
    with pytest.raises(KeyboardInterrupt):
        train_sft(examples[:-3], examples[-3:], progress=interrupt, **options)
    resumed = train_sft(examples[:-3], examples[-3:], resume=True, **options)
    assert [h["loss"] for h in resumed.history if "loss" in h] == [
        h["loss"] for h in whole.history if "loss" in h
    ]


def test_pictures_are_checked_before_training(
    seeing_base: Path, tiny_base: Path, tmp_path: Path
) -> None:
    examples = [example(colour) for _ in range(2) for colour in SEEN]
    with pytest.raises(TrainingError, match=r"the base in .* cannot see; take one that can"):
        train(tiny_base, tmp_path, examples)
    with pytest.raises(TrainingError, match=r"line 1 has \d+ tokens with its pictures and at most"):
        train(seeing_base, tmp_path, examples, max_seq_length=12)
    with pytest.raises(TrainingError, match="packing does not go with pictures"):
        train(seeing_base, tmp_path, examples, packing=True)
    broken = [{**one, "images": [b"no picture"]} for one in examples]
    with pytest.raises(TrainingError, match="line 1 cannot be prepared for this model"):
        train(seeing_base, tmp_path, broken)


@pytest.fixture
def played(ws: understudy.Workspace) -> understudy.Workspace:
    """Two played sessions as a dataset of steps with their screenshots."""
    for _ in range(2):
        with ws.record(game="pocket", task="press what fits", player="script") as session:
            for colour, button in SEEN.items():
                session.step(
                    action=button,
                    observation=f"the screen is {colour}",
                    screenshot=png(colour),
                    reasoning="it fits",
                    expected_outcome="it works",
                    success=True,
                )
    whole = Splits(fractions=(1.0, 0.0, 0.0))
    build_dataset(ws, "agent", BuildRequest(selection=Selection(), splits=whole, near_share=None))
    return ws


@pytest.mark.parametrize("sees", [True, False])
def test_the_dataset_of_an_agent_trains_a_model_with_pictures_or_as_text(
    played: understudy.Workspace, seeing_base: Path, tiny_base: Path, sees: bool
) -> None:
    settings = {"max_steps": 2, "precision": "fp32", "validation_share": 0.0}
    request = TrainRequest(
        name="agent",
        base=str(seeing_base if sees else tiny_base),
        data=("agent",),
        settings=make_settings(SftSettings, settings),
    )
    trained = train_model(played, request)
    version = find_model(played, "agent")
    assert trained.steps == 2
    assert ("pictures" in version.facts["metrics"]) is sees
    assert version.facts["data"]["sources"][0]["name"] == "agent@v0001"
    assert [parent.kind for parent in version.manifest.parents] == ["dataset"]
    config = json.loads((version.folder / "adapter" / "adapter_config.json").read_text())
    assert any("vision" in name for name in config["target_modules"]) is sees
