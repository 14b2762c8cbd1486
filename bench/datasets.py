"""Building a dataset from a thousand sessions: examples a second, and the memory it takes.

Every session is another walk through the same kind of game: no two pictures are the same, tasks and
actions repeat, and every example is kept, so that each one is read, compared, split and written.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.contest import NotMeasuredError, peer_environment, say
from bench.run import Run
from bench.table import Row

SUBJECT = "datasets"
SESSIONS, STEPS = 1_000, 20
_TASKS = 50
_ACTIONS = ("press_a", "press_b", "press_up", "press_down", "press_left", "press_right")
_BUILD = """
import json, resource, sys, time
from pathlib import Path
from understudy.datasets.build import BuildRequest, build_dataset
from understudy.session.workspace import Workspace
with Workspace(Path(sys.argv[1]), create=False) as workspace:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    built = build_dataset(workspace, sys.argv[2], BuildRequest(formats=tuple(sys.argv[3:])))
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"rows": built.facts["counts"]["rows"], "seconds": seconds,
                  "before": before / 1024, "after": after / 1024}))
"""


def measure(run: Run) -> None:
    """Each build in a process of its own; recording the sessions is not counted."""
    count = run.count(SESSIONS, SESSIONS // 10)
    with tempfile.TemporaryDirectory(prefix="understudy-bench-") as name:
        workspace = Path(name)
        say(f"recording {count:,} sessions of {STEPS} steps")
        _record(workspace, count)
        plain = _build(workspace, "plain")
        written = _build(workspace, "written", "vllm")
    run.rows += [
        Row(
            SUBJECT,
            f"dataset build, {count:,} sessions",
            "examples/s",
            plain["rows"] / plain["seconds"],
            5_000,
            at_least=True,
        ),
        Row(
            SUBJECT,
            "the same with the vLLM file",
            "examples/s",
            written["rows"] / written["seconds"],
        ),
        Row(SUBJECT, "memory while building", "MB", plain["after"]),
    ]
    run.notes.append(
        f"datasets: {plain['rows']:,} of {count * STEPS:,} examples are kept; resident memory "
        f"{plain['before']:.0f} MB before, {plain['after']:.0f} MB at most"
    )


def _build(workspace: Path, name: str, *formats: str) -> dict[str, float]:
    say(f"dataset build {' '.join([name, *formats])}")
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, str(workspace), name, *formats],
        env=peer_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotMeasuredError((done.stderr.strip().splitlines() or ["it failed"])[-1])
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _record(workspace: Path, count: int) -> None:
    from bench.workloads import make_pixel
    from understudy.session.workspace import Workspace

    with Workspace(workspace) as opened:
        for number in range(count):
            work = make_pixel(STEPS, seed=number)
            task = number % _TASKS
            session = opened.record(
                game="walk", task=f"walk {task}", player="script", durability="interval",
                metadata={
                    "max_steps": STEPS, "seed": number,
                    "task": {"id": f"walk-{task}", "words": f"walk {task}", "group": "walking"},
                },
            )  # fmt: skip
            for step in range(STEPS):
                session.step(
                    action=_ACTIONS[int(work["act"][step]) % len(_ACTIONS)],
                    observation=f"You are at {step} on walk {number}.",
                    screenshot=work["frames"][step],
                    reasoning="The way goes on.",
                    expected_outcome="The hero walks.",
                    success=True,
                    screen=os.urandom(8).hex(),
                )
            session.seal(success=True, completion="success", outcome="done")
            opened.session(session.id).add_feedback(score=8, author="human:bench")
