"""E-mail and IP addresses.

E-mail addresses are searched from the ``@`` outwards, which costs nothing where there is none. IP
addresses are judged by the standard library's ``ipaddress``. Four numbers with dots are an address
unless a word such as "version" or a ``v`` stands before them; three numbers are never one. The
shortened form of version 6 shares its ``::`` with C++ names and Python slices, so one with only two
groups must begin like an address that is in use (``2001::1``, ``fe80::1``).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from understudy.session.masking.credentials import url_password
from understudy.session.masking.escapes import BEGIN
from understudy.session.masking.kinds import Finding

_LOCAL_PART: Final = re.compile(r"[\w.%+'-]{1,64}\Z")
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.){{1,8}}[^\W\d_]{{2,24}}(?![^\W_])")

_IPV4: Final = re.compile(
    BEGIN + r"(?<!\d\.)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w]|\.[0-9])",
)
_VERSION_WORD: Final = re.compile(
    r"(?i)(?:version|ver|build|release|firmware|patch|section|chapter|rule|v)[\s.:=\"'\\§]{0,4}\Z"
)
_IPV6: Final = re.compile(
    r"(?<![\w:.])(?:(?<=\\[nrtbf])|(?<!\\))"
    r"(?=[0-9a-fA-F:]*:[0-9a-fA-F]*:)[0-9a-fA-F:]{3,39}(?:(?:\.[0-9]{1,3}){3})?"
    r"(?:%\w{1,15})?(?![\w:]|\.[0-9])"
    r"|(?<=\\[nrtbf])[0-9a-fA-F]{1,4}:[0-9a-fA-F:]{2,34}(?:(?:\.[0-9]{1,3}){3})?(?![\w:]|\.[0-9])"
)
_IN_USE: Final = re.compile(r"(?i)(?:[23][0-9a-f]{3}|f[cdef][0-9a-f]{2})::")


def at_signs(text: str) -> Iterator[Finding]:
    """E-mail addresses, and passwords in URLs, which hang on an ``@`` as well."""
    at = text.find("@")
    while at != -1:
        if at and text[at - 1] > " ":
            login = url_password(text, at)
            if login:
                yield login
            else:
                yield from _email(text, at)
        at = text.find("@", at + 1)


def _email(text: str, at: int) -> Iterator[Finding]:
    local = _LOCAL_PART.search(text, max(0, at - 64), at)
    domain = _DOMAIN.match(text, at + 1) if local else None
    if local and domain:
        yield Finding("EMAIL", _skip_punctuation(text, local.start(), at), domain.end())


def _skip_punctuation(text: str, start: int, at: int) -> int:
    """A local part does not begin with punctuation: ``'ann@x.org'`` is quoted, not named so."""
    while start < at - 1 and text[start] in ".'-%+":
        start += 1
    return start


def ipv4_addresses(text: str) -> Iterator[Finding]:
    for match in _IPV4.finditer(text):
        before = text[max(0, match.start() - 16) : match.start()]
        if _is_ip(match.group()) and not _VERSION_WORD.search(before):
            yield Finding("IP", *match.span())


def ipv6_addresses(text: str) -> Iterator[Finding]:
    for match in _IPV6.finditer(text):
        written = match.group()
        if _is_ip(written) and _plausible_v6(text, match.start(), written):
            yield Finding("IP", *match.span())


def _plausible_v6(text: str, start: int, written: str) -> bool:
    if "::" not in written:
        return any(len(group) >= 3 for group in written.split(":"))
    if written == "::1":
        return not (start >= 2 and text[start - 1] == "[" and text[start - 2].isalnum())
    if not any(character.isdigit() for character in written):
        return False
    groups = [group for group in written.split(":") if group]
    return len(groups) >= 3 or "." in written or _IN_USE.match(written) is not None


def _is_ip(written: str) -> bool:
    try:
        ipaddress.ip_address(written)
    except ValueError:
        return False
    return True
