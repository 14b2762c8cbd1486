"""Pixel frames: 160×144 RGB screens of a scrolling tile game, kept losslessly."""

from __future__ import annotations

from bench.contest import LEROBOT, MCAP, MEMORY_MAP, MINARI, PNG
from bench.measure import Figures
from bench.run import Run, pick
from bench.table import Row

SUBJECT = "pixels"
PACES = (None, 30.0, 60.0)  # after a pause every cache is cold: the targets are for unpaced
TARGETS = {"median_us": 20.0, "p99_us": 100.0, "mean_us": None, "closed_mean_us": None}
WORDS = {
    "median_us": "median",
    "p99_us": "99th percentile",
    "mean_us": "mean of the calls",
    "closed_mean_us": "mean until the file is closed",
}


def measure(run: Run) -> None:
    """Caller's time, size on disk, and how many a second."""
    for hz in PACES:
        _caller(run, hz)


def _caller(run: Run, hz: float | None) -> None:
    count = run.count(3_000, 900) if hz is None else int(hz * run.count(10, 3))
    slow = min(count, run.count(1_500, 600))
    peers = run.peers(
        "pixels",
        [(MEMORY_MAP, count), (MCAP, count), (PNG, slow), (MINARI, slow), (LEROBOT, slow)],
        hz,
    )
    ours = run.ours("pixels", count=count, hz=hz)
    limit = run.limit("pixels", count=count, hz=hz)
    pace = "unpaced" if hz is None else f"{hz:g}/s"
    for name, words in WORDS.items():
        run.rows.append(
            Row(
                SUBJECT,
                f"caller, {pace}: {words}",
                "µs",
                ours.get(name),
                TARGETS[name] if hz is None else None,
                limit=limit.get(name),
                limit_name="memory copy",
                peers=pick(peers, name),
            )
        )
    if hz is None:
        _sustained(run, peers)
        _size(run, ours, peers)


def _sustained(run: Run, peers: dict[str, Figures]) -> None:
    count = run.count(8_000, 2_000)
    ours = run.ours("sustained-pixels", count=count)
    limit = run.limit("write-pixels", count=count)
    rates = {name: 1e6 / one["closed_mean_us"] for name, one in peers.items()}
    run.rows.append(
        Row(
            SUBJECT,
            f"sustained over {count:,}, stored",
            "frames/s",
            ours.get("frames_per_s"),
            8_000.0,
            at_least=True,
            limit=limit.get("frames_per_s"),
            limit_name="plain write",
        )
    )
    run.rows.append(
        Row(
            SUBJECT,
            "the same until sealed",
            "frames/s",
            ours.get("closed_frames_per_s"),
            at_least=True,
            limit=limit.get("frames_per_s"),
            limit_name="plain write",
            peers=rates,
        )
    )


def _size(run: Run, ours: Figures, peers: dict[str, Figures]) -> None:
    raw = float(160 * 144 * 3)
    run.rows.append(
        Row(
            SUBJECT,
            "stored while recording",
            "bytes/frame",
            ours.get("recording_bytes_per_frame"),
            2_000.0,
            limit=raw,
            limit_name="raw picture",
        )
    )
    run.rows.append(
        Row(
            SUBJECT,
            "stored, sealed",
            "bytes/frame",
            ours.get("bytes_per_frame"),
            1_300.0,
            limit=raw,
            limit_name="raw picture",
            peers=pick(peers, "bytes_per_frame"),
        )
    )
