"""The doctor's look at the installation: Python, packages, plug-ins, clock and the proxy's port."""

from __future__ import annotations

import http.client
import platform
import re
import socket
import sys
import time
from collections.abc import Iterator
from importlib import metadata

from understudy import plugins
from understudy.errors import PluginError
from understudy.pipeline.doctor_findings import Check, ok, problem, warning

OLDEST_PYTHON = (3, 11)
_RELEASED = 1_760_000_000
"""Autumn 2025: a clock that shows an earlier time is wrong."""
_PROXY_TIMEOUT_S = 2.0
_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)\s*(?:\[[^]]*\])?\s*(?P<versions>[^;]*?)\s*(?:;\s*(?P<marker>.*))?"
)
_EXTRA = re.compile(r"extra == ['\"]([\w.-]+)['\"]")
_LOWEST = re.compile(r">=\s*([\d.]+)")
_SELF_REFERRING = frozenset({"all", "dev"})
"""Extras for those who work on Understudy, or made of others: nothing is missing without them."""


def check_machine(proxy_port: int) -> Iterator[Check]:
    """All that does not need a workspace."""
    yield _python()
    yield from _packages()
    yield from _plugins()
    yield _clock()
    yield _port(proxy_port)


def _python() -> Check:
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        needed = ".".join(map(str, OLDEST_PYTHON))
        return problem("python", f"Python {version} is too old; install {needed} or newer")
    if sys.platform not in ("linux", "darwin"):
        return warning(
            "python", f"Python {version}; Understudy has not been tried on {platform.system()}"
        )
    return ok("python", f"Python {version} on {platform.system()} {platform.machine()}")


def _packages() -> Iterator[Check]:
    try:
        version = metadata.version("understudy")
        required = metadata.requires("understudy") or []
    except metadata.PackageNotFoundError:
        yield problem(
            "packages",
            "Understudy runs without being installed, so that no dialect and no export format can "
            "be found; run `pip install .` in its folder",
        )
        return
    wrong: list[str] = []
    extras: dict[str, tuple[int, list[str]]] = {}
    for line in required:
        found = _REQUIREMENT.fullmatch(line.strip())
        if found is None:
            continue
        lacking = _lacking(found["name"], found["versions"])
        extra = _EXTRA.search(found["marker"] or "")
        if extra is None:
            wrong += lacking
        elif extra[1] not in _SELF_REFERRING:
            count, so_far = extras.get(extra[1], (0, []))
            extras[extra[1]] = (count + 1, so_far + lacking)
    if wrong:
        yield problem("packages", f"{'; '.join(wrong)}; run `pip install .` again")
    else:
        yield ok("packages", f"understudy {version} has all the packages it needs")
    yield ok("extras", _extras(extras))


def _extras(extras: dict[str, tuple[int, list[str]]]) -> str:
    """``extras``: name → how many packages belong to it, and what is wrong with some of them."""
    whole, part, absent = [], [], []
    for name, (count, lacking) in sorted(extras.items()):
        if not lacking:
            whole.append(name)
        elif len(lacking) < count:
            part.append(f"{name} ({', '.join(lacking)})")
        else:
            absent.append(name)
    said = [("installed", whole), ("in part", part), ("not installed", absent)]
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in said if names)


def _lacking(name: str, versions: str) -> list[str]:
    """What is wrong with a package that is needed; nothing when it is there and new enough."""
    try:
        there = metadata.version(name)
    except metadata.PackageNotFoundError:
        return [f"{name} is not installed"]
    lowest = _LOWEST.search(versions)
    if lowest and _numbers(there) < _numbers(lowest[1]):
        return [f"{name} is {there}, older than {lowest[1]}"]
    return []


def _numbers(version: str) -> tuple[int, ...]:
    numbers = re.match(r"[\d.]*", version)
    parts = [int(part) for part in (numbers[0] if numbers else "").split(".") if part]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _plugins() -> Iterator[Check]:
    loaded: list[str] = []
    for group in (plugins.DIALECTS, plugins.EXPORTS):
        try:
            names = plugins.names(group)
        except PluginError as error:
            yield problem("plug-ins", str(error))
            continue
        if not names:
            yield problem(
                "plug-ins", f"nothing is registered as {group}; run `pip install .` again"
            )
        for name in names:
            try:
                plugins.load_one(group, name)
                loaded.append(name)
            except PluginError as error:
                yield problem("plug-ins", str(error))
    if loaded:
        yield ok("plug-ins", f"{', '.join(loaded)} can be loaded")


def _clock() -> Check:
    if time.time() < _RELEASED:
        return problem(
            "clock",
            f"the clock of this machine says {time.strftime('%Y-%m-%d', time.gmtime())}, before "
            "Understudy was written; set it, or sessions are named and sorted wrongly",
        )
    return ok("clock", f"it is {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC")


def _port(port: int) -> Check:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":  # where the option would let two programs share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            if _is_our_proxy(port):
                return ok("proxy", f"a proxy of Understudy is running on port {port}")
            return warning(
                "proxy",
                f"port {port}, which `understudy proxy` takes, is in use by another program; give "
                "it another one with --port",
            )
    return ok("proxy", f"port {port} is free for `understudy proxy`")


def _is_our_proxy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PROXY_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        return b'"ok"' in connection.getresponse().read(1000)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
