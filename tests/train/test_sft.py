"""Supervised fine-tuning: that it learns, stops, resumes and records as it says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.train.conftest import NAMES, THINGS, looking, sneaking

from understudy.chat.tools.registry import TOOLS
from understudy.errors import SettingsError, TrainingError
from understudy.train.examples import Example, as_example
from understudy.train.running import TrainFacts
from understudy.train.settings import INCREMENTAL, SftSettings, make_settings, read_settings
from understudy.train.sft import train_sft
from understudy.train.watching import CHECKPOINTS, MARK, TrainProgress

pytestmark = pytest.mark.slow

Train = Callable[..., TrainFacts]


class InterruptedTrainingError(Exception):
    """Stands for whatever ends a process in the middle of a training."""


def examples(raw: Sequence[dict[str, Any]]) -> list[Example]:
    return [as_example(one, f"line {n}", registry=TOOLS) for n, one in enumerate(raw, start=1)]


@pytest.fixture
def train(tiny_base: Path, tmp_path: Path, sneaks: list[dict[str, Any]]) -> Train:
    """Trains on the sneaking chats; settings by name, other arguments by name too."""

    def run(*, out: str = "out", base: Path | None = None, **given: Any) -> TrainFacts:
        named = {name: given.pop(name) for name in list(given) if name in SftSettings.model_fields}
        settings = {"learning_rate": 4e-3, "batch_size": 4, "max_steps": 8, "precision": "fp32"}
        options: dict[str, Any] = {
            "base": base or tiny_base,
            "settings": make_settings(SftSettings, settings | named),
            "out": tmp_path / out,
            "registry": TOOLS,
        }
        whole = examples(sneaks)
        held = given.pop("held", whole[16:])
        return train_sft(whole[:16], held, **options | given)

    return run


def losses(facts: TrainFacts) -> list[float]:
    return [entry["loss"] for entry in facts.history if "loss" in entry]


def test_it_learns_and_says_what_it_came_to(train: Train, tmp_path: Path) -> None:
    told: list[TrainProgress] = []

    facts = train(progress=told.append)

    assert facts.form == "adapter"
    assert facts.steps == facts.planned_steps == 8
    assert facts.stopped == ""
    assert losses(facts)[-1] < losses(facts)[0]
    assert facts.validation_loss is not None
    assert facts.validation_loss_before is not None
    assert facts.validation_loss < facts.validation_loss_before
    assert facts.checks["calls"] == 16
    assert facts.tokens > 0
    assert facts.peak_memory is not None
    assert (tmp_path / "out" / "adapter" / "adapter_model.safetensors").is_file()
    assert [one.step for one in told if one.loss is not None][:3] == [1, 2, 3]
    assert told[0].remaining_s is None
    assert told[-1].remaining_s == 0
    assert told[-1].validation_loss == facts.validation_loss


def test_the_tokenizer_goes_with_the_weights_byte_for_byte(
    train: Train, tiny_base: Path, tmp_path: Path
) -> None:
    train(max_steps=1)
    for name in ("tokenizer.model", "tokenizer.json", "tokenizer_config.json"):
        made = tmp_path / "out" / "adapter" / name
        assert made.read_bytes() == (tiny_base / name).read_bytes()


def test_the_same_seed_gives_the_same_weights_and_another_one_others(train: Train) -> None:
    one, same = train(out="a", max_steps=4), train(out="b", max_steps=4)
    other = train(out="c", max_steps=4, seed=2)
    assert losses(one) == losses(same) != losses(other)


@pytest.mark.parametrize("settings", [{}, {"group_by_length": True}, {"packing": True}])
def test_a_resumed_training_is_the_one_that_was_not_interrupted(
    train: Train, tmp_path: Path, settings: dict[str, Any]
) -> None:
    given = {
        "max_steps": 10,
        "checkpoint_steps": 3,
        "lora_dropout": 0.1,
        "gradient_accumulation": 2,
        "warmup_steps": 2,
        **settings,
    }
    whole = train(out="whole", **given)

    def interrupt(now: TrainProgress) -> None:
        if now.step == 8:
            raise InterruptedTrainingError

    with pytest.raises(InterruptedTrainingError):
        train(out="cut", progress=interrupt, **given)
    # What a kill leaves half-written is no checkpoint.
    torn = tmp_path / "cut" / CHECKPOINTS / "checkpoint-7"
    torn.mkdir()
    (torn / "adapter_model.safetensors").write_bytes(b"half")
    resumed = train(out="cut", resume=True, **given)

    assert losses(resumed) == losses(whole)
    assert resumed.validation_loss == whole.validation_loss
    assert resumed.validation_loss_before == whole.validation_loss_before
    assert resumed.tokens == whole.tokens
    weights = [tmp_path / out / "adapter" / "adapter_model.safetensors" for out in ("whole", "cut")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


KILLED = """
import json, os, signal, sys
import torch
from understudy.chat.tools.registry import TOOLS
from understudy.train.settings import SftSettings, make_settings
from understudy.train.sft import train_sft
from pathlib import Path

