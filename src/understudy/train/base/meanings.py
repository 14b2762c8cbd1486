"""What the words of the corpus have to do with each other, counted before anything is trained.

How often a piece in the player's words meets a piece in the answer, against chance (positive
pointwise mutual information), in the fewest directions that keep most of it: "tiptoe" and "unseen"
point where "stealth" points. The embeddings of the base begin with this.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING

from understudy.chat.scenarios.scenario import Scenario

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

_RARE = 3
"""A pair met this often counts half."""


def meanings(
    tokenizer: PreTrainedTokenizerBase, chats: Iterable[Scenario], size: int
) -> NDArray[np.float32]:
    """A direction of length 1 in ``size`` dimensions for each piece; 0 for one never met."""
    import numpy as np

    pieces = len(tokenizer)
    met = np.zeros((pieces, pieces), np.float32)
    for scenario in chats:
        for said, answered in itertools.pairwise(scenario.turns):
            if said.speaker == "user":
                here, there = (
                    sorted(set(tokenizer.encode(f" {turn.text}", add_special_tokens=False)))
                    for turn in (said, answered)
                )
                met[np.ix_(here, there)] += 1
    expected = met.sum(1, keepdims=True) * met.sum(0, keepdims=True) / max(1.0, float(met.sum()))
    surprise = np.log(np.maximum(met, 1e-9) / np.maximum(expected, 1e-9))
    surprise = np.where(met > 0, np.maximum(surprise, 0), 0) * met / (met + _RARE)
    strengths, directions = np.linalg.eigh((surprise + surprise.T).astype(np.float64))
    best = np.argsort(-strengths)[:size]
    found = directions[:, best] * np.sqrt(np.maximum(strengths[best], 0))
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (found / np.maximum(lengths, 1e-6)).astype(np.float32)
    return unit
