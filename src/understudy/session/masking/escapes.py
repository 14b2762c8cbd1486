r"""Where a word may begin when the text is itself JSON source.

Tool-call arguments arrive as JSON *inside* a string. There a line break is the two characters
``\n``, so the ``n`` touches the word that follows without belonging to it. Detectors use
:data:`BEGIN` instead of ``\b`` so that they find that word, and :func:`after_escape` keeps a
finding from swallowing the second half of an escape, which would leave a broken one behind.
"""

from __future__ import annotations

import re
from typing import Final

BEGIN: Final = r"(?:(?<!\w)|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4}))"
END: Final = r"(?!\w)"

_UNICODE_ESCAPE: Final = re.compile(r"u[0-9a-fA-F]{4}")


def after_escape(text: str, start: int) -> int:
    r"""``start``, moved behind an escape sequence whose backslash stands just before it.

    How many backslashes there are does not matter: JSON inside JSON doubles them. The price is that
    the first letter of a name may stay behind after a real one (``C:\nick@…``).
    """
    if start == 0 or text[start - 1] != "\\":
        return start
    if _UNICODE_ESCAPE.match(text, start):
        return start + 5
    return start + 1 if text[start : start + 1] in tuple('nrtbf"/\\') else start
