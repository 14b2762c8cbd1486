"""How long `understudy --help` and `import understudy` take, each in a fresh process."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.contest import ROOT, NotMeasuredError, peer_environment, peer_python, say
from bench.measure import timed
from bench.run import Run
from bench.table import Row

SUBJECT = "startup"
ENTRY = "import sys; from understudy.cli.main import main; sys.exit(main())"
IMPORT = (
    "import time; begin = time.perf_counter(); import understudy; "
    "print(time.perf_counter() - begin)"
)


def measure(run: Run) -> None:
    """Medians of whole processes, the files warm in memory."""
    times = run.count(20, 7)
    bare = _median([sys.executable, "-c", "pass"], times)
    peers = {}
    if run.with_peers:
        for name, peer, module in (
            ("Click's hello", "click", "bench.peers.click.driver"),
            ("Typer's hello", "typer", "bench.peers.typer.driver"),
            ("lerobot-train", "lerobot", "bench.peers.lerobot.train_help"),
        ):
            often = 3 if peer == "lerobot" else times
            found = _or_skip(run, partial(_help_of, peer, module, often), name)
            if found is not None:
                peers[name] = found
    run.rows.append(
        Row(
            SUBJECT,
            "understudy --help",
            "s",
            _or_skip(run, lambda: _median([*understudy_command(), "--help"], times), "understudy"),
            0.1,
            limit=bare,
            limit_name="python -c pass",
            peers=peers,
        )
    )
    run.rows.append(
        Row(
            SUBJECT,
            "import understudy",
            "s",
            _or_skip(run, lambda: _median_printed([sys.executable, "-c", IMPORT], times), "import"),
            0.05,
            limit=bare,
            limit_name="python -c pass",
        )
    )


def _help_of(peer: str, module: str, times: int) -> float:
    return _median([str(peer_python(peer)), "-m", module, "--help"], times)


def understudy_command() -> list[str]:
    """The command as a user starts it: the installed script, else its entry point."""
    script = Path(sys.executable).parent / "understudy"
    if script.exists():
        return [str(script)]
    return [sys.executable, "-c", ENTRY]


def _or_skip(run: Run, measure: Callable[[], float], name: str) -> float | None:
    try:
        return measure()
    except NotMeasuredError as why:
        run.skip(f"{name} (startup): {why}")
        return None


def _median(command: list[str], times: int) -> float:
    _finish(command)  # the first one reads the files from the disk
    say(f"starting {' '.join(command[1:])[:50]} {times} times")
    return statistics.median(timed(lambda: _finish(command)) / 1e9 for _ in range(times))


def _median_printed(command: list[str], times: int) -> float:
    _finish(command)
    return statistics.median(float(_finish(command)) for _ in range(times))


def _finish(command: list[str]) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=peer_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotMeasuredError(
            (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        )
    return done.stdout
