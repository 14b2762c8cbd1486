"""From a model's name to the model itself, loaded and ready to answer chats.

A name can be a file of llama.cpp, a folder of Hugging Face's, a bundle's folder, a model or a
bundle of the workspace, and else a model on the server of the settings' section [chat].
"""

from __future__ import annotations

import json
from pathlib import Path

from understudy.chat.tools.call_grammar import call_grammar, for_each_chat
from understudy.chat.tools.registry import FILE_NAME as TOOLS_NAME
from understudy.chat.tools.registry import ToolRegistry
from understudy.config import Settings
from understudy.deploy.bundle import bundles_of, find_bundle
from understudy.deploy.conversion import read_conversion
from understudy.deploy.target import find_target
from understudy.deploy.targets.deployment_config import NAME as DEPLOYMENT
from understudy.deploy.targets.deployment_config import read_config
from understudy.errors import ModelError, UsageError
from understudy.models.bases import base_of
from understudy.models.registry import ModelVersion, find_model, models_of
from understudy.players.backends.chat_model import ChatModel
from understudy.store.folder import WorkspaceFolder
from understudy.store.versions import split_ref

_ADAPTER = "adapter_config.json"
_CONFIG = "config.json"


def open_chat_model(
    name: str, workspace: WorkspaceFolder | None, settings: Settings, folder: Path | None = None
) -> ChatModel:
    """The model that ``name`` names; to be closed.

    Of a model of the workspace that was converted, the file that ships is taken, and its calls are
    held to its tools as in a bundle. ``folder`` is where answers of a server may be kept. Raises
    UsageError, ModelError, DeployError or PlayerError for what cannot be found or loaded.
    """
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        return open_gguf(path)
    if path.is_dir():
        return _open_folder(path)
    if path.exists() or name.startswith((".", "~", "/")):
        raise UsageError(
            f"{name} is no model; name a .gguf file, a folder with weights, or a model by its name"
        )
    if workspace is not None:
        known = split_ref(name)[0]
        if known in models_of(workspace).names():
            version = find_model(workspace, name)
            conversion = read_conversion(version)
            if conversion is not None:
                file = version.folder / conversion.gguf_name
                return open_gguf(file, version.ref, tools=tools_of(version))
            return open_version(workspace, version)
        if known in bundles_of(workspace).names():
            bundle = find_bundle(workspace, name)
            return find_target(bundle.target).open(bundle.folder)
    from understudy.players.backends.endpoint_model import EndpointModel

    return EndpointModel(settings, model=name, folder=folder)


def open_gguf(
    file: Path, name: str | None = None, *, tools: ToolRegistry | None = None
) -> ChatModel:
    """A file of llama.cpp, its calls held to ``tools`` and to the party sheet where they are given.

    Alone, it says what it likes.
    """
    from understudy.players.backends.llama_cpp import LlamaCppModel

    grammar = for_each_chat(call_grammar(tools)) if tools is not None else None
    return LlamaCppModel(file, name=name, grammar=grammar)


def open_version(workspace: WorkspaceFolder, version: ModelVersion) -> ChatModel:
    """The weights of a version as they were trained: whole ones, else its base with its adapter."""
    from understudy.players.backends.transformers_model import TransformersModel

    if version.merged is not None and version.adapter is None:
        return TransformersModel(version.merged, name=version.ref)
    base = base_of(workspace, version.base)
    return TransformersModel(base.folder, adapter=version.adapter, name=version.ref)


def open_base(workspace: WorkspaceFolder, version: ModelVersion) -> ChatModel:
    """What a version was trained from."""
    from understudy.players.backends.transformers_model import TransformersModel

    base = base_of(workspace, version.base)
    return TransformersModel(base.folder, name=base.id)


def tools_of(version: ModelVersion) -> ToolRegistry | None:
    """The registry that lies beside a version; None where there is none."""
    path = version.folder / TOOLS_NAME
    return ToolRegistry.load(path) if path.is_file() else None


def _open_folder(folder: Path) -> ChatModel:
    from understudy.players.backends.transformers_model import TransformersModel

    if (folder / _ADAPTER).is_file():
        try:
            base = str(json.loads((folder / _ADAPTER).read_bytes())["base_model_name_or_path"])
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{folder / _ADAPTER} does not name the base of the adapter; train it again"
            ) from error
        return TransformersModel(base, adapter=folder)
    bundle = read_config(folder, DEPLOYMENT) or {}
    if "target" in bundle:
        return find_target(str(bundle["target"])).open(folder)
    if (folder / _CONFIG).is_file():
        return TransformersModel(folder)
    files = sorted(folder.glob("*.gguf"))
    if len(files) == 1:
        return open_gguf(files[0])
    raise UsageError(
        f"{folder} holds no model: neither {_CONFIG} nor {_ADAPTER} nor one .gguf file"
    )