torch.set_num_threads(1)
told = json.loads(sys.argv[1])

def kill(now):
    if now.step == 6:
        os.kill(os.getpid(), signal.SIGKILL)

train_sft(
    told["train"], told["held"], base=told["base"], out=Path(told["out"]), registry=TOOLS,
    settings=make_settings(SftSettings, told["settings"]), progress=kill,
)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill like that")
def test_a_killed_process_is_resumed_with_the_same_losses(
    train: Train, tiny_base: Path, tmp_path: Path, sneaks: list[dict[str, Any]]
) -> None:
    given = {
        "learning_rate": 4e-3,
        "batch_size": 4,
        "max_steps": 8,
        "precision": "fp32",
        "checkpoint_steps": 2,
    }
    whole = train(out="whole", **given)
    data = examples(sneaks)
    told = {
        "train": data[:16],
        "held": data[16:],
        "base": str(tiny_base),
        "out": str(tmp_path / "killed"),
        "settings": given,
    }
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, json.dumps(told)],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    left = sorted(path.parent.name for path in (tmp_path / "killed").glob(f"*/*/{MARK}"))
    assert left == ["checkpoint-2", "checkpoint-4"]

    resumed = train(out="killed", resume=True, **given)

    assert losses(resumed) == losses(whole)
    assert resumed.validation_loss == whole.validation_loss


def test_nothing_is_resumed_on_other_data_or_with_other_settings(
    train: Train, looks: list[dict[str, Any]]
) -> None:
    def interrupt(now: TrainProgress) -> None:
        if now.step == 4:
            raise InterruptedTrainingError

    with pytest.raises(InterruptedTrainingError):
        train(checkpoint_steps=2, progress=interrupt)
    with pytest.raises(TrainingError, match="on other data, from another base or with other set"):
        train(checkpoint_steps=2, learning_rate=1e-3, resume=True)


def test_without_anything_to_resume_it_begins_at_the_beginning(train: Train) -> None:
    assert train(max_steps=2, resume=True).steps == 2


def test_a_checkpoint_is_also_written_by_time(train: Train, tmp_path: Path) -> None:
    train(max_steps=3, checkpoint_seconds=1e-6)
    assert list((tmp_path / "out" / CHECKPOINTS).glob(f"checkpoint-2/{MARK}"))


def test_a_budget_of_no_time_ends_after_the_first_step(train: Train) -> None:
    facts = train(budget_s=0.0)
    assert (facts.steps, facts.planned_steps, facts.stopped) == (1, 8, "budget")


def test_it_stops_when_the_validation_no_longer_gets_better_and_takes_the_best(
    train: Train,
) -> None:
    held = examples([looking(name, thing) for name in NAMES for thing in THINGS[3:]])
    facts = train(
        held=held,
        max_steps=100,
        learning_rate=0.03,
        schedule="constant",
        eval_steps=2,
        early_stopping=2,
    )
    assert facts.stopped == "early stopping"
    assert facts.steps < 100
    seen = [entry["eval_loss"] for entry in facts.history if "eval_loss" in entry]
    assert facts.validation_loss == pytest.approx(min(seen), rel=1e-4)
    assert seen[-2] > min(seen)


def test_early_stopping_needs_validations(train: Train) -> None:
    with pytest.raises(TrainingError, match="set eval_steps too"):
        train(early_stopping=2)


def test_packed_rows_are_learned_from_as_if_they_were_alone(train: Train) -> None:
    """The first loss is over the same tokens, each example seeing only itself."""
    alone = train(out="a", max_steps=1, batch_size=16)
    packed = train(out="b", max_steps=1, batch_size=16, packing=True, max_seq_length=256)
    assert losses(packed)[0] == pytest.approx(losses(alone)[0], rel=1e-4)


