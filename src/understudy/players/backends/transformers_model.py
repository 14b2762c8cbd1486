"""Runs a model in the format of Hugging Face with transformers: a base, with or without an adapter.

Many conversations are answered at once. In 32-bit numbers, the default without a GPU, what else is
in the batch does not change an answer but where two words are equally likely to the last digit.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from understudy.errors import PlayerError
from understudy.players.backends.beginnings import keeps_all_it_reads, shared_beginning
from understudy.players.backends.chat_model import Answer, Messages, Progress

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Numbers = Literal["float32", "bfloat16", "float16"]


class TransformersModel:
    """A folder or a hub's id that answers chats. Raises PlayerError when it cannot be loaded.

    ``adapter`` is a folder of PEFT. Without ``numbers`` they are 32-bit on a CPU and 16-bit on a
    GPU. The tokenizer and its chat template are the adapter's, where it has its own.
    """

    def __init__(
        self,
        base: Path | str,
        *,
        adapter: Path | None = None,
        name: str | None = None,
        numbers: Numbers | None = None,
        batch_size: int = 16,
    ) -> None:
        self.name = name or Path(adapter or base).name
        self._batch_size = batch_size
        self.tokenizer = load_tokenizer(base, adapter)
        self.model = load_weights(base, adapter, numbers)
        if adapter is not None and str(self.model.dtype) == "torch.float32":
            # In the weights themselves it costs nothing at each word; shorter numbers would round.
            merging: Any = self.model
            self.model = merging.merge_and_unload()
        self._shares = keeps_all_it_reads(self.model)

    def answer(
        self,
        conversations: Sequence[Messages],
        *,
        max_tokens: int = 128,
        temperature: float = 0.0,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> list[Answer]:
        """As `ChatModel.answer`, those of about the same length together."""
        prompts = [prompt_tokens(self.tokenizer, messages) for messages in conversations]
        order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
        answers: dict[int, Answer] = {}
        for batch in _batches(order, self._batch_size):
            begun = time.perf_counter()
            made = self._generate([prompts[n] for n in batch], max_tokens, temperature, seed)
            seconds = (time.perf_counter() - begun) / len(batch)
            for number, tokens in zip(batch, made, strict=True):
                text = self.tokenizer.decode(tokens, skip_special_tokens=True)
                answers[number] = Answer(str(text).strip(), len(tokens), seconds)
            if progress:
                progress(len(answers), len(prompts))
        return [answers[number] for number in range(len(prompts))]

    def close(self) -> None:
        del self.model

    def _generate(
        self, prompts: list[list[int]], max_tokens: int, temperature: float, seed: int
    ) -> list[list[int]]:
        """The tokens that follow each prompt, the end mark among them."""
        import torch

        longest = max(map(len, prompts))
        limit = getattr(self.model.config, "max_position_embeddings", None) or longest + max_tokens
        if longest >= limit:
            raise PlayerError(
                f"a conversation has {longest} tokens and {self.name} reads {limit} at most; make "
                "it shorter"
            )
        ends = self._ends()
        pad = self.tokenizer.pad_token_id
        pad = ends[0] if pad is None else pad
        shared = shared_beginning(prompts) if self._shares else 0
        rows, seen = [], []
        for prompt in prompts:
            gap = longest - len(prompt)
            rows.append(prompt[:shared] + [pad] * gap + prompt[shared:])
            seen.append([1] * shared + [0] * gap + [1] * (len(prompt) - shared))
        drawn = {"do_sample": True, "temperature": temperature} if temperature > 0 else {}
        with torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(seed)
            model: Any = self.model
            ids = torch.tensor(rows, device=model.device)
            read: dict[str, Any] = {}
            if shared:
                cache = model(input_ids=ids[:1, :shared], use_cache=True).past_key_values
                cache.batch_repeat_interleave(len(rows))
                read["past_key_values"] = cache
            made = model.generate(
                input_ids=ids,
                attention_mask=torch.tensor(seen, device=model.device),
                **read,
                max_new_tokens=min(max_tokens, limit - longest),
                eos_token_id=ends,
                pad_token_id=pad,
                **{"do_sample": False, "temperature": None, "top_p": None, "top_k": None, **drawn},
            )
        return [_until_the_end(row[longest:].tolist(), ends) for row in made]

    def _ends(self) -> list[int]:
        """The tokens that end an answer."""
        configured = self.model.generation_config.eos_token_id
        ends = configured if isinstance(configured, list) else [configured]
        return sorted({int(end) for end in [*ends, self.tokenizer.eos_token_id] if end is not None})


def prompt_tokens(
    tokenizer: PreTrainedTokenizerBase,
    messages: Messages,
    tools: list[Any] | None = None,
) -> list[int]:
    """A chat that is to be answered, as the template writes it. PlayerError without a template."""
    if not tokenizer.chat_template:
        raise PlayerError(
            f"the tokenizer in {tokenizer.name_or_path} has no chat template, so that no chat can "
            "be written for it; put a chat_template.jinja beside it"
        )
    made: Any = tokenizer.apply_chat_template(
        messages, tools=tools, add_generation_prompt=True, return_dict=False
    )
    return list(made)


def load_tokenizer(base: Path | str, adapter: Path | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer of a base, or the adapter's own."""
    transformers = _library()
    has_own = adapter is not None and (adapter / "tokenizer_config.json").is_file()
    place = adapter if adapter is not None and has_own else base
    try:
        tokenizer: PreTrainedTokenizerBase = transformers.AutoTokenizer.from_pretrained(str(place))
    except (OSError, ValueError) as error:
        raise PlayerError(_refusal("the tokenizer", place, error)) from error
    return tokenizer


