"""The entry point: which commands there are, and how an error becomes a sentence and a status.

A command's module is imported when the command is used, so that ``understudy --help`` answers at
once; the one-line helps stand here for the same reason.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

import click

from understudy._version import __version__
from understudy.cli._commands import DEBUG, LazyGroup, debug_option
from understudy.errors import UnderstudyError

COMMANDS = {
    "init": ("understudy.cli.init:init", "Make a workspace."),
    "doctor": ("understudy.cli.doctor:doctor", "Check the workspace, its disk and its catalog."),
    "reindex": ("understudy.cli.reindex:reindex", "Rebuild the catalog from the directories."),
    "stats": ("understudy.cli.stats:stats", "Count what the workspace holds."),
    "demo": ("understudy.cli.demo:demo", "Show the whole line, from play to models that play."),
    "play": ("understudy.cli.play:play", "Play a game step by step, and record it."),
    "collect": ("understudy.cli.collect:collect", "Play many sessions from a file of tasks."),
    "run": ("understudy.cli.run:run", "Run a whole line by its recipe."),
    "proxy": ("understudy.cli.proxy:proxy", "Capture every call to a model server on its way."),
    "import": (
        "understudy.cli.importing:import_files",
        "Bring in chats that were recorded elsewhere.",
    ),
    "score": ("understudy.cli.score:score", "Score sessions, by hand or automatically."),
    "session": ("understudy.cli.session:session", "List, show, check, replay and move sessions."),
    "dataset": (
        "understudy.cli.dataset:dataset",
        "Build versioned datasets and training files from sessions.",
    ),
    "export": (
        "understudy.cli.dataset.exporting:export_dataset",
        "Write a dataset, or sessions, as training files.",
    ),
    "tools": (
        "understudy.cli.tools:tools",
        "Find, extend and document the tools of the Dungeon Master.",
    ),
    "train": (
        "understudy.cli.train:train",
        "Train a language model on examples or on preferences.",
    ),
    "model": ("understudy.cli.model:model", "Compare models, and choose which is in use."),
    "validate": (
        "understudy.cli.validate:validate",
        "Measure how well a model calls tools and answers.",
    ),
    "evaluate": (
        "understudy.cli.evaluate:evaluate",
        "Measure how many tasks players complete.",
    ),
    "convert": (
        "understudy.cli.convert:convert",
        "Convert a trained model to the file that ships.",
    ),
    "deploy": ("understudy.cli.deploy:deploy", "Pack a model for where it is to run."),
    "test": (
        "understudy.cli.test_bundle:command",
        "Test what was deployed, as it lies in the bundle.",
    ),
    "test-all": (
        "understudy.cli.test_all:test_all",
        "Run every test of data, sessions, models and bundles.",
    ),
    "serve": (
        "understudy.cli.serve:serve",
        "Serve a bundle as an OpenAI-compatible endpoint.",
    ),
    "maintain": (
        "understudy.cli.maintain:maintain",
        "Do the work that comes round every week and every month.",
    ),
}
COMPLETION = "_UNDERSTUDY_COMPLETE"  # set by a shell that asks what could come next
_LONGEST_PATH = 200
INTERRUPTED = 130  # what a shell reports of a program stopped by Ctrl-C
_SPINS = "50000"  # a sixth of what libgomp does by itself


@click.group(
    cls=LazyGroup,
    commands_at=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="understudy %(version)s")
@debug_option
def root() -> None:
    """Record how a game is played and turn it into training data."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 done, 1 the work failed, 2 wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _share_processors()
    try:
        if COMPLETION in os.environ:
            root.main(given, prog_name="understudy")
        with root.make_context("understudy", given) as context:
            root.invoke(context)
        if sys.stdout is not None:  # None where the program was started with it closed
            sys.stdout.flush()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, EOFError, KeyboardInterrupt):
        _say("Interrupted: what was done until now is kept.")
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_output()  # whoever read it has seen enough
        return 0
    except UnderstudyError as error:
        return _failed(str(error), error.exit_status)
    except OSError as error:
        _abandon_output()
        return _failed(_refusal(error), 1)
    except ModuleNotFoundError as error:
        from understudy.cli._missing import said_of_missing

        return _failed(said_of_missing(error) or _fault(error), 1)
    except Exception as error:
        return _failed(_fault(error), 1)
    return 0


def _share_processors() -> None:
    """Let threads of torch that wait for each other sleep sooner; libgomp asks when it is loaded.

    By themselves they wait so busily that two programs which compute at once take most of the
    processors' time from each other; alone, a training is no slower for it.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)


def _abandon_output() -> None:
    """Let nothing complain of what could not be printed when Python leaves."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refusal(error: OSError) -> str:
    """What the operating system refused, and where; it is nobody's fault in here."""
    reason = (error.strerror or str(error)).lower()
    if error.filename is None:
        return f"something could not be read or written ({reason}); check the disk and the output"
    name = _shortened(str(error.filename))
    return f"{name} cannot be read or written ({reason}); check its name, rights and the free space"


def _shortened(path: str) -> str:
    return path if len(path) <= _LONGEST_PATH else f"{path[:_LONGEST_PATH]}…"


def _fault(error: Exception) -> str:
    return (
        f"{type(error).__name__}: {str(error) or 'no more is known'}. This is a fault of "
        "Understudy's own: run the command again with --debug and report what it prints."
    )


def _failed(sentence: str, status: int) -> int:
    if DEBUG.is_set():
        import traceback

        traceback.print_exc()
    _say(f"Error: {sentence}")
    return status


def _say(sentence: str) -> None:
    click.echo(sentence, err=True)