def test_the_losses_are_those_of_a_plain_script_with_trl(
    train: Train, tiny_base: Path, tmp_path: Path, sneaks: list[dict[str, Any]]
) -> None:
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from datasets import Dataset
    from understudy.train.loading import quiet

    with quiet():
        plain = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32),
            args=SFTConfig(
                output_dir=str(tmp_path / "plain"), max_steps=4, per_device_train_batch_size=4,
                learning_rate=4e-3, bf16=False, use_cpu=True, assistant_only_loss=True,
                gradient_checkpointing=False, logging_steps=1, save_strategy="no", report_to=[],
                disable_tqdm=True, seed=1, data_seed=1, dataloader_pin_memory=False,
            ),
            train_dataset=Dataset.from_list([{"messages": one["messages"]} for one in sneaks[:16]]),
            processing_class=AutoTokenizer.from_pretrained(tiny_base),
            peft_config=LoraConfig(r=16, lora_alpha=16, target_modules="all-linear"),
        )  # fmt: skip
        plain.train()
    facts = train(max_steps=4)
    expected = [entry["loss"] for entry in plain.state.log_history if "loss" in entry]
    assert losses(facts) == pytest.approx(expected, rel=1e-5)


def test_all_weights_can_be_trained(train: Train, tmp_path: Path) -> None:
    facts = train(weights="full", learning_rate=1e-3)
    assert facts.form == "merged"
    assert (tmp_path / "out" / "merged" / "model.safetensors").is_file()
    assert (tmp_path / "out" / "merged" / "tokenizer.model").is_file()
    assert losses(facts)[-1] < losses(facts)[0]


def test_an_adapter_is_gone_on_with(train: Train, tmp_path: Path) -> None:
    first = train(out="first")
    adapter = tmp_path / "first" / "adapter"
    second = train(out="second", adapter=adapter, max_steps=1, learning_rate=1e-9)
    assert second.validation_loss_before == pytest.approx(first.validation_loss, rel=1e-5)
    with pytest.raises(TrainingError, match="leave out weights=full"):
        train(out="third", adapter=adapter, weights="full")


def test_the_curves_are_tensorboard_events(train: Train, tmp_path: Path) -> None:
    from tensorboardX.proto.event_pb2 import Event

    facts = train(max_steps=3)

    (file,) = (tmp_path / "out" / "tensorboard").iterdir()
    data, drawn = file.read_bytes(), []
    while data:
        size = int.from_bytes(data[:8], "little")
        event = Event.FromString(data[12 : 12 + size])
        drawn += [(v.tag, event.step, v.simple_value) for v in event.summary.value]
        data = data[16 + size :]
    curve = [value for tag, _, value in drawn if tag == "train/loss"]
    assert curve == pytest.approx(losses(facts))
    assert ("validation/loss", 3) in {(tag, step) for tag, step, _ in drawn}


