"""Deploying a version: converted where it was not yet, packed for its target, put into an app."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from understudy.chat.scenarios.scenario import Scenario
from understudy.chat.tools.registry import FILE_NAME, ToolRegistry
from understudy.deploy.bundle import Bundle, publish_bundle
from understudy.deploy.conversion import Conversion, convert_version
from understudy.deploy.gguf import DEFAULT_QUANTISATION
from understudy.deploy.placing import place_folder
from understudy.deploy.sampling import sampling_of
from understudy.deploy.staging import shipped_template
from understudy.deploy.table_chats import table_chats
from understudy.deploy.target import DEFAULT_TARGET, Package, find_target
from understudy.deploy.tool_run import Progress
from understudy.deploy.validated import reasons_against
from understudy.errors import DeployError
from understudy.models.registry import MERGED, VALIDATION, ModelVersion
from understudy.players.backends.chat_model import Messages
from understudy.store.atomic import safe_slug
from understudy.store.folder import WorkspaceFolder
from understudy.store.versions import check_name

DEFAULT_CONTEXT_LENGTH = 2048


@dataclass(frozen=True)
class Order:
    """How a version is to be deployed."""

    target: str = DEFAULT_TARGET
    name: str = ""
    """Of the bundle; the model's where it is empty."""
    quantisation: str = DEFAULT_QUANTISATION
    force: bool = False
    """Also without a validation that it passed."""
    with_merged: bool = False
    context_length: int = DEFAULT_CONTEXT_LENGTH
    sampling: dict[str, Any] = field(default_factory=dict)
    """What is not to be as the model was made with."""
    app: Path | None = None
    """The folder of an app that gets a copy."""


@dataclass(frozen=True)
class Deployed:
    """What came of it."""

    bundle: Bundle
    conversion: Conversion
    reasons: list[str]
    """Those against shipping that were waved aside."""
    placed: Path | None
    """Where the app has its copy."""


def deploy_version(
    workspace: WorkspaceFolder,
    version: ModelVersion,
    order: Order,
    *,
    chats: Sequence[Messages] | None = None,
    progress: Callable[[str], Progress] | None = None,
) -> Deployed:
    """Deploy ``version``; where anything fails, the bundle and the app's copy stay as they were.

    ``chats`` are for the checks of a conversion; without them those that come with the package.
    Raises DeployError for a model that has not passed its validation, unless it is forced.
    """
    name = check_name(order.name or version.name, "bundle")
    target = find_target(order.target)
    registry = tools_of(version)
    sampling = sampling_of(version.facts, order.sampling)
    results = version.result(VALIDATION)
    if results is None and not order.force:
        raise _refusal(version, reasons_against(None, ""))
    conversion = convert_version(
        workspace,
        version,
        table_chats() if chats is None else chats,
        quantisation=order.quantisation,
        progress=progress,
    )
    reasons = reasons_against(results, conversion.files[conversion.gguf_name].sha256)
    if reasons and not order.force:
        raise _refusal(version, reasons)
    package = Package(
        name=name,
        file_name=safe_slug(name, fallback="model"),
        model=version.ref,
        merged=version.folder / MERGED,
        gguf=version.folder / conversion.gguf_name,
        quantisation=order.quantisation,
        context_length=_context(version, order.context_length),
        **_chat_settings(version.folder / MERGED),
        system_prompt=Scenario().prompt() if len(registry) else "",
        sampling=sampling,
        tools=registry,
        with_merged=order.with_merged,
    )
    bundle = publish_bundle(workspace, package, target, version, conversion, reasons)
    placed = None
    if order.app is not None:
        placed = order.app.expanduser().absolute() / package.app_folder
        place_folder(bundle.folder, placed)
    return Deployed(bundle, conversion, reasons, placed)


def tools_of(version: ModelVersion) -> ToolRegistry:
    """The tools that a version was taught; none where it tells none."""
    path = version.folder / FILE_NAME
    return ToolRegistry.load(path) if path.is_file() else ToolRegistry()


def _refusal(version: ModelVersion, reasons: list[str]) -> DeployError:
    return DeployError(
        f"{version.ref} is not deployed: {'; '.join(reasons)}; deploy a version that passes "
        "`understudy validate`, or this one all the same: `understudy deploy "
        f"{version.ref} --force`"
    )


def _context(version: ModelVersion, asked: int) -> int:
    """At most what the model was made for."""
    config = json.loads((version.folder / MERGED / "config.json").read_text("utf-8"))
    longest = config.get("max_position_embeddings") or config.get("n_positions") or asked
    return min(asked, int(longest))


def _chat_settings(merged: Path) -> dict[str, Any]:
    """The template and the texts that end an answer, as the tokenizer has them."""
    from understudy.players.backends.transformers_model import load_tokenizer

    tokenizer = load_tokenizer(merged)
    template = shipped_template(str(tokenizer.chat_template or ""))
    end = tokenizer.eos_token
    return {"template": template, "stop": (str(end),) if end else ()}
