"""The proxy between a client and a model server: what it adds, how much it carries, what it eats.

Upstream, proxy and load are processes of their own. What a proxy adds is its median less the
median of the same calls sent straight to the upstream just before: the median of several rounds.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.contest import ROOT, NotMeasuredError, peer_environment, peer_python, say
from bench.measure import Figures, processor_seconds
from bench.run import Run, pick
from bench.startup import understudy_command
from bench.table import Row

SUBJECT = "proxy"
STREAMS = 32
PACE_MS = 20.0
START_SECONDS = 120
ROUND_SECONDS = (3.0, 1.5)  # in full, and quickly
SETTLE_SECONDS = 30
OURS = "understudy"
BARE = "aiohttp pass-through"
RELAY = "socket relay"

Starter = Callable[[int, Path], list[str]]


@dataclass(frozen=True)
class Kind:
    """One pattern of load: how many connections, streamed or not, and for how long."""

    name: str
    connections: int
    stream: bool = False
    pace_ms: float = 0.0
    calls: int | None = None


KINDS = (
    Kind("alone", 1, calls=400),
    Kind("alone_stream", 1, stream=True, calls=300),
    Kind("plain", STREAMS),
    Kind("streams", STREAMS, stream=True),
    Kind("paced", STREAMS, stream=True, pace_ms=PACE_MS),
)


def measure(run: Run) -> None:
    """All proxies one after the other before the same upstream; then the rows."""
    found: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="understudy-bench-") as name, _upstream() as upstream:
        for proxy, start in _proxies(run, upstream).items():
            folder = Path(name) / proxy.replace(" ", "-")
            folder.mkdir()
            try:
                found[proxy] = _measure(run, proxy, start, upstream, folder)
            except NotMeasuredError as why:
                run.skip(f"{proxy} (proxy): {why}")
    _rows(run, found)


def _rows(run: Run, found: dict[str, Figures]) -> None:
    ours, bare = found.pop(OURS, {}), found.pop(BARE, {})
    for name, what, unit, target in (
        ("alone_added_ms", "added latency alone, plain", "ms", 0.5),
        ("alone_stream_added_ms", "added latency alone, streamed", "ms", 0.5),
        ("streams_added_ms", f"added latency at {STREAMS} concurrent streams", "ms", 6.0),
        (
            "paced_added_ms",
            f"added to each chunk, {STREAMS} streams of {1000 / PACE_MS:g}/s",
            "ms",
            None,
        ),
        ("plain_cpu_us", "processor time, plain request", "µs", 300.0),
        ("streams_cpu_us", "processor time, streamed request", "µs", 400.0),
    ):
        run.rows.append(
            Row(
                SUBJECT,
                what,
                unit,
                ours.get(name),
                target,
                limit=bare.get(name),
                limit_name=BARE,
                peers=pick(found, name),
            )
        )
    for name, what in (("plain", "plain"), ("streams", "streamed")):
        rate = f"{name}_requests_per_s"
        run.rows.append(
            Row(
                SUBJECT,
                f"requests, {STREAMS} connections, {what}",
                "1/s",
                ours.get(rate),
                0.7,
                at_least=True,
                target_is_ratio=True,
                limit=bare.get(rate),
                limit_name=BARE,
                peers=pick(found, rate),
            )
        )


def _proxies(run: Run, upstream: int) -> dict[str, Starter]:
    own = sys.executable
    proxies: dict[str, Starter] = {
        BARE: lambda port, _: [own, "-m", "bench.wire.pass_through", "--port", str(port)],
        RELAY: lambda port, _: [own, "-m", "bench.wire.relay", "--port", str(port)],
        OURS: lambda port, folder: [
            *understudy_command(),
            "proxy",
            "--upstream",
            f"http://127.0.0.1:{upstream}",
            "--port",
            str(port),
            "--workspace",
            str(folder / "workspace"),
        ],
    }
    if run.with_peers:
        proxies["LiteLLM"] = lambda port, folder: _litellm(port, upstream, folder)
        proxies["llm-intercept"] = lambda port, folder: [
            str(peer_python("llm_intercept")),
            "-c",
            "from llm_intercept.cli import cli; cli()",
            "serve",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--admin-password",
            "bench",
            "--base-url",
            f"http://127.0.0.1:{upstream}/v1/chat/completions",
            "--database-url",
            f"sqlite:///{folder / 'calls.db'}",
        ]
    return proxies


def _litellm(port: int, upstream: int, folder: Path) -> list[str]:
    settings = {
        "model_list": [
            {
                "model_name": "bench",
                "litellm_params": {
                    "model": "openai/bench",
                    "api_key": "sk-bench",
                    "api_base": f"http://127.0.0.1:{upstream}/v1",
                },
            }
        ],
        # It listens on loopback only, and for as long as it is measured.
        "general_settings": {"dangerously_permit_weak_or_unset_master_key": True},
    }
    (folder / "config.yaml").write_text(json.dumps(settings))  # JSON is YAML
    return [
        str(peer_python("litellm")),
        "-c",
        "from litellm import run_server; run_server()",
        "--config",
        str(folder / "config.yaml"),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--telemetry",
        "False",
    ]


def _measure(run: Run, name: str, start: Starter, upstream: int, folder: Path) -> Figures:
    port = _free_port()
    say(f"starting {name}")
    command = start(port, folder)
    figures: Figures = {}
    with _server(command, port, folder, upstream) as process:
        _warm(port)
        for kind in KINDS:
            say(f"{name}: {kind.name}")
            try:
                figures |= _rounds(run, kind, upstream, port, process.pid)
            except NotMeasuredError as why:
                run.skip(f"{name} (proxy, {kind.name}): {why}")
        if name == OURS:
            run.notes.append(f"proxy: it says of itself {_health(port)}")
    return figures


def _health(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            return " ".join(answer.read(1000).decode().split())
    except OSError as error:
        return f"nothing: {error}"


def _rounds(run: Run, kind: Kind, upstream: int, port: int, pid: int) -> Figures:
    """Straight and through the proxy in turn, so that a machine's moods touch both alike."""
    latency = "chunk_ms" if kind.pace_ms else "call_ms"
    added, rates = [], []
    spent, requests = 0.0, 0
    seconds = ROUND_SECONDS[run.quick]
    for _ in range(run.count(3, 2)):
        direct = _client(upstream, kind, seconds=seconds)
        before = processor_seconds(pid)
        loaded = _client(port, kind, seconds=seconds)
        spent += _settled_seconds(pid) - before
        requests += loaded["requests"]
        rates.append(loaded["requests_per_s"])
        if loaded[latency] is not None:  # who writes the chunks anew loses when they were sent
            added.append(loaded[latency] - direct[latency])
    return {
        f"{kind.name}_added_ms": statistics.median(added) if added else None,
        f"{kind.name}_requests_per_s": statistics.median(rates),
        f"{kind.name}_cpu_us": spent / requests * 1e6,
    }


