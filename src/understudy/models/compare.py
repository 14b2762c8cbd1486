"""In what two versions of models differ: their settings, their data, how their training went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from understudy.models.hashes import read_hashes
from understudy.models.registry import ModelVersion


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that is not the same in both."""

    name: str
    before: Any
    """None where the first has no such fact."""
    after: Any
    change: float | None = None
    """How much a number grew."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two versions side by side; of each part what differs."""

    before: str
    after: str
    same_base: bool
    settings: list[Difference]
    data: list[Difference]
    metrics: list[Difference]
    examples_in_both: int | None = None
    """How many examples both have learned from; None where one does not tell."""
    only_before: int | None = None
    only_after: int | None = None


def compare(before: ModelVersion, after: ModelVersion) -> Comparison:
    """Set ``before`` against ``after``. What both were measured to do is `evaluate`'s to say."""
    comparison = Comparison(
        before=before.ref,
        after=after.ref,
        same_base=before.base.get("sha256") == after.base.get("sha256"),
        settings=_differences(
            before.facts.get("settings", {}) | _seed(before),
            after.facts.get("settings", {}) | _seed(after),
        ),
        data=_differences(_data(before), _data(after)),
        metrics=_differences(before.facts.get("metrics", {}), after.facts.get("metrics", {})),
    )
    if before.hashes is None or after.hashes is None:
        return comparison
    old, new = read_hashes(before.hashes), read_hashes(after.hashes)
    return msgspec.structs.replace(
        comparison,
        examples_in_both=len(old & new),
        only_before=len(old - new),
        only_after=len(new - old),
    )


def _data(version: ModelVersion) -> dict[str, Any]:
    data = dict(version.facts.get("data", {}))
    return {**data, "sources": [source.get("name", "") for source in data.get("sources", ())]}


def _seed(version: ModelVersion) -> dict[str, Any]:
    return {"method": version.method, "seed": version.facts.get("seed")}


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    old, new = dict(_flat(before)), dict(_flat(after))
    found = []
    for name in dict.fromkeys((*old, *new)):
        one, other = old.get(name), new.get(name)
        if one == other:
            continue
        numbers = all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other)
        )
        change = float(other) - float(one) if numbers else None  # type: ignore[arg-type]
        found.append(Difference(name=name, before=one, after=other, change=change))
    return found


def _flat(values: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat += _flat(value, f"{above}{key}.")
        else:
            flat.append((f"{above}{key}", value))
    return flat
