"""The card of a model, ``README.md``: what it is, what it learned from, how, and how good it is.

Its head is the one that Hugging Face's tools read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from understudy.store.manifest import Manifest

_SHOWN = 40
_METHODS = {
    "sft": "supervised fine-tuning",
    "preference": "preference optimisation",
    "base": "training from scratch",
}
_OF_SETS = ("base", "tuned", "quantized", "in_game")


def card(
    manifest: Manifest,
    validation: Mapping[str, Any] | None = None,
    integration: Mapping[str, Any] | None = None,
    playing: Mapping[str, Any] | None = None,
) -> str:
    """The text. What is not the manifest are results, where they are there."""
    facts = manifest.facts
    parts = [
        _head(manifest),
        f"# {_plain(manifest.name)} {manifest.version}",
        _table(("What", "Value"), list(_what(manifest))),
        "## How good it is",
        _scores(validation),
        _table(("At the end of the training", "Value"), list(_flat(facts.get("metrics", {})))),
        _integration(integration),
        _playing(playing),
        "## What it learned from",
        _table(("Source", "Examples", "Licence"), list(_sources(facts))),
        _amounts(facts.get("data", {})),
        "## Lineage",
        _table(("Made from", "Id"), [(parent.kind, parent.id) for parent in manifest.parents])
        or "It was made from no dataset, session or model of its workspace.",
        "## Settings",
        _table(("Setting", "Value"), list(_flat(facts.get("settings", {})))),
        "## Where it was trained",
        _table(("Part", "Version"), list(_flat(facts.get("environment", {})))),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(manifest: Manifest) -> str:
    facts = manifest.facts
    licenses = facts.get("licenses", {})
    lines = ["---", f"model_name: {json.dumps(manifest.name)}", "pipeline_tag: text-generation"]
    if licenses.get("base"):
        lines.append(f"license: {json.dumps(str(licenses['base']).lower())}")
    base = facts.get("base", {}).get("id")
    if base and facts.get("form") == "adapter":
        lines += [f"base_model: {json.dumps(base)}", "library_name: peft"]
    elif facts.get("form") == "merged":
        lines.append("library_name: transformers")
    lines += ["tags:", "- understudy", f"- {facts.get('method', 'trained')}"]
    return "\n".join([*lines, "---"])


def _what(manifest: Manifest) -> Iterator[tuple[str, object]]:
    facts = manifest.facts
    base = facts.get("base", {})
    method = str(facts.get("method", ""))
    yield "made by", _METHODS.get(method, method)
    yield "weights", facts.get("form", "")
    if base:
        yield "base", base.get("id") or base.get("path") or "its own"
        if base.get("revision"):
            yield "revision of the base", base["revision"]
        yield "SHA-256 of the base", base.get("sha256", "")
    if facts.get("continues"):
        yield "goes on from", facts["continues"]
    yield "seed", facts.get("seed", "")
    yield "made", manifest.created
    yield "by Understudy", facts.get("code_version", "")
    yield "licence of the base", facts.get("licenses", {}).get("base") or "not stated"


def _scores(validation: Mapping[str, Any] | None) -> str:
    """The numbers that every one of base, tuned and quantised has, side by side."""
    if not validation:
        return "It has not been validated: `understudy validate` does it."
    columns = [name for name in _OF_SETS if isinstance(validation.get(name), Mapping)]
    if not columns:
        return "What its validation found stands in `validation_results.json`."
    flat = {name: dict(_flat(_numbers(validation[name]))) for name in columns}
    names = dict.fromkeys(key for column in flat.values() for key in column)
    rows = [(name, *(flat[column].get(name, "–") for column in columns)) for name in names]
    return _table(("Score", *columns), rows[:_SHOWN])


def _integration(integration: Mapping[str, Any] | None) -> str:
    if not integration:
        return ""
    return _table(("Integration test", "Value"), list(_flat(_numbers(integration)))[:_SHOWN])


def _playing(playing: Mapping[str, Any] | None) -> str:
    """How many tasks of a game it completes."""
    if not playing:
        return ""
    parts = {"all tasks": playing["all"], **playing["parts"]}
    rows = [
        (
            f"{playing['game']}, {part}",
            f"{found['success_rate']:.1%}",
            "{:.1%} to {:.1%}".format(*found["success_rate_ci"]),
            found["tasks"],
            found["episodes"],
        )
        for part, found in parts.items()
    ]
    return _table(("Playing", "Completed", "95 %", "Tasks", "Episodes"), rows)


def _sources(facts: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for source in facts.get("data", {}).get("sources", ()):
        licenses = [str(name) or "not stated" for name in source.get("licenses") or {}]
        yield (
            source.get("name", ""),
            source.get("examples", ""),
            ", ".join(licenses) or "not stated",
        )


def _amounts(data: Mapping[str, Any]) -> str:
    told = [
        f"{data[key]:,} {words}"
        for key, words in (
            ("examples", "examples were trained on"),
            ("new", "of them new"),
            ("replayed", "replayed from before"),
            ("validation", "were held back for validation"),
            ("known", "are known to it in all"),
        )
        if isinstance(data.get(key), int)
    ]
    return f"{'; '.join(told)}." if told else ""


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without the lists of single failures, which no card needs."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            kept[key] = _numbers(value)
        elif isinstance(value, bool | int | float | str) or value is None or _is_interval(value):
            kept[key] = value
    return kept


def _is_interval(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(number, int | float) for number in value)
    )


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, shown(value)


def shown(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(shown(one) for one in value)
    return str(value)


def _table(heads: tuple[str, ...], rows: list[Any]) -> str:
    if not rows:
        return ""
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(_plain(str(cell)) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """On one line, and without what Markdown would take for something else."""
    flat = " ".join(text.split())
    for mark in "\\|<>*_[]#":
        flat = flat.replace(mark, f"\\{mark}")
    return flat.replace("`", "'")
