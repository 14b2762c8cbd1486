r"""Keys, tokens, private keys and passwords.

Keys of known services are recognised by their prefix, inside runs of token characters only (a run
is what makes a key, and clean prose has none). A value assigned to a telling name
(``api_key: …``, ``"password": "…"``) is masked when it looks real: "token: golden_idol" and
"password: swordfish" are game text, "password=hunter2" is not. Values stand in quotes at any depth
of escaping (``\"password\": \"…\"``), and the closing quote is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from understudy.session.masking.escapes import after_escape
from understudy.session.masking.gates import ASSIGNED, TOKEN_RUN
from understudy.session.masking.kinds import Finding

_RUN: Final = re.compile(rf"[A-Za-z0-9_-]{{{TOKEN_RUN},}}")
_SERVICE_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-(?=[\w-]*[0-9A-Z])[\w-]{17,}"  # OpenAI, Anthropic (sk-ant-), OpenRouter, DeepSeek
    r"|AIza[\w-]{30,}"  # Google
    r"|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,}|glpat-[\w-]{16,}"
    r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"  # AWS
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{15,}"  # Slack
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9]{16,}"  # Stripe
    r"|hf_[A-Za-z0-9]{20,}|gsk_[A-Za-z0-9]{20,}|xai-[\w-]{20,}|r8_[A-Za-z0-9]{20,}"
    r"|nvapi-[\w-]{20,}|pplx-[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{20,}|pypi-[\w-]{20,}"
    r"|shpat_[a-fA-F0-9]{20,}|dop_v1_[a-f0-9]{20,}|lin_api_[A-Za-z0-9]{20,}"
    r")"
)
_DOTTED_KEY: Final = re.compile(r"(?:\.[\w-]{8,}){1,3}")
_BEFORE_TELEGRAM: Final = re.compile(r"(?<![0-9])[0-9]{8,10}:\Z")
_JWT: Final = re.compile(r"eyJ[\w-]{10,}\.[\w-]{2,}(?:\.[\w-]*){1,3}")
_SCHEME: Final = re.compile(r"(?i)\b(?:bearer|basic)(?: |%20|\\t)\Z")
_BEARER_TAIL: Final = re.compile(r"[\w.~+/-]*=*")
_AWS_SECRET: Final = re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_AWS_NEARBY: Final = 200

_PEM_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY: Final = re.compile(
    r"(?:(?:\s|\\[nr])*(?:[A-Za-z-]{4,20}: [\w,. -]{1,80}(?=\s|\\[nr])|[A-Za-z0-9+/=]{16,}))*"
    r"(?:(?:\s|\\[nr])*[A-Za-z0-9+/=]{1,15}(?=(?:\s|\\[nr])*-----END))?"
)

_NAMES_OF_PASSWORDS = r"(?:password|passwd|passphrase|passcode|pwd)\d?"
_NAMES_OF_KEYS = (
    r"(?:(?:api|access|secret|private|auth|encryption|signing|client|consumer|service)[_\- ]?"
    r"(?:key(?:[_\- ]?id)?|token|secret)|secret[_-]?access[_-]?key)"
)
_NAMES_OF_TOKENS = r"(?:token|secret|credentials?)"
_NAME_TAIL = r"[\w-]{0,16}"
_NAMED: Final = re.compile(
    rf"(?i)(?:(?P<password>{_NAMES_OF_PASSWORDS}{_NAME_TAIL})|(?P<key>{_NAMES_OF_KEYS}{_NAME_TAIL})"
    rf"|(?P<authorization>authorization)|(?P<token>{_NAMES_OF_TOKENS}))[\s\"'`\\]{{0,10}}\Z"
)
_TELLING_PARTS: Final = ("pass", "pwd", "secret", "token", "key", "auth", "credential")
"""One of these is in every name that :data:`_NAMED` knows; looking for them is cheaper."""
_VALUE: Final = re.compile(
    r"[=:][=>:]?\s{0,3}(?:(?P<quote>\\*[\"'`]))?(?:(?:bearer|basic|token) )?"
    r"(?P<value>(?(quote)(?![\s,:;}\])])(?:(?!(?P=quote))[^\"\\\n\0])+|(?:[^\s\"'`\\,;&\0]|&(?!\w+=))+))",
    re.IGNORECASE,
)
# What is left of a quoted value after its first escape. A double quote always ends it: inside JSON
# source it would end the whole string.
_ESCAPED_REST: Final = {
    '"': re.compile(r"(?:\\.|[^\"\\\n\0])*"),
    "'": re.compile(r"(?:\\.|[^\"'\\\n\0])*"),
    "`": re.compile(r"(?:\\.|[^\"`\\\n\0])*"),
}
_SPOKEN: Final = re.compile(
    r"(?i)password (?:is|was)(?: now)?:? (?:\\*[\"'`])?(?P<value>[^\s\"'`\\,;]+)"
)
_REAL_SIGN: Final = re.compile(r"[0-9!#$%^&*?+~]")
_STAND_IN: Final = re.compile(
    r"(?i)[\[<{(/~]|\$[{(\w]|%[\w(]|your|my[_-]|example|changeme|placeholder|x{4,}|\*{3,}|\.{3}"
    r"|os\.|process\.|https?:"
)

_URL_LOGIN: Final = re.compile(r"://[^\s/:@\"'\\]{0,64}:(?P<password>[^\s/@\"'\\]{1,128})\Z")


def private_keys(text: str) -> Iterator[Finding]:
    for begin in _PEM_BEGIN.finditer(text):
        body = _PEM_BODY.match(text, begin.end())
        stop = body.end() if body else begin.end()
        gap = _PEM_END.search(text, stop, stop + 80)
        if gap and not text[stop : gap.start()].replace("\\n", "").replace("\\r", "").strip():
            stop = gap.end()
        if stop > begin.end():
            yield Finding("PRIVATE_KEY", begin.start(), stop)


def service_keys(text: str) -> Iterator[Finding]:
    """API keys with a known prefix and JSON web tokens, bearer and basic credentials."""
    for run in _RUN.finditer(text):
        start = after_escape(text, run.start())
        key = _SERVICE_KEY.search(text, start, run.end()) or (
            # Look-behind must not see the letter of an escape such as \n.
            _SERVICE_KEY.match(text[start : run.end()]) if start > run.start() else None
        )
        before = text[max(0, start - 16) : start]
        if key is not None:
            begin = start if start > run.start() else key.start()
            yield Finding("API_KEY", begin, run.end())
            if text.startswith(("AKIA", "ASIA"), begin):
                yield from _aws_secrets(text, begin, run.end())
        elif text.startswith("eyJ", start):
            token = _JWT.match(text, start)
            if token:
                yield Finding("TOKEN", *token.span())
        elif _SCHEME.search(before):
            tail = _BEARER_TAIL.match(text, run.end())
            yield Finding("TOKEN", start, tail.end() if tail else run.end())
        elif (bot := _BEFORE_TELEGRAM.search(before)) and run.end() - start == 35:
            yield Finding("API_KEY", start - len(bot.group()), run.end())
        elif before.endswith(("SG.", "ya29.")):
            rest = _DOTTED_KEY.match(text, run.end())
            yield Finding("API_KEY", start, rest.end() if rest else run.end())


def _aws_secrets(text: str, start: int, end: int) -> Iterator[Finding]:
    """The secret that belongs to an AWS key id has no prefix but stands close to it."""
    nearby = (max(0, start - _AWS_NEARBY), min(len(text), end + _AWS_NEARBY))
    for match in _AWS_SECRET.finditer(text, *nearby):
        written = match.group()
        if (
            any(map(str.isdigit, written))
            and any(map(str.isupper, written))
            and any(map(str.islower, written))
        ):
            yield Finding("API_KEY", after_escape(text, match.start()), match.end())


def url_password(text: str, at: int) -> Finding | None:
    """The password in ``scheme://user:password@host`` for the ``@`` at this offset."""
    login = _URL_LOGIN.search(text, max(0, at - 200), at)
    return Finding("PASSWORD", *login.span("password")) if login else None


