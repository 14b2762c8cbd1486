"""Sealing: from the files of a recording to those of a finished session, and its manifest.

The manifest is the moment of truth: until it stands, everything is still as it was recorded and
sealing can be done again; once it stands, what it replaced is removed.
"""

from __future__ import annotations

import datetime
import os
import shutil
from collections import Counter
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from understudy.session.frames.file import iterate_batches
from understudy.session.frames.layout import stamped
from understudy.session.header import SessionHeader
from understudy.session.images import ImageReader, seal_images
from understudy.session.play_facts import PlayTally, was_played
from understudy.session.steps import AgentStep, ChatStep
from understudy.session.trace_file import read_trace
from understudy.store.atomic import TEMPORARY_SUFFIX, sync_folder
from understudy.store.manifest import Manifest, hash_tree, write_manifest

RECORDED = ("session.json", "trace.jsonl", "frames.parquet", "images.pack", "screenshots",
            "memory_snapshots", "analysis")  # fmt: skip
"""What the manifest covers: all that was recorded, in its final form."""

_REPLACED = ("frames.blocks", "images.blocks")
"""What recording leaves, of which sealing makes the final form."""

PACKED_MOST_BYTES = 128 * 1024 * 1024
"""Of pixels: about two seconds of packing."""
_GROUP_BYTES = 32 * 1024 * 1024


