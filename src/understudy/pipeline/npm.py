"""``understudy init --npm``: what an app needs to train, check and deploy its model by ``npm run``.

It gets scripts in ``package.json`` and one small launcher, which makes the Python environment on
first use and then only calls the commands; a workspace with a recipe and a place for scenarios; and
the two scripts of the maintenance. What is there already is its owner's: it stays, and is told.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec

from understudy.errors import FormatError, StorageError, UsageError
from understudy.formats.scenario_markdown import TRAINING
from understudy.pipeline import npm_package
from understudy.pipeline.npm_package import Script
from understudy.pipeline.recipes.recipe import PACKAGED
from understudy.store.atomic import write_atomic
from understudy.store.building_place import refusals
from understudy.store.folder import WorkspaceFolder

WORKSPACE = "ai-training"
RECIPE = f"{WORKSPACE}/dm.toml"
SCENARIOS = f"{WORKSPACE}/data/scenarios"
LAUNCHER = "understudy.mjs"
STAGES = {
    "train": "train",
    "train:validate": "validate",
    "train:convert": "convert",
    "train:deploy": "deploy",
    "train:test": "test",
}
"""Script → the stage of the recipe up to which it runs."""
MAINTENANCE = {
    "weekly_maintenance.sh": (
        "weekly",
        "Looks for new data, trains on it, validates, and uses the new version unless it is worse.",
        f"if [ -f {RECIPE} ]; then # what was written for it since comes in first\n"
        f'  set -- --recipe {RECIPE} "$@"\nfi\n',
    ),
    "monthly_updates.sh": (
        "monthly",
        "Takes in new tools, cleans up old versions, keeps the retention rules, verifies all.",
        "",
    ),
}
"""Script → what it calls, what that does, and what the shell does first."""
Became = Literal["made", "changed", "unchanged", "kept"]
_EXAMPLES = ("combat", "roleplay", "exploration")
_EXECUTABLE = 0o755


class _Commit(msgspec.Struct):
    vcs: str
    commit_id: str


class _DirectUrl(msgspec.Struct):
    """What pip notes of a package that was installed from no index."""

    url: str = ""
    vcs_info: _Commit | None = None


class Written(msgspec.Struct, frozen=True):
    """A file of the app, and what became of it."""

    path: str
    """Relative to the app."""
    became: Became
    """``kept``: its owner has another one there, which stays."""


class NpmSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What an app was given."""

    app: Path
    source: str
    """Where the launcher installs Understudy from."""
    files: list[Written]
    scripts: list[Script]


def set_up_npm(app: Path, *, source: str = "", force: bool = False) -> NpmSetup:
    """Give the app in the folder ``app`` all that its npm scripts need.

    ``source`` is where the launcher installs Understudy from: a folder, an archive, or git+URL;
    without it, where this one was installed from. ``force`` replaces what is there and differs.
    Raises FormatError for a broken ``package.json`` before anything is written, UsageError where
    the source is not known, StorageError as the disk does.
    """
    app = app.expanduser().absolute()
    source = _as_seen_from(app, source) if source else _own_source(app)
    package = app / npm_package.NAME
    text, scripts = _with_scripts(package, force=force)
    with refusals(app):
        app.mkdir(parents=True, exist_ok=True)
    with WorkspaceFolder(app / WORKSPACE):
        pass
    contents = dict(_contents(source))
    if not (app / SCENARIOS).exists():
        contents |= _examples()
    files = [_put(app / name, content, force=force) for name, content in contents.items()]
    changed = any(script.became in ("added", "replaced") for script in scripts)
    files.append(_put(package, text, force=changed))
    return NpmSetup(
        app=app,
        source=source,
        files=[Written(path.relative_to(app).as_posix(), became) for path, became in files],
        scripts=scripts,
    )


def npm_scripts() -> dict[str, str]:
    """Script → command."""
    run = f"node {LAUNCHER} run {RECIPE} --until"
    scripts = {name: f"{run} {stage}" for name, stage in STAGES.items()}
    return {**scripts, "train:test-all": f"node {LAUNCHER} test-all"}


def app_recipe() -> str:
    """The recipe `dm` of the package, with the data and the place of an app."""
    text = (PACKAGED / "dm.toml").read_text("utf-8")
    for before, after in (
        ("# understudy run recipes/dm.toml\n", "# npm run train\n"),
        ('scenarios = ["packaged"]\n', 'scenarios = ["packaged", "data/scenarios"]\n'),
        ("\n[deploy]\n", '\n[deploy]\napp = ".."\n'),
    ):
        if text.count(before) != 1:
            raise LookupError(f"{before!r} is not once in the packaged recipe")
        text = text.replace(before, after)
    return text


