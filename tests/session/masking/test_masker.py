"""The masker as its callers see it: values, counts, memory, and doing it twice."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import UsageError
from understudy.session.masking import MAX_DEPTH, Masker

KEY = "sk-ant-api03-" + "a1B2c3" * 15
PIECES = [
    KEY, "ann@x.org", "+49 30 901820", "415-555-2671", "192.168.1.77", "::1", "4111 1111 1111 1111",
    "password=hunter2", '"password": "hunter2"', "https://u:pw@h", "[EMAIL]", "[", "]", "@", ":",
    "=", "\\", "\\n", '"', "'", " ", "+", "0171", "1234567", ".", "-", "Anna", "eyJhbGciOi", "key",
    "Bearer ", "phone: ", "\u00e9", "\ud800",
]  # fmt: skip
DIRTY = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=14).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | DIRTY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(DIRTY, inner, max_size=4),
    max_leaves=12,
)
SHARED = Masker(words=["Anna", "email"])


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(DIRTY)
def test_masking_masked_text_changes_nothing(text: str) -> None:
    once, counts = SHARED.mask_text(text)
    assert SHARED.mask_text(once) == (once, Counter())
    assert (once == text) == (not counts)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(JSON)
def test_masking_a_masked_value_changes_nothing(value: Any) -> None:
    once, counts = SHARED.mask_value(value)
    assert (once is value) == (not counts)
    assert SHARED.mask_value(once)[0] is once


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(JSON)
def test_json_source_stays_json(value: Any) -> None:
    # A number that stands alone is a text like any other: it may be a card's.
    json.loads(Masker().mask_text(json.dumps({"arguments": value}))[0])


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(DIRTY)
def test_findings_are_disjoint_and_within_the_text(text: str) -> None:
    end = 0
    for finding in SHARED.find(text):
        assert end <= finding.start < finding.end <= len(text)
        end = finding.end


def test_counts_are_by_kind() -> None:
    text = "a@x.org b@x.org 192.168.1.77"
    assert Masker().mask_text(text)[1] == {"EMAIL": 2, "IP": 1}


def test_a_value_without_findings_is_the_same_object_and_untouched_parts_stay_so() -> None:
    masker = Masker()
    clean = {"a": [1, 2.5, None, True, ("x", b"y")], "b": {"c": "d"}}
    assert masker.mask_value(clean)[0] is clean
    dirty = {"clean": clean, "dirty": ["ann@x.org"]}
    masked, counts = masker.mask_value(dirty)
    assert masked == {"clean": clean, "dirty": ["[EMAIL]"]}
    assert masked["clean"] is clean
    assert dirty["dirty"] == ["ann@x.org"]
    assert counts == {"EMAIL": 1}


def test_keys_tuples_and_bytes_are_masked_too() -> None:
    value = {
        "ann@x.org": 1,
        "bob@x.org": 2,
        "t": ("ann@x.org", 3),
        "b": b"ann@x.org",
        "i": b"\x89P",
    }
    assert Masker().mask_value(value)[0] == {
        "[EMAIL]": 1, "[EMAIL] 2": 2, "t": ("[EMAIL]", 3), "b": b"[EMAIL]", "i": b"\x89P"
    }  # fmt: skip


def test_the_name_of_a_field_tells_what_its_value_is() -> None:
    value = {"password": "hunter2", "phone": "4155552671", "token": "goblin", "seed": "4155552671"}
    assert Masker().mask_value(value)[0] == {
        **value, "password": "[PASSWORD]", "phone": "[PHONE]"
    }  # fmt: skip


def test_values_nested_beyond_reason_and_cycles_are_cut() -> None:
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep, "ann@x.org"]
    masked, counts = Masker().mask_value(deep)
    assert counts == {"TOO_DEEP": 1, "EMAIL": MAX_DEPTH}
    assert Masker().mask_value(masked)[0] is masked
    circle: list[Any] = [1]
    circle.append(circle)
    assert Masker().mask_value(circle)[0] == [1, "[TOO_DEEP]"]


def test_switched_off_it_changes_nothing() -> None:
    masker = Masker(enabled=False, words=["ann"])
    value = ["ann@x.org"]
    assert masker.mask_value(value) == (value, Counter())
    assert masker.mask_text("ann@x.org") == ("ann@x.org", Counter())
    assert masker.find("ann@x.org") == []


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="SHOE_SIZE"):
        Masker(kinds=["email", "shoe_size"])


def test_neither_repr_nor_memory_holds_an_original() -> None:
    masker = Masker(words=["Rumpelstilz"])
    text = "A long story. " * 60 + KEY
    first, second = masker.mask_text(text), masker.mask_text(text)
    assert first == second
    assert first[1] == {"API_KEY": 1}
    assert KEY not in repr(vars(masker))
    assert "umpelstilz" not in repr(masker).lower()
    assert KEY not in repr(masker.find(text))


def test_a_returned_count_does_not_change_what_is_remembered() -> None:
    masker = Masker()
    text = "A long story. " * 60 + KEY
    masker.mask_text(text)[1]["API_KEY"] += 5
    assert masker.mask_text(text)[1] == {"API_KEY": 1}


def test_threads_share_one_masker() -> None:
    masker = Masker()
    texts = [f"{'story ' * 120}{number} ann{number}@x.org" for number in range(40)]
    wrong: list[str] = []

    def work() -> None:
        for text in texts * 5:
            masked, counts = masker.mask_text(text)
            if not masked.endswith("[EMAIL]") or counts != {"EMAIL": 1}:
                wrong.append(masked)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
