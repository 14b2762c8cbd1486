"""State frames: 128 + 31 + 320 floats and a reward, as a bot at 60 Hz records them."""

from __future__ import annotations

from bench.contest import JSON_LINES, LEROBOT, MCAP, MEMORY_MAP, MINARI
from bench.measure import Figures
from bench.run import Run, pick
from bench.table import Row

SUBJECT = "frames"
PACES = (None, 30.0, 60.0)  # after a pause every cache is cold: the targets are for unpaced
TARGETS = {"median_us": 3.0, "p99_us": 20.0, "mean_us": 10.0, "closed_mean_us": None}
WORDS = {
    "median_us": "median",
    "p99_us": "99th percentile",
    "mean_us": "mean of the calls",
    "closed_mean_us": "mean until the file is closed",
}


def measure(run: Run) -> None:
    """Caller's time, size on disk, and how many a second for how long."""
    for hz in PACES:
        _caller(run, hz)
    _packing(run)
    _sustained(run)


def _caller(run: Run, hz: float | None) -> None:
    count = run.count(20_000, 4_000) if hz is None else int(hz * run.count(10, 3))
    slow = min(count, run.count(4_000, 1_000))
    peers = run.peers(
        "frames",
        [(MEMORY_MAP, count), (MCAP, count), (JSON_LINES, count), (MINARI, slow), (LEROBOT, slow)],
        hz,
    )
    ours = run.ours("frames", count=count, hz=hz)
    limit = run.limit("frames", count=count, hz=hz)
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
        _size(run, ours, peers)


def _size(run: Run, ours: Figures, peers: dict[str, Figures]) -> None:
    raw = run.limit("write-frames", count=1000).get("bytes_per_frame")
    run.rows.append(
        Row(
            SUBJECT,
            "stored while recording",
            "bytes/frame",
            ours.get("recording_bytes_per_frame"),
            limit=raw,
            limit_name="raw numbers",
        )
    )
    run.rows.append(
        Row(
            SUBJECT,
            "stored, sealed",
            "bytes/frame",
            ours.get("bytes_per_frame"),
            700.0,
            limit=raw,
            limit_name="raw numbers",
            peers=pick(peers, "bytes_per_frame"),
        )
    )


def _packing(run: Run) -> None:
    """Why blocks are not plain Arrow: the same rows, packed both ways in this run."""
    ours = run.limit("pack-ours", count=4000)
    arrow = run.limit("pack-arrow", count=4000)
    for name, unit in (("bytes_per_frame", "bytes/frame"), ("us_per_frame", "µs")):
        run.rows.append(
            Row(
                SUBJECT,
                "a block of 64 KiB: size" if unit != "µs" else "a block of 64 KiB: time a frame",
                unit,
                ours.get(name),
                limit=arrow.get(name),
                limit_name="Arrow with zstd",
            )
        )


def _sustained(run: Run) -> None:
    count = run.count(1_000_000, 100_000)
    ours = run.ours("sustained-frames", count=count)
    limit = run.limit("write-frames", count=count)
    shorter = run.count(100_000, 20_000)
    peers = run.peers(
        "frames",
        [
            (MEMORY_MAP, shorter),
            (MCAP, shorter),
            (JSON_LINES, shorter),
            (MINARI, run.count(10_000, 2_000)),
            (LEROBOT, run.count(4_000, 1_000)),
        ],
    )
    rates = {name: 1e6 / one["closed_mean_us"] for name, one in peers.items()}
    run.rows.append(
        Row(
            SUBJECT,
            f"sustained over {count:,}, stored",
            "frames/s",
            ours.get("frames_per_s"),
            100_000.0,
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
    for name, when in (
        ("start_mb", "near the start"),
        ("end_mb", "at the end"),
        ("sealed_mb", "after sealing"),
    ):
        run.rows.append(Row(SUBJECT, f"resident memory {when}", "MB", ours.get(name)))