def maintenance_scripts() -> dict[str, str]:
    """File name → text of each of the two scripts."""
    return {
        name: _filled(
            "maintenance.sh.txt",
            NAME=name,
            WHEN=when,
            WORDS=words,
            FIRST=first,
            WORKSPACE=WORKSPACE,
        )
        for name, (when, words, first) in MAINTENANCE.items()
    }


def write_maintenance_scripts(folder: Path, *, force: bool = False) -> list[Written]:
    """Put the two scripts into ``folder``. Raises StorageError as the disk does."""
    with refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
    put = [_put(folder / name, text, force=force) for name, text in maintenance_scripts().items()]
    return [Written(path.name, became) for path, became in put]


def _contents(source: str) -> Iterator[tuple[str, str]]:
    """Every file of an app but its ``package.json`` and its scenarios, by its path."""
    yield (
        LAUNCHER,
        _filled(
            f"{LAUNCHER}.txt",
            SOURCE=json.dumps(source),
            WORKSPACE=json.dumps(WORKSPACE),
            TORCH=json.dumps(_torch()),
        ),
    )
    yield RECIPE, app_recipe()
    yield f"{WORKSPACE}/data/README.md", _filled("data_readme.md.txt", SCENARIOS=SCENARIOS)
    for name, text in maintenance_scripts().items():
        yield f"scripts/{name}", text


def _examples() -> dict[str, str]:
    """A scenario of each of three groups, to begin with."""
    examples = (min((TRAINING / group).glob("*.md")) for group in _EXAMPLES)
    return {
        f"{SCENARIOS}/{path.parent.name}/{path.name}": path.read_text("utf-8") for path in examples
    }


def _with_scripts(package: Path, *, force: bool) -> tuple[str, list[Script]]:
    scripts = npm_scripts()
    try:
        # As it stands on the disk: line ends and a byte order mark are its owner's.
        text = package.read_bytes().decode("utf-8")
    except FileNotFoundError:
        told = [Script(name, "added", command) for name, command in scripts.items()]
        return npm_package.new_package(scripts), told
    except UnicodeDecodeError as error:
        raise FormatError("it is not UTF-8; save it in that encoding", path=package) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{package} cannot be read ({reason}); check its rights") from error
    return npm_package.with_scripts(text, scripts, path=package, force=force)


def _put(path: Path, text: str, *, force: bool) -> tuple[Path, Became]:
    data = text.encode()
    with refusals(path):
        standing = path.read_bytes() if path.exists() else None
        if standing == data:
            return path, "unchanged"
        if standing is not None and not force:
            return path, "kept"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
        if path.suffix == ".sh":
            path.chmod(_EXECUTABLE)
    return path, "made" if standing is None else "changed"


def _torch() -> str:
    """The torch that the extra `llm` asks for, as pip reads it."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        for line in metadata.requires("understudy") or []:
            name, _, marker = line.partition(";")
            if name.strip().startswith("torch=") and "llm" in marker:
                return name.strip()
    return "torch"


def _own_source(app: Path) -> str:
    """Where this installation is from: a checkout, an archive, or a git repository."""
    try:
        told = metadata.distribution("understudy").read_text("direct_url.json")
        origin = msgspec.json.decode(told or "{}", type=_DirectUrl)
    except (metadata.PackageNotFoundError, msgspec.MsgspecError):
        origin = _DirectUrl()
    if origin.vcs_info is not None:
        return f"{origin.vcs_info.vcs}+{origin.url}@{origin.vcs_info.commit_id}"
    if origin.url.startswith("file:"):
        place = Path(url2pathname(urlsplit(origin.url).path))
        if place.exists():
            return _as_seen_from(app, str(place))
    checkout = Path(__file__).parents[3]
    if (checkout / "pyproject.toml").is_file():
        return _as_seen_from(app, str(checkout))
    raise UsageError(
        "where this Understudy was installed from is not known or no longer there; give --source "
        "with the folder of its checkout, its archive, or git+URL"
    )


def _as_seen_from(app: Path, source: str) -> str:
    """A path relative to the app where there is one, so that both can be moved together."""
    if source.startswith("git+"):
        return source
    place = Path(source).expanduser().absolute()
    if not place.exists():
        raise UsageError(
            f"{source} is neither there nor git+URL; give --source with the folder of Understudy's "
            "checkout, or its archive"
        )
    try:
        return Path(os.path.relpath(place, app)).as_posix()
    except ValueError:  # on another drive
        return place.as_posix()


def _filled(template: str, **values: str) -> str:
    text = (resources.files(__package__) / "npm_files" / template).read_text("utf-8")
    return re.sub(r"@([A-Z]+)@", lambda found: values[found[1]], text)