def _settled_seconds(pid: int) -> float:
    """The processor time used once the process rests: storing what it captured counts too."""
    deadline = time.monotonic() + SETTLE_SECONDS
    used = processor_seconds(pid)
    while time.monotonic() < deadline:
        time.sleep(0.3)
        now = processor_seconds(pid)
        if now - used < 0.015:
            return now
        used = now
    return used


def _warm(port: int) -> None:
    for kind in (Kind("", 4, calls=20), Kind("", 4, stream=True, calls=20)):
        _client(port, kind, seconds=30)


def _client(port: int, kind: Kind, *, seconds: float) -> Figures:
    command = [
        sys.executable,
        "-m",
        "bench.wire.load",
        "--port",
        str(port),
        "--seconds",
        str(seconds),
        "--connections",
        str(kind.connections),
        "--pace-ms",
        str(kind.pace_ms),
        *(["--stream"] if kind.stream else []),
        *(["--calls", str(kind.calls)] if kind.calls else []),
    ]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=peer_environment(),
            capture_output=True,
            text=True,
            timeout=seconds + 30,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotMeasuredError("its answers stopped coming") from None
    if done.returncode:
        raise NotMeasuredError((done.stderr.strip().splitlines() or ["the load failed"])[-1][:200])
    figures: Figures = json.loads(done.stdout)
    return figures


@contextmanager
def _upstream() -> Iterator[int]:
    port = _free_port()
    with (
        tempfile.TemporaryDirectory(prefix="understudy-bench-") as folder,
        _server(
            [sys.executable, "-m", "bench.wire.upstream", "--port", str(port)],
            port,
            Path(folder),
            0,
        ),
    ):
        yield port


@contextmanager
def _server(
    command: list[str], port: int, folder: Path, upstream: int
) -> Iterator[subprocess.Popen[bytes]]:
    environment = peer_environment(
        BENCH_UPSTREAM_PORT=str(upstream),
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        LITELLM_LOG="ERROR",
        NO_PROXY="127.0.0.1",
    )
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(
            command, cwd=_place(folder, command), env=environment, stdout=log, stderr=log
        )
    try:
        _wait_for(process, port, folder / "server.log")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _place(folder: Path, command: list[str]) -> Path:
    """Ours run from the tree (`-m bench…`), peers where they may write what they like."""
    return ROOT if "-m" in command else folder


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            told = log.read_text(errors="replace").strip().splitlines() or ["no word"]
            raise NotMeasuredError(f"it ended at once: {told[-1][:200]}")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise NotMeasuredError(f"it did not listen within {START_SECONDS} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
