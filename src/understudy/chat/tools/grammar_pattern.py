"""The grammar of the calls as a regular expression: it tells whether a text keeps to it."""

from __future__ import annotations

import json
import re
from functools import lru_cache

_PART = re.compile(r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|[a-z]+[a-z0-9-]*| ')
"""Of a rule: a literal, characters to choose from, the name of another rule, or a space."""


@lru_cache(maxsize=256)
def as_pattern(grammar: str) -> re.Pattern[str]:
    """What `call_grammar` wrote, or `held_to` narrowed; none of its rules stands in itself."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())

    def put_in(found: re.Match[str]) -> str:
        word = found[0].strip()
        if word.startswith('"'):
            return re.escape(str(json.loads(word)))
        return word if word[:1] in ("[", "") else f"(?:{_PART.sub(put_in, rules[word])})"

    return re.compile(_PART.sub(put_in, rules["root"]))
