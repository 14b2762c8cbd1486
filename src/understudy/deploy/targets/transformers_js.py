"""The target ``transformers-js``: the model as ONNX, for browsers and Node through transformers.js.

In 32-bit numbers, since that is what the exporter of transformers writes: for small models.
"""

from __future__ import annotations

import json
from pathlib import Path

from understudy.chat.tools.registry import FILE_NAME
from understudy.deploy.target import Package
from understudy.deploy.targets.deployment_config import (
    NAME,
    missing_files,
    write_deployment_config,
)
from understudy.deploy.targets.transformers_folder import copy_model
from understudy.deploy.tool_run import run_tool
from understudy.players.backends.chat_model import ChatModel
from understudy.players.backends.onnx_chat_model import ONNX_NAME, OnnxChatModel
from understudy.store.atomic import write_atomic, write_json_atomic

_NEEDED = ["config.json", "tokenizer.json", "tokenizer_config.json", NAME, FILE_NAME, ONNX_NAME]
_LEFT_OUT = ("*.safetensors", "*.safetensors.index.json", "tokenizer.model")
_FAULTS = (
    ("No module named 'onnx", "the exporter needs the packages onnx, onnxruntime and onnxscript"),
    ("GB in 32-bit numbers", "it is too large for one ONNX file; use a smaller base model"),
)


class TransformersJs:
    """A folder that transformers.js loads by name."""

    name = "transformers-js"
    size_limit = None

    def pack(self, package: Package, folder: Path) -> None:
        """As `Target.pack`; takes half a minute."""
        copy_model(package.merged, folder)
        for pattern in _LEFT_OUT:
            for path in folder.glob(pattern):
                path.unlink()
        _put_template_into(folder, package.template)
        (folder / ONNX_NAME).parent.mkdir()
        run_tool(
            ["-m", "understudy.deploy.onnx_export", str(package.merged), str(folder / ONNX_NAME)],
            doing=f"exporting {package.model} to ONNX",
            known_faults=_FAULTS,
        )
        write_deployment_config(package, folder, target=self.name, model=".")
        package.tools.save(folder / FILE_NAME)

    def problems(self, folder: Path) -> list[str]:
        """As `Target.problems`."""
        return missing_files(folder, _NEEDED)

    def gguf(self, folder: Path) -> None:
        """None: llama.cpp does not run this one."""
        return

    def open(self, folder: Path, *, threads: int | None = None) -> ChatModel:
        """As `Target.open`."""
        return OnnxChatModel(folder, threads=threads or 1)


def _put_template_into(folder: Path, template: str) -> None:
    """Without the marks of training, and in both places where a version of it looks."""
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text("utf-8"))
    write_json_atomic(path, {**settings, "chat_template": template})
    write_atomic(folder / "chat_template.jinja", template.encode())
