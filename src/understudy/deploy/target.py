"""What a target is: one kind of place that a model is shipped to, and the files it wants there.

Targets register under the entry points ``understudy.targets``: a class that is made without
arguments. Everything that is the same for all (versions, hashes, lineage, the swap into place) is
done around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from understudy import plugins
from understudy.errors import PluginError, UsageError

if TYPE_CHECKING:
    from understudy.chat.tools.registry import ToolRegistry
    from understudy.players.backends.chat_model import ChatModel, Sampling

DEFAULT_TARGET = "gguf-mobile"


@dataclass(frozen=True)
class Package:
    """What is to be shipped."""

    name: str
    """Of the bundle."""
    file_name: str
    """The name, as it can stand in the names of files anywhere."""
    model: str
    """The version that it is made of, such as ``dm@v0003``."""
    merged: Path
    """The folder of the merged model."""
    gguf: Path
    quantisation: str
    context_length: int
    """In tokens."""
    template: str
    """The chat template, as it ships."""
    stop: tuple[str, ...]
    """Texts that end an answer."""
    system_prompt: str
    """What stands before the facts of each game; empty where the game says all."""
    sampling: Sampling
    tools: ToolRegistry
    """Empty where the model calls none."""
    with_merged: bool = False
    """Whether the merged model goes along where a target can do without."""

    @property
    def app_folder(self) -> str:
        """Where an app has it, relative to the app."""
        return f"./assets/models/{self.file_name}"


@runtime_checkable
class Target(Protocol):
    """A kind of place that models are shipped to."""

    name: str
    size_limit: int | None
    """The most bytes of all files together."""

    def pack(self, package: Package, folder: Path) -> None:
        """Write the files into the empty ``folder``. DeployError when the model does not fit."""

    def problems(self, folder: Path) -> list[str]:
        """What in a packed folder is not as its place needs it, in sentences; not its hashes."""

    def gguf(self, folder: Path) -> Path | None:
        """The file in a packed folder that llama.cpp runs; None when there is none."""

    def open(self, folder: Path, *, threads: int | None = None) -> ChatModel:
        """The model of a packed folder, run as nearly as possible as its place runs it."""


def target_names() -> list[str]:
    """The names of the registered targets, sorted; imports none of them."""
    return plugins.names(plugins.TARGETS)


def find_target(name: str) -> Target:
    """The target called ``name``.

    Raises UsageError when there is none, PluginError when a plug-in does not keep its contract.
    """
    known = target_names()
    if name not in known:
        raise UsageError(f"there is no target {name!r}; choose one of {', '.join(known)}")
    made = plugins.load_one(plugins.TARGETS, name)
    target = made() if isinstance(made, type) else made
    if not isinstance(target, Target):
        raise PluginError(
            f"the plug-in {name!r} of {plugins.TARGETS} is no understudy.deploy.target.Target; "
            "update or uninstall it"
        )
    return target
