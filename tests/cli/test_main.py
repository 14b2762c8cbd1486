"""How the command line fails, is interrupted and is piped."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import understudy
from understudy.cli import _commands
from understudy.cli.main import COMMANDS, main, root
from understudy.errors import SettingsError, WorkspaceError


@pytest.fixture
def failing(monkeypatch):
    """Make ``understudy stats`` raise what it is given; everything around it stays real."""

    def install(error):
        @click.command(cls=_commands.Command)
        def stats():
            raise error

        def get_command(self, ctx, cmd_name):
            return stats

        monkeypatch.setattr(_commands.LazyGroup, "get_command", get_command)
        monkeypatch.setattr(_commands.DEBUG, "_on", False)

    return install


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, (_, text) in COMMANDS.items():
        assert name in shown
        assert text in shown


def test_the_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"understudy {understudy.__version__}"


@pytest.mark.parametrize("arguments", [["nonsense"], ["session", "nonsense"], ["stats", "--nope"]])
def test_wrong_usage_leaves_with_2_and_says_where_help_is(arguments, capsys):
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "--help" in shown.err


def test_an_error_is_one_sentence_on_standard_error(failing, capsys):
    failing(WorkspaceError("the disk is gone; plug it in"))
    assert main(["stats"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "Error: the disk is gone; plug it in\n"


def test_an_error_brings_its_own_exit_status(failing):
    failing(SettingsError("`interval_s` must be a number"))
    assert main(["stats"]) == 2


@pytest.mark.parametrize("arguments", [["--debug", "stats"], ["stats", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(arguments, failing, capsys):
    failing(WorkspaceError("the disk is gone; plug it in"))
    assert main(arguments) == 1
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.endswith("Error: the disk is gone; plug it in\n")


def test_an_unforeseen_error_has_no_traceback_and_says_how_to_get_it(failing, capsys):
    failing(ZeroDivisionError("division by zero"))
    assert main(["stats"]) == 1
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert "ZeroDivisionError: division by zero" in shown
    assert "--debug" in shown


def test_an_interruption_leaves_with_130_and_a_sentence(failing, capsys):
    failing(KeyboardInterrupt())
    assert main(["stats"]) == 130
    assert capsys.readouterr().err.strip().startswith("Interrupted")


def test_a_reader_that_has_seen_enough_is_no_error():
    code = (
        "import click, sys\n"
        "from understudy.cli import _commands, main\n"
        "@click.command()\n"
        "def stats():\n"
        "    for number in range(100_000):\n"
        "        click.echo(number)\n"
        "_commands.LazyGroup.get_command = lambda self, ctx, name: stats\n"
        "sys.exit(main.main(['stats']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        complaints = process.stderr.read()
    assert process.returncode == 0
    assert complaints == ""


def test_every_command_takes_debug():
    context = click.Context(root)
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        leaves = command.commands.values() if isinstance(command, click.Group) else [command]
        for leaf in leaves:
            assert any("--debug" in parameter.opts for parameter in leaf.params), leaf.name


def test_a_refusal_of_the_operating_system_is_no_fault_of_ours(failing, capsys):
    failing(OSError(errno.ENAMETOOLONG, "File name too long", "/x" * 500))
    assert main(["stats"]) == 1
    shown = capsys.readouterr().err
    assert "file name too long" in shown
    assert "fault" not in shown
    assert len(shown) < 400


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_output_that_cannot_be_written_is_one_sentence():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "understudy", "--version"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert "fault" not in done.stderr


def test_closed_output_is_no_fault():
    code = "import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    done = subprocess.run(
        [sys.executable, "-c", code, "-m", "understudy", "--version"],
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def environment(monkeypatch):
    """A copy in which nobody has chosen how threads wait; what a command sets stays in it."""
    names = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    copy = {name: value for name, value in os.environ.items() if name not in names}
    monkeypatch.setattr(os, "environ", copy)
    return copy


def test_threads_that_wait_leave_the_processors_to_others(environment, capsys):
    main(["--version"])
    assert environment["GOMP_SPINCOUNT"] == "50000"


@pytest.mark.parametrize("chosen", [{"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "active"}])
def test_how_threads_wait_is_left_to_whoever_has_chosen_it(chosen, environment, capsys):
    environment |= chosen
    main(["--version"])
    assert environment.get("GOMP_SPINCOUNT") == chosen.get("GOMP_SPINCOUNT")
