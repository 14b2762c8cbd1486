"""What two versions differ in: their sessions, rows, splits, scores, and how they were chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from understudy.datasets.leaks import row_digest
from understudy.datasets.versions import DatasetVersion

_Key = tuple[str, int]


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """One row that is there in one of them only, or is not the same in both."""

    session: str
    """Its id, or the name of the scenario."""
    step: int
    split: str
    """In the newer one, else in the older one."""
    was: str = ""
    """The split before, where that has changed."""


class ScoreChange(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was scored otherwise."""

    session: str
    kind: str
    """``human`` or ``auto``."""
    before: float | None
    after: float | None


class Difference(msgspec.Struct, kw_only=True):
    """From one version to another."""

    before: str
    after: str
    sessions_added: list[str] = []
    sessions_removed: list[str] = []
    rows_added: list[RowChange] = []
    rows_removed: list[RowChange] = []
    rows_changed: list[RowChange] = []
    """What is learned from is not the same: corrected, say."""
    rows_moved: list[RowChange] = []
    """In another split."""
    scores: list[ScoreChange] = []
    query: dict[str, tuple[Any, Any]] = {}
    """What was asked for otherwise: before and after."""

    @property
    def none(self) -> bool:
        return not any(
            getattr(self, name)
            for name in self.__struct_fields__
            if name not in ("before", "after")
        )


def diff_versions(before: DatasetVersion, after: DatasetVersion) -> Difference:
    """Everything in which ``after`` is not as ``before``; both have their data."""
    old, new = dict(_rows(before)), dict(_rows(after))
    old_sessions, new_sessions = _sessions(before), _sessions(after)
    difference = Difference(
        before=before.ref,
        after=after.ref,
        sessions_added=[id for id in new_sessions if id not in old_sessions],
        sessions_removed=[id for id in old_sessions if id not in new_sessions],
        rows_added=[_change(key, new[key][0]) for key in new if key not in old],
        rows_removed=[_change(key, old[key][0]) for key in old if key not in new],
        query=_query(before, after),
    )
    for key in old.keys() & new.keys():
        (was, old_digest), (split, digest) = old[key], new[key]
        if was != split:
            difference.rows_moved.append(_change(key, split, was))
        if old_digest != digest:
            difference.rows_changed.append(_change(key, split))
    difference.rows_moved.sort(key=lambda row: (row.session, row.step))
    difference.rows_changed.sort(key=lambda row: (row.session, row.step))
    for id in old_sessions.keys() & new_sessions.keys():
        difference.scores += _scores(id, old_sessions[id], new_sessions[id])
    difference.scores.sort(key=lambda score: (score.session, score.kind))
    return difference


def _rows(version: DatasetVersion) -> Iterator[tuple[_Key, tuple[str, bytes]]]:
    for split in version.splits:
        for row in version.rows(split):
            yield (row.origin, row.n), (split, row_digest(row))


def _sessions(version: DatasetVersion) -> dict[str, dict[str, Any]]:
    return {session["id"]: session for session in version.facts.get("sessions", ())}


def _change(key: _Key, split: str, was: str = "") -> RowChange:
    return RowChange(session=key[0], step=key[1], split=split, was=was)


def _scores(id: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[ScoreChange]:
    for kind in ("human", "auto"):
        old, new = before.get(f"{kind}_score"), after.get(f"{kind}_score")
        if old != new:
            yield ScoreChange(session=id, kind=kind, before=old, after=new)


def _query(before: DatasetVersion, after: DatasetVersion) -> dict[str, tuple[Any, Any]]:
    old, new = (_flat(version.facts.get("request", {})) for version in (before, after))
    keys = sorted(old.keys() | new.keys())
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


def _flat(request: dict[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in request.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{above}{key}.")
        else:
            flat[f"{above}{key}"] = value
    return flat
