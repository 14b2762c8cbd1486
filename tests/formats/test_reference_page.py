"""The page of formats tells every key that is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.formats.example_rows import agent_row

from understudy.datasets.export import ExportReport
from understudy.formats.alpaca import AlpacaRecord
from understudy.formats.hf_parquet import AGENT_FEATURES, CHAT_FEATURES
from understudy.formats.sharegpt import Conversation
from understudy.formats.trl_conversational import FEATURES
from understudy.formats.trl_preference import FEATURES as PAIRS
from understudy.formats.trl_unpaired import FEATURES as THUMBS
from understudy.session.instruction import instruction_record

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "formats.md").read_text("utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}")[1].split("\n## ")[0]


def paths(value: Any, above: str = "") -> list[str]:
    if not isinstance(value, dict):
        return [above]
    return [path for key in value for path in paths(value[key], f"{above}.{key}".lstrip("."))]


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("`vllm`", paths(json.loads(json.dumps(instruction_record(agent_row().row, b"x"))))),
        ("`trl`", list(FEATURES)),
        ("`openai-preference`", ["input", "preferred_output", "non_preferred_output"]),
        ("`trl-preference`", list(PAIRS)),
        ("`trl-unpaired`", list(THUMBS)),
        ("`sharegpt`", list(Conversation.__struct_fields__)),
        ("`alpaca`", list(AlpacaRecord.__struct_fields__)),
        ("`parquet`", [*AGENT_FEATURES, *CHAT_FEATURES]),
        ("The report", list(ExportReport.__struct_fields__)),
    ],
)
def test_every_key_has_words(title: str, keys: list[str]) -> None:
    assert [key for key in keys if f"`{key}`" not in section(title)] == []
