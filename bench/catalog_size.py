"""How long `session list` and `stats` take over ten thousand sessions, as whole commands.

The sessions are copies of one that was really recorded, each with its own identity, start, task,
player, path and number of steps; all have an automatic score and one in ten was scored by a person.
The catalog is built from them as `understudy reindex` does. Then a second person scores some of the
same: how far the two agree costs `stats` the start of a library.
"""

from __future__ import annotations

import datetime
import os
import random
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import understudy
from bench.contest import ROOT, NotMeasuredError, peer_environment, say
from bench.measure import timed
from bench.run import Run
from bench.startup import understudy_command
from bench.table import Row
from understudy.session.feedback import FILE_NAME as FEEDBACK_NAME
from understudy.session.feedback import FeedbackEntry, append_feedback
from understudy.session.header import FILE_NAME as HEADER_NAME
from understudy.session.header import SessionHeader, read_header
from understudy.store.checked_lines import seal_line
from understudy.store.hashes import sha256_bytes
from understudy.store.manifest import MANIFEST_NAME, FileEntry, Manifest, read_manifest
from understudy.store.sealed_json import sealed_json
from understudy.store.ulids import new_ulid

SUBJECT = "catalog"
SESSIONS = 10_000
_TASKS, _GROUPS = 53, 9
_PLAYERS = ("script", "chat", "random", "human")
_BUTTONS = ("press_a", "press_b", "press_up", "press_down", "press_start")
_FIRST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_EVERY_S = 97


