"""The results of a validation for people: one Markdown page, and one HTML file with plots.

Both say the same, as it was measured: a set that falls short stands there like one that does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from understudy._util import html_page
from understudy.curate.bar_chart import bar_chart
from understudy.evaluate.given_calls import FAILURE_TYPES
from understudy.evaluate.results import COLUMNS
from understudy.evaluate.suites import SETS, TITLES

_ASKS = {one.name: one.asks for one in SETS}
_LONGEST = 300
_IN_GAME = (
    " The column in_game is the quantized file as the tavern and a bundle run it: its calls are "
    "held to its tools, and checks, saves and castings to who is on the party sheet."
)

Table = tuple[str, str, Sequence[str], list[Sequence[str]]]
"""A heading, what stands below it, the heads of the columns, and the rows."""


def markdown(results: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    parts = [f"# {_plain(_title(results))}", _plain(_asked(results))]
    for heading, words, heads, rows in _tables(results):
        if rows:
            parts += [f"## {heading}", _plain(words)] if words else [f"## {heading}"]
            lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
            lines += [f"| {' | '.join(map(_plain, row))} |" for row in rows]
            parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def html(results: Mapping[str, Any]) -> str:
    """The report as one HTML file that needs no other."""
    parts = [f"<p>{escape(_asked(results))}</p>"]
    charts = _charts(results)
    for heading, words, heads, rows in _tables(results):
        if not rows:
            continue
        parts.append(f"<h2>{escape(heading)}</h2>")
        parts += [f"<p>{escape(words)}</p>"] if words else []
        parts += charts.pop(heading, [])
        parts.append(html_page.table(heads, rows))
    return html_page.page(_title(results), parts)


def table_rows(results: Mapping[str, Any]) -> list[Sequence[str]]:
    """The one table: a row a set, with what each model scored and its interval."""
    columns = _columns(results)
    rows: list[Sequence[str]] = []
    for name, facts in results["suite"]["sets"].items():
        scores = (_share(results[column]["sets"][name], "accuracy") for column in columns)
        rows.append((TITLES.get(name, name), str(facts["cases"]), *scores))
    return rows


def table_heads(results: Mapping[str, Any]) -> list[str]:
    """The heads of `table_rows`."""
    return ["validation set", "cases", *_columns(results)]


def verdicts(results: Mapping[str, Any]) -> list[str]:
    """Which of two models is better on how many sets, a line for each pair."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for one in results["comparisons"]:
        pairs.setdefault((one["before"], one["after"]), []).append(one["verdict"])
    lines = []
    for (before, after), found in pairs.items():
        better, worse = found.count("better"), found.count("worse")
        lines.append(
            f"{before} → {after}: better on {better} of {len(found)} sets, worse on {worse}, no "
            f"difference shown on {len(found) - better - worse}"
        )
    return lines


def _columns(results: Mapping[str, Any]) -> list[str]:
    return [name for name in COLUMNS if results.get(name)]


def _title(results: Mapping[str, Any]) -> str:
    return f"Validation of {results['model']}" if results.get("model") else "Validation"


def _asked(results: Mapping[str, Any]) -> str:
    asking, suite = results["asking"], results["suite"]
    repeats = f", each case {asking['repeats']} times" if asking["repeats"] > 1 else ""
    return (
        f"Measured {results['created']} with seed {suite['seed']}, at most {suite['limit']} cases "
        f"a set, temperature {asking['temperature']:g}{repeats}; the ends of 95 % intervals stand "
        f"in brackets. Cases {suite['digest'][:12]}."
    )


def _tables(results: Mapping[str, Any]) -> Iterator[Table]:
    columns = _columns(results)
    yield (
        "Right answers",
        "The share of cases in which every call is the one that is due, with all its arguments, or "
        "in which no call is made where none is due, or the facts that were asked for are told."
        + (_IN_GAME if "in_game" in columns else ""),
        table_heads(results),
        table_rows(results),
    )
    yield (
        "What the sets ask",
        "",
        ("validation set", "asks"),
        [(TITLES.get(name, name), _ASKS.get(name, "")) for name in results["suite"]["sets"]],
    )
    yield "Which is better", _PAIRED, _COMPARED, [*_comparisons(results)]
    yield "Beside the calls", "", ("score", *columns), [*_scores(results, columns)]
    yield (
        "What went wrong",
        "In how many cases each fault occurs.",
        ("fault", *columns),
        [*_faults(results, columns)],
    )
    for column in columns:
        found = results["examples"][column]
        yield (
            f"Wrong answers: {column}",
            "",
            ("case", "said last", "due", "answer"),
            [[_cut(one[key]) for key in ("case", "said", "due", "answer")] for one in found],
        )


