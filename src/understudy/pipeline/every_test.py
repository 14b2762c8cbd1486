"""Every test there is of what a workspace holds, one after another, with one table in the end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from understudy._util.counting import counted
from understudy.datasets.tool_survey import survey
from understudy.deploy.bundle import Bundle, bundles_of
from understudy.deploy.testing import examine
from understudy.evaluate.results import COLUMNS
from understudy.models.registry import models_of
from understudy.pipeline.maintenance import Order, Outcome, Part, Plan, done, failed, nothing, tried
from understudy.pipeline.maintenance_monthly import verify_sessions, verify_versions
from understudy.pipeline.validation import Request, latest_model, validate

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace


def run_every_test(workspace: Workspace, order: Order) -> list[Part]:
    """Test data, sessions, models and bundles; one failure does not stop the others."""
    return [
        Part(name=name, about=about, outcome=tried(work))
        for name, about, work in _plan(workspace, order)
    ]


def _plan(workspace: Workspace, order: Order) -> Plan:
    yield "tool calls in the data", "", lambda: _calls(workspace, order)
    yield "sessions", "", lambda: verify_sessions(workspace, order)
    yield "model files", "", lambda: verify_versions(models_of(workspace), "model")
    yield "bundle files", "", lambda: verify_versions(bundles_of(workspace), "bundle")
    if models_of(workspace).names():
        yield "validation", "", lambda: _validation(workspace, order)
    for bundle in _latest_bundles(workspace):
        yield "deployed bundle", bundle.ref, partial(_bundle, bundle, order)


def _calls(workspace: Workspace, order: Order) -> Outcome:
    found = survey(
        workspace_path=workspace.path, progress=order.watcher.progress("reading tool calls")
    ).found
    lines = [f"{one.where}: {one.reason}" for one in found.malformed] + found.unread
    if lines:
        return failed(
            f"{counted(len(lines), 'place')} cannot be read as calls; `understudy tools scan` "
            "lists them",
            lines=lines,
        )
    return done(f"{counted(found.calls, 'call')} in {counted(found.texts, 'text')} are well formed")


def _validation(workspace: Workspace, order: Order) -> Outcome:
    made = validate(
        workspace,
        Request(
            model=latest_model(workspace),
            limit=order.limit,
            reach=workspace.settings.validation.reach,
            most_lost=workspace.settings.validation.most_lost,
        ),
        order.watcher.progress,
    )
    told = ", ".join(
        f"{name} {made.results[name]['tool_call_accuracy']:.1%}"
        for name in COLUMNS
        if (made.results.get(name) or {}).get("tool_call_accuracy") is not None
    )
    if not made.passed:
        return failed(f"{'; '.join(made.reasons)} ({told})")
    return done(f"{made.results['model']}: {told}")


def _latest_bundles(workspace: Workspace) -> list[Bundle]:
    bundles = bundles_of(workspace)
    return [bundles.find(name) for name in bundles.names()]


def _bundle(bundle: Bundle, order: Order) -> Outcome:
    results = examine(bundle, progress=order.watcher.progress("playing scenarios"))
    bad = [f"{check.name}: {check.detail}" for check in results.checks if not check.passed]
    if bad:
        return failed("; ".join(bad))
    speed = results.tokens_per_second
    if speed is None:
        return nothing("it was not loaded")
    return done(f"{counted(len(results.checks), 'check')} passed, {speed:.0f} tokens a second")
