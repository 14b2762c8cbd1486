"""Serving a model of the workspace for as long as somebody plays with it.

What was converted is served as it ships. Anything else is merged and converted for the occasion,
in 16-bit numbers, and forgotten afterwards.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from understudy.deploy.conversion import read_conversion
from understudy.deploy.gguf import convert
from understudy.deploy.merge import merge
from understudy.models.bases import EMBEDDED, base_of, find_base
from understudy.models.registry import ModelVersion, find_model
from understudy.players.backends.llama_cpp import LlamaServer
from understudy.store.folder import WorkspaceFolder

FLOAT = "f16"
_GGUF = ".gguf"
_PROMPTS = ([{"role": "user", "content": "Who is there?"}],)
"""What a merge is compared on: one that is wrong shows anywhere."""


class Served(NamedTuple):
    """A model that can be asked."""

    name: str
    """Such as ``agent@v0002``, or ``embedded``."""
    weights: str
    """``f16``, or how the file that ships is quantised."""
    base_url: str
    reasoning: bool
    """Whether it was trained to explain its actions."""


def explains(version: ModelVersion) -> bool:
    """Whether a model was trained to say why it takes an action."""
    return bool((version.facts.get("settings") or {}).get("reasoning", True))


def is_plain(name: str) -> bool:
    """Whether ``name`` means weights that no training here has made: a path, or the base."""
    path = Path(name).expanduser()
    return name == EMBEDDED or path.suffix == _GGUF or path.is_dir()


@contextmanager
def served(workspace: WorkspaceFolder, name: str, *, reasoning: bool = True) -> Iterator[Served]:
    """The model ``name`` behind an address of this machine.

    It is NAME, NAME@v0003, ``embedded``, or the path of a folder or of a .gguf file; ``reasoning``
    is for those that no training here has made. Raises ModelError when there is none, DeployError
    or PlayerError when llama.cpp cannot run it.
    """
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        place = Path(folder)
        version = None if is_plain(name) else find_model(workspace, name)
        if version is None:
            file, weights = _plain(workspace, name, place)
        else:
            file, weights = _trained(workspace, version, place)
            name, reasoning = version.ref, explains(version)
        with LlamaServer(file, name=name) as server:
            yield Served(name, weights, f"{server.url}/v1", reasoning)


def _plain(workspace: WorkspaceFolder, name: str, place: Path) -> tuple[Path, str]:
    path = Path(name).expanduser()
    if path.suffix == _GGUF:
        return path, path.stem
    return _converted(find_base(workspace, name).folder, None, place, path.name), FLOAT


def _trained(workspace: WorkspaceFolder, version: ModelVersion, place: Path) -> tuple[Path, str]:
    conversion = read_conversion(version)
    if conversion is not None:
        return version.folder / conversion.gguf_name, conversion.quantisation
    whole = version.merged
    base = whole or base_of(workspace, version.base).folder
    adapter = None if whole else version.adapter
    return _converted(base, adapter, place, version.name), FLOAT


def _converted(base: Path, adapter: Path | None, place: Path, name: str) -> Path:
    merged = place / "merged"
    merge(base, adapter, merged, prompts=_PROMPTS)
    return convert(merged, place / "model.gguf", name=name)
