"""Starts contestants: ours and the bare limits here, each peer in an environment of its own.

A peer's environment is made when it is first needed, below `.bench/`, from the exact versions
in `bench/peers/NAME/requirements.txt` and nothing else (`--no-deps`): a pin that conflicts with
our own, or an unwanted download, cannot slip in. A peer that cannot be had is a `NotMeasuredError`
with its reason, never a failure of the run.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Figures

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".bench"
INSTALL_SECONDS = 1200
RUN_SECONDS = 900


class NotMeasuredError(Exception):
    """A contestant that cannot take part; the text says why."""


@dataclass(frozen=True)
class Contestant:
    """A name for the table and the module that drives it; `peer` names its environment."""

    name: str
    module: str
    peer: str | None = None

    def python(self) -> Path:
        return Path(sys.executable) if self.peer is None else peer_python(self.peer)


OURS = Contestant("understudy", "bench.ours")
LIMITS = Contestant("limit", "bench.limits")
MEMORY_MAP = Contestant("memory map", "bench.peers.memory_map.driver", "memory_map")
JSON_LINES = Contestant("JSON lines", "bench.peers.json_lines.driver", "json_lines")
MCAP = Contestant("MCAP", "bench.peers.mcap.driver", "mcap")
MINARI = Contestant("Minari", "bench.peers.minari.driver", "minari")
LEROBOT = Contestant("LeRobot", "bench.peers.lerobot.driver", "lerobot")
REWRITING = Contestant("rewriting", "bench.peers.rewriting.driver")
PNG = Contestant("PNG", "bench.peers.png.driver", "png")


def peer_python(peer: str) -> Path:
    """The Python of a peer's environment, made first if need be."""
    requirements = ROOT / "bench" / "peers" / peer / "requirements.txt"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    home = ENVIRONMENTS / f"{peer}-{wanted}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (home / "complete").exists():
        return python
    refused = home / "refused"
    if refused.exists():
        raise NotMeasuredError(f"{refused.read_text()} (delete {home} to try again)")
    say(f"making the environment of {peer} …")
    _run([sys.executable, "-m", "venv", "--clear", str(home)], INSTALL_SECONDS)
    try:
        if "torch==" in requirements.read_text():
            _refuse_cuda(python, home)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
        _run([*pip, "--no-deps", "-r", str(requirements)], INSTALL_SECONDS)
    except NotMeasuredError as why:
        refused.write_text(str(why))
        raise
    (home / "complete").write_text("")
    return python


def _refuse_cuda(python: Path, home: Path) -> None:
    """A machine without a GPU must not be made to download one's libraries."""
    report = home / "torch.json"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q", "--dry-run"]
    _run([*pip, "--report", str(report), "torch==2.13.0"], INSTALL_SECONDS)
    names = [item["metadata"]["name"] for item in json.loads(report.read_text())["install"]]
    heavy = [name for name in names if name.startswith(("nvidia", "cuda", "triton"))]
    if heavy:
        raise NotMeasuredError(
            "pip would download CUDA packages with torch==2.13.0 here "
            f"({', '.join(heavy[:3])} …); point PIP_FIND_LINKS at a CPU build of it"
        )


def run(
    contestant: Contestant,
    subject: str,
    *,
    count: int,
    hz: float | None = None,
    folder: Path | None = None,
) -> Figures:
    """What the contestant measured on the subject; raises NotMeasuredError when it could not."""
    command = [str(contestant.python()), "-m", contestant.module, subject, "--count", str(count)]
    if hz is not None:
        command += ["--hz", str(hz)]
    if folder is not None:
        command += ["--folder", str(folder)]
    pace = "" if hz is None else f" at {hz:g}/s"
    say(f"{contestant.name}: {subject}, {count:,}{pace}")
    lines = _run(command, RUN_SECONDS).strip().splitlines()
    try:
        figures: Figures = json.loads(lines[-1])
    except (IndexError, ValueError):
        raise NotMeasuredError(f"{contestant.name} printed no figures for {subject}") from None
    return figures


def peer_environment(**more: str) -> dict[str, str]:
    """The variables every contestant gets: this tree's code, and no model hub."""
    path = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    return {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", **more}


def _run(command: list[str], seconds: float) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=peer_environment(),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotMeasuredError(
            f"{Path(command[0]).name} {command[2]} took over {seconds:g} s"
        ) from None
    except OSError as error:
        raise NotMeasuredError(f"{command[0]} does not start: {error}") from None
    if done.returncode:
        told = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise NotMeasuredError(told[-1][:200] if told else f"exit status {done.returncode}")
    return done.stdout


def say(text: str) -> None:
    """Progress, on the error stream: the table alone is on the output."""
    print(f"  {text}", file=sys.stderr, flush=True)
