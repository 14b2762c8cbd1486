"""``understudy train`` at the command line: what it prints and with which status it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.train.conftest import NAMES, THINGS, looking, sneaking

import understudy
from understudy.cli.main import main
from understudy.cli.train import _Duration
from understudy.train.settings import PreferenceSettings, SftSettings

pytestmark = pytest.mark.slow  # transformers is loaded

ROOT = Path(__file__).parents[2]


class Shell:
    """Runs commands in one workspace."""

    def __init__(self, ws: understudy.Workspace, capsys: pytest.CaptureFixture[str]) -> None:
        self.ws = ws
        self._capsys = capsys

    def run(self, *words: str, status: int = 0) -> tuple[str, str]:
        code = main([*words, "--workspace", str(self.ws.path)])
        printed = self._capsys.readouterr()
        assert code == status, printed.err
        return printed.out, printed.err

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json")[0])


@pytest.fixture
def shell(ws: understudy.Workspace, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(ws, capsys)


@pytest.fixture
def data(tmp_path: Path) -> str:
    raw = [sneaking(name, thing) for name in NAMES for thing in THINGS]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in raw))
    return str(path)


QUICK = ("--settings", "precision=fp32", "--settings", "validation_share=0.3")


def test_training_prints_the_facts_of_the_new_version(
    shell: Shell, data: str, tiny_base: Path
) -> None:
    facts = shell.json(
        "train", "sft", "--base", str(tiny_base), "--data", data, "--steps", "3", "--seed", "7",
        "--name", "table", *QUICK,
    )  # fmt: skip
    assert (facts["model"], facts["version"], facts["steps"]) == ("table", "v0001", 3)
    assert facts["promoted"]
    assert facts["seconds"] >= 0
    assert facts["validation_loss"] is not None
    shown = shell.json("model", "show", "table")
    assert shown["settings"]["seed"] == 7
    assert shown["settings"]["max_steps"] == 3


def test_training_for_people_says_what_came_of_it(shell: Shell, data: str, tiny_base: Path) -> None:
    out, _ = shell.run(
        "train", "sft", "--base", str(tiny_base), "--data", data, "--budget", "0s", *QUICK
    )
    assert "dm@v0001" in out
    assert "1 of 60" in out
    assert "budget" in out


def test_what_is_new_can_be_asked_and_trained_on(shell: Shell, data: str, tiny_base: Path) -> None:
    shell.run("train", "sft", "--base", str(tiny_base), "--data", data, "--steps", "2", *QUICK)
    with open(data, "a") as file:
        file.writelines(json.dumps(looking(name, "lamp")) + "\n" for name in NAMES)

    news = shell.json("train", "sft", "--incremental", "--check", "--data", data, *QUICK)
    out, _ = shell.run("train", "sft", "--check", "--data", data, *QUICK)
    assert news["since"] == "dm@v0001"
    assert 0 < news["new"] <= 4
    assert "new: line 21 of" in out or "new: line 22 of" in out

    facts = shell.json("train", "sft", "--incremental", "--data", data, *QUICK)
    assert (facts["version"], facts["steps"]) == ("v0002", 20)
    _, err = shell.run("train", "sft", "--incremental", "--data", data, *QUICK)
    assert "Nothing is new since dm@v0002" in err

    listed = shell.json("train", "sft", "--versions")
    assert [one["version"] for one in listed] == ["v0001", "v0002"]
    cleaned = shell.json("train", "sft", "--cleanup")
    assert [one["removed"] for one in cleaned["versions"]] == [False, False]


def test_preferences_are_learned_from_corrections(shell: Shell, data: str, tiny_base: Path) -> None:
    shell.run("train", "sft", "--base", str(tiny_base), "--data", data, "--steps", "1", *QUICK)
    with shell.ws.record(game="tavern", task="talk", player="human") as session:
        for name in NAMES:
            session.chat(
                messages=[{"role": "user", "content": f"{name} sneaks."}],
                response={"role": "assistant", "content": "No."},
            )
    for number, name in enumerate(NAMES, start=1):
        shell.ws.session(session.id).add_feedback(
            step=number, correction=f"[check: stealth, {name}]", author="human:me"
        )
    facts = shell.json("train", "preference", "--steps", "1", "--settings", "precision=fp32")
    assert (facts["version"], facts["loss_kind"]) == ("v0002", "dpo")
    lineage = shell.json("model", "lineage", "dm")
    assert lineage["sessions"] == [session.id]
    _, err = shell.run("train", "preference", "--game", "chess", status=1)
    assert "there is no example to train on in corrections" in err


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("--settings", "rank=8"), 2, "'rank=8' is no setting"),
        (("--budget", "soon"), 2, "'soon' is no duration"),
        (("--data", "nothing"), 1, "nothing is neither a file nor a dataset"),
        (("--base", "/nowhere"), 1, "/nowhere is no folder"),
        (("--incremental",), 1, "there is no model 'dm'"),
    ],
)
def test_a_fault_is_one_sentence_and_a_status(
    shell: Shell, tiny_base: Path, words: tuple[str, ...], status: int, told: str
) -> None:
    base = () if {"--base", "--incremental"} & set(words) else ("--base", str(tiny_base))
    _, err = shell.run("train", "sft", *base, *words, status=status)
    assert told in err


def test_durations_are_read_as_people_write_them() -> None:
    read = _Duration()
    assert [read.convert(text, None, None) for text in ("90s", "10m", "1.5h", "20")] == [
        90.0,
        600.0,
        5400.0,
        20.0,
    ]


@pytest.mark.parametrize("kind", [SftSettings, PreferenceSettings])
def test_every_setting_stands_in_the_documentation(kind: type[SftSettings]) -> None:
    page = (ROOT / "docs" / "howto" / "train.md").read_text(encoding="utf-8")
    missing = [
        row
        for name, field in kind.model_fields.items()
        if (row := f"| `{name}` | {_shown(field.default)} | {field.description} |") not in page
    ]
    assert missing == []


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "empty" if default == "" else str(default)
