"""The card of a dataset, ``README.md``: what it is, where it is from, under what terms, how good.

Its head is the one that Hugging Face's tools read, so that the folder can be loaded as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from understudy.datasets.splits import SPLITS

_SHOWN = 20
_MARKUP = frozenset("\\`|<>*_[]#")
_KINDS = {
    "agent": "Each row is one step of a player: what was asked, what was on the screen and in "
    "memory, and the action that was chosen, with its reasoning.",
    "chat": "Each row is one call to a chat model: the messages that were sent, and the answer.",
    "preference": "Each row is one call to a chat model whose answer a person corrected or judged: "
    "the messages that were sent, the better answer, and what was said before.",
}
_SCENARIOS = (
    "Rows with a `scenario` are chats that were written, or made by seed, and not played; every "
    "answer in them is to be learned."
)


def card(name: str, version: str, facts: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """The text; ``files`` says for each split which files hold it (a pattern, for several)."""
    counts = facts["counts"]
    splits = [split for split in SPLITS if counts.get(split)]
    parts = [
        _head(name, facts, {split: files[split] for split in splits if split in files}),
        f"# {_plain(name)} {version}",
        _KINDS[facts["kind"]],
        _SCENARIOS if counts.get("scenarios") else "",
        _splits(facts, splits),
        f"{'Sessions and scenarios' if counts.get('scenarios') else 'Sessions'} are split as a "
        "whole. "
        f"In more than one split: {facts['leaks']['examples']} examples, and {_sights(facts)}.",
        "## Where it is from",
        _table(("What", "How many sessions"), _origins(facts)),
        _scenarios(facts),
        f"Chosen by: `{_query(facts)}`",
        "## Terms",
        _table(
            ("Licence", "Sessions"),
            [(k or "not stated", v) for k, v in facts["licenses"].items()],
        ),
        _table(
            ("Consent", "Sessions"),
            [(k or "not stated", v) for k, v in facts["consents"].items()],
        ),
        "## How good it is",
        _table(("Measure", "Value"), _quality(facts)),
        "## What was left out",
        _left_out(facts),
    ]
    if facts.get("actions_taken"):
        rows = list(facts["actions_taken"].items())[:_SHOWN]
        parts += ["## Actions", _table(("Action", "Rows"), rows)]
    parts.append(f"Built by Understudy {facts['code_version']}; content `{facts['content']}`.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(name: str, facts: Mapping[str, Any], files: Mapping[str, str]) -> str:
    licenses = [license for license in facts["licenses"] if license]
    lines = ["---", f"pretty_name: {json.dumps(name)}"]
    # Scenarios have no note of a licence: what holds for the sessions may not hold for them.
    of_all = len(facts["licenses"]) == 1 and not facts["counts"].get("scenarios")
    if len(licenses) == 1 and of_all:
        lines.append(f"license: {json.dumps(licenses[0].lower())}")
    lines += ["configs:", "- config_name: default", "  data_files:"]
    for split, path in files.items():
        lines += [f"  - split: {split}", f"    path: {json.dumps(path)}"]
    return "\n".join([*lines, "---"])


def _splits(facts: Mapping[str, Any], splits: Sequence[str]) -> str:
    counts = facts["counts"]
    rows = [(split, counts[split], _sessions_in(facts, split)) for split in splits]
    if not counts.get("scenarios"):
        return _table(("Split", "Rows", "Sessions"), rows)
    more = [(*row, _scenarios_in(facts, row[0])) for row in rows]
    return _table(("Split", "Rows", "Sessions", "Scenarios"), more)


def _scenarios_in(facts: Mapping[str, Any], split: str) -> int:
    found = facts["scenarios"]
    files = sum(file["split"] == split for file in found["files"])
    made = sum(made["splits"].get(split, 0) for made in found["generated"])
    return int(files + made)


def _scenarios(facts: Mapping[str, Any]) -> str:
    """The files with their hashes, and what was made from which seed."""
    found = facts.get("scenarios") or {"files": [], "generated": []}
    rows = [(file["name"], file["sha256"][:16], file["rows"]) for file in found["files"][:_SHOWN]]
    if len(found["files"]) > _SHOWN:
        rest = found["files"][_SHOWN:]
        rows.append((f"{len(rest)} more files", "", sum(file["rows"] for file in rest)))
    rows += [
        (f"{made['scenarios']} made from the house rules, seed {made['seed']}", "", made["rows"])
        for made in found["generated"]
    ]
    return _table(("Scenario", "SHA-256", "Rows"), rows) if rows else ""


def _sessions_in(facts: Mapping[str, Any], split: str) -> int:
    return sum(session["split"] == split for session in facts["sessions"])


def _sights(facts: Mapping[str, Any]) -> str:
    what = "pictures with the same action" if facts["kind"] == "agent" else "questions"
    return f"{facts['leaks']['sights']} {what}"


def _origins(facts: Mapping[str, Any]) -> list[tuple[object, object]]:
    rows: list[tuple[object, object]] = [("all", facts["counts"]["sessions"])]
    rows += [(f"game {name or 'not named'}", count) for name, count in facts["games"].items()]
    rows += [(f"player {name or 'not named'}", count) for name, count in facts["players"].items()]
    tasks = list(facts["tasks"].items())
    rows += [(f"task {name}", count) for name, count in tasks[:_SHOWN] if name]
    if len(tasks) > _SHOWN:
        rows.append((f"{len(tasks) - _SHOWN} more tasks", sum(c for _, c in tasks[_SHOWN:])))
    return rows


def _query(facts: Mapping[str, Any]) -> str:
    """In JSON, fit to stand between backticks; `manifest.json` has long lists in full."""
    shown = {
        name: f"{len(value)} of them"
        if isinstance(value, list | tuple) and len(value) > _SHOWN
        else value
        for name, value in facts["request"]["selection"].items()
    }
    return json.dumps(shown, ensure_ascii=False).replace("`", "'")


def _quality(facts: Mapping[str, Any]) -> list[tuple[object, object]]:
    quality = facts["quality"]
    done = quality["completed"]
    return [
        ("sessions whose task was completed", "–" if done is None else f"{done:.0%}"),
        ("mean human score of the sessions", _number(quality["human_score"])),
        ("mean automatic score of the sessions", _number(quality["auto_score"])),
        ("tasks", len(facts["tasks"])),
        ("rows corrected by a person", facts["corrected"]),
    ]


def _left_out(facts: Mapping[str, Any]) -> str:
    if not facts["left_out"]:
        return "Nothing."
    rows = list(facts["left_out"].items())[:_SHOWN]
    return _table(("Reason", "How many"), rows) + "\n\nEach of them is named in `left_out.jsonl`."


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _table(heads: tuple[str, ...], rows: list[Any]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(_plain(str(cell)) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """On one line, and without what Markdown would take for something else."""
    flat = " ".join(text.split())
    return "".join(f"\\{character}" if character in _MARKUP else character for character in flat)
