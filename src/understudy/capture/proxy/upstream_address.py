"""Where the proxy forwards to: one fixed server, and the rule by which paths are joined to it.

Nothing that a client sends can change the server or leave the base path of the upstream URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

from understudy.errors import UsageError

_PLAIN = re.compile(rb"[!-~]+")
_SCHEME_AND_HOST = re.compile(rb"(?i)https?://[^/?#]*")
_DOTS = (b".", b"..")


class BadTargetError(ValueError):
    """The request target cannot be forwarded; the message is a sentence for the client."""


@dataclass(frozen=True)
class UpstreamAddress:
    """The model server behind the proxy, taken apart once."""

    host: str
    port: int
    tls: bool
    base: bytes
    """Path of the upstream URL without its last slash; empty for the root."""
    host_header: bytes

    @classmethod
    def parse(cls, url: str) -> UpstreamAddress:
        """UsageError unless ``url`` is ``http(s)://HOST[:PORT][/PATH]`` and nothing more."""
        try:
            parts = urlsplit(url.strip())
            port = parts.port
        except ValueError as error:
            raise UsageError(f"The upstream URL {url!r} cannot be read: {error}.") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"The upstream URL {url!r} is not complete; give it as https://HOST[:PORT][/PATH]."
            )
        if parts.username is not None or parts.query or parts.fragment:
            raise UsageError(
                "The upstream URL holds a user name, a query or a fragment; give only "
                "https://HOST[:PORT][/PATH] and let the clients send their own keys."
            )
        tls = parts.scheme == "https"
        host = parts.hostname
        shown = f"[{host}]" if ":" in host else host
        usual = 443 if tls else 80
        header = shown if port in (None, usual) else f"{shown}:{port}"
        base = parts.path.rstrip("/")
        if not base.isascii() or any(part in (".", "..") for part in base.split("/")):
            raise UsageError(f"The path of the upstream URL {url!r} must be plain, without dots.")
        return cls(host, port or usual, tls, base.encode(), header.encode("idna").lower())

    def target(self, path: bytes) -> bytes:
        """The target to ask the upstream for; ``path`` as ``origin_form`` gives it.

        A path that begins with the base path already is not given it twice, so that clients may
        be configured with or without it.
        """
        base = self.base
        if not base or path == base or path.startswith((base + b"/", base + b"?")):
            return path
        return base + path


def origin_form(target: bytes) -> bytes:
    """Path and query of a request target; whatever server an absolute one names is dropped.

    BadTargetError for what is no path (CONNECT's form, ``*``), has unprintable characters, or has a
    ``.`` or ``..`` segment, encoded or not.
    """
    if not target.startswith(b"/"):
        found = _SCHEME_AND_HOST.match(target)
        if found is None:
            raise BadTargetError("The request target is neither a path nor an http URL.")
        target = target[found.end() :]
        if not target.startswith(b"/"):
            target = b"/" + target
    if _PLAIN.fullmatch(target) is None or b"#" in target:
        raise BadTargetError("The request target holds characters that a URL may not hold.")
    path = target.split(b"?", 1)[0]
    if b"." in path or b"%" in path or b"\\" in path:
        _refuse_dots(path)
    return target


def _refuse_dots(path: bytes) -> None:
    for _ in range(3):  # encoded once, twice, or by someone who means harm
        if any(part.split(b";")[0] in _DOTS for part in path.replace(b"\\", b"/").split(b"/")):
            raise BadTargetError("The request path holds a '.' or '..' segment: not forwarded.")
        path = unquote_to_bytes(path)
