"""The target ``transformers``: the merged model as transformers, vLLM and others load a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from understudy.chat.tools.registry import FILE_NAME
from understudy.deploy.target import Package
from understudy.deploy.targets.deployment_config import (
    NAME,
    missing_files,
    write_deployment_config,
)
from understudy.players.backends.chat_model import ChatModel

_NEEDED = ["config.json", "tokenizer_config.json", NAME, FILE_NAME]


class TransformersFolder:
    """Safetensors and a tokenizer in one folder."""

    name = "transformers"
    size_limit = None

    def pack(self, package: Package, folder: Path) -> None:
        """As `Target.pack`."""
        copy_model(package.merged, folder)
        write_deployment_config(package, folder, target=self.name, model=".")
        package.tools.save(folder / FILE_NAME)

    def problems(self, folder: Path) -> list[str]:
        """As `Target.problems`."""
        found = missing_files(folder, _NEEDED)
        if not any(folder.glob("*.safetensors")):
            found.append("there are no weights (*.safetensors)")
        return found

    def gguf(self, folder: Path) -> None:
        """None: llama.cpp does not run this one."""
        return

    def open(self, folder: Path, *, threads: int | None = None) -> ChatModel:
        """As `Target.open`."""
        from understudy.players.backends.transformers_model import TransformersModel

        return TransformersModel(folder, name=folder.name)


def copy_model(merged: Path, folder: Path) -> None:
    """Put the files of a merged model into a bundle, readable to all."""
    for path in sorted(merged.iterdir()):
        if path.is_file():
            shutil.copyfile(path, folder / path.name)
