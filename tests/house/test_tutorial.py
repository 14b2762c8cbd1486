"""The tutorial, followed to the letter."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.cli.main import main

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


@pytest.mark.slow
def test_its_programs_and_commands_give_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("UNDERSTUDY_WORKSPACE", raising=False)
    play, rate = re.findall(
        r"```python\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    assert main(["init", str(tmp_path / "tavern")]) == 0
    monkeypatch.chdir(tmp_path / "tavern")

    played = subprocess.run([sys.executable, "-c", play], capture_output=True, text=True)
    assert played.returncode == 0, played.stderr
    assert "North, along the river" in played.stdout

    capsys.readouterr()
    assert main(["session", "list", "--json"]) == 0
    [session] = json.loads(capsys.readouterr().out)
    assert session["chats"] == 3
    assert session["status"] == "sealed"
    assert main(["session", "show", "01"]) == 0
    assert main(["session", "verify"]) == 0

    rated = subprocess.run([sys.executable, "-c", rate], capture_output=True, text=True)
    assert rated.returncode == 0, rated.stderr
    assert main(["dataset", "export", "--format", "openai", "--output", "tavern.jsonl"]) == 0
    assert len(Path("tavern.jsonl").read_text(encoding="utf-8").splitlines()) == 3

    commands = re.findall(
        r"^understudy ((?:play pocket|score --auto|dataset build|stats).*)$",
        TUTORIAL.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert len(commands) == 5
    for command in commands:
        assert main(shlex.split(command)) == 0, command
    assert list(Path("datasets/agent-v1/v0001/exports/vllm").glob("*.jsonl"))
