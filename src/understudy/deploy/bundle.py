"""Bundles: what ships, in versions ``bundles/NAME/vNNNN/`` of the workspace and as copies in apps.

The manifest of a bundle says all there is to know of it: hashes, template, sampling, tools, what
its validation said, what it was made of, and which version came before. ``test_results.json`` is
written later, beside what the manifest seals.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from understudy._version import __version__
from understudy.deploy.conversion import Conversion
from understudy.deploy.target import Package, Target
from understudy.errors import DeployError
from understudy.models.registry import VALIDATION, ModelVersion
from understudy.store.building_place import building_place, move_into_place, publishing
from understudy.store.folder import WorkspaceFolder
from understudy.store.hashes import sha256_bytes
from understudy.store.manifest import (
    MANIFEST_NAME,
    Manifest,
    Parent,
    hash_tree,
    write_manifest,
)
from understudy.store.ulids import new_ulid
from understudy.store.versions import Version, Versions, check_name

TEST_RESULTS = "test_results.json"
_SINGLE_CASES = ("outcomes", "examples")


class Bundle(Version):
    """One bundle, opened: a version in the workspace, or its copy in an app."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        if self.manifest.kind != "bundle":
            raise DeployError(
                f"{folder} holds a {self.manifest.kind} and no bundle; name the folder of a bundle"
            )
        self.name = self.manifest.name
        self.version = self.manifest.version

    @property
    def target(self) -> str:
        """The name of the target that packed it."""
        return str(self.facts.get("target", ""))

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(entry.size for entry in self.manifest.files.values())


def bundles_of(workspace: WorkspaceFolder) -> Versions[Bundle]:
    """All versions of all bundles."""
    return Versions(workspace.bundles, "bundle", DeployError, Bundle)


def find_bundle(workspace: WorkspaceFolder | None, ref: str) -> Bundle:
    """The bundle in the folder ``ref``, or the version of the workspace that it names.

    Raises DeployError when there is none.
    """
    path = Path(ref).expanduser()
    if (path / MANIFEST_NAME).is_file():
        return Bundle(path.resolve())
    if path.is_dir():
        raise DeployError(
            f"there is no {MANIFEST_NAME} in {path}, so it is no bundle; copy it whole"
        )
    if workspace is None:
        raise DeployError(
            f"there is no folder {ref} and no workspace to look it up in; name a bundle's folder, "
            "or a workspace with -w"
        )
    return bundles_of(workspace).find(ref)


def publish_bundle(
    workspace: WorkspaceFolder,
    package: Package,
    target: Target,
    version: ModelVersion,
    conversion: Conversion,
    reasons: Sequence[str],
) -> Bundle:
    """Pack the next version of a bundle; nothing is left of one that fails.

    ``reasons`` are those against shipping that were waved aside: the manifest says so.
    """
    check_name(package.name, "bundle")
    with building_place(workspace) as folder:
        target.pack(package, folder)
        files = hash_tree(folder, sorted(path.name for path in folder.iterdir()))
        with publishing(workspace, "bundle", package.name):
            before = bundles_of(workspace).all_of(package.name)
            place = bundles_of(workspace).next_folder(package.name)
            facts = _facts(package, target, version, conversion, list(reasons))
            manifest = Manifest(
                kind="bundle",
                id=new_ulid(),
                name=package.name,
                version=place.name,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                parents=[Parent(kind="model", id=version.manifest.id)],
                files=files,
                facts={**facts, "previous": before[-1].ref if before else None},
            )
            write_manifest(folder, manifest)
            move_into_place(folder, place)
    return Bundle(place)


def _facts(
    package: Package,
    target: Target,
    version: ModelVersion,
    conversion: Conversion,
    reasons: list[str],
) -> dict[str, Any]:
    checks = {
        "merge": conversion.merge,
        "converted": conversion.converted,
        "quantised": conversion.quantised,
        "parity": conversion.parity,
    }
    return {
        "target": target.name,
        "quantisation": package.quantisation,
        "context_length": package.context_length,
        "template": package.template,
        "template_sha256": sha256_bytes(package.template.encode()),
        "system_prompt": package.system_prompt,
        "sampling": msgspec.to_builtins(package.sampling),
        "tools": list(package.tools.names),
        "validation": {"passed": not reasons, "forced": bool(reasons), "reasons": reasons},
        "evaluation": _scores(version.result(VALIDATION)),
        "checks": {name: _told(check) for name, check in checks.items()},
        "lineage": {
            "model": version.ref,
            "model_id": version.manifest.id,
            "method": version.method,
            "base": version.base,
            "data": version.facts.get("data"),
            "parents": [msgspec.to_builtins(parent) for parent in version.manifest.parents],
        },
        "code_version": __version__,
    }


def _scores(results: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a validation found, without each single case."""
    if results is None:
        return None
    return {key: value for key, value in results.items() if key not in _SINGLE_CASES}


def _told(check: msgspec.Struct | None) -> Any:
    return None if check is None else msgspec.to_builtins(check)
