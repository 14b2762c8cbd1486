"""What a model is trained from: a folder of weights, named in one of four ways.

``embedded`` is the small model that ships with the package. A path names a folder; ``NAME`` or
``NAME@v0003`` a version of this workspace with whole weights; anything else is an id of the Hugging
Face hub, taken from its cache or downloaded.
"""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.errors import ModelError
from understudy.models.registry import find_model, models_of
from understudy.store.hashes import sha256_bytes
from understudy.store.manifest import hash_tree
from understudy.store.versions import split_ref

if TYPE_CHECKING:
    from understudy.store.folder import WorkspaceFolder

EMBEDDED = "embedded"
_CONFIG = "config.json"
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?(@[\w.-]+)?", re.ASCII)
_PARTS = (
    "*.safetensors",
    "*.safetensors.index.json",
    "pytorch_model*.bin",
    "pytorch_model*.bin.index.json",
    "config.json",
    "generation_config.json",
    "*tokenizer*",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "chat_template*",
    "*processor_config.json",
    "README.md",
)
_FORMS_OF_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """A base model, found."""

    id: str
    """What it is called: ``embedded``, ``dm@v0003``, an id of the hub; of a path its folder."""
    folder: Path
    """Where its weights lie."""
    revision: str = ""
    """The commit, of one from the hub."""

    def facts(self) -> dict[str, Any]:
        """As a manifest tells it: which it is, and the hash of its files."""
        told = {"id": self.id, "path": str(self.folder), "sha256": folder_sha256(self.folder)}
        return told | ({"revision": self.revision} if self.revision else {})

    def license(self) -> str:
        """What its card says of its terms; empty where it says nothing."""
        card = self.folder / "README.md"
        text = card.read_text("utf-8", "replace") if card.is_file() else ""
        if not text.startswith("---"):
            return ""
        head = text[3:].partition("\n---")[0]
        found = re.search(r"^license: *[\"']?([^\"'\n]+)", head, flags=re.MULTILINE)
        return found[1].strip() if found else ""


def embedded_folder() -> Path:
    """Where the model that ships with the package lies."""
    return Path(__file__).parents[1] / "train" / "base" / "model"


def find_base(workspace: WorkspaceFolder | None, name: str) -> Base:
    """The base called ``name``. Raises ModelError when it is none, or cannot be had offline."""
    if name == EMBEDDED:
        folder = embedded_folder()
        if not (folder / _CONFIG).is_file():
            raise ModelError(
                f"the embedded base is missing from this installation ({folder}); install the "
                "package again, or make one with `understudy model make-base` and name it"
            )
        return Base(id=EMBEDDED, folder=folder)
    path = Path(name).expanduser()
    if path.is_dir():
        return Base(id=str(path.absolute()), folder=_checked(path.absolute()))
    if workspace is not None and split_ref(name)[0] in models_of(workspace).names():
        version = find_model(workspace, name)
        if version.merged is None:
            raise ModelError(
                f"{version.ref} is an adapter and no whole model; train with `--incremental` to go "
                f"on from it, or name its base {version.base.get('id', '')!r}"
            )
        return Base(id=version.ref, folder=_checked(version.merged))
    if path.is_absolute() or name.startswith((".", "~")) or not _HUB_ID.fullmatch(name):
        raise ModelError(
            f"{name} is no folder; name the folder of a model, a model of the workspace, an id of "
            f"the Hugging Face hub, or {EMBEDDED!r}"
        )
    return _from_hub(name)


def base_of(workspace: WorkspaceFolder | None, facts: dict[str, Any]) -> Base:
    """The base that the facts of a version name, wherever it lies on this machine.

    Raises ModelError when it cannot be found or is no longer the same.
    """
    name = str(facts.get("id") or facts.get("path") or "")
    revision = str(facts.get("revision", ""))
    found = find_base(workspace, f"{name}@{revision}" if revision else name)
    expected = facts.get("sha256")
    if expected and folder_sha256(found.folder) != expected:
        raise ModelError(
            f"the base {found.id} in {found.folder} is not the one the model was trained from: its "
            "files have changed; take the former ones back, or train anew"
        )
    return found


def folder_sha256(folder: Path) -> str:
    """A hash over the files of a model (weights, configuration, tokenizer), by name and content."""
    names = {path.name for part in _PARTS for path in folder.glob(part) if path.is_file()}
    found = sorted(names - {"README.md"})
    times = tuple((folder / name).stat().st_mtime_ns for name in found)
    return _sha256_of(folder.absolute(), tuple(found), times)


@functools.lru_cache(maxsize=32)
def _sha256_of(folder: Path, names: tuple[str, ...], times: tuple[int, ...]) -> str:
    """Remembered as long as no file was written: a training asks several times, of gigabytes."""
    files = hash_tree(folder, names)
    return sha256_bytes("".join(f"{name} {files[name].sha256}\n" for name in files).encode())


def _checked(folder: Path) -> Path:
    if not (folder / _CONFIG).is_file():
        raise ModelError(
            f"there is no {_CONFIG} in {folder}, so it is no model in Hugging Face's layout; name "
            "the folder that holds it"
        )
    if not any(path for form in _FORMS_OF_WEIGHTS for path in folder.glob(form)):
        raise ModelError(
            f"there are no weights ({' or '.join(_FORMS_OF_WEIGHTS)}) in {folder}; copy the model "
            "whole"
        )
    return folder


def _from_hub(name: str) -> Base:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ModuleNotFoundError as error:
        raise ModelError(
            f"{name} would come from the Hugging Face hub, and its client is not installed; "
            "install understudy[llm], or name a folder"
        ) from error
    repository, _, revision = name.partition("@")
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    try:
        folder = Path(
            snapshot_download(
                repository,
                revision=revision or None,
                allow_patterns=list(_PARTS),
                local_files_only=offline,
            )
        )
    except (LocalEntryNotFoundError, FileNotFoundError) as error:
        reason = "HF_HUB_OFFLINE is set" if offline else "the hub cannot be reached"
        raise ModelError(
            f"{repository} is not in the cache and {reason}; name a folder or {EMBEDDED!r}, or "
            "download it where there is a network"
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        first = str(error).strip().split("\n", 1)[0]
        raise ModelError(
            f"{repository} cannot be had from the Hugging Face hub ({first}); check its name and "
            "your access to it"
        ) from error
    # A snapshot's folder is named by its commit.
    return Base(id=repository, folder=_checked(folder), revision=folder.name)