def seal_files(
    folder: Path,
    header: SessionHeader,
    *,
    status: str,
    reason: str | None,
    counters: dict[str, Any],
    results: dict[str, Any] | None = None,
    notes: list[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Seal the session in ``folder`` and return its manifest.

    ``counters`` and ``results`` are what only the recorder knows; a count that does not agree with
    the files becomes a note. Raises OSError or StorageError as the disk does.
    """
    # What replaces something has to be on the disk before that is removed.
    replaces = any((folder / name).exists() for name in _REPLACED)
    sync = header.durability == "step" or replaces
    remap = _seal_images(folder, progress)
    _seal_frames(folder, remap)
    if sync:
        sync_folder(folder)
    facts = derive_facts(folder, header)
    facts |= {"status": status, "reason": reason, "counters": counters, **(results or {})}
    facts |= {"notes": list(notes or []), "disagreements": _disagreements(facts)}
    present = [name for name in RECORDED if (folder / name).exists()]
    manifest = Manifest(
        kind="session",
        id=header.id,
        name=header.name,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds"),
        files=hash_tree(folder, present),
        facts=facts,
    )
    write_manifest(folder, manifest, sync=sync)
    for leftover in _REPLACED:
        (folder / leftover).unlink(missing_ok=True)
    return manifest


def _disagreements(facts: dict[str, Any]) -> list[str]:
    """What the recorder counted, or one track says of another, and is not so."""
    found = []
    counters = facts["counters"]
    frames = counters.get("frames_stored")
    if frames is not None:
        if frames != facts["frames"]:
            found.append(f"{frames} frames were counted as stored and {facts['frames']} are there")
        lines = counters["stored"] - frames
        there = facts["steps"] + facts["chats"] + facts["events"]
        if lines != there:
            found.append(f"{lines} lines of the trace were counted as stored and {there} are there")
        unknown = counters["seen"] - counters["stored"] - counters["dropped"]
        if unknown:
            found.append(f"{unknown} of {counters['seen']} records are neither stored nor dropped")
    if facts["images_missing"]:
        found.append(f"{facts['images_missing']} frames name an image that is not there")
    return found


def derive_facts(folder: Path, header: SessionHeader) -> dict[str, Any]:
    """Counts and times of a session, from what lies in its folder in its final form."""
    kinds: Counter[str] = Counter()
    last_time = header.started
    chat_status: Counter[str] = Counter()
    played = PlayTally() if was_played(header) else None
    for step in read_trace(folder / "trace.jsonl"):
        kinds[type(step).__name__] += 1
        if played is not None and isinstance(step, AgentStep):
            played.add(step)
        last_time = max(last_time, step.time)
        if isinstance(step, ChatStep):
            chat_status[step.status] += 1
    facts: dict[str, Any] = {
        "steps": kinds[AgentStep.__name__],
        "chats": kinds[ChatStep.__name__],
        "events": kinds["EventStep"],
        "chat_status": dict(chat_status),
        "frames": 0,
        "gaps": 0,
        "missed_ticks": 0,
        "images": 0,
        "images_missing": 0,
        "play": played.facts() if played is not None else None,
    }
    parquet = folder / "frames.parquet"
    images = folder / "images.pack"
    if images.exists():
        with ImageReader(images) as reader:
            facts["images"] = reader.count
    if parquet.exists():
        last = _count_frames(parquet, facts)
        if last is not None:
            last_time = max(last_time, last)
    started = datetime.datetime.fromisoformat(header.started)
    facts["ended"] = last_time
    facts["duration_s"] = round(
        (datetime.datetime.fromisoformat(last_time) - started).total_seconds(), 6
    )
    return facts


def _count_frames(parquet: Path, facts: dict[str, Any]) -> str | None:
    """Fill in what the frames add up to; returns the wall clock of the last one."""
    last = None
    with pq.ParquetFile(parquet) as file:
        for batch in file.iter_batches(columns=["missed", "image", "wall_ns"]):
            missed = batch.column("missed").to_numpy()
            shown = batch.column("image").drop_null().to_numpy()
            facts["frames"] += int(np.count_nonzero(missed == 0))
            facts["gaps"] += int(np.count_nonzero(missed))
            facts["missed_ticks"] += int(missed.sum())
            facts["images_missing"] += int(np.count_nonzero(shown >= facts["images"]))
            last = max(last or 0, int(batch.column("wall_ns").to_numpy().max()))
    if last is None:
        return None
    moment = datetime.datetime.fromtimestamp(last / 1e9, datetime.UTC)
    return moment.isoformat(timespec="microseconds")


def _seal_images(
    folder: Path, progress: Callable[[int, int], None] | None
) -> np.ndarray[Any, Any] | None:
    """Pack the images tighter where that takes a moment; else take them as they were recorded.

    Packing costs about a millisecond a picture: a game that was recorded for hours must not wait
    minutes for its end. Both forms are read alike.
    """
    source, target = folder / "images.blocks", folder / "images.pack"
    if not source.exists():
        return None
    with ImageReader(source) as reader:
        pixels = sum(prod(reader.shape(index)) for index in range(0, reader.count, 64)) * 64
    if pixels <= PACKED_MOST_BYTES:
        return seal_images(source, target, progress=progress)
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without links
        partial = target.with_name(target.name + TEMPORARY_SUFFIX)
        shutil.copyfile(source, partial)
        _sync(partial)
        partial.replace(target)
    return None


def _seal_frames(folder: Path, remap: np.ndarray[Any, Any] | None) -> None:
    source = folder / "frames.blocks"
    if not source.exists():
        return
    partial = folder / "frames.parquet.partial"
    schema, batches = iterate_batches(source, remap)
    with pq.ParquetWriter(
        partial,
        stamped(schema),
        compression="zstd",
        use_dictionary=False,
        use_byte_stream_split=_splittable(schema),
    ) as writer:
        waiting: list[pa.RecordBatch] = []
        size = 0
        for batch in batches:
            waiting.append(batch)
            size += batch.nbytes
            if size >= _GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting, size = [], 0
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
    _sync(partial)
    partial.replace(folder / "frames.parquet")


def _splittable(schema: pa.Schema) -> list[str]:
    """Paths of the columns whose type Parquet can store byte by byte."""
    paths = []
    for field in schema:
        path, kind = field.name, field.type
        while pa.types.is_fixed_size_list(kind):
            path, kind = f"{path}.list.element", kind.value_type
        if (pa.types.is_floating(kind) and not pa.types.is_float16(kind)) or (
            pa.types.is_integer(kind) and kind.bit_width >= 32
        ):
            paths.append(path)
    return paths


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
