"""Fine-tuning: tokens a second, ours beside a plain script of TRL with the same model and data.

Both learn the same generated scenarios once, on the embedded base, with the same adapter, batch,
rate and precision; only the time within the training is counted, not that of loading. Tokens are
those of the examples, so that padding is no merit.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.contest import NotMeasuredError, peer_environment, say
from bench.run import Run
from bench.table import Row
from understudy.chat.scenarios.generating.scenarios import training
from understudy.chat.scenarios.scenario import Scenario
from understudy.train.base.make import MODEL_FOLDER

SUBJECT = "training"
SCENARIOS, EXCHANGES, BATCH = 320, 2, 4
_OURS = """
import json, sys
from pathlib import Path
from understudy.train.settings import SftSettings
from understudy.train.sft import train_sft
base, data, out, packing, batch, precision = sys.argv[1:]
examples = [json.loads(line) for line in open(data, encoding="utf-8")]
settings = SftSettings(epochs=1.0, batch_size=int(batch), lora_alpha=32, learning_rate=2e-3,
                       precision=precision, packing=packing == "yes", max_seq_length=640)
facts = train_sft(examples, [], base=base, settings=settings, out=Path(out))
print(json.dumps({"seconds": facts.seconds, "loss": facts.loss}))
"""
_PLAIN = """
import json, sys, time
import torch
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer
base, data, out, packing, batch, precision = sys.argv[1:]
class Clock(TrainerCallback):
    def on_train_begin(self, *_, **__): self.began = time.perf_counter()
    def on_train_end(self, *_, **__): self.seconds = time.perf_counter() - self.began
clock = Clock()
trainer = SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
    processing_class=AutoTokenizer.from_pretrained(base),
    train_dataset=load_dataset("json", data_files=data, split="train"),
    peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear",
                           task_type="CAUSAL_LM"),
    args=SFTConfig(output_dir=out, num_train_epochs=1, per_device_train_batch_size=int(batch),
                   learning_rate=2e-3, bf16=precision == "bf16", use_cpu=True,
                   assistant_only_loss=True, max_length=2048, logging_steps=10,
                   save_strategy="no", report_to=[],
                   gradient_checkpointing=False, dataloader_pin_memory=False,
                   packing=packing == "yes", disable_tqdm=True),
    callbacks=[clock],
)
trainer.train()
print(json.dumps({"seconds": clock.seconds}))
"""


def measure(run: Run) -> None:
    """One training after the other, each in a process of its own."""
    count = run.count(SCENARIOS, SCENARIOS // 4)
    with tempfile.TemporaryDirectory(prefix="understudy-bench-") as name:
        place = Path(name)
        data = place / "scenarios.jsonl"
        data.write_text("".join(map(_line, training(5, count, EXCHANGES))), "utf-8")
        tokens = _tokens(data)
        say(f"training on {count:,} scenarios of {tokens:,} tokens")
        try:
            plain = tokens / _seconds(_PLAIN, data, place / "plain")
            ours = tokens / _seconds(_OURS, data, place / "ours")
            packed = tokens / _seconds(_OURS, data, place / "packed", packing=True)
            plain_wide = tokens / _seconds(_PLAIN, data, place / "plain-wide", precision="fp32")
            ours_wide = tokens / _seconds(_OURS, data, place / "ours-wide", precision="fp32")
        except NotMeasuredError as why:
            run.skip(f"{SUBJECT}: {why}")
            return
    peers = {"plain TRL": plain}
    run.rows += [
        Row(SUBJECT, "fine-tuning, short scenarios", "tokens/s", ours, plain, True, peers=peers),
        Row(SUBJECT, "the same, packed", "tokens/s", packed, 2 * plain, True, peers=peers),
        Row(
            SUBJECT, "fine-tuning in 32 bits", "tokens/s", ours_wide, plain_wide, True,
            peers={"plain TRL": plain_wide},
        ),
    ]  # fmt: skip


def _line(scenario: Scenario) -> str:
    return json.dumps({"messages": scenario.messages()}, ensure_ascii=False) + "\n"


def _tokens(data: Path) -> int:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODEL_FOLDER)
    chats = [json.loads(line)["messages"] for line in data.read_text("utf-8").splitlines()]
    return sum(
        len(tokenizer.encode(tokenizer.apply_chat_template(chat, tokenize=False),
                             add_special_tokens=False))
        for chat in chats
    )  # fmt: skip


def _seconds(
    program: str,
    data: Path,
    out: Path,
    *,
    packing: bool = False,
    precision: str = "bf16",
) -> float:
    arguments = [str(MODEL_FOLDER), str(data), str(out), "yes" if packing else "no", str(BATCH)]
    arguments.append(precision)
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=peer_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotMeasuredError(
            (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        )
    return float(json.loads(done.stdout.strip().splitlines()[-1])["seconds"])
