"""The doctor's look at the language models of a workspace: what they learn from, their weights,
their GGUF files and bundles, and whether what is in use can be loaded and answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from understudy._util.counting import counted
from understudy.datasets.tool_survey import survey
from understudy.deploy.bundle import TEST_RESULTS, Bundle, bundles_of
from understudy.deploy.conversion import GGUF_FOLDER
from understudy.deploy.target import find_target
from understudy.errors import ModelError, UnderstudyError
from understudy.models.bases import base_of
from understudy.models.registry import VALIDATION, ModelVersion, models_of, promoted
from understudy.pipeline.doctor_findings import Check, ok, problem, warning
from understudy.pipeline.doctor_gguf import read_headers, reader_is_there
from understudy.pipeline.doctor_libraries import check_libraries
from understudy.players.backends.chat_model import ChatModel
from understudy.store.folder import SETTINGS_NAME, WorkspaceFolder
from understudy.store.manifest import check_files
from understudy.store.versions import V, Version, Versions

_NAMED = 3
_QUESTION = [{"role": "user", "content": "Who are you?"}]
_ANSWER_TOKENS = 8
_NOUNS = {"models": "version", "bundles": "bundle"}
_REMEDIES = {
    "models": "take the files back from a copy, or go back to an earlier version with `understudy "
    "model rollback`",
    "bundles": "deploy again with `understudy deploy`",
    "gguf": "make it again with `understudy convert --again`, then `understudy deploy`",
}


def check_models(where: Path) -> Iterator[Check]:
    """All that concerns language models, here and in the workspace at ``where``."""
    able = True
    for check in check_libraries():
        able = able and (check.name != "libraries" or check.verdict == "ok")
        yield check
    if not (where / SETTINGS_NAME).exists():
        yield _data(None)
        return
    with WorkspaceFolder(where, create=False) as workspace:
        yield _data(where)
        yield from _Look(workspace).checks(loading=able)


def _data(where: Path | None) -> Check:
    """Every call of a tool in what a model would learn from."""
    found = survey(workspace_path=where).found
    if found.malformed or found.unread:
        places = [f"{bad.where}: {bad.reason}" for bad in found.malformed] + found.unread
        return problem(
            "data",
            f"{counted(len(places), 'fault')} in scenarios and sessions ({_some(places)}); correct "
            "them; `understudy tools scan` names each",
        )
    if found.unknown:
        uses = [f"[{use.name}] in {use.where}" for use in found.unknown]
        return warning(
            "data",
            f"{counted(len(uses), 'call')} of unknown tools ({_some(uses)}); correct them, or take "
            "the tools in with `understudy tools extend`",
        )
    return ok("data", f"{counted(found.calls, 'call')} of tools are well formed")


class _Look:
    """One look at a workspace. What was found damaged is not loaded."""

    def __init__(self, workspace: WorkspaceFolder) -> None:
        self._workspace = workspace
        self._unread: list[str] = []
        self._models = [one for one in self._all(models_of(workspace)) if not one.removed]
        self._bundles = [one for one in self._all(bundles_of(workspace)) if not one.removed]
        self._damaged: set[Path] = set()

    def checks(self, *, loading: bool) -> Iterator[Check]:
        if self._unread:
            yield problem("models", _some(self._unread))
        if not self._models and not self._bundles:
            yield ok("models", "none was trained or deployed yet; `understudy train sft` does")
            return
        yield from self._files("models", self._models, self._changed)
        yield from self._files("bundles", self._bundles, self._changed_bundle)
        yield from self._headers()
        if loading:
            yield from self._loading()

    def _all(self, versions: Versions[V]) -> Iterator[V]:
        for name in versions.names():
            for folder in versions.folders(name):
                try:
                    yield versions.find(f"{name}@{folder.name}")
                except UnderstudyError as error:
                    self._unread.append(str(error))

    def _files(
        self, what: str, found: Sequence[V], changed: Callable[[V], list[str]]
    ) -> Iterator[Check]:
        """Whether the files of each are as they were made."""
        wrong = []
        for one in found:
            reasons = changed(one)
            if reasons:
                self._damaged.add(one.folder)
                wrong.append(f"{one.ref}: {reasons[0]}")
        if wrong:
            yield problem(what, f"{_some(wrong)}; {_REMEDIES[what]}")
        elif found:
            yield ok(what, f"the files of {counted(len(found), _NOUNS[what])} are whole")

    def _changed(self, version: Version) -> list[str]:
        problems = check_files(version.folder, version.manifest)
        return [f"{one.file} {one.reason}" for one in problems]

    def _changed_bundle(self, bundle: Bundle) -> list[str]:
        reasons = self._changed(bundle)
        limit = find_target(bundle.target).size_limit
        if limit is not None and bundle.size > limit:
            reasons.append(f"{bundle.size / 1e6:,.0f} MB, of which {limit / 1e6:,.0f} fit")
        return reasons

    def _headers(self) -> Iterator[Check]:
        """Whether all that the GGUF files promise in their headers is in them."""
        places = [version.folder / GGUF_FOLDER for version in self._models]
        places += [bundle.folder for bundle in self._bundles]
        files = [file for place in places for file in sorted(place.glob("*.gguf"))]
        if not files or not reader_is_there():
            return
        for header in read_headers(files):
            path = Path(header.path)
            name = path.relative_to(self._workspace.path).as_posix()
            fault = header.fault()
            if fault:
                self._damaged.add(path.parent)
                yield problem("gguf", f"{name} {fault}; {_REMEDIES['gguf']}")
            else:
                yield ok("gguf", f"{name}: {header.told()}")

    def _loading(self) -> Iterator[Check]:
        """Whether what is in use answers."""
        for version in _last_of_each(self._models, self._in_use):
            yield from self._loaded(version, self._open_model)
            if version.result(VALIDATION) is None:
                yield warning(
                    "validation", f"{version.ref} was not validated; run `understudy validate`"
                )
        for bundle in _last_of_each(self._bundles, lambda name: None):
            yield from self._loaded(bundle, lambda one: find_target(one.target).open(one.folder))
            if not (bundle.folder / TEST_RESULTS).is_file():
                yield warning(
                    "validation",
                    f"the bundle {bundle.ref} was not tested; run `understudy test {bundle.ref}`",
                )

    def _in_use(self, name: str) -> str | None:
        in_use = promoted(self._workspace, name)
        return None if in_use is None else in_use.version

    def _loaded(self, one: V, load: Callable[[V], ChatModel]) -> Iterator[Check]:
        if one.folder in self._damaged:
            return
        kind = one.manifest.kind
        try:
            model = load(one)
            try:
                [answer] = model.answer([_QUESTION], max_tokens=_ANSWER_TOKENS)
            finally:
                model.close()
        except UnderstudyError as error:
            yield problem("loading", f"the {kind} {one.ref} does not answer: {error}")
        else:
            tokens = counted(answer.tokens, "token")
            yield ok("loading", f"the {kind} {one.ref} is loaded and answers ({tokens})")

    def _open_model(self, version: ModelVersion) -> ChatModel:
        from understudy.players.backends.transformers_model import TransformersModel

        if version.merged is not None:
            return TransformersModel(version.merged)
        told = version.base
        if told.get("revision") and not Path(str(told.get("path", ""))).is_dir():
            # A look downloads no gigabytes.
            raise ModelError(
                f"its base {told['id']} is not in this machine's cache of the hub; it is "
                "downloaded when the model is next trained, validated or converted"
            )
        return TransformersModel(base_of(self._workspace, told).folder, adapter=version.adapter)


def _last_of_each(found: Sequence[V], in_use: Callable[[str], str | None]) -> list[V]:
    """Of each name the version in use, else the last."""
    chosen: dict[str, V] = {}
    for one in found:
        if one.name not in chosen or chosen[one.name].version != in_use(one.name):
            chosen[one.name] = one
    return list(chosen.values())


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
