"""One HTML page that needs no other file: what reports are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.3rem .7rem;border-bottom:1px solid #ddd;
text-align:left;vertical-align:top}th{border-bottom:2px solid #888}td.n{text-align:right;
font-variant-numeric:tabular-nums;white-space:nowrap}svg,img{max-width:100%;height:auto;
display:block;margin:1rem 0}.better{color:#2a6f2a}.worse{color:#a02020}
code{background:#f3f3f3;padding:0 .2rem}pre{background:#f3f3f3;padding:.7rem;overflow-x:auto}
"""


def page(title: str, parts: Iterable[str]) -> str:
    """A whole document; ``parts`` are HTML, ``title`` is plain text."""
    told = escape(title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{told}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join((f"<h1>{told}</h1>", *parts))
        + "\n</body></html>\n"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain texts; numbers stand to the right, and a verdict has its colour."""
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str) -> str:
    number = text[:1].isdigit() or text[:1] in "+-–"
    mark = text if text in ("better", "worse") else ""
    kind = f' class="{"n" if number else mark}"' if number or mark else ""
    return f"<td{kind}>{escape(text)}</td>"
