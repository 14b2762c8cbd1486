"""Makes the embedded base model from nothing but a seed: corpus, tokenizer, training, files.

``full`` is what ships with the package, trained once; ``tiny`` is for tests and takes seconds.
Training is transformers' own `Trainer`; only what it reads is made here: chats of the corpus put
together to rows, and in the first part, in some rows, the copying drill (segments repeated over and
over, the first time not scored), without which so small a model never learns to copy. The training
has two rounds: in the second, what has come to rest is stirred once more, by long rows alone.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.chat.scenarios.scenario import Scenario
from understudy.train.attention import short_row_attention
from understudy.train.base import corpus
from understudy.train.base.beginning import MEANING_SIZE, begin
from understudy.train.base.meanings import meanings
from understudy.train.base.memory import keep_freed_memory
from understudy.train.base.tokenizer import train_tokenizer
from understudy.train.base.unread import tell_unread_apart
from understudy.train.loading import multiplies_bf16

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

MODEL_FOLDER = Path(__file__).parent / "model"
"""The base model that ships with the package."""
STORY = "MADE.txt"
CHECKPOINT_EVERY = 250
"""Steps after which what was learned is kept, and so the most that a kill can cost."""
_IGNORED = -100


@dataclass(frozen=True)
class BaseSettings:
    """How large a base model is and how long it learns."""

    vocabulary: int = 4096
    hidden: int = 256
    layers: int = 5
    heads: int = 4
    mlp: int = 768
    row: int = 384
    """Tokens in a row."""
    batch: int = 5
    steps: int = 17_000
    first_round: float = 12 / 17
    """How much of the training is its first round, of which the other shares here are shares."""
    learning_rate: float = 1e-3
    """At 2e-3 what copies is lost again."""
    warm_up: int = 100
    decay_from: float = 0.4
    """From here on the learning rate falls in a line to 3 %."""
    second_rate: float = 0.5
    """Where the rate begins again in the second round, to fall in a line to 3 % of that."""
    short_row: int = 128
    """Tokens in a row in the first part."""
    short_until: float = 0.7
    drill_until: float = 0.5
    """How long some rows are the copying drill."""
    drill_share: float = 0.1
    user_share: float = 0.25
    """How much of the players' words is scored: they help to know words, and cannot be foretold.
    Answers are always scored, facts never."""
    tokenizer_chats: int = 12_000
    counted_chats: int = 20_000
    compiled: bool = True
    """Whether torch translates the model for this machine first, which pays in a long training."""
    seed: int = 1

    @property
    def first_steps(self) -> int:
        """The steps of the first round."""
        return round(self.steps * self.first_round)


SIZES = {
    "full": BaseSettings(),
    "tiny": BaseSettings(
        vocabulary=768,
        layers=2,
        mlp=256,
        row=128,
        batch=8,
        steps=40,
        first_round=1.0,
        warm_up=5,
        tokenizer_chats=400,
        counted_chats=1000,
        compiled=False,
    ),
}


def make_base(
    folder: Path,
    size: str = "full",
    *,
    seed: int | None = None,
    steps: int | None = None,
    work: Path | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> Path:
    """Train a base model and write it to ``folder``; the same seed gives the same corpus.

    ``work`` keeps checkpoints, from which the same call goes on after a kill. ``progress`` is told
    the step, the last step and the loss.
    """
    import torch

    keep_freed_memory()
    settings = SIZES[size]
    settings = replace(
        settings,
        seed=settings.seed if seed is None else seed,
        steps=settings.steps if steps is None else steps,
    )
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "tokenizer.model").exists():
        lines = corpus.tokenizer_lines(settings.seed, settings.tokenizer_chats)
        train_tokenizer(lines, folder, vocabulary=settings.vocabulary)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(settings.seed)
    model = new_model(settings, tokenizer)
    _train(model, tokenizer, settings, work or folder / "checkpoints", progress)
    tell_unread_apart(model, _read(tokenizer, settings), settings.seed)
    model.config.use_cache = True
    model.half().save_pretrained(folder)
    (folder / STORY).write_text(_story(settings, size), "utf-8")
    return folder


def corpus_hash(seed: int, chats: int = 1000) -> str:
    """SHA-256 of the beginning of the corpus: the same hash, the same corpus."""
    digest = hashlib.sha256()
    for number in range(chats):
        digest.update(render(corpus.chat(seed, number)).encode())
    return digest.hexdigest()


def _story(settings: BaseSettings, size: str) -> str:
    """How the model was made, in words and numbers that allow making it again."""
    import platform
    from importlib.metadata import version

    packages = ("torch", "transformers", "tokenizers", "sentencepiece")
    lines = [
        "The embedded base model of Understudy, made by this project from its own corpus alone.",
        f"Command: understudy model make-base --size {size} --seed {settings.seed} "
        f"--steps {settings.steps}",
        f"Settings: {json.dumps(asdict(settings))}",
        f"Corpus (its first 1000 chats), SHA-256: {corpus_hash(settings.seed)}",
        "Versions: "
        + ", ".join(f"{name} {version(name)}" for name in packages)
        + f", Python {platform.python_version()}",
    ]
    return "\n".join(lines) + "\n"


def new_model(settings: BaseSettings, tokenizer: PreTrainedTokenizerBase) -> LlamaForCausalLM:
    """A Llama of this size that has learned nothing."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config: Any = LlamaConfig(
        vocab_size=settings.vocabulary,
        hidden_size=settings.hidden,
        intermediate_size=settings.mlp,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    if multiplies_bf16():
        config._attn_implementation = short_row_attention("llama")
    model = LlamaForCausalLM(config)
    begin(model, meanings(tokenizer, _counted(settings), MEANING_SIZE))
    return model


