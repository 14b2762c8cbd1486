"""One request to an OpenAI-compatible server through the official client, and what came of it.

Nothing is decided here: whatever happens becomes an `Answer` or a `Trouble`, which says whether
trying again makes sense. The key goes into the client and nowhere else; where a server repeats it
in an error, it is taken out before anything else sees the answer.
"""

from __future__ import annotations

import email.utils
import json
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from understudy.chat.messages import text_of
from understudy.config import ChatSettings
from understudy.errors import PlayerError

if TYPE_CHECKING:
    import openai

_TRY_AGAIN = (408, 409, 425, 429)
_REFUSED = (400, 422)
_REASON_LENGTH = 300
_HIDDEN = "[API_KEY]"
_NO_KEY = "none"
"""What a server that needs no key is given: the client insists on one."""


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    text: str
    cut: bool
    """Whether the limit of tokens, or a filter, ended it."""
    model: str
    """As the server names it; empty where it does not."""
    tokens: dict[str, int]
    """``input`` and ``output``; empty where the server does not count them."""


@dataclass(frozen=True)
class Trouble:
    """Why there is no answer."""

    kind: Literal["busy", "refused", "final"]
    """``busy``: the same may work later. ``refused``: asked in another way it may work. ``final``:
    it will not."""
    reason: str
    status: int | None = None
    wait_s: float | None = None
    """How long the server asks to wait."""


class EndpointClient:
    """The client of one server. PlayerError when there is no way to make one."""

    def __init__(self, settings: ChatSettings) -> None:
        self._key = os.environ.get(settings.api_key_env, "").strip()
        base_url = settings.base_url.strip() or os.environ.get("OPENAI_BASE_URL", "").strip()
        if base_url and urlsplit(base_url).scheme not in ("http", "https"):
            raise PlayerError(
                f"{base_url!r} is no address of a model server; write it in full, such as "
                "http://localhost:8000/v1, as `base_url` in the section [chat] of understudy.toml"
            )
        if not self._key and not base_url:
            raise PlayerError(
                f"the environment variable {settings.api_key_env} holds no key for the model "
                "server; set it, or name your own server as `base_url` in the section [chat] of "
                "understudy.toml"
            )
        try:
            import openai
        except ImportError as error:
            raise PlayerError(
                f"a model server is asked through the package `openai`, which cannot be imported "
                f"({error}); install it with `pip install openai`"
            ) from error
        self._openai = openai
        self.plain = openai.OpenAI(
            api_key=self._key or _NO_KEY,
            base_url=base_url or None,
            max_retries=0,  # attempts are counted, and waited for, where they can be seen
            timeout=settings.timeout_s,
        )
        if self._key:
            _hide_key(self.plain, self._key)
        self.has_key = bool(self._key)
        self.address = _address(str(self.plain.base_url))
        """For people: no password, no query."""

    def send(self, client: openai.OpenAI, body: dict[str, Any]) -> Answer | Trouble:
        """Make one request; ``client`` is `plain` or a captured twin of it."""
        try:
            raw = client.chat.completions.with_raw_response.create(**body)
            status, text = raw.http_response.status_code, raw.http_response.text
        except self._openai.APIStatusError as error:
            return self._refusal(error)
        except self._openai.APITimeoutError:
            return Trouble("busy", "no answer in time")
        except self._openai.APIConnectionError as error:
            cause = error.__cause__ or error
            return Trouble("busy", self._said(f"{type(cause).__name__}: {cause}"))
        except (self._openai.OpenAIError, ValueError) as error:
            return Trouble("final", self._said(f"{type(error).__name__}: {error}"))
        return _read_answer(text) or Trouble(
            "busy", self._said(f"what it answered is no chat completion: {text!r}"), status
        )

    def close(self) -> None:
        """End all connections."""
        self.plain.close()

    def _refusal(self, error: openai.APIStatusError) -> Trouble:
        status = error.status_code
        reason = self._said(f"{status}: {_message_in(error.body) or error.message}")
        if status in _TRY_AGAIN or status >= 500:
            return Trouble("busy", reason, status, _asked_to_wait(error.response.headers))
        return Trouble("refused" if status in _REFUSED else "final", reason, status)

    def _said(self, text: str) -> str:
        """A reason for people: one line, not too long, without the key."""
        text = " ".join(text.split())
        if self._key:
            text = text.replace(self._key, _HIDDEN)
        return text if len(text) <= _REASON_LENGTH else text[: _REASON_LENGTH - 1] + "…"


def _read_answer(text: str) -> Answer | None:
    try:
        body = json.loads(text)
        choice = body["choices"][0]
        message = choice["message"]
        content = message.get("content")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    finish = choice.get("finish_reason")
    model = body.get("model")
    return Answer(
        text=text_of(content),
        cut=finish in ("length", "max_tokens", "model_length", "content_filter"),
        model=model if isinstance(model, str) else "",
        tokens=_tokens(body.get("usage")),
    )


def _tokens(usage: Any) -> dict[str, int]:
    if not isinstance(usage, dict):
        return {}
    sent, said = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not isinstance(sent, int) or not isinstance(said, int) or min(sent, said) < 0:
        return {}
    return {"input": sent, "output": said}


def _message_in(body: Any) -> str:
    """The words of an error, in whichever shape the server has them."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict):
        inner = body.get("error", body)
        for holder in (inner, body):
            for name in ("message", "detail"):
                if isinstance(holder, dict) and isinstance(holder.get(name), str):
                    return str(holder[name])
        return inner if isinstance(inner, str) else json.dumps(body)
    return body if isinstance(body, str) else ""


def _asked_to_wait(headers: Any) -> float | None:
    """The seconds of ``Retry-After``, which may also be a date."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    import datetime

    try:
        moment = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return max(0.0, (moment - datetime.datetime.now(datetime.UTC)).total_seconds())


def _address(base_url: str) -> str:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def _hide_key(client: openai.OpenAI, key: str) -> None:
    """Put something before the client's ways out that takes the key out of errors.

    It has to stand below the capture, which records errors as they came.
    """
    http: Any = client._client
    http._transport = _KeyHider(http._transport, key)
    http._mounts = {
        pattern: transport and _KeyHider(transport, key)
        for pattern, transport in http._mounts.items()
    }


class _KeyHider:
    """A transport of httpx (either generation) in whose errors the key cannot be read."""

    def __init__(self, inner: Any, key: str) -> None:
        self._inner = inner
        self._key = key.encode()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def handle_request(self, request: Any) -> Any:
        response = self._inner.handle_request(request)
        if response.status_code < 400:
            return response
        body = response.read()
        headers = [
            (name, value)
            for name, value in response.headers.multi_items()
            if name not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        return type(response)(
            response.status_code,
            headers=headers,
            content=body.replace(self._key, _HIDDEN.encode()),
            request=request,
            extensions=response.extensions,
        )
