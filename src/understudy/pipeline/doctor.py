"""``understudy doctor``: everything that could go wrong, looked at before it does.

Nothing is changed: what is found is said, with what to do about it. A check that cannot be made is
itself a finding, never an exception.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from understudy.errors import UnderstudyError
from understudy.pipeline.doctor_findings import Check, problem
from understudy.pipeline.doctor_machine import check_machine
from understudy.pipeline.doctor_workspace import check_workspace


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """All checks, in the order in which they were made."""

    workspace: str
    checks: list[Check]

    @property
    def ok(self) -> bool:
        """Whether nothing is a problem; there may be warnings."""
        return all(check.verdict != "problem" for check in self.checks)


def examine(
    path: str | os.PathLike[str] | None = None,
    *,
    proxy_port: int,
    models: bool = False,
    report: Callable[[Check], None] = lambda check: None,
) -> Diagnosis:
    """Check this installation and the workspace at ``path`` (found as everywhere else).

    With ``models`` also what trains and runs language models, and those of the workspace, each of
    which is loaded. ``report`` is called with each check once it is made.
    """
    from understudy.store.folder import resolve_workspace_path

    where = resolve_workspace_path(path)
    checks = []
    for check in _all_checks(where, proxy_port, models):
        checks.append(check)
        report(check)
    return Diagnosis(workspace=str(where), checks=checks)


def _all_checks(where: Path, proxy_port: int, models: bool) -> Iterator[Check]:
    yield from _guarded("installation", lambda: check_machine(proxy_port))
    yield from _guarded("workspace", lambda: check_workspace(where))
    if models:
        from understudy.pipeline.doctor_models import check_models

        yield from _guarded("models", lambda: check_models(where))


def _guarded(name: str, checks: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from checks()
    except UnderstudyError as error:
        yield problem(name, str(error))
    except OSError as error:
        yield problem(name, f"{error}; check the disk and its permissions")
