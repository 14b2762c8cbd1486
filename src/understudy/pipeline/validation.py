"""Validating a model: base, tuned and quantised on the same cases, against the version before.

The quantised file is also measured as it runs in a game, held to its tools and the party sheet.

The base is measured once for each set of cases; what it scored is kept in the workspace. The
results lie in the folder of the version, with a report in Markdown and one in HTML.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy._version import __version__
from understudy.chat.tools.call_grammar import call_grammar, for_each_chat
from understudy.chat.tools.registry import ToolRegistry
from understudy.curate.judging import SCHEMA, read_verdict
from understudy.deploy.conversion import read_conversion
from understudy.errors import FormatError, UnderstudyError, UsageError
from understudy.evaluate import report
from understudy.evaluate.cases import Case
from understudy.evaluate.gate import DEFAULT_MOST_LOST, check_reach, unmet
from understudy.evaluate.in_game import Heard, InGame, Overheard
from understudy.evaluate.judge import questions
from understudy.evaluate.measuring import Asking, Judge, Measured, measure_model
from understudy.evaluate.results import Earlier, build_results, read_scores, scores_of
from understudy.evaluate.suites import DEFAULT_LIMIT, SET_NAMES, Suite, build_suite
from understudy.formats.scenario_markdown import VALIDATION as SET_ASIDE
from understudy.games.builtin.tavern.bookkeeping import outcome
from understudy.models.registry import (
    VALIDATION,
    ModelVersion,
    add_result,
    find_model,
    models_of,
    promoted,
)
from understudy.pipeline.chat_models import (
    open_base,
    open_chat_model,
    open_gguf,
    open_version,
    tools_of,
)
from understudy.pipeline.scoring import open_judge
from understudy.players.backends.chat_model import ChatModel, Progress
from understudy.store.atomic import write_atomic
from understudy.store.hashes import sha256_file

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

MARKDOWN, HTML = "validation_report.md", "validation_report.html"
_KEPT = "validation"
"""Folder, in the workspace's internal one, of what bases scored."""
_JUDGED_OF_A_SET = 10
Tell = Callable[[str], Progress]
"""Called at the beginning of each model with what is measured; gives what hears of the progress."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is validated, and how."""

    model: str
    """A version of the workspace, a folder, a .gguf file, or a model of the server in [chat]."""
    base: bool = True
    """Whether what it was trained from is measured too, where that is known."""
    quantized: Path | None = None
    """A .gguf file; None: the one that the version was converted to, where it was."""
    against: str = ""
    """A version to compare with; empty: the one in use, else the one before."""
    sets: tuple[str, ...] = ()
    """Empty: all."""
    scenarios: Path = SET_ASIDE
    """Hand-written scenarios that nothing was trained on."""
    limit: int = DEFAULT_LIMIT
    seed: int = 1
    asking: Asking = field(default_factory=Asking)
    judge: bool = False
    """Whether the chat model of the settings, or ``judge_model``, is asked about some answers."""
    judge_model: str | None = None
    reach: Mapping[str, float] = field(default_factory=dict)
    """See `gate.unmet`."""
    most_lost: float | None = DEFAULT_MOST_LOST


@dataclass(frozen=True)
class Validation:
    """What came of it."""

    results: dict[str, Any]
    reasons: list[str]
    """What the gate asks for and was not reached."""
    folder: Path | None
    """Where results and reports lie; None for a model that is no version of the workspace."""

    @property
    def passed(self) -> bool:
        return not self.reasons


def validate(workspace: Workspace, request: Request, tell: Tell | None = None) -> Validation:
    """Measure a model, write down what it scored, and hold it against the gate.

    Raises UsageError, ModelError, PlayerError and FormatError for what cannot be found, loaded or
    read; a model that scores badly is a result, and no error.
    """
    check_reach(request.reach)
    told = tell or (lambda _: lambda done, total: None)
    version = _version(workspace, request.model)
    suite = build_suite(
        request.sets or SET_NAMES, seed=request.seed, limit=request.limit, folder=request.scenarios
    )
    quantized = _quantized(version, request)
    with _judge(workspace, request) as judge:
        bench = _Bench(workspace, suite, request, judge, told)
        measured: dict[str, Measured] = {}
        if request.base and version is not None and version.base:
            measured["base"] = bench.base(version)
        if version is not None:
            one = version
            measured["tuned"] = bench.measure("tuned", lambda: open_version(workspace, one))
        else:
            measured["tuned"] = bench.measure(
                "tuned", lambda: open_chat_model(request.model, workspace, workspace.settings)
            )
        if quantized is not None:
            measured |= bench.file(quantized, None if version is None else tools_of(version))
        earlier = _earlier(workspace, version, request, suite, bench)
    results = build_results(
        suite,
        measured,
        asking=request.asking,
        limit=request.limit,
        model=version.ref if version is not None else request.model,
        earlier=earlier,
    )
    reasons = unmet(results, request.reach, request.most_lost)
    if quantized is not None:
        results["quantized"] |= {"file": quantized.name, "sha256": sha256_file(quantized)}
        # Said of the file that ships; where none was measured, nothing is said.
        results |= {"passed": not reasons, "reasons": reasons}
    folder = None if version is None else _write(version, results)
    return Validation(results, reasons, folder)


