"""Writes the generated pages of the reference: commands, settings and errors, from the code.

Run it after a change to any of them (`make docs` does); a test compares the pages with what this
would write and fails when a command, an option, a setting or an error has no words of its own.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from understudy import errors
from understudy.cli.main import root
from understudy.config import default_toml, sections
from understudy.session.masking.kinds import KINDS

REFERENCE = Path(__file__).parent / "reference"
MADE_BY = "<!-- Written by docs/generate.py from the code: change it there. -->\n"


def pages() -> dict[str, str]:
    """File name → text of every generated page."""
    return {
        "commands.md": _commands_page(),
        "settings.md": _settings_page(),
        "errors.md": _errors_page(),
    }


def undocumented() -> list[str]:
    """Whatever a reader would look up in vain: what has a name and no words."""
    missing = []
    for path, command in commands():
        if not command.help:
            missing.append(f"command {path}")
        missing += [
            f"option {parameter.opts[-1]} of {path}"
            for parameter in command.params
            if isinstance(parameter, click.Option) and not parameter.help
        ]
    for section, model in sections():
        if not model.__doc__:
            missing.append(f"settings [{section}]")
        for name, field in model.model_fields.items():
            if not field.description:
                missing.append(f"setting {section}.{name}")
    missing += [f"error {cls.__name__}" for cls, _ in _error_tree() if not cls.__doc__]
    return missing


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with how it is called, groups before what is in them."""
    yield from _commands_of(root, click.Context(root, info_name="understudy"))


def _commands_of(
    command: click.Command, context: click.Context
) -> Iterator[tuple[str, click.Command]]:
    yield context.command_path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is None:
                raise LookupError(f"{context.command_path} lists {name} and does not have it")
            if not child.hidden:
                yield from _commands_of(child, click.Context(child, info_name=name, parent=context))


def _commands_page() -> str:
    parts = [
        "# Commands",
        MADE_BY,
        "Every command that prints facts takes `--json`. The exit status is 0 when the work is "
        "done, 1 when it failed, 2 for wrong usage and 130 after Ctrl-C. An error is one sentence "
        "on standard error; `--debug` adds the traceback.",
    ]
    for path, command in commands():
        context = click.Context(command, info_name=path)
        level = "##" if path.count(" ") <= 1 else "###"
        parts.append(f"{level} {path}")
        parts.append(
            "```text\n" + " ".join([path, *command.collect_usage_pieces(context)]) + "\n```"
        )
        parts.append(inspect.cleandoc(command.help or "").replace("\b\n", ""))
        options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
        if options:
            parts.append(_table(("Option", "Meaning"), [_option_row(o, context) for o in options]))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _option_row(option: click.Option, context: click.Context) -> tuple[str, str]:
    record = option.get_help_record(context)
    if record is None:
        raise LookupError(f"{option.name} of {context.command_path} has no help")
    left, right = record
    return f"`{left}`", right


def _settings_page() -> str:
    parts = [
        "# Settings",
        MADE_BY,
        "Settings stand in `understudy.toml` in the workspace. Unknown keys are refused. "
        "`understudy init` writes the file with every key commented out.",
    ]
    for section, model in sections():
        parts.append(f"## [{section}]")
        parts.append(inspect.cleandoc(model.__doc__ or ""))
        rows = []
        for name, field in model.model_fields.items():
            default = field.get_default(call_default_factory=True)
            shown = "not set" if default is None else f"`{json.dumps(default)}`"
            rows.append((f"`{name}`", shown, field.description or ""))
        parts.append(_table(("Key", "Default", "Meaning"), rows))
        if section == "mask":
            parts.append("The kinds, in the order in which an overlap is decided:")
            kinds = [(f"`{kind}`", what) for kind, what in KINDS.items()]
            parts.append(_table(("Kind", "Covers"), kinds))
    parts.append("## The file of a new workspace")
    parts.append(f"```toml\n{default_toml()}```")
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _errors_page() -> str:
    parts = [
        "# Errors",
        MADE_BY,
        "Everything Understudy raises on purpose is an `UnderstudyError`; the class names the "
        "boundary that was crossed. The command line prints the message and leaves with the exit "
        "status.",
        _table(
            ("Class", "Exit status", "Raised when"),
            [
                (
                    f"{'&nbsp;' * 4 * depth}`{cls.__name__}`",
                    str(cls.exit_status),
                    " ".join(inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].split()),
                )
                for cls, depth in _error_tree()
            ],
        ),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _error_tree() -> list[tuple[type[errors.UnderstudyError], int]]:
    def walk(
        cls: type[errors.UnderstudyError], depth: int
    ) -> Iterator[tuple[type[errors.UnderstudyError], int]]:
        yield cls, depth
        for child in cls.__subclasses__():
            if child.__module__ == errors.__name__:
                yield from walk(child, depth + 1)

    return list(walk(errors.UnderstudyError, 0))


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for row in rows:
        cells = (" ".join(cell.replace("|", "\\|").replace("``", "`").split()) for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    without = undocumented()
    for what in without:
        print(f"no words for {what}", file=sys.stderr)
    if without:
        return 1
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
