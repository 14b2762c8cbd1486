"""Writes a model as the one ONNX file that transformers.js runs: ``python -m`` it with two paths.

A program of its own, because the exporter of transformers patches what it touches. It exports the
step that reads any number of tokens on top of what was read before; here its inputs and outputs get
the names that transformers.js knows, and the file is held against the model it was made of.
"""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path
from typing import Any

MOST_BYTES = 2_000_000_000
"""What one ONNX file can hold."""
MOST_DIFFERENCE = 0.01
"""Of the logits, absolutely. Right ones are a thousand times nearer."""
_SAMPLE = ("I take the rope. And now?", "You see the door. So what")
_CACHE = re.compile(r"(input|output)\.past_key_values\.layers\.(\d+)\.(key|value)s")
_NAMES = {"input": "past_key_values", "output": "present"}


def export(model: Path, out: Path) -> None:
    """Write the model in the folder ``model`` to the file ``out``; raises whatever goes wrong."""
    import onnx
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.exporters.configs import OnnxConfig
    from transformers.exporters.exporter_onnx import OnnxExporter
    from transformers.exporters.utils import decompose_for_generation

    loaded: Any = AutoModelForCausalLM.from_pretrained(str(model), dtype=torch.float32)
    loaded.eval()
    if sum(p.numel() for p in loaded.parameters()) * 4 > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES / 1e9:.0f} GB in 32-bit numbers")
    tokenizer: Any = AutoTokenizer.from_pretrained(str(model))
    rows = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in _SAMPLE]
    sample = torch.tensor([row[: min(map(len, rows))] for row in rows])
    # A mask that masks nothing would be left out of the file.
    mask = torch.ones_like(sample)
    mask[1, 0] = 0
    inputs = {"input_ids": sample, "attention_mask": mask}
    parts: Any = decompose_for_generation(loaded, inputs, multi_token_decode=True)
    step, step_inputs = parts["decode"]
    exporter = OnnxExporter()
    made, _ = exporter.export_program(step, step_inputs, OnnxConfig(dynamic=True))
    exporter.save_program(made, out.with_suffix(".raw.onnx"))
    graph = onnx.load(str(out.with_suffix(".raw.onnx")))
    _rename(graph.graph)
    onnx.save(graph, str(out))
    for path in out.parent.glob(f"{out.stem}.raw.onnx*"):
        path.unlink()
    _compare(loaded, sample[:1], out)


def _rename(graph: Any) -> None:
    names = {
        value.name: f"{_NAMES[found[1]]}.{found[2]}.{found[3]}"
        for value in (*graph.input, *graph.output)
        if (found := _CACHE.fullmatch(value.name))
    }
    for value in (*graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for sides in (node.input, node.output):
            for place, name in enumerate(sides):
                sides[place] = names.get(name, name)


def _compare(model: Any, tokens: Any, file: Path) -> None:
    """Read half of the tokens, then one, then the rest, as a game does: the same as all at once."""
    import numpy as np
    import torch

    from understudy.players.backends.onnx_chat_model import OnnxSteps

    with torch.inference_mode():
        expected = model(tokens).logits[0].numpy()
    steps = OnnxSteps(file)
    ids = tokens[0].tolist()
    half = len(ids) // 2
    told = np.concatenate(
        [steps.read(part) for part in (ids[:half], ids[half : half + 1], ids[half + 1 :])]
    )
    apart = float(np.abs(told - expected).max())
    if apart > MOST_DIFFERENCE:
        raise ValueError(f"the ONNX file gives other numbers than the model, {apart:.3f} apart")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    export(Path(sys.argv[1]), Path(sys.argv[2]))