_PAIRED = (
    "Differences on the same cases, in points, with the interval of a paired bootstrap. Where it "
    "holds 0, no difference is shown."
)
_COMPARED = ("before", "after", "validation set", "before", "after", "difference", "verdict")


def _comparisons(results: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    for one in results["comparisons"]:
        low, high = one["difference_ci"]
        yield (
            one["before"],
            one["after"],
            TITLES.get(one["set"], one["set"]),
            f"{100 * one['before_accuracy']:.1f} %",
            f"{100 * one['after_accuracy']:.1f} %",
            f"{100 * one['difference']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]",
            one["verdict"],
        )


def _scores(results: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Sequence[str]]:
    yield "response quality", *(_share(results[column], "response_quality") for column in columns)
    parts = dict.fromkeys(
        part for column in columns for part in results[column]["response_quality_parts"]
    )
    for part in parts:
        found = (results[column]["response_quality_parts"].get(part) for column in columns)
        yield f"– {part.replace('_', ' ')}", *map(_percent, found)
    yield "context awareness", *(_share(results[column], "context_awareness") for column in columns)
    for name in results["suite"]["sets"]:
        states = [results[column]["sets"][name]["state_accuracy"] for column in columns]
        if any(state is not None for state in states):
            yield f"table as it should be: {TITLES.get(name, name)}", *map(_percent, states)
    yield (
        "well-formed calls",
        *(_percent(results[column]["tool_call_wellformed"]) for column in columns),
    )
    if any("judged" in results[column] for column in columns):
        yield "judged, of 10", *(_number(results[column].get("judged")) for column in columns)
    yield "tokens a second", *(_number(results[column]["tokens_per_second"]) for column in columns)
    yield "memory, MB", *(_number(results[column]["memory_mb"]) for column in columns)
    reference = results.get("reference")
    if reference:
        whole = _percent(reference["response_quality"])
        yield f"(response quality of the hand-written answers: {whole})", *("" for _ in columns)


def _faults(results: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Sequence[str]]:
    for kind in FAILURE_TYPES:
        counts = [results[column]["failures"].get(kind, 0) for column in columns]
        if any(counts):
            yield kind.replace("_", " "), *map(str, counts)


def _charts(results: Mapping[str, Any]) -> dict[str, list[str]]:
    """Heading → the charts that stand below it."""
    columns = _columns(results)
    sets = list(results["suite"]["sets"])
    labels = [name.replace("_", " ") for name in sets]

    def accuracy(column: str) -> list[float]:
        return [100 * (results[column]["sets"][name]["accuracy"] or 0.0) for name in sets]

    charts = [
        bar_chart(
            "Right answers, by validation set",
            labels,
            {column: accuracy(column) for column in columns},
            unit="percent of the cases",
            empty="Nothing was right.",
            beside=True,
            top=100,
        )
    ]
    charts += [
        bar_chart(
            f"{column}, with 95 % intervals",
            labels,
            {column: accuracy(column)},
            unit="percent of the cases",
            empty="Nothing was right.",
            ranges=[_interval(results[column]["sets"][name]) for name in sets],
            top=100,
        )
        for column in columns
    ]
    kinds = [kind for kind in FAILURE_TYPES if any(_of(results, c, kind) for c in columns)]
    faults = bar_chart(
        "Faults, by type",
        [kind.replace("_", " ") for kind in kinds],
        {column: [float(_of(results, column, kind)) for kind in kinds] for column in columns},
        unit="cases",
        beside=True,
    )
    return {"Right answers": charts, "What went wrong": [faults] if kinds else []}


def _of(results: Mapping[str, Any], column: str, kind: str) -> int:
    return int(results[column]["failures"].get(kind, 0))


def _interval(facts: Mapping[str, Any]) -> tuple[float, float]:
    low, high = facts["accuracy_ci"] or (0.0, 0.0)
    return 100 * low, 100 * high


def _share(facts: Mapping[str, Any], name: str) -> str:
    value, interval = facts[name], facts[f"{name}_ci"]
    if value is None:
        return "–"
    return f"{100 * value:.1f} % [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 1]}…"


def _plain(text: str) -> str:
    """On one line, and without what Markdown would take for something else."""
    flat = " ".join(text.split())
    for mark in "\\|<>*_#":
        flat = flat.replace(mark, f"\\{mark}")
    return flat.replace("`", "'")
