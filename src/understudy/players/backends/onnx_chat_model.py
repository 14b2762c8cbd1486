"""Runs the ONNX file of a language model on a CPU, as transformers.js does in a browser."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import PlayerError
from understudy.players.backends.chat_model import Answer, Messages, Progress
from understudy.players.backends.transformers_model import load_tokenizer, prompt_tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONNX_NAME = "onnx/model.onnx"


class OnnxSteps:
    """A model file that reads tokens on top of what it has read before.

    Raises PlayerError when the file cannot be loaded.
    """

    def __init__(self, file: Path, *, threads: int = 1) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise PlayerError(
                "ONNX models are run by onnxruntime, which is not installed; install Understudy "
                "with the extra `llm`, as in `pip install '.[llm]'`"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            reason = str(error).strip().splitlines()[0]
            raise PlayerError(
                f"{file} cannot be loaded ({reason}); deploy the model again"
            ) from error
        self._caches = {
            one.name: (int(one.shape[1]), int(one.shape[3]))
            for one in self._session.get_inputs()
            if one.name.startswith("past_key_values.")
        }
        self._outputs = [one.name for one in self._session.get_outputs()]
        self.forget()

    def forget(self) -> None:
        """Begin a new conversation."""
        self._read = 0
        self._past: dict[str, Any] = {
            name: np.zeros((1, heads, 0, size), np.float32)
            for name, (heads, size) in self._caches.items()
        }

    def read(self, tokens: list[int]) -> NDArray[np.float32]:
        """The logits that follow each of these tokens."""
        total = self._read + len(tokens)
        given = {
            "input_ids": np.array([tokens], np.int64),
            "attention_mask": np.ones((1, total), np.int64),
            "position_ids": np.arange(self._read, total, dtype=np.int64)[None],
            **self._past,
        }
        made = dict(zip(self._outputs, self._session.run(None, given), strict=True))
        self._past = {name: made[name.replace("past_key_values", "present")] for name in self._past}
        self._read = total
        logits: NDArray[np.float32] = made["logits"][0]
        return logits


class OnnxChatModel:
    """A folder with an ONNX file and a tokenizer that answers chats."""

    def __init__(self, folder: Path, *, name: str | None = None, threads: int = 1) -> None:
        self.name = name or folder.name
        self.tokenizer = load_tokenizer(folder)
        self._steps = OnnxSteps(folder / ONNX_NAME, threads=threads)
        config = json.loads((folder / "config.json").read_text("utf-8"))
        self._limit = int(config.get("max_position_embeddings") or 1_000_000)

    def answer(
        self,
        conversations: Sequence[Messages],
        *,
        max_tokens: int = 128,
        temperature: float = 0.0,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> list[Answer]:
        """As `ChatModel.answer`, one after another."""
        answers = []
        for number, messages in enumerate(conversations, start=1):
            begun = time.perf_counter()
            tokens = self._generate(messages, max_tokens, temperature, np.random.default_rng(seed))
            text = str(self.tokenizer.decode(tokens, skip_special_tokens=True)).strip()
            answers.append(Answer(text, len(tokens), time.perf_counter() - begun))
            if progress:
                progress(number, len(conversations))
        return answers

    def close(self) -> None:
        del self._steps

    def _generate(
        self, messages: Messages, most: int, temperature: float, chance: np.random.Generator
    ) -> list[int]:
        prompt = prompt_tokens(self.tokenizer, messages)
        if len(prompt) >= self._limit:
            raise PlayerError(
                f"a conversation has {len(prompt)} tokens and {self.name} reads {self._limit} at "
                "most; make it shorter"
            )
        self._steps.forget()
        made: list[int] = []
        unread = prompt
        while len(made) < min(most, self._limit - len(prompt)):
            token = _drawn(self._steps.read(unread)[-1], temperature, chance)
            made.append(token)
            if token == self.tokenizer.eos_token_id:
                break
            unread = [token]
        return made


def _drawn(logits: NDArray[np.float32], temperature: float, chance: np.random.Generator) -> int:
    if temperature <= 0:
        return int(logits.argmax())
    shares = np.exp((logits - logits.max()).astype(np.float64) / temperature)
    return int(chance.choice(len(shares), p=shares / shares.sum()))
