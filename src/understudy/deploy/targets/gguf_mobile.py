"""The target ``gguf-mobile``: a GGUF file and all that a React Native app needs to run it.

Made for `llama.rn`, and for `cactus-react-native` 0.2.11, the last one that loads GGUF files.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from understudy.chat.tools import call_grammar
from understudy.chat.tools.registry import FILE_NAME
from understudy.deploy.target import Package
from understudy.deploy.targets.deployment_config import (
    CALL_FORMAT,
    NAME,
    missing_files,
    read_config,
    write_deployment_config,
)
from understudy.deploy.targets.integration_example import EXAMPLE_NAME, integration_example
from understudy.deploy.targets.transformers_folder import copy_model
from understudy.errors import DeployError
from understudy.players.backends.chat_model import ChatModel
from understudy.players.backends.llama_cpp import DEFAULT_CONTEXT, LlamaCppModel
from understudy.store.atomic import write_atomic, write_json_atomic

CACTUS_NAME = "cactus_config.json"
SIZE_LIMIT = 2_000_000_000
"""Phones give no app more room than that for one model."""


class GgufMobile:
    """One GGUF file with its configurations and an example."""

    name = "gguf-mobile"
    size_limit = SIZE_LIMIT

    def pack(self, package: Package, folder: Path) -> None:
        """As `Target.pack`."""
        size = package.gguf.stat().st_size
        if size > self.size_limit:
            raise DeployError(
                f"{package.gguf} has {size / 1e9:.1f} GB and a phone takes "
                f"{self.size_limit / 1e9:.0f} GB; choose a smaller quantisation or base model"
            )
        file = f"{package.file_name}.gguf"
        shutil.copyfile(package.gguf, folder / file)
        write_json_atomic(folder / CACTUS_NAME, _cactus_config(package, file))
        write_deployment_config(package, folder, target=self.name, model=file)
        package.tools.save(folder / FILE_NAME)
        if len(package.tools):
            grammar = call_grammar.call_grammar(package.tools)
            write_atomic(folder / call_grammar.FILE_NAME, grammar.encode())
        write_atomic(folder / EXAMPLE_NAME, integration_example(package).encode())
        if package.with_merged:
            copy_model(package.merged, folder)

    def problems(self, folder: Path) -> list[str]:
        """As `Target.problems`."""
        found = missing_files(folder, [CACTUS_NAME, NAME, FILE_NAME, EXAMPLE_NAME])
        config = read_config(folder, CACTUS_NAME) or {}
        path = str((config.get("model") or {}).get("path", ""))
        file = self.gguf(folder)
        if file is None:
            found.append("there is no .gguf file, or more than one")
        elif Path(path).name != file.name:
            found.append(f"{CACTUS_NAME} names {path or 'no file'}, and {file.name} lies there")
        return found

    def gguf(self, folder: Path) -> Path | None:
        """As `Target.gguf`."""
        files = sorted(folder.glob("*.gguf"))
        return files[0] if len(files) == 1 else None

    def open(self, folder: Path, *, threads: int | None = None) -> ChatModel:
        """As `Target.open`."""
        file = self.gguf(folder)
        if file is None:
            raise DeployError(
                f"there is no .gguf file in {folder}, or more than one; deploy the model again"
            )
        config = read_config(folder, NAME) or {}
        context = int(config.get("context_length") or DEFAULT_CONTEXT)
        grammar = call_grammar.for_each_chat(call_grammar.read_grammar(folder))
        return LlamaCppModel(file, context=context, threads=threads, grammar=grammar)


def _cactus_config(package: Package, file: str) -> dict[str, object]:
    sampling = package.sampling
    return {
        "model": {
            "name": package.name,
            "type": "gguf",
            "path": f"{package.app_folder}/{file}",
            "quantization": package.quantisation,
            "context_length": package.context_length,
        },
        "system_prompt": package.system_prompt,
        "generation_config": {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "repeat_penalty": sampling.repeat_penalty,
            "max_tokens": sampling.max_tokens,
        },
        "tools": {
            "enabled": len(package.tools) > 0,
            "format": CALL_FORMAT,
            "supported": list(package.tools.names),
        },
    }
