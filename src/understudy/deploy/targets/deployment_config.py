"""``deployment_config.json``: what any app has to know of a bundle, whatever runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from understudy.chat.tools.json_schema import openai_tools
from understudy.deploy.target import Package
from understudy.store.atomic import write_json_atomic

NAME = "deployment_config.json"
CALL_FORMAT = "[{tool_name}: {arguments}]"


def write_deployment_config(package: Package, folder: Path, *, target: str, model: str) -> None:
    """Write it; ``model`` is the file or folder of the weights, relative to ``folder``."""
    write_json_atomic(
        folder / NAME,
        {
            "name": package.name,
            "made_of": package.model,
            "target": target,
            "model": model,
            "context_length": package.context_length,
            "system_prompt": package.system_prompt,
            "chat_template": package.template,
            "stop": list(package.stop),
            "generation_config": msgspec.to_builtins(package.sampling),
            "tools": {
                "enabled": len(package.tools) > 0,
                "format": CALL_FORMAT,
                "definitions": openai_tools(package.tools),
            },
        },
    )


def missing_files(folder: Path, names: list[str]) -> list[str]:
    """A sentence for each file of a bundle that is not there."""
    return [f"{name} is missing" for name in names if not (folder / name).is_file()]


def read_config(folder: Path, name: str) -> dict[str, Any] | None:
    """A JSON object of a bundle; None where it is missing or none."""
    try:
        content = msgspec.json.decode((folder / name).read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return content if isinstance(content, dict) else None
