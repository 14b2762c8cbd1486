"""Request headers that carry credentials, which are never stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

CREDENTIAL_HEADERS: Final = frozenset(
    {
        "api-key",
        "authorization",
        "cookie",
        "ocp-apim-subscription-key",
        "proxy-authorization",
        "set-cookie",
        "x-amz-security-token",
        "x-api-key",
        "x-goog-api-key",
    }
)
"""Names in lower case; :func:`is_credential_header` knows more by their parts."""

_TELLING: Final = re.compile(
    r"auth(?!or(?:s|ity)?$)|cookie|secret|token|passw|credential|api-?key|signature|session-?key"
)
_COUNTS: Final = re.compile(r"(?:ratelimit|rate-limit|limit|count|usage)")


def is_credential_header(name: str | bytes) -> bool:
    """Whether a header of this name (any letter case) may carry a credential."""
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    lowered = text.strip().lower().replace("_", "-")
    if lowered in CREDENTIAL_HEADERS:
        return True
    return _TELLING.search(lowered) is not None and _COUNTS.search(lowered) is None


def without_credentials(
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
) -> list[tuple[str, str]]:
    """The headers that may be stored, in order; the others are left out, name and value."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [(name, value) for name, value in pairs if not is_credential_header(name)]