def _counted(settings: BaseSettings) -> Iterator[Scenario]:
    """The chats in which words are counted."""
    return (corpus.chat(settings.seed, f"words/{n}") for n in range(settings.counted_chats))


def _read(tokenizer: PreTrainedTokenizerBase, settings: BaseSettings) -> set[int]:
    """The pieces that stand in these chats."""
    texts = (text for chat in _counted(settings) for _, text in rendered(chat))
    return {piece for text in texts for piece in tokenizer.encode(text, add_special_tokens=False)}


def _train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    settings: BaseSettings,
    work: Path,
    progress: Callable[[int, int, float], None] | None,
) -> None:
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments
    from transformers.trainer_utils import get_last_checkpoint

    class ScoredTrainer(Trainer):
        """Asks the table of words only where an answer counts, which is every other place."""

        def compute_loss(
            self,
            model: Any,
            inputs: Any,
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            labels = inputs["labels"][:, 1:]
            scored = labels != _IGNORED
            with self.accelerator.autocast():
                hidden = model.model(inputs["input_ids"], use_cache=False).last_hidden_state
                logits = model.lm_head(hidden[:, :-1][scored])
            return torch.nn.functional.cross_entropy(logits.float(), labels[scored])

    class Told(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if progress and logs and "loss" in logs:
                progress(state.global_step, settings.steps, float(logs["loss"]))

    if settings.compiled:
        model.model.compile(dynamic=False)
    matrices = [weights for weights in model.parameters() if weights.dim() > 1]
    scales = [weights for weights in model.parameters() if weights.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": scales, "weight_decay": 0.0}],
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, settings))
    rows = Rows(tokenizer, settings)
    trainer = ScoredTrainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(work),
            max_steps=settings.steps,
            per_device_train_batch_size=settings.batch,
            bf16=torch.cuda.is_available() or multiplies_bf16(),
            use_cpu=not torch.cuda.is_available(),
            max_grad_norm=1.0,
            logging_steps=20,
            save_steps=CHECKPOINT_EVERY,
            save_total_limit=2,
            report_to=[],
            disable_tqdm=True,
            seed=settings.seed,
            dataloader_pin_memory=False,
            remove_unused_columns=False,
            train_sampling_strategy="sequential",
        ),
        train_dataset=rows,
        data_collator=rows.together,
        optimizers=(optimizer, schedule),
        callbacks=[Told()],
    )
    last_checkpoint: Any = get_last_checkpoint
    last = last_checkpoint(str(work)) if work.is_dir() else None
    trainer.train(resume_from_checkpoint=last)


