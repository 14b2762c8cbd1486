"""The instruction JSONL: the seed's keys, no more and no fewer, read back as it was written."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.example_rows import agent_row, instruction_row, png

from understudy.formats._json_lines import BadLine
from understudy.formats.vllm_instruction import VllmInstruction, read_records, validate_record
from understudy.session.instruction import instruction_record

SEED = {
    "instruction": "Check what healing items I have in my bag",
    "input": {
        "game_state": {
            "screenshot_base64": base64.b64encode(png()).decode(),
            "memory_context": "Currently in Pokemon Center, party has 3 Pokemon",
            "previous_actions": ["pressed_start", "navigated_to_bag"],
        },
        "task_context": {
            "step_number": 5,
            "total_steps": 15,
            "goal": "Inventory analysis and reporting",
        },
    },
    "output": {
        "action": "press_down",
        "reasoning": "Navigate to Items section in bag menu to check healing items",
        "expected_outcome": "Menu cursor moves to Items category",
    },
    "metadata": {
        "session_id": "healing-items-001",
        "timestamp": "2025-06-18T10:22:06Z",
        "model_used": "gemini-flash-2.0-exp",
        "success": True,
        "human_score": 8,
    },
}


def written(tmp_path: Path, *records: dict[str, Any]) -> Path:
    output = tmp_path / "data.jsonl"
    writer = VllmInstruction().open(output, max_bytes=None)
    for record in records:
        writer.write(record)
    assert writer.finish() == [output]
    return output


def keys_of(value: Any) -> Any:
    return {k: keys_of(v) for k, v in value.items()} if isinstance(value, dict) else None


def test_the_example_of_the_specification_is_a_good_record() -> None:
    assert validate_record(SEED) == []


def test_a_step_has_exactly_the_keys_of_the_specification_in_its_order(tmp_path: Path) -> None:
    row = agent_row()
    output = written(tmp_path, instruction_record(row.row, row.picture))
    record = json.loads(output.read_text("utf-8"))
    assert json.dumps(keys_of(record)) == json.dumps(keys_of(SEED))
    assert base64.b64decode(record["input"]["game_state"]["screenshot_base64"]) == row.picture


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    records = [SEED, instruction_record(instruction_row(success=None, human_score=None), None)]
    assert [record for _, record in read_records(written(tmp_path, *records))] == records


@pytest.mark.slow
@given(words=st.text(), action=st.text(min_size=1), previous=st.lists(st.text(), max_size=3))
@settings(max_examples=60, deadline=None)
def test_any_text_survives(
    tmp_path_factory: pytest.TempPathFactory, words: str, action: str, previous: list[str]
) -> None:
    row = instruction_row(
        instruction=f"x{words}",
        memory_context=words,
        reasoning=words,
        action=f"a{action}",
        previous_actions=previous,
    )
    record = instruction_record(row, png())
    output = written(tmp_path_factory.mktemp("any"), record)
    assert output.read_bytes().count(b"\n") == 1
    assert [found for _, found in read_records(output)] == [record]


def changed(path: str, value: Any) -> dict[str, Any]:
    record = json.loads(json.dumps(SEED))
    *above, last = path.split(".")
    place = record
    for key in above:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return record


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ([], "Expected `object`, got `array`"),
        (changed("metadata.success", ...), "metadata: Object missing required field `success`"),
        (changed("metadata.tags", []), "metadata: Object contains unknown field `tags`"),
        (changed("input.task_context.step_number", "5"), "step_number: Expected `int`"),
        (changed("output.reasoning", None), "output.reasoning: Expected `str`, got `null`"),
        (changed("instruction", " "), "the instruction is empty"),
        (changed("output.action", ""), "the action is empty"),
        (changed("input.game_state.screenshot_base64", "..."), "screenshot is broken"),
    ],
)
def test_a_bad_record_is_refused_with_its_reason(record: Any, reason: str) -> None:
    assert reason in "; ".join(validate_record(record))


def test_bad_lines_are_reported_and_the_others_read(tmp_path: Path) -> None:
    good = json.dumps(SEED)
    path = tmp_path / "mixed.jsonl"
    path.write_text(f"{good}\n{{half\n{json.dumps(changed('output.action', ''))}\n\n{good}\n")
    bad: list[BadLine] = []
    assert [line for line, _ in read_records(path, report=bad.append)] == [1, 5]
    assert [(b.line, b.reason.partition(":")[0]) for b in bad] == [
        (2, "it is not JSON"),
        (3, "the action is empty"),
    ]