def assigned(text: str) -> Iterator[Finding]:
    """Real-looking values assigned to names that tell of a secret."""
    for pattern in ASSIGNED:
        for hit in pattern.finditer(text):
            before = text[max(0, hit.start() - 48) : hit.start()].lower()
            if not any(map(before.__contains__, _TELLING_PARTS)):
                continue
            name = _NAMED.search(text, max(0, hit.start() - 48), hit.start())
            value = _VALUE.match(text, hit.start()) if name else None
            if name is None or value is None:
                continue
            if not value["quote"] and name.group()[-1] in "\"'":
                continue  # a bare value under a quoted name: a JSON number must stay one
            start, end = value.span("value")
            if value["quote"] and len(value["quote"]) == 1 and text[end : end + 1] == "\\":
                rest = _ESCAPED_REST[value["quote"]].match(text, end)
                end = rest.end() if rest else end
            elif not value["quote"]:
                end = start + len(text[start:end].rstrip(".)}]>"))
            kind = _kind_of(name.lastgroup or "", text[start:end])
            if kind:
                yield Finding(kind, start, end)


def spoken_passwords(text: str) -> Iterator[Finding]:
    for match in _SPOKEN.finditer(text):
        value = match["value"].rstrip(".)!?]}>")
        if _kind_of("password", value):
            yield Finding("PASSWORD", match.start("value"), match.start("value") + len(value))


def kind_of_field(name: str, value: str) -> str | None:
    """The kind that ``value`` has because it is stored under ``name``, or None."""
    lowered = name[-48:].lower()
    if not any(map(lowered.__contains__, _TELLING_PARTS)):
        return None
    named = _NAMED.search(name, max(0, len(name) - 48))
    return _kind_of(named.lastgroup or "", value) if named else None


def _kind_of(group: str, value: str) -> str | None:
    if _STAND_IN.match(value):
        return None
    if group == "password":
        return "PASSWORD" if len(value) >= 6 and _REAL_SIGN.search(value) else None
    if group == "authorization":
        return "TOKEN" if len(value) >= 8 and _random_looking(value, fewest_digits=0) else None
    shortest, fewest_digits = (8, 1) if group == "key" else (16, 2)
    if len(value) >= shortest and _random_looking(value, fewest_digits=fewest_digits):
        return "API_KEY"
    return None


def _random_looking(value: str, *, fewest_digits: int) -> bool:
    """No word or name: letters with enough digits among them, or of both cases."""
    digits = sum(map(str.isdigit, value))
    return (
        digits >= fewest_digits
        and not any(map(str.isspace, value))
        and any(map(str.isalpha, value))
        and (
            digits * 5 >= len(value)
            or (any(map(str.isupper, value)) and any(map(str.islower, value)))
        )
    )
