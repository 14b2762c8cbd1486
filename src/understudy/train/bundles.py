"""Packing on a CPU: steps that are full of tokens, made of examples of like length.

Elsewhere TRL lays short examples end to end in one row, and the kernels of a GPU attend within each
of them. A CPU attends over the whole row and masks most of it, so there it is quicker to give a
step as many examples of like length as have the tokens of its rows: nothing is masked and hardly
anything padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from understudy.train.scored import IGNORED

if TYPE_CHECKING:
    from understudy.train.checks import Row


def bundles(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """The numbers of the examples that go together: at most so many ``tokens`` with their padding.

    An example that is longer stands alone.
    """
    found: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        # Lengths only grow, so the one at hand is what all before it are padded to.
        if found and (len(found[-1]) + 1) * lengths[number] <= tokens:
            found[-1].append(number)
        else:
            found.append([number])
    return found


def bundle_dataset(rows: Sequence[Row], tokens: int) -> Any:
    """A dataset with a bundle in each row, for `together`."""
    from datasets import Dataset

    chosen = bundles([len(row.input_ids) for row in rows], tokens)
    return Dataset.from_dict(
        {
            "input_ids": [[rows[number].input_ids for number in bundle] for bundle in chosen],
            "labels": [[rows[number].labels for number in bundle] for bundle in chosen],
        }
    )


def together(pad: int) -> Any:
    """What makes a batch of a bundle, and of the single examples of a validation."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    def padded(sequences: list[list[int]], value: int) -> Any:
        tensors = [torch.tensor(one) for one in sequences]
        return pad_sequence(tensors, batch_first=True, padding_value=value)

    def make(features: list[dict[str, Any]]) -> dict[str, Any]:
        ids: list[list[int]] = []
        labels: list[list[int]] = []
        for feature in features:
            bundled = isinstance(feature["input_ids"][0], list)
            ids += feature["input_ids"] if bundled else [feature["input_ids"]]
            labels += feature["labels"] if bundled else [feature["labels"]]
        return {
            "input_ids": padded(ids, pad),
            "labels": padded(labels, IGNORED),
            "attention_mask": padded([[1] * len(one) for one in ids], 0),
        }

    return make
