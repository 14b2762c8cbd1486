"""``understudy tools``: scan, extend and docs, on scenarios and on what was really captured."""

from __future__ import annotations

import json

import pytest

import understudy
from understudy.chat.tools.registry import FILE_NAME, TOOLS, ToolRegistry
from understudy.cli.main import main

SCENARIO = """\
# SYSTEM
Party:
- Mira (Rogue, Level 1, HP: 9/9)

# USER
Hello.

# DM
Good evening [bows]. [drink: Mira, ale] [roll: d6]
"""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder in which there is no workspace."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("UNDERSTUDY_WORKSPACE", raising=False)
    return folder


@pytest.fixture
def inn(elsewhere):
    path = elsewhere / "inn.md"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


@pytest.fixture
def workspace(tmp_path):
    path = tmp_path / "workspace"
    with understudy.Workspace(path) as opened, opened.record(game="tavern") as session:
        session.chat(
            messages=[{"role": "user", "content": "I hide."}],
            response={"role": "assistant", "content": "So. [check: stealth] [fly: Mira, +5]"},
        )
    return path


def run(capsys, *arguments):
    status = main(["tools", *map(str, arguments)])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_without_a_path_and_a_workspace_the_packaged_scenarios_are_scanned(elsewhere, capsys):
    status, out, _ = run(capsys, "scan", "--json")
    found = json.loads(out)
    assert status == 0
    assert (found["unknown"], found["malformed"], found["unread"]) == ([], [], [])
    assert min(found["by_tool"].values()) >= 40


def test_a_scan_tells_unknown_calls_with_file_and_line(inn, capsys):
    status, out, _ = run(capsys, "scan", inn)
    assert status == 0
    assert out.startswith("1 call in 1 turn\n")
    assert f"{inn}, line 9: [drink: Mira, ale]" in out
    assert "1 bracket passed over as no call" in out
    assert "understudy tools extend" in out


@pytest.mark.slow
def test_malformed_calls_make_the_status_1_and_are_named(workspace, elsewhere, capsys):
    status, out, _ = run(capsys, "scan", "-w", workspace)
    assert status == 1
    assert "1 malformed\n" in out
    assert "step 1: [check: stealth]: character is missing" in out


def test_what_could_not_be_read_makes_the_status_1(elsewhere, capsys):
    (elsewhere / "bad.md").write_text("no scenario", encoding="utf-8")
    status, _, err = run(capsys, "scan", elsewhere)
    assert status == 1
    assert "not read: " in err
    assert "bad.md, line 1: text stands before the first heading" in err


@pytest.mark.slow
def test_a_workspace_is_extended_and_knows_its_tools_from_then_on(workspace, elsewhere, capsys):
    status, out, _ = run(capsys, "extend", "-w", workspace)
    assert status == 0
    assert "added [fly: text, modifier]: Found in play." in out
    registry = ToolRegistry.load(workspace / FILE_NAME)
    assert registry.names == (*TOOLS.names, "fly")
    _, out, _ = run(capsys, "scan", "-w", workspace, "--json")
    assert json.loads(out)["unknown"] == []
    _, out, _ = run(capsys, "extend", "-w", workspace, "--json")
    assert json.loads(out)["added"] == []


def test_documentation_is_written_with_the_uses_of_each_tool(workspace, inn, capsys):
    status, out, _ = run(capsys, "docs", inn, "-w", workspace)
    page = (workspace / "tool_documentation.md").read_text(encoding="utf-8")
    assert status == 0
    assert out == f"6 tools in {workspace / 'tool_documentation.md'}\n"
    assert "Found 1 time." in page


def test_files_can_be_named_where_there_is_no_workspace(inn, elsewhere, capsys):
    registry, page = elsewhere / "tools.json", elsewhere / "tools.md"
    assert run(capsys, "extend", inn, "--output", registry)[0] == 0
    assert run(capsys, "docs", inn, "--registry", registry, "--output", page, "--json")[0] == 0
    assert "[drink: character, text]" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["extend", "docs"])
def test_without_a_workspace_and_a_file_there_is_nowhere_to_write(inn, capsys, command):
    status, _, err = run(capsys, command, inn)
    assert status == 2
    assert "name a file with --output" in err


def test_a_workspace_that_is_not_there_is_an_error(inn, elsewhere, capsys):
    status, _, err = run(capsys, "scan", "-w", elsewhere / "nowhere")
    assert status == 1
    assert "there is no workspace" in err
