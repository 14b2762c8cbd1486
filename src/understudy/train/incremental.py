"""Going on from a version with what is new since: what that is, and whether the result is used.

What is new is known by content: files may be renamed, written again or put in another order. Old
examples are mixed in, so that the model does not forget what it could.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from understudy.errors import TrainingError
from understudy.models.hashes import read_hashes
from understudy.models.registry import ModelVersion
from understudy.train.examples import Example, content_hash

HELD_BACK_NAME = "validation_hashes.txt"
LEAST_WORSE = 0.01
"""By so much of its value the loss on the old validation may grow by chance."""


class Verdict(msgspec.Struct, frozen=True):
    """Whether a new version is put in use, and why."""

    promote: bool
    reason: str


Gate = Callable[[ModelVersion], Verdict]
"""Judges a version that was just made; it is kept whatever the verdict."""


class Plan(msgspec.Struct, kw_only=True):
    """What an incremental training would train on."""

    since: str
    """The version that is gone on from."""
    new: list[Example]
    replayed: list[Example]
    known: int
    """Examples of the data that the version has learned from."""
    gone: int
    """Examples that it has learned from and that are no longer in the data."""
    validation: list[Example]
    """Those that were held back when the version was made, where there are any."""

    def facts(self) -> dict[str, Any]:
        return {
            "since": self.since,
            "new": len(self.new),
            "replayed": len(self.replayed),
            "known": self.known,
            "gone": self.gone,
            "validation": len(self.validation),
            "where": [example.get("where", "") for example in self.new],
        }


def plan(
    version: ModelVersion,
    examples: Sequence[Example],
    validation: Sequence[Example],
    *,
    replay: float,
    seed: int,
) -> Plan:
    """What of ``examples`` is new to ``version``, with ``replay`` (a share of all) of the others.

    Raises TrainingError for a version that does not tell what it learned from.
    """
    if version.hashes is None:
        raise TrainingError(
            f"{version.ref} does not tell which examples it learned from, so what is new is not "
            "known; train anew without --incremental"
        )
    known = read_hashes(version.hashes)
    by_hash = {content_hash(example): example for example in examples}
    new = [example for digest, example in by_hash.items() if digest not in known]
    old = sorted(digest for digest in by_hash if digest in known)
    # At least one old example, be there but one new: without any, the old is soonest forgotten.
    count = min(len(old), math.ceil(len(new) * replay / (1 - replay)))
    chosen = random.Random(f"{seed}/{version.ref}").sample(old, count)
    return Plan(
        since=version.ref,
        new=new,
        replayed=[by_hash[digest] for digest in chosen],
        known=len(old),
        gone=len(known - by_hash.keys()),
        validation=_as_before(version, validation),
    )


def not_worse(before: float | None, after: float | None) -> Verdict:
    """The gate of a training by itself: the loss on the old validation must not have grown."""
    if before is None or after is None:
        return Verdict(True, "there was nothing to validate on")
    told = f"validation loss {before:.4f} before, {after:.4f} after"
    if after <= before * (1 + LEAST_WORSE):
        return Verdict(True, f"not worse than before: {told}")
    return Verdict(False, f"worse than before: {told}")


def _as_before(version: ModelVersion, validation: Sequence[Example]) -> list[Example]:
    path = version.folder / HELD_BACK_NAME
    held = read_hashes(path) if path.is_file() else set()
    same = [example for example in validation if content_hash(example) in held]
    return same or list(validation)
