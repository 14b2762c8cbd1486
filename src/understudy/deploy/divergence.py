"""How far two models are apart: at every place of a text, and in what they say.

Models are compared by the probabilities behind each word rather than by the words alone: one
near-tie that falls the other way gives another text and says nothing of the model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from understudy.players.backends.chat_model import Answer
from understudy.players.backends.llama_cpp import LlamaServer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_MOST_TOKENS = 512
"""Of a place, the likeliest ones; what is left has no weight."""

Probabilities = dict[int, float]
"""Logarithms of probabilities, by token."""


class Row(msgspec.Struct, frozen=True):
    """Tokens of a conversation, of which those from ``begin`` on are compared."""

    tokens: list[int]
    begin: int


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """How far one model is from another."""

    places: int
    """At which they were compared."""
    same_word: float
    """The share of places at which both prefer the same token."""
    mean_kl: float
    """Kullback-Leibler divergence of the other from the first, in nats."""


class Judged(Protocol):
    """A model that tells what it thinks comes next."""

    def next_tokens(self, row: Row) -> list[Probabilities | None]:
        """What may follow each token from ``begin - 1`` to the last but one; None if unknown."""


class GgufJudged:
    """A model that llama.cpp runs."""

    def __init__(self, server: LlamaServer) -> None:
        self._server = server

    def next_tokens(self, row: Row) -> list[Probabilities | None]:
        """As `Judged.next_tokens`; a place that half a letter follows is unknown."""
        return [self._after(row.tokens[:place]) for place in range(row.begin, len(row.tokens))]

    def _after(self, tokens: list[int]) -> Probabilities | None:
        asked = {"prompt": tokens, "n_predict": 1, "temperature": 0, "n_probs": _MOST_TOKENS}
        told = self._server.ask("/completion", asked).get("completion_probabilities")
        if not told:
            return None
        # What cannot come is told as no number at all.
        return {
            one["id"]: one["logprob"]
            for one in told[0]["top_logprobs"]
            if isinstance(one["logprob"], float)
        }


class TransformersJudged:
    """A model that transformers runs."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model: Any = model

    def next_tokens(self, row: Row) -> list[Probabilities | None]:
        """As `Judged.next_tokens`."""
        import torch

        with torch.inference_mode():
            ids = torch.tensor([row.tokens], device=self._model.device)
            made = self._model(ids).logits[0, row.begin - 1 : -1].double().log_softmax(-1)
            best = made.topk(min(_MOST_TOKENS, made.shape[-1]))
        rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [dict(zip(tokens, values, strict=True)) for tokens, values in rows]


def divergence(first: Judged, other: Judged, rows: Sequence[Row]) -> Divergence:
    """How far ``other`` is from ``first`` on these rows."""
    places, same, apart = 0, 0, 0.0
    for row in rows:
        for one, two in zip(first.next_tokens(row), other.next_tokens(row), strict=True):
            if not one or not two:
                continue
            places += 1
            same += max(one, key=one.__getitem__) == max(two, key=two.__getitem__)
            least = min(two.values())
            apart += sum(math.exp(p) * (p - two.get(token, least)) for token, p in one.items())
    return Divergence(
        places=places, same_word=same / max(1, places), mean_kl=max(0.0, apart / max(1, places))
    )


def same_answers(one: Iterable[Answer], other: Iterable[Answer]) -> float:
    """The share of answers that are the same, letter for letter."""
    pairs = [first.text == second.text for first, second in zip(one, other, strict=True)]
    return sum(pairs) / max(1, len(pairs))
