"""The chat collector's array file: one more example of 60 kB behind ten, and behind 10,000."""

from __future__ import annotations

from bench.contest import REWRITING
from bench.run import Run
from bench.table import Row

SUBJECT = "array"


def measure(run: Run) -> None:
    """An append must not cost more because of what is already there."""
    few, many = 10, run.count(10_000, 1_000)
    for subject, words in (("append", "no fsync"), ("append-synced", "with fsync")):
        medians: dict[int, float | None] = {}
        for size in (few, many):
            ours = run.ours(subject, count=size)
            limit = run.limit(subject, count=size)
            peers = run.peers(subject, [(REWRITING, size)] if subject == "append" else [])
            medians[size] = _ms(ours.get("median_us"))
            run.rows.append(
                Row(
                    SUBJECT,
                    f"append 60 kB behind {size:,}, {words}",
                    "ms",
                    medians[size],
                    0.15 if subject == "append" else None,
                    limit=_ms(limit.get("median_us")),
                    limit_name="tail append",
                    peers={name: one["median_us"] / 1e3 for name, one in peers.items()},
                )
            )
            if subject == "append" and size == many:
                run.rows.append(
                    Row(
                        SUBJECT,
                        f"first opening of another's file of {size:,}",
                        "s",
                        ours.get("opening_s"),
                    )
                )
        first, last = medians[few], medians[many]
        run.rows.append(
            Row(
                SUBJECT,
                f"behind {many:,} ÷ behind {few}, {words}",
                "ratio",
                last / first if first and last else None,
                1.5,
            )
        )
    for size in (few, many):
        ours = run.ours("log-interaction", count=size)
        run.rows.append(
            Row(
                SUBJECT,
                f"the collector's whole call behind {size:,}",
                "ms",
                _ms(ours.get("median_us")),
            )
        )


def _ms(microseconds: float | None) -> float | None:
    return None if microseconds is None else microseconds / 1e3
