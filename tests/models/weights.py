"""Small stand-ins for the files of a model, for tests that train nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from understudy.models.hashes import write_hashes
from understudy.models.registry import HASHES_NAME, ModelVersion, publish_model
from understudy.store.folder import WorkspaceFolder
from understudy.store.manifest import Parent

FACTS: dict[str, Any] = {
    "method": "sft",
    "form": "adapter",
    "base": {"id": "embedded", "path": "/somewhere", "sha256": "ab" * 32},
    "seed": 1,
    "settings": {"lora_r": 16, "learning_rate": 2e-4},
    "metrics": {"loss": 1.25, "steps": 60},
    "data": {
        "examples": 4,
        "sources": [{"name": "tavern@v0001", "examples": 4, "licenses": {"CC-BY-4.0": 1}}],
    },
    "licenses": {"base": "Apache-2.0"},
    "environment": {"torch": "2.13.0"},
}


def adapter(facts: dict[str, Any] | None = None, *, size: int = 100) -> Callable[..., Any]:
    """Something that writes an adapter of ``size`` bytes and tells ``facts`` beside the usual."""

    def build(folder: Path) -> dict[str, Any]:
        (folder / "adapter").mkdir()
        (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"w" * size)
        (folder / "training_metadata.json").write_text("{}\n")
        return {**FACTS, **(facts or {})}

    return build


def add(
    workspace: WorkspaceFolder,
    name: str = "dm",
    facts: dict[str, Any] | None = None,
    parents: Sequence[Parent] = (),
    hashes: Sequence[str] = (),
) -> ModelVersion:
    """A version of a model."""
    build = adapter(facts)

    def with_hashes(folder: Path) -> dict[str, Any]:
        told = build(folder)
        if hashes:
            write_hashes(folder / HASHES_NAME, hashes)
        return dict(told)

    return publish_model(workspace, name, with_hashes, parents)
