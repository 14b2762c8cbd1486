"""Where examples come from: datasets, files, scenarios, corrections; each names what it holds."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.train.conftest import looking, sneaking

import understudy
from understudy.chat.tools.registry import TOOLS, ToolSpec
from understudy.datasets.build import BuildRequest, build_dataset
from understudy.datasets.rows import Source
from understudy.datasets.scenario_rows import ScenarioSource
from understudy.datasets.selection import Selection
from understudy.datasets.splits import Splits
from understudy.errors import StorageError, TrainingError, UsageError
from understudy.train.settings import SftSettings
from understudy.train.sources import Loaded, Reading, load, registry_of


def read(ws: understudy.Workspace, *sources: str | Path, **options: Any) -> Loaded:
    validation = options.pop("validation", ())
    share = options.pop("share", 0.0)
    return load(
        ws,
        [str(source) for source in sources],
        [str(source) for source in validation],
        Reading(**options),
        share=share,
        most=100,
    )


def lines(path: Path, *raw: Any) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in raw), encoding="utf-8")
    return path


def png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 14), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_file_of_chats_is_read_line_by_line(ws: understudy.Workspace, tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", sneaking("Mira", "door"), looking("Sara", "gate"))
    found = read(ws, path)
    assert [one["where"] for one in found.train] == [f"line 1 of {path}", f"line 2 of {path}"]
    (source,) = found.sources
    assert (source["kind"], source["examples"]) == ("file", 2)
    assert len(source["sha256"]) == 64


def test_the_same_example_in_two_sources_is_trained_on_once(
    ws: understudy.Workspace, tmp_path: Path
) -> None:
    one = lines(tmp_path / "a.jsonl", sneaking("Mira", "door"))
    two = lines(tmp_path / "b.jsonl", sneaking("Mira", "door"), looking("Mira", "door"))
    assert len(read(ws, one, two).train) == 2


def test_what_is_trained_on_is_not_validated_on(ws: understudy.Workspace, tmp_path: Path) -> None:
    train = lines(tmp_path / "a.jsonl", sneaking("Mira", "door"))
    held = lines(tmp_path / "b.jsonl", sneaking("Mira", "door"), looking("Mira", "door"))
    found = read(ws, train, validation=[held])
    assert [one["messages"][0]["content"] for one in found.validation] == [
        "Mira looks at the door."
    ]
    assert found.sources[1]["for"] == "validation"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 1 of .* is no JSON"),
        ("[]", "line 1 of .* is no JSON object"),
        ('{"text": "x"}', "line 1 of .* is no example"),
        (
            '{"instruction": "x", "input": {}, "output": {}}',
            "line 1 of .* is no instruction record",
        ),
    ],
)
def test_a_broken_line_is_named(
    ws: understudy.Workspace, tmp_path: Path, line: str, told: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(TrainingError, match=told):
        read(ws, path)


def test_a_source_that_is_nothing_is_told_with_what_there_is(ws: understudy.Workspace) -> None:
    with pytest.raises(TrainingError, match=r"nothing is neither a file nor a dataset"):
        read(ws, "nothing")
    with pytest.raises(StorageError, match=r"missing\.jsonl cannot be read"):
        read(ws, "missing.jsonl")
    with pytest.raises(TrainingError, match="no data are named"):
        read(ws)


SCENARIO = """# SYSTEM
Role: Dungeon Master
Party:
- Mira (Halfling Rogue, Level 3, HP: 21/24)

# USER
I sneak past the guard.

# DM
You keep to the wall. [CHECK:  Stealth , Mira]

# TOOLCALL
stealth: 14 + 7(skill) = *21*