def rate(step: int, settings: BaseSettings) -> float:
    """Up, level, then down in a line to 3 %; and in the second round up and down once more."""
    first = settings.first_steps
    if first <= step and first < settings.steps:
        done = (step - first) / (settings.steps - first)
        rise = (step - first + 1) / settings.warm_up
        return settings.second_rate * min(rise, 1 - 0.97 * done)
    if step < settings.warm_up:
        return (step + 1) / settings.warm_up
    top = first * settings.decay_from
    return 1.0 if step < top else 1 - 0.97 * (step - top) / (first - top)


class Rows:
    """The rows of the training by number, each the same whenever it is asked for."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, settings: BaseSettings) -> None:
        self._tokenizer = tokenizer
        self._settings = settings
        self._names = [
            tokenizer.encode(f" {word}", add_special_tokens=False)
            for word in (*corpus.VALUES.names, *corpus.VALUES.items, *corpus.VALUES.spells)
        ]

    def __len__(self) -> int:
        return self._settings.steps * self._settings.batch

    def __getitem__(self, number: int) -> dict[str, Any]:
        import torch

        settings = self._settings
        first = settings.first_steps * settings.batch
        short = number < first * settings.short_until
        drilled = number < first * settings.drill_until
        size = settings.short_row if short else settings.row
        tokens: list[int] = []
        labels: list[int] = []
        for part in range(settings.row // size):
            rng = random.Random(f"{settings.seed}/row/{number}/{part}")
            drill = drilled and rng.random() < settings.drill_share
            more = self._drill(rng, size) if drill else self._chats(rng, f"{number}/{part}", size)
            tokens.extend(more[0])
            labels.extend(more[1])
        row = {"input_ids": torch.tensor(tokens), "labels": torch.tensor(labels)}
        return row | {"short": short}

    def together(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """A batch; in the first part its long rows are cut into many short ones."""
        import torch

        short = all(row["short"] for row in rows)
        return {
            name: torch.stack([row[name] for row in rows]).view(
                -1, self._settings.short_row if short else self._settings.row
            )
            for name in ("input_ids", "labels")
        }

    def _chats(self, rng: random.Random, name: str, size: int) -> tuple[list[int], list[int]]:
        """Chats put together to one row."""
        tokens: list[int] = []
        labels: list[int] = []
        for part in itertools.count():
            for role, text in rendered(corpus.chat(self._settings.seed, f"{name}/{part}")):
                more = self._tokenizer.encode(text, add_special_tokens=False)
                scored = role == "assistant" or (
                    role == "user" and rng.random() < self._settings.user_share
                )
                tokens.extend(more)
                labels.extend(more if scored else [_IGNORED] * len(more))
            if len(tokens) >= size:
                break
        return tokens[:size], labels[:size]

    def _drill(self, rng: random.Random, size: int) -> tuple[list[int], list[int]]:
        """A segment over and over, the first time not scored."""
        segment: list[int] = []
        length = rng.randint(4, 20)
        while len(segment) < length:
            segment.extend(self._drilled(rng))
        segment = segment[:length]
        tokens = (segment * (size // length + 1))[:size]
        return tokens, [_IGNORED] * length + tokens[length:]

    def _drilled(self, rng: random.Random) -> list[int]:
        draw = rng.random()
        if draw < 0.5:
            return rng.choice(self._names)
        if draw < 0.7:
            name = corpus.strange_name(rng)
            return list(self._tokenizer.encode(f" {name}", add_special_tokens=False))
        return [rng.randrange(8, self._settings.vocabulary)]


def rendered(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """A chat of the corpus as the chat template writes it, a role and its text at a time."""
    if scenario.world or scenario.party:
        yield "system", f"<|system|> {corpus.prompt(scenario)}<|end|>"
    for turn in scenario.turns:
        role = "assistant" if turn.speaker == "dm" else turn.speaker
        yield role, f"<|{role}|> {turn.text}<|end|>"


def render(scenario: Scenario) -> str:
    """The whole of a chat."""
    return "".join(text for _, text in rendered(scenario))
