"""What an export format is, how one is found by its name, and how a row becomes what it takes.

A format is a class registered under the entry-point group ``understudy.exports`` that keeps
`ExportFormat`; `understudy.formats.openai_jsonl.OpenAIJsonl` is one to learn from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol, cast, get_args, runtime_checkable

from understudy import plugins
from understudy.errors import PluginError, UsageError
from understudy.formats.dataset_rows import AgentRow, Row
from understudy.formats.hf_parquet import Kind
from understudy.formats.instruction_chat import Actions, instruction_chat
from understudy.formats.preferences import judgements_of, preference_of
from understudy.formats.tool_spelling import KEPT, Spelling
from understudy.session.instruction import instruction_record

Takes = Literal["chat", "instruction", "preference", "judgement", "row"]


PREFERENCES = ("preference", "judgement")
"""What is made only of answers that somebody corrected or judged."""


class ExportWriter(Protocol):
    """Takes the examples of one export."""

    count: int
    """How many it has taken."""
    lost: Counter[str]
    """What the format could not say of examples that it took, and in how many of them."""

    def write(self, example: Any) -> None:
        """Take one valid example; FormatError leaves this one out, StorageError ends the export."""

    def finish(self) -> list[Path]:
        """Put the files in their places, in one step each, and name them in order.

        A folder that belongs to a file (of its pictures) may be among them.
        """

    def leftovers(self, written: list[Path]) -> list[Path]:
        """Files that an earlier, differently split export to the same place left behind."""

    def abandon(self) -> None:
        """Leave no trace; what was in the place before is untouched."""


@runtime_checkable
class ExportFormat(Protocol):
    """What is registered under ``understudy.exports``: a class made without arguments."""

    suffix: str
    """Usual ending of the file's name, with its dot."""
    max_bytes: int | None
    """Largest size of a file where the caller does not say; None for no limit."""
    takes: str
    """What an example is.

    ``chat``: a dictionary in the shape of OpenAI's format; steps of players come as such chats too.
    ``instruction``: a dictionary with exactly the keys of the instruction JSONL; only steps of
    players. ``preference``: a ``Preference`` of ``understudy.formats.preferences``, of each answer
    that somebody corrected. ``judgement``: a ``Judgement`` of the same place, of each answer that
    somebody corrected or gave a thumb. ``row``: an ``AgentRow`` or a ``ChatRow`` of
    ``understudy.formats.dataset_rows``, with all that a dataset knows.
    """

    def validate(self, example: Any) -> list[str]:
        """The reasons why an example does not fit; empty when it does."""

    def open(self, output: Path, *, max_bytes: int | None) -> ExportWriter:
        """A writer whose files lie at ``output``, or, when split, beside it under its name."""

    def warnings(self, count: int) -> list[str]:
        """What a person should know about an export of ``count`` examples."""


def export_format(name: str) -> ExportFormat:
    """The format registered as ``name``; UsageError when there is none, PluginError when broken."""
    known = plugins.names(plugins.EXPORTS)
    if name not in known:
        raise UsageError(f"there is no export format {name!r}; choose one of {', '.join(known)}")
    made = cast("Callable[[], object]", plugins.load_one(plugins.EXPORTS, name))()
    if not isinstance(made, ExportFormat) or made.takes not in get_args(Takes):
        raise PluginError(
            f"the export format {name!r} lacks something of the contract "
            "(suffix, max_bytes, takes, validate, open, warnings); update or uninstall its package"
        )
    return made


def check_kind(name: str, kind: Kind) -> ExportFormat:
    """The format ``name``; UsageError when it cannot hold rows of ``kind``, too."""
    found = export_format(name)
    if kind != "agent" and found.takes == "instruction":
        raise UsageError(
            f"the format {name!r} holds steps of players, and these are chats; choose another "
            "format, such as openai"
        )
    if kind == "agent" and found.takes in PREFERENCES:
        raise UsageError(
            f"the format {name!r} holds answers of chat models that were corrected or judged, and "
            "these are steps of players; choose another format, such as vllm"
        )
    return found


def as_taken(row: Row, takes: str, actions: Actions, spelling: Spelling = KEPT) -> list[Any]:
    """``row`` as the examples that a format with these ``takes`` wants; most often one.

    Raises FormatError for a row that makes none.
    """
    if takes == "row":
        return [row]
    if isinstance(row, AgentRow):
        if takes == "instruction":
            return [instruction_record(row.row, row.picture)]
        return [instruction_chat(row, actions=actions)]
    if takes == "preference":
        return [preference_of(row, spelling)]
    if takes == "judgement":
        return list(judgements_of(row, spelling))
    return [spelling.of(row.example)]
