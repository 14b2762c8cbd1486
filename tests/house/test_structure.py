"""The house rules that no other tool checks."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import understudy
from understudy.cli.main import COMMANDS, root

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 600
HEAVY = {
    "aiohttp",
    "anthropic",
    "gymnasium",
    "msgspec",
    "numpy",
    "openai",
    "PIL",
    "pyarrow",
    "pydantic",
    "rich",
    "sqlalchemy",
    "zstandard",
}


def _python_files() -> list[Path]:
    return [
        path
        for folder in ("src", "tests", "docs", "bench")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "node_modules" not in path.parts
    ]


def _generator():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _modules_after(code: str) -> set[str]:
    shown = "import sys; print('\\n'.join(sys.modules), file=sys.__stderr__)"
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\n{shown}"], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in run.stderr.splitlines()}


def test_no_file_is_longer_than_a_reader_can_hold():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in _python_files()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_every_module_says_why_it_exists_or_is_an_empty_package_file():
    silent = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "src").rglob("*.py"))
        if (text := path.read_text(encoding="utf-8").strip())
        and not text.startswith(('"""', 'r"""'))
    ]
    assert silent == []


def test_importing_understudy_imports_nothing_heavy():
    assert _modules_after("import understudy") & HEAVY == set()


def test_help_imports_nothing_heavy():
    code = "from understudy.cli.main import main\nassert main(['--help']) == 0"
    assert _modules_after(code) & HEAVY == set()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_short_help_of_a_command_is_the_first_line_of_its_own(name):
    command = root.get_command(None, name)
    assert command is not None
    assert command.help.strip().splitlines()[0] == COMMANDS[name][1]


def test_every_public_name_can_be_imported():
    for name in understudy.__all__:
        assert getattr(understudy, name) is not None


def test_the_public_names_are_the_documented_ones():
    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    documented = re.findall(r"^::: understudy\.(?:[\w.]+\.)?(\w+)$", page, flags=re.MULTILINE)
    public = [name for name in understudy.__all__ if not name.startswith("__")]
    assert sorted(documented) == sorted(public)


def test_everything_that_is_looked_up_has_words():
    assert _generator().undocumented() == []


@pytest.mark.parametrize("name", ["commands.md", "settings.md", "errors.md"])
def test_generated_pages_say_what_the_code_says(name):
    standing = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert standing == _generator().pages()[name], "run `make docs` to write the pages again"


def test_every_page_of_the_documentation_is_in_its_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if page not in navigation} == set()


def test_every_command_that_people_are_told_to_run_exists():
    """In the documentation, in messages and in docstrings alike."""
    known = {path for path, _ in _generator().commands()}
    groups = {path for path in known if any(other.startswith(f"{path} ") for other in known)}
    told = re.compile(r"(?:^|`)(understudy(?: [a-z][a-z-]+){1,2})", flags=re.MULTILINE)
    texts = [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "src").rglob("*.py"),
        *ROOT.glob("*.md"),
    ]
    unknown = {}
    for path in texts:
        for words in told.findall(path.read_text(encoding="utf-8")):
            command = words if words in known else words.rpartition(" ")[0]
            if command not in known or (command in groups and command != words):
                unknown.setdefault(str(path.relative_to(ROOT)), []).append(words)
    assert unknown == {}