def test_a_loss_that_is_no_number_ends_in_a_sentence(
    train: Train, tiny_base: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    base = tmp_path / "broken"
    shutil.copytree(tiny_base, base)
    weights = load_file(base / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingError, match="the loss became no number at step 1"):
        train(base=base, max_steps=1)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"lora_layers": 99}, "has . layers, and lora_layers asks for 99"),
        ({"lora_targets": "legs"}, "the training cannot be set up .*Target modules"),
        ({"optimizer": "wishing"}, "the training cannot be set up .*wishing"),
        ({"load_in_4bit": True}, "load_in_4bit needs an NVIDIA GPU and the package bitsandbytes"),
        ({"precision": "fp16"}, "does not compute in fp16; set precision to"),
        ({"attention": "flash_attention_2"}, "the base in .* cannot be loaded"),
    ],
)
def test_a_setting_that_cannot_be_is_told_in_a_sentence(
    train: Train, settings: dict[str, Any], told: str
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine can do some of that")
    with pytest.raises(TrainingError, match=told):
        train(**settings)


def test_too_little_memory_is_told_with_what_helps(train: Train) -> None:
    def exhaust(now: TrainProgress) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    with pytest.raises(TrainingError, match="the memory is too small for this training; lower bat"):
        train(progress=exhaust)


def test_an_example_longer_than_the_base_reads_is_refused(train: Train) -> None:
    long = examples([sneaking("Mira", "very " * 120 + "long way")])
    with pytest.raises(TrainingError, match=r"an example has \d+ tokens and the base reads 512"):
        train(held=long)
    with pytest.raises(TrainingError, match="all 16 examples are longer than 10 tokens"):
        train(max_seq_length=10, too_long="drop")


@pytest.mark.parametrize(
    ("has", "precision"),
    [
        ({"avx512_f": True, "avx512_bf16": False}, "fp32"),
        ({"avx512_f": True, "amx_bf16": True}, "bf16"),
        ({"neon": True, "bf16": True}, "bf16"),
        ({"avx2": True}, "fp32"),
    ],
)
def test_16_bits_are_taken_where_the_processor_multiplies_them(
    has: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from understudy.train.loading import numbers_for

    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("this machine does not train on its CPU")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    monkeypatch.setattr("understudy.train.loading._cpu_has_bf16", lambda: True)
    assert numbers_for(SftSettings()).precision == precision
    assert numbers_for(SftSettings(precision="bf16")).precision == "bf16"


# Architectures --------------------------------------------------------------------------------


def random_model(kind: str, folder: Path) -> Path:
    """A small model of another architecture, with a byte-level tokenizer as those have."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    from understudy.train.loading import quiet

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator([f"{name} sneaks past the door." for name in NAMES], trainer)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>" if kind.startswith("Qwen") else "<|endoftext|>",
    )
    if kind.startswith("Qwen"):
        import trl

        template = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"
        fast.chat_template = template.read_text("utf-8")
    shared = {"vocab_size": 300, "bos_token_id": 0, "eos_token_id": fast.eos_token_id}
    sizes = {
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 32,
    }
    if kind == "GPT2":
        config = transformers.GPT2Config(n_embd=64, n_layer=1, n_head=2, **shared)
        model = transformers.GPT2LMHeadModel(config)
    else:
        config = getattr(transformers, f"{kind}Config")(**shared, **sizes)
        model = getattr(transformers, f"{kind}ForCausalLM")(config)
    with quiet():
        model.save_pretrained(folder)
        fast.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["GPT2", "Qwen2", "Qwen3"])
def test_other_architectures_go_through_the_same_training(
    train: Train, tmp_path: Path, kind: str
) -> None:
    base = random_model(kind, tmp_path / kind)
    facts = train(base=base, learning_rate=1e-2)
    assert facts.template == ("added marks" if kind.startswith("Qwen") else "marks")
    assert losses(facts)[-1] < losses(facts)[0]
    config = json.loads((tmp_path / "out" / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(base)


# Settings -------------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_seed() -> None:
    settings = SftSettings()
    assert (settings.lora_r, settings.lora_alpha, settings.learning_rate) == (16, 16, 2e-4)
    assert (settings.max_steps, settings.batch_size, settings.max_seq_length) == (60, 2, 2048)
    gentle = make_settings(SftSettings, INCREMENTAL)
    assert (gentle.learning_rate, gentle.max_steps, gentle.warmup_steps) == (1e-6, 20, 2)


def test_settings_are_read_from_words() -> None:
    words = ["lora-r=8", "learning_rate=1e-3", "packing=yes", "max_steps=5", "lora_targets=q_proj"]
    settings = read_settings(SftSettings, words, {"warmup_steps": 2})
    assert (settings.lora_r, settings.learning_rate, settings.packing) == (8, 1e-3, True)
    assert (settings.max_steps, settings.lora_targets, settings.warmup_steps) == (5, "q_proj", 2)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("rank=8", "'rank=8' is no setting of `train sft`; write KEY=VALUE with one of: weights"),
        ("packing", "'packing' is no setting"),
        ("lora_r=many", "the setting lora_r of `train sft` must be a valid integer"),
        ("lora_r=0", "the setting lora_r of `train sft` must be greater than 0"),
        ("lora_r=1.5", "the setting lora_r"),
        ("packing=perhaps", "the setting packing of `train sft` must be a valid boolean"),
        ("schedule=steep", "must be 'linear', 'cosine' or 'constant'"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(word: str, told: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings(SftSettings, [word])
    assert told in str(raised.value)


def test_a_recipe_cannot_set_what_does_not_exist() -> None:
    with pytest.raises(SettingsError, match="'rank' is no setting of `train sft`; known are weig"):
        make_settings(SftSettings, {"rank": 8})