class _Bench:
    """Where models are measured one after the other, all on the same cases."""

    def __init__(
        self, workspace: Workspace, suite: Suite, request: Request, judge: Judge | None, tell: Tell
    ) -> None:
        self._workspace = workspace
        self._suite = suite
        self._request = request
        self._judge = judge
        self._tell = tell

    def measure(self, what: str, load: Callable[[], ChatModel]) -> Measured:
        return measure_model(
            load,
            self._suite,
            asking=self._request.asking,
            execute=outcome,
            judge=self._judge,
            progress=self._tell(what),
        )

    def file(self, file: Path, tools: ToolRegistry | None) -> dict[str, Measured]:
        """What the file scores alone, and held to ``tools`` and the party sheet as in a game."""
        heard: Heard = {}
        alone = self.measure("quantised", lambda: Overheard(open_gguf(file), heard))
        grammar = for_each_chat(call_grammar(tools)) if tools is not None else None
        if grammar is None:
            return {"quantized": alone}
        held = self.measure(
            "quantised, as in a game",
            lambda: InGame(open_gguf(file, tools=tools), grammar, heard),
        )
        return {"quantized": alone, "in_game": held}

    def base(self, version: ModelVersion) -> Measured:
        """What the base scores, measured or as it was kept."""
        kept = self._place(version)
        if self._judge is None and kept.is_file():
            with contextlib.suppress(msgspec.MsgspecError, OSError):
                return msgspec.msgpack.decode(kept.read_bytes(), type=Measured)
        found = self.measure("base", lambda: open_base(self._workspace, version))
        kept.parent.mkdir(exist_ok=True)
        write_atomic(kept, msgspec.msgpack.encode(found))
        return found

    def _place(self, version: ModelVersion) -> Path:
        known = (
            version.base.get("sha256") or version.base.get("id"),
            self._suite.digest,
            msgspec.to_builtins(self._request.asking),
            __version__,
        )
        key = hashlib.sha256(msgspec.json.encode(known)).hexdigest()[:32]
        return self._workspace.internal / _KEPT / f"{key}.msgpack"


def _version(workspace: Workspace, name: str) -> ModelVersion | None:
    """The version that ``name`` names; None for a model that is none of the workspace."""
    if Path(name).expanduser().exists() or name.endswith(".gguf"):
        return None
    if name.partition("@")[0] in models_of(workspace).names():
        return find_model(workspace, name)
    return None


def _quantized(version: ModelVersion | None, request: Request) -> Path | None:
    if request.quantized is not None:
        if not request.quantized.is_file():
            raise UsageError(f"there is no file {request.quantized}; name a .gguf file")
        return request.quantized
    conversion = None if version is None else read_conversion(version)
    return None if version is None or conversion is None else version.folder / conversion.gguf_name


def _earlier(
    workspace: Workspace,
    version: ModelVersion | None,
    request: Request,
    suite: Suite,
    bench: _Bench,
) -> Earlier | None:
    """The version to compare with: by what it scored on these cases, else, if named, by asking."""
    other = _other_version(workspace, version, request.against)
    if other is None:
        return None
    known = other.result(VALIDATION)
    scores = read_scores(known, suite) if known is not None else None
    if scores is None and request.against:
        measured = bench.measure(other.ref, lambda: open_version(workspace, other))
        scores = scores_of(measured)
    return None if scores is None else Earlier(other.ref, scores)


def _other_version(
    workspace: Workspace, version: ModelVersion | None, against: str
) -> ModelVersion | None:
    if against:
        return find_model(workspace, against)
    if version is None:
        return None
    in_use = promoted(workspace, version.name)
    if in_use is not None and in_use.version != version.version:
        return in_use
    before = [
        one
        for one in models_of(workspace).all_of(version.name)
        if one.version < version.version and one.result(VALIDATION) is not None
    ]
    return before[-1] if before else None


@contextlib.contextmanager
def _judge(workspace: Workspace, request: Request) -> Any:
    """Who judges some answers of each set; None where nobody does."""
    if not (request.judge or request.judge_model):
        yield None
        return
    with open_judge(workspace, request.judge_model) as asked:

        def judge(case: Case, answer: str) -> float | None:
            if int(hashlib.sha256(case.id.encode()).hexdigest(), 16) % request.limit >= (
                _JUDGED_OF_A_SET
            ):
                return None
            said = asked.complete(questions(case.messages, answer), schema=SCHEMA, purpose="judge")
            try:
                return float(read_verdict(said.parsed).score)
            except FormatError:
                return None

        yield judge


def _write(version: ModelVersion, results: dict[str, Any]) -> Path:
    add_result(version, VALIDATION, results)
    write_atomic(version.folder / MARKDOWN, report.markdown(results).encode())
    write_atomic(version.folder / HTML, report.html(results).encode())
    return version.folder


def latest_model(workspace: Workspace) -> str:
    """The model that was trained last; UsageError when there is none."""
    versions = []
    for name in models_of(workspace).names():
        with contextlib.suppress(UnderstudyError):
            versions += models_of(workspace).all_of(name)
    trained = [one for one in versions if one.method != "base" and not one.removed]
    if not trained:
        raise UsageError("no model was trained yet; `understudy train sft` trains one, or name one")
    return max(trained, key=lambda one: one.manifest.created).ref