def measure(run: Run) -> None:
    """Medians of whole processes, the files warm in memory."""
    count = run.count(SESSIONS, SESSIONS // 10)
    with tempfile.TemporaryDirectory(prefix="understudy-bench-") as place:
        workspace = Path(place) / "workspace"
        say(f"making {count:,} sessions")
        make_sessions(workspace, count)
        _measure(run, "session list", workspace, count)
        _measure(run, "stats", workspace, count)
        add_second_rater(workspace)
        _measure(run, "stats", workspace, count, ", two raters")


def _measure(run: Run, command: str, workspace: Path, count: int, remark: str = "") -> None:
    run.rows.append(
        Row(
            SUBJECT,
            f"{command}, {count:,} sessions{remark}",
            "s",
            _median(run, [*understudy_command(), *command.split()], workspace, run.count(9, 5)),
            0.5,
        )
    )


def add_second_rater(workspace: Path) -> None:
    """Let a second person score a fifth of what the first has scored."""
    chance = random.Random(1)
    with understudy.Workspace(workspace) as ws:
        scored = [row for row in ws.rows(newest_first=False) if row.human_score is not None]
        for row in scored[::5]:
            said = _said("human:ben", chance.randint(4, 10), datetime.datetime.now(datetime.UTC))
            append_feedback(ws.runs / row.directory, [said])
        ws.reindex()


def make_sessions(workspace: Path, count: int) -> None:
    """Fill a new workspace with ``count`` played sessions and index them."""
    chance = random.Random(0)
    with understudy.Workspace(workspace) as ws:
        model = _record_one(ws)
        header, manifest = read_header(model), read_manifest(model)
        kept = {
            name: (model / name).read_bytes()
            for name in ("trace.jsonl", "execution_trace.json", "session_metadata.json")
        }
        for number in range(1, count):
            _copy(model.parent, header, manifest, kept, number, chance)
        ws.reindex()


def _record_one(ws: Any) -> Path:
    with ws.record(
        game="pocket",
        task="check what healing items I have in my bag",
        player="script",
        durability="interval",
        metadata={"max_steps": 15, "limit": "given", "seed": 0, "task": _task(0)},
    ) as session:
        for step in range(5):
            session.step(
                action="press_a",
                observation="in the menu",
                screenshot=np.full((144, 160, 3), 40 * step, np.uint8),
                success=True,
                screen=f"{step:016x}",
                screen_after=f"{step + 1:016x}",
            )
        session.seal(
            success=True,
            outcome="done in 5 steps",
            completion="success",
            check={"success": True, "missing": [], "of": 2},
        )
    return Path(session.path)


def _task(number: int) -> dict[str, Any]:
    return {
        "id": f"task-{number:02}",
        "words": f"do task number {number}",
        "group": f"group-{number % _GROUPS}",
        "goal": "",
        "kind": "act",
        "difficulty": 1 + number % 5,
        "reference_steps": 4 + number % 20,
    }


def _copy(
    runs: Path,
    header: SessionHeader,
    manifest: Manifest,
    kept: dict[str, bytes],
    number: int,
    chance: random.Random,
) -> None:
    """One more session: what the catalog takes from it is its own, the rest is a copy."""
    started = _FIRST + datetime.timedelta(seconds=_EVERY_S * number)
    task = _task(number % _TASKS)
    steps = task["reference_steps"] + chance.randrange(8)
    success = chance.random() < 0.85
    path = [chance.choice(_BUTTONS) if chance.random() < 0.2 else "press_a" for _ in range(steps)]
    directory = f"session_{started:%Y%m%d_%H%M%S}_bench"
    folder = runs / directory
    folder.mkdir()
    own = msgspec.structs.replace(
        header,
        id=new_ulid(),
        directory=directory,
        name=task["words"],
        task=task["words"],
        player=_PLAYERS[number % len(_PLAYERS)],
        started=started.isoformat(timespec="microseconds"),
        metadata={**header.metadata, "task": task, "max_steps": 2 * task["reference_steps"]},
    )
    encoded = msgspec.json.encode(own)
    facts = {
        **manifest.facts,
        "steps": steps,
        "success": success,
        "completion": "success" if success else "step_limit",
        "ended": (started + datetime.timedelta(seconds=steps)).isoformat(timespec="microseconds"),
        "duration_s": float(steps),
        "check": {"success": success, "missing": [] if success else ["it is not so"], "of": 2},
        "play": {
            **manifest.facts["play"],
            "examples": steps,
            "screens": steps,
            "path": " ".join(path),
        },
    }
    files = {
        name: entry for name, entry in manifest.files.items() if name in (HEADER_NAME, *kept)
    } | {HEADER_NAME: FileEntry(sha256=sha256_bytes(encoded), size=len(encoded))}
    sealed = msgspec.structs.replace(manifest, id=own.id, name=own.name, files=files, facts=facts)
    (folder / HEADER_NAME).write_bytes(encoded)
    (folder / MANIFEST_NAME).write_bytes(sealed_json(sealed))
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    entries = [_said("auto:check-v1", chance.randint(4, 10), started)]
    if number % 10 == 0:
        entries.append(_said("human:ann", chance.randint(4, 10), started))
    lines = b"".join(seal_line(msgspec.json.encode(entry)) for entry in entries)
    (folder / FEEDBACK_NAME).write_bytes(lines)


def _said(author: str, score: int, when: datetime.datetime) -> FeedbackEntry:
    return FeedbackEntry(
        id=new_ulid(), time=when.isoformat(), author=author, score=float(score), seconds=20.0
    )


def _median(run: Run, command: list[str], workspace: Path, times: int) -> float | None:
    # As where it was installed: the bytecode of every module is kept.
    environment = peer_environment(
        UNDERSTUDY_WORKSPACE=str(workspace),
        PYTHONPYCACHEPREFIX=str(workspace.with_name("bytecode")),
    )
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def finish() -> None:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            raise NotMeasuredError(last)

    say(f"starting {' '.join(command[1:])} {times} times")
    try:
        finish()  # the first one reads the files from the disk
        return statistics.median(timed(finish) / 1e9 for _ in range(times))
    except NotMeasuredError as why:
        run.skip(f"understudy ({SUBJECT}): {why}")
        return None


if __name__ == "__main__":
    make_sessions(Path(os.environ["UNDERSTUDY_WORKSPACE"]), SESSIONS)
