"""Models made in seconds, once for all tests: a base, an adapter, and a workspace with a converted
version of both.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from tests.deploy.small_models import CHATS, make_adapter, make_base

import understudy
from understudy.chat.tools.registry import TOOLS
from understudy.models.bases import find_base
from understudy.models.registry import ModelVersion, find_model, publish_model


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable], Path]:
    """Makes a folder by a name, unless another process has made it already."""
    place = tmp_path_factory.getbasetemp()
    shared = place.parent if "popen-" in place.name else place

    def make(name: str, build: Callable[[Path], object]) -> Path:
        folder = shared / name
        with FileLock(shared / f"{name}.lock"):
            if not folder.exists():
                being_made = shared / f"{name}.being-made"
                build(being_made)
                being_made.rename(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def base_folder(made_once) -> Path:
    return made_once("small-base", make_base)


@pytest.fixture(scope="session")
def adapter_folder(made_once, base_folder) -> Path:
    return made_once("small-adapter", lambda folder: make_adapter(base_folder, folder))


@pytest.fixture(scope="session")
def converted_workspace(made_once, base_folder, adapter_folder) -> Path:
    """A workspace with the converted version dm@v0001."""

    def build(folder: Path) -> None:
        from understudy.deploy.conversion import convert_version

        with understudy.Workspace(folder) as ws:
            version = add_version(ws, base_folder, adapter_folder)
            convert_version(ws, version, CHATS)

    return made_once("converted-workspace", build)


@pytest.fixture
def shop(converted_workspace, tmp_path) -> Iterator[understudy.Workspace]:
    """A copy of the workspace with the converted version, to be changed at will."""
    shutil.copytree(converted_workspace, tmp_path / "shop")
    with understudy.Workspace(tmp_path / "shop") as ws:
        yield ws


@pytest.fixture
def version(shop) -> ModelVersion:
    return find_model(shop, "dm@v0001")


@pytest.fixture(scope="session")
def f16_file(converted_workspace) -> Path:
    return converted_workspace / "models/dm/v0001/gguf/model-f16.gguf"


def add_version(ws, base: Path, adapter: Path, name: str = "dm") -> ModelVersion:
    """Publish the adapter as the next version of a model."""

    def build(folder: Path) -> dict:
        shutil.copytree(adapter, folder / "adapter")
        TOOLS.save(folder / "tool_registry.json")
        return {"method": "sft", "base": find_base(ws, str(base)).facts()}

    return publish_model(ws, name, build)
