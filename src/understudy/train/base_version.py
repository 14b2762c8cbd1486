"""Making the embedded base model anew, as a version of a model or into a folder."""

from __future__ import annotations

import contextlib
import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.models.registry import MERGED, ModelVersion, publish_model
from understudy.store.building_place import refusals

if TYPE_CHECKING:
    from understudy.store.folder import WorkspaceFolder

Told = Callable[[int, int, float], None]
"""Hears the step, the last step and the loss."""


def make_base_folder(
    folder: Path, size: str, *, seed: int | None, steps: int | None, progress: Told | None
) -> Path:
    """Train a base model and write it to ``folder``; after a kill the same call goes on."""
    from understudy.train.base.make import make_base
    from understudy.train.loading import quiet

    work = folder.with_name(f".{folder.name}.training")
    with refusals(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
    # The trainer prints its logs; what a command prints is its own.
    with quiet(), contextlib.redirect_stdout(io.StringIO()):
        make_base(folder, size, seed=seed, steps=steps, work=work, progress=progress)
    shutil.rmtree(work, ignore_errors=True)
    return folder


def make_base_version(
    workspace: WorkspaceFolder,
    name: str,
    size: str,
    *,
    seed: int | None = None,
    steps: int | None = None,
    progress: Told | None = None,
) -> ModelVersion:
    """Train a base model and add it to the model ``name`` as a version with whole weights."""
    from understudy.train.base.make import SIZES

    settings = SIZES[size]
    began = time.monotonic()
    last: dict[str, Any] = {"steps": settings.steps if steps is None else steps}

    def tell(step: int, of: int, loss: float) -> None:
        last["loss"] = loss
        if progress is not None:
            progress(step, of, loss)

    place = workspace.internal / "training" / f"{name}.base.{size}"

    def build(folder: Path) -> dict[str, Any]:
        made = make_base_folder(place, size, seed=seed, steps=steps, progress=tell)
        made.rename(folder / MERGED)
        return {
            "method": "base",
            "form": MERGED,
            "base": {},
            "seed": settings.seed if seed is None else seed,
            "settings": {"size": size},
            "data": {"sources": [{"name": "the corpus of the small world", "kind": "generated"}]},
            "metrics": {**last, "seconds": round(time.monotonic() - began, 1)},
            "licenses": {"base": "Apache-2.0"},
        }

    return publish_model(workspace, name, build)
