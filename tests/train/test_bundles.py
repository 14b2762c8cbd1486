"""Packing on a CPU: which examples go together, and the batch that is made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.train.bundles import bundles, together
from understudy.train.scored import IGNORED


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 1000))
def test_every_example_is_in_one_bundle_that_has_no_more_tokens_than_it_may(
    lengths: list[int], tokens: int
) -> None:
    found = bundles(lengths, tokens)
    assert sorted(number for bundle in found for number in bundle) == [*range(len(lengths))]
    for bundle in found:
        padded = len(bundle) * max(lengths[number] for number in bundle)
        assert padded <= tokens or len(bundle) == 1


def test_examples_of_like_length_go_together() -> None:
    assert bundles([9, 100, 10, 101, 11], 210) == [[0, 2, 4], [1, 3]]


def test_a_bundle_becomes_a_batch_and_so_do_single_examples() -> None:
    pytest.importorskip("torch")
    first, second = {"input_ids": [5, 6, 7], "labels": [IGNORED, 6, 7]}, [8, 9]
    bundled = {"input_ids": [[5, 6, 7], second], "labels": [first["labels"], second]}
    alone = [first, {"input_ids": second, "labels": second}]
    for features in ([bundled], alone):
        batch = together(3)(features)
        assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 9, 3]]
        assert batch["labels"].tolist() == [[IGNORED, 6, 7], [8, 9, IGNORED]]
        assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
