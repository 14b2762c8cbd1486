"""A bar chart as an SVG file: what `understudy stats --plots` needs, and no plotting library.

Every browser and editor shows SVG; the files hold their numbers as titles of the bars.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 760, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 64, 48
_COLOURS = ("#2f6f9f", "#e0a030", "#c0504d", "#6a9f58", "#8064a2", "#7f7f7f")
_LETTER_WIDTH = 7.0
_LETTERS = 14
"""Labels longer than this are cut; the whole of it stands in the bar's title."""
_WIDEST_BAR = 72.0
_ROUNDING = 1e-9

Series = Mapping[str, Sequence[float]]


def bar_chart(
    title: str,
    labels: Sequence[str],
    series: Series,
    *,
    unit: str = "",
    show: Callable[[float], str] = "{:,.0f}".format,
    empty: str = "There is nothing to show yet.",
    beside: bool = False,
    ranges: Sequence[tuple[float, float]] = (),
    top: float | None = None,
) -> str:
    """An SVG document with a bar for each label; several ``series`` are stacked, with a legend.

    What follows a line end in a label is written small below it. ``show`` writes a value in words;
    ``unit`` stands over the axis, which ends at ``top`` where that is given. With ``beside`` the
    bars of several series stand beside each other. ``ranges`` are lowest and highest value of each
    label, drawn as a line through its bar.
    """
    together = max if beside else sum
    totals = [together(values[place] for values in series.values()) for place in range(len(labels))]
    if not any(totals) and not any(high for _, high in ranges):
        return _document([_text(_LEFT, 30, title, "title"), _text(_LEFT, 70, empty, "quiet")])
    largest = top or max([*totals, *(high for _, high in ranges)])
    step = _nice_step(largest)
    top = step * math.ceil(largest / step - _ROUNDING)
    scale = (HEIGHT - _TOP - _BOTTOM) / top
    parts = [_text(_LEFT, 30, title, "title"), _text(_LEFT, 50, unit, "quiet")]
    for line in range(round(top / step) + 1):
        y = HEIGHT - _BOTTOM - line * step * scale
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(_text(_LEFT - 8, y + 4, show(line * step), "end"))
    slot = (WIDTH - _LEFT - _RIGHT) / len(labels)
    wide = min(slot * 0.8, _WIDEST_BAR) if slot > 3 else slot
    names = [_cut(label.partition("\n")[0]) for label in labels]
    every = math.ceil((max(map(len, names)) + 2) * _LETTER_WIDTH / slot)
    for place, label in enumerate(labels):
        middle = _LEFT + slot * (place + 0.5)
        parts += _bars(label, middle - wide / 2, wide, place, series, scale, show, beside)
        if ranges:
            parts.append(_range(middle, *ranges[place], scale))
        if place % every == 0:
            below = label.partition("\n")[2]
            parts.append(_text(middle, HEIGHT - _BOTTOM + 20, names[place], "middle"))
            parts.append(_text(middle, HEIGHT - _BOTTOM + 36, below, "middle quiet"))
    if len(series) > 1:
        parts += _legend(list(series))
    return _document(parts)


def _bars(
    label: str,
    x: float,
    wide: float,
    place: int,
    series: Series,
    scale: float,
    show: Callable[[float], str],
    beside: bool,
) -> list[str]:
    bars = []
    y = float(HEIGHT - _BOTTOM)
    if beside:
        wide /= len(series)
    for number, (name, values) in enumerate(series.items()):
        value = values[place]
        if value > 0:
            y = (HEIGHT - _BOTTOM if beside else y) - value * scale
            said = f"{label.replace(chr(10), ' ')}: {show(value)}" + (
                f" {name}" if len(series) > 1 else ""
            )
            bars.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{value * scale:.1f}" '
                f'fill="{_COLOURS[number % len(_COLOURS)]}"><title>{escape(said)}</title></rect>'
            )
        x += wide if beside else 0
    return bars


def _range(middle: float, low: float, high: float, scale: float) -> str:
    bottom, top = (HEIGHT - _BOTTOM - value * scale for value in (low, high))
    return (
        f'<path class="range" d="M{middle:.1f} {bottom:.1f}V{top:.1f}'
        f'M{middle - 5:.1f} {bottom:.1f}h10M{middle - 5:.1f} {top:.1f}h10"/>'
    )


def _cut(label: str) -> str:
    return label if len(label) <= _LETTERS else label[: _LETTERS - 1] + "…"


def _legend(names: list[str]) -> list[str]:
    parts = []
    x = float(WIDTH - _RIGHT)
    for number, name in reversed(list(enumerate(names))):
        x -= _LETTER_WIDTH * len(name) + 30
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(f'<rect x="{x:.1f}" y="20" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(x + 17, 30, name, "label"))
    return parts


def _nice_step(largest: float) -> float:
    """1, 2 or 5 times a power of ten, so that about five lines reach ``largest``."""
    power = 10.0 ** math.floor(math.log10(largest / 5))
    return next(power * times for times in (1, 2, 5, 10) if largest / (power * times) <= 5)


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _document(parts: Sequence[str]) -> str:
    style = (
        "text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:16px;font-weight:600}"
        ".quiet{fill:#777}.end{text-anchor:end}.middle{text-anchor:middle}"
        ".grid{stroke:#ddd;fill:none}.range{stroke:#222;stroke-width:1.5;fill:none}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img">\n<style>{style}</style>\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