def load_weights(
    base: Path | str, adapter: Path | None = None, numbers: Numbers | None = None
) -> PreTrainedModel:
    """A base with its adapter over it, ready to answer."""
    import torch

    transformers = _library()
    gpu = torch.cuda.is_available()
    kind: torch.dtype = getattr(torch, numbers or ("bfloat16" if gpu else "float32"))
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(str(base), dtype=kind)
    except (OSError, ValueError) as error:
        raise PlayerError(_refusal("the model", base, error)) from error
    if adapter is not None:
        from peft import PeftModel

        try:
            with warnings.catch_warnings():
                # PEFT uses names that transformers is about to drop.
                warnings.simplefilter("ignore", FutureWarning)
                model = PeftModel.from_pretrained(model, str(adapter), torch_dtype=kind)
        except (OSError, ValueError, RuntimeError) as error:
            raise PlayerError(_refusal("the adapter", adapter, error)) from error
    placed: PreTrainedModel = model.to("cuda" if gpu else "cpu").eval()
    return placed


def _library() -> Any:
    try:
        import torch  # noqa: F401
        import transformers as library
    except ImportError as error:
        raise PlayerError(
            "models of this kind need torch and transformers; install Understudy with the extra "
            "`llm`, as in `pip install '.[llm]'`"
        ) from error
    transformers: Any = library
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    # It warns of every setting that greedy answers ignore.
    logging.getLogger("transformers.generation").setLevel(logging.ERROR)
    return transformers


def _refusal(what: str, place: Path | str, error: Exception) -> str:
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    return (
        f"{what} {place} cannot be loaded ({reason}); name a folder with a whole model in the "
        "format of Hugging Face, or its id where the hub can be reached"
    )


def _batches(order: list[int], size: int) -> Iterator[list[int]]:
    for begin in range(0, len(order), size):
        yield order[begin : begin + size]


def _until_the_end(tokens: list[int], ends: list[int]) -> list[int]:
    """The tokens up to the first end mark and with it; what follows only fills up the batch."""
    for place, token in enumerate(tokens):
        if token in ends:
            return tokens[: place + 1]
    return tokens
