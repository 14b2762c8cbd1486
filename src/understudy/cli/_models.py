"""What the commands about models share: which one is meant, and the progress of work in stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from understudy.cli._output import Progress, progress
from understudy.errors import UsageError

if TYPE_CHECKING:
    from understudy.deploy.bundle import Bundle
    from understudy.models.registry import ModelVersion
    from understudy.session.workspace import Workspace


def model_meant(workspace: Workspace, ref: str | None) -> ModelVersion:
    """The version that ``ref`` names, or of the only model. UsageError where that is unclear."""
    from understudy.models.registry import find_model, models_of

    return find_model(workspace, ref or _only(models_of(workspace).names(), "model"))


def bundle_meant(workspace: Workspace | None, ref: str | None) -> Bundle:
    """The bundle that ``ref`` names, or the only one. UsageError where that is unclear."""
    from understudy.deploy.bundle import bundles_of, find_bundle

    if not ref:
        ref = _only(bundles_of(workspace).names() if workspace else [], "bundle")
    return find_bundle(workspace, ref)


@contextmanager
def stages() -> Iterator[Callable[[str], Progress]]:
    """Gives what long work calls at the beginning of each stage, with what is being done."""
    with ExitStack() as shown:

        def told(doing: str) -> Progress:
            shown.close()
            return shown.enter_context(progress(doing))

        yield told


def _only(names: list[str], kind: str) -> str:
    if len(names) == 1:
        return names[0]
    known = f"name one of {', '.join(names)}" if names else f"there is no {kind} yet"
    raise UsageError(f"which {kind} is meant is not clear; {known}")
