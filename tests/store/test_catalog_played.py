"""What the catalog knows of sessions in which a game was played."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.test_catalog import row

from understudy.store.catalog import Catalog
from understudy.store.catalog.schema import PlayFacts


@pytest.fixture
def catalog(database: str | Path) -> Iterator[Catalog]:
    with Catalog(database) as opened:
        yield opened


def test_every_fact_of_playing_comes_back_as_it_was_put(catalog: Catalog) -> None:
    facts = PlayFacts(
        task_id="open-bag",
        group="bag",
        difficulty=2,
        reference_steps=3,
        max_steps=11,
        seed=2**32 - 1,
        completion="step_limit",
        conditions=2,
        missing=1,
        screens=5,
        no_effect=4,
        repeated=3,
        mistakes=2,
        examples=11,
        path="press_a*2 report \U0001f600",
    )
    played, other = row(task_id="open-bag", play=facts), row()
    catalog.put_sessions([played, other])
    assert catalog.get(played.id) == played
    found = catalog.get(other.id)
    assert found is not None
    assert found.play is None


def test_a_task_is_found_by_its_id_and_by_what_was_asked(catalog: Catalog) -> None:
    by_words = row(task="have a look into my bag", task_id="open-bag")
    catalog.put_sessions([by_words, row(task="save the game", task_id="save"), row()])
    for task in ("open-bag", "have a look into my bag"):
        assert catalog.sessions(task=task) == [by_words]
    assert catalog.sessions(task="bag") == []
    assert catalog.sessions(task="open-bag", game="chess") == []


def test_success_failure_and_neither_are_three_things(catalog: Catalog) -> None:
    done, failed, neither = row(success=True), row(success=False), row()
    catalog.put_sessions([done, failed, neither])
    assert catalog.sessions(success=True) == [done]
    assert catalog.sessions(success=False) == [failed]
    assert len(catalog.sessions()) == 3