# DM
Nobody looks up.
"""


def test_scenarios_in_markdown_are_chats_with_canonical_calls(
    ws: understudy.Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "mine" / "combat"
    folder.mkdir(parents=True)
    (folder / "guard.md").write_text(SCENARIO)
    found = read(ws, tmp_path / "mine")
    (example,) = found.train
    assert example["where"] == "combat/guard.md"
    assert [m["role"] for m in example["messages"]] == [
        "system", "user", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert example["messages"][2]["content"] == "You keep to the wall. [check: stealth, Mira]"
    assert list(found.sources[0]["files"]) == ["combat/guard.md"]


def test_a_scenario_that_cannot_be_read_is_named_with_its_line(
    ws: understudy.Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "bad.md"
    path.write_text("# SYSTEM\nRole: DM\n\n# NOBODY\nx\n")
    with pytest.raises(TrainingError, match=r"bad.md, line 4: there is no heading 'NOBODY'"):
        read(ws, path)


@pytest.mark.slow
def test_the_scenarios_of_the_package_are_a_source(ws: understudy.Workspace) -> None:
    found = read(ws, "scenarios")
    assert len(found.train) >= 60
    assert found.sources[0]["examples"] == len(found.train)


def test_generated_scenarios_are_the_same_for_the_same_seed(ws: understudy.Workspace) -> None:
    one, same = read(ws, "generated:3x2"), read(ws, "generated:3x2")
    other = read(ws, "generated:3x2", seed=2)
    assert len(one.train) == 3
    assert one.train == same.train
    assert one.train[0]["messages"] != other.train[0]["messages"]
    with pytest.raises(UsageError, match="names no number of scenarios"):
        read(ws, "generated:many")


def test_tools_are_those_of_the_workspace_of_a_file_or_none(tmp_path: Path) -> None:
    default = registry_of(SftSettings(), tmp_path)
    assert default == TOOLS
    assert registry_of(SftSettings(tools="none"), tmp_path) is None
    more = TOOLS.with_tools([ToolSpec(name="dance")])
    more.save(tmp_path / "tool_registry.json")
    assert registry_of(SftSettings(), tmp_path) == more
    TOOLS.save(tmp_path / "own.json")
    assert registry_of(SftSettings(tools=str(tmp_path / "own.json")), tmp_path) == TOOLS


# Recorded sessions ----------------------------------------------------------------------------


def chats(ws: understudy.Workspace, count: int) -> None:
    for number in range(count):
        with ws.record(game="tavern", task="talk", player="human", license="CC0-1.0") as session:
            raw = sneaking("Mira", f"door {number}")["messages"]
            session.chat(messages=raw[:-1], response=raw[-1])


@pytest.mark.slow
def test_a_dataset_is_read_with_its_own_validation(ws: understudy.Workspace) -> None:
    chats(ws, 12)
    request = BuildRequest(
        selection=Selection(),
        source=Source(kind="chat"),
        splits=Splits(fractions=(0.5, 0.5, 0.0)),
    )
    built = build_dataset(ws, "table", request)
    found = read(ws, "table")
    counts = built.facts["counts"]
    assert (len(found.train), len(found.validation)) == (counts["train"], counts["validation"])
    assert found.train[0]["where"].endswith("in table@v0001")
    (source,) = found.sources
    assert source["name"] == "table@v0001"
    assert source["licenses"] == {"CC0-1.0": 12}
    assert [parent.kind for parent in found.parents] == ["dataset"]
    with pytest.raises(TrainingError, match="table holds no preferences"):
        read(ws, "table", preferences=True)


def test_a_dataset_of_scenarios_names_the_scenario(ws: understudy.Workspace) -> None:
    request = BuildRequest(
        selection=Selection(),
        source=Source(kind="chat", from_sessions=False),
        scenarios=ScenarioSource(generated=4),
        splits=Splits(fractions=(1.0, 0.0, 0.0)),
    )
    build_dataset(ws, "made", request)
    found = read(ws, "made")
    assert found.train[0]["where"] == "generated/0/0 in made@v0001"


@pytest.fixture
def played(ws: understudy.Workspace) -> understudy.Workspace:
    """A played session with pictures, as a dataset of steps."""
    with ws.record(game="pocket", task="open the bag", player="script") as session:
        for number, colour in enumerate(("red", "blue")):
            session.step(
                action="press_a",
                observation=f"the menu, entry {number}",
                screenshot=png(colour),
                reasoning="BAG comes next",
                expected_outcome="the bag opens",
                success=True,
            )
    whole = Splits(fractions=(1.0, 0.0, 0.0))
    build_dataset(ws, "agent", BuildRequest(selection=Selection(), splits=whole))
    return ws


def test_steps_of_players_are_chats_as_text_or_with_the_picture(
    played: understudy.Workspace,
) -> None:
    words = read(played, "agent").train
    pictures = read(played, "agent", with_images=True).train
    assert len(words) == len(pictures) == 2
    assert "the menu, entry 0" in words[0]["messages"][1]["content"]
    assert json.loads(words[0]["messages"][2]["content"])["action"] == "press_a"
    assert "images" not in words[0]
    assert words[0]["brackets"] is False
    assert pictures[0]["messages"][1]["content"][1] == {"type": "image"}
    assert pictures[0]["images"] == [png("red")]


def test_instruction_records_are_read_from_a_file(ws: understudy.Workspace, tmp_path: Path) -> None:
    record = {
        "instruction": "Open the bag",
        "input": {
            "game_state": {
                "screenshot_base64": base64.b64encode(png("red")).decode(),
                "memory_context": "the menu",
                "previous_actions": ["press_start"],
            },
            "task_context": {"step_number": 2, "total_steps": 9, "goal": "Open it"},
        },
        "output": {"action": "press_a", "reasoning": "r", "expected_outcome": "e"},
        "metadata": {
            "session_id": "S",
            "timestamp": "2026-01-01T00:00:00Z",
            "model_used": "script",
            "success": True,
            "human_score": None,
        },
    }
    (example,) = read(ws, lines(tmp_path / "r.jsonl", record), with_images=True).train
    assert example["images"] == [png("red")]
    assert "Previous actions: press_start" in example["messages"][1]["content"][0]["text"]


def test_corrections_are_examples_and_pairs(ws: understudy.Workspace) -> None:
    chats(ws, 1)
    (session,) = ws.sessions()
    session.add_feedback(step=1, correction="[check: stealth, Mira]", author="human:a")
    session.add_feedback(step=1, score=2, author="human:a")
    found = read(ws, "corrections")
    assert found.train[0]["messages"][-1]["content"] == "[check: stealth, Mira]"
    assert [(parent.kind, parent.id) for parent in found.parents] == [("session", session.id)]
    assert found.sources[0]["licenses"] == {"CC0-1.0": 1}
    preferences = read(ws, "corrections", preferences=True)
    (pair,) = preferences.train
    assert pair["chosen"][0]["content"] == "[check: stealth, Mira]"
    assert pair["rejected"][0]["content"] == "Mira moves. [check: stealth, Mira]"


def test_without_corrections_there_is_nothing_to_train_on(ws: understudy.Workspace) -> None:
    with pytest.raises(TrainingError, match="there is no example to train on in corrections"):
        read(ws, "corrections")
