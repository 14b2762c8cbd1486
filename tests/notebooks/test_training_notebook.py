"""The notebook runs from top to bottom with public names alone, and is kept without outputs."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest
from tests.pipeline.model_shop import roomy_base

nbformat = pytest.importorskip("nbformat")

PATH = Path(__file__).parents[2] / "notebooks" / "comprehensive_training_basic.ipynb"
SMALL = """
WORKSPACE = Path("w")
BASE = {base!r}
SCENARIOS = [{scenarios!r}]
GENERATED = 8
SETTINGS = {{"max_steps": 3, "batch_size": 2, "learning_rate": 1e-3, "precision": "fp32",
            "too_long": "drop"}}
CASES = 1
FORCE = True
"""


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(PATH, as_version=4)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def cell_named(notebook, name):
    [cell] = [cell for cell in notebook.cells if cell.get("id") == name]
    return cell


def printed(cell):
    """What the cell wrote, and what it put on the screen as text."""
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            texts.append(output.text)
        else:
            texts += [str(text) for kind, text in output.data.items() if kind.startswith("text")]
    return "\n".join(texts)


def pictures(cell):
    return [one for one in cell.outputs if "image/png" in one.get("data", {})]


def test_it_is_a_valid_notebook_without_outputs(notebook):
    nbformat.validate(notebook)
    for cell in code_of(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_it_uses_public_names_of_the_package_alone(notebook):
    tree = ast.parse("\n".join(cell.source for cell in code_of(notebook)))
    imported = [
        (node.module, name.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("understudy")
        for name in node.names
    ]
    assert imported
    for module, name in imported:
        assert not any(part.startswith("_") for part in [*module.split("."), name])
        assert hasattr(importlib.import_module(module), name)
    private = [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_")
    ]
    assert private == []


def test_every_step_has_its_words_before_it(notebook):
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds[0] == "markdown"
    headings = [cell.source for cell in notebook.cells if cell.source.startswith("## ")]
    assert [heading.split("\n")[0] for heading in headings] == [
        "## Configuration",
        "## Data",
        "## Training",
        "## Conversion",
        "## Validation",
        "## Deployment",
        "## Talk to it",
        "## What next",
    ]


@pytest.mark.slow
def test_it_runs_from_top_to_bottom_on_a_small_model(notebook, tmp_path, tmp_path_factory):
    pytest.importorskip("xllamacpp")
    nbclient = pytest.importorskip("nbclient")
    scenarios = Path(__file__).parents[2] / "src/understudy/scenarios/travel"
    small = SMALL.format(base=str(roomy_base(tmp_path_factory)), scenarios=str(scenarios))
    ran = nbformat.from_dict(notebook.copy())
    place = next(
        n for n, cell in enumerate(ran.cells) if "parameters" in cell.metadata.get("tags", ())
    )
    ran.cells.insert(place + 1, nbformat.v4.new_code_cell(small))

    nbclient.NotebookClient(
        ran, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()

    assert "dm-data@v0001 is new" in printed(cell_named(ran, "build"))
    assert "calls in" in printed(cell_named(ran, "count"))
    assert pictures(cell_named(ran, "plots"))
    training = cell_named(ran, "train")
    assert pictures(training)
    assert "3 steps in" in printed(training)
    assert f"dm@v0001 in {tmp_path}" in printed(training)
    assert "same next token at" in printed(cell_named(ran, "convert"))
    assert pictures(cell_named(ran, "validate"))
    assert "not met: the tuned model calls tools no better" in printed(cell_named(ran, "validate"))
    assert "dm@v0001 for gguf-mobile" in printed(cell_named(ran, "deploy"))
    assert "<td>files</td><td>passed</td>" in printed(cell_named(ran, "examine"))
    assert cell_named(ran, "talk").execution_count is not None
    assert (tmp_path / "w/bundles/dm/v0001/test_results.json").is_file()
