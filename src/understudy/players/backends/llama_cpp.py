"""Runs a GGUF file with llama.cpp, whose own server lives in this process.

The server answers over HTTP to whoever may reach it (`LlamaServer`), or in the process alone
(`LlamaCppModel`). Chats go through the model's own template; nothing is formatted here.
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from understudy._util.cores import cores
from understudy.errors import PlayerError
from understudy.players.backends.chat_model import Answer, Messages, Progress, Sampling

DEFAULT_CONTEXT = 4096
"""Tokens of a conversation and its answer together."""
_GREEDY = {"temperature": 0.0, "top_k": 1, "repeat_penalty": 1.0}
_SMALL_BYTES = 200_000_000
"""Below this, threads cost more in waiting for each other at each word than they save."""
_MOST_TO_READ_SMALL = 4
"""Threads that pay off where a small model reads what it is asked, many words at once."""
_PATIENCE_S = 600.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_FROM_THE_QUEUE = "/lora-adapters"


class LlamaServer:
    """llama.cpp's server with one model, listening until it is closed.

    ``port`` 0 takes a free one. Whoever asks has to show ``token``, where there is one.
    ``context`` is in tokens, for each of the ``slots`` that answer at once; a model that was
    trained on less uses less. Without ``threads`` there are as many as pay off. What an answer may
    be is told by ``grammar``, in llama.cpp's notation, where a request brings none of its own.
    Raises PlayerError when the file cannot be loaded or the address cannot be listened on.
    """

    def __init__(
        self,
        model: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        name: str | None = None,
        context: int = DEFAULT_CONTEXT,
        threads: int | None = None,
        slots: int = 1,
        sampling: Sampling | None = None,
        template: str | None = None,
        grammar: str = "",
    ) -> None:
        if not model.is_file():
            raise PlayerError(f"there is no model file {model}; name a .gguf file")
        xllamacpp = _library()
        params = xllamacpp.CommonParams()
        params.model.path = str(model)
        params.model_alias = {name or model.stem}
        params.hostnames = [host]
        params.port = port
        params.api_keys = [token] if token else []
        # Pages of other sites, open in a browser on this machine, are nobody to answer to.
        params.cors_origins = "localhost"
        params.n_parallel = slots
        params.n_ctx = context * slots
        params.cpuparams.n_threads = threads or threads_for(model)
        params.cpuparams_batch.n_threads = threads or _threads_to_read(model)
        if sampling is not None:
            params.sampling.temp = sampling.temperature
            params.sampling.top_p = sampling.top_p
            params.sampling.top_k = sampling.top_k
            params.sampling.penalty_repeat = sampling.repeat_penalty
            params.n_predict = sampling.max_tokens
        if template is not None:
            params.chat_template = template
        if grammar:
            given = xllamacpp.common_grammar_type.COMMON_GRAMMAR_TYPE_USER
            params.sampling.grammar = xllamacpp.CommonGrammar(given, grammar)
        params.ui = params.endpoint_slots = params.endpoint_props = False
        params.cache_ram_mib = 0
        # Seconds; also how long an answer that is being streamed outlives the closing.
        params.sse_ping_interval = 2
        params.warmup = False
        params.verbosity = 0
        self._token = token
        try:
            self._server: Any = xllamacpp.Server(params)
        except (RuntimeError, ValueError) as error:
            raise PlayerError(
                f"llama.cpp cannot load {model} or cannot listen on {host}:{port}; check that the "
                "file is a whole .gguf model and that the port is free"
            ) from error
        self.url: str = self._server.listening_address
        # Closing tells the queue once to end: one that begins after that never does, and closing
        # waits for it. What the queue has answered, it has begun before.
        self.ask(_FROM_THE_QUEUE)

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the server answers at ``path``, posted ``body``. PlayerError where it refuses."""
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{_near(self.url)}{path}", data=None if body is None else json.dumps(body).encode()
        )
        request.add_header("Content-Type", "application/json")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with _DIRECT.open(request, timeout=_PATIENCE_S) as reply:
                answer: dict[str, Any] = json.load(reply)
        except urllib.error.HTTPError as error:
            raise PlayerError(_refusal(path, error.read())) from error
        except OSError as error:
            raise PlayerError(
                f"llama.cpp's server at {self.url} does not answer ({error})"
            ) from error
        return answer

    def chat(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the server answers to a chat, asked inside the process."""
        answer: dict[str, Any] = self._server.handle_chat_completions(request)
        if "error" in answer:
            raise PlayerError(_refusal("a chat", json.dumps(answer).encode()))
        return answer

    def prompt_of(self, messages: Messages, tools: list[dict[str, Any]] | None = None) -> str:
        """What the model's template makes of a chat that it is to answer."""
        body = {"messages": messages, **({"tools": tools} if tools else {})}
        return str(self.ask("/apply-template", body)["prompt"])

    def tokens_of(self, text: str, *, special: bool = True) -> list[int]:
        """The tokens of a prompt as the model reads it, or without ``special`` of bare words."""
        body = {"content": text, "add_special": special, "parse_special": True}
        tokens: list[int] = self.ask("/tokenize", body)["tokens"]
        return tokens

    def close(self) -> None:
        """Stop listening; answers that are being made are broken off."""
        self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LlamaCppModel:
    """A GGUF file that answers chats. Raises PlayerError when it cannot be loaded.

    ``grammar`` gives what an answer to a chat may be, in llama.cpp's notation; empty for anything.
    """

    def __init__(
        self,
        model: Path,
        *,
        name: str | None = None,
        context: int = DEFAULT_CONTEXT,
        threads: int | None = None,
        template: str | None = None,
        grammar: Callable[[Messages], str] | None = None,
    ) -> None:
        self.name = name or model.stem
        self.remembers = False
        """Whether what it has read is kept for a chat that begins alike, as an app does it turn by
        turn. That is quicker, and changes the last digits of the numbers, so now and then a word:
        what it says to a chat then depends on the one before."""
        self._grammar = grammar
        # The server listens in any case: only who knows the token is answered.
        self.server = LlamaServer(
            model,
            token=secrets.token_hex(16),
            name=self.name,
            context=context,
            threads=threads,
            template=template,
        )

    def answer(
        self,
        conversations: Sequence[Messages],
        *,
        max_tokens: int = 128,
        temperature: float = 0.0,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> list[Answer]:
        """As `ChatModel.answer`, one after another."""
        answers = []
        for number, messages in enumerate(conversations, start=1):
            request = {"messages": messages, "max_tokens": max_tokens, "seed": seed}
            request |= {"temperature": temperature} if temperature > 0 else _GREEDY
            request["cache_prompt"] = self.remembers
            if self._grammar is not None and (grammar := self._grammar(messages)):
                request["grammar"] = grammar
            begun = time.perf_counter()
            reply = self.server.chat(request)
            answers.append(
                Answer(
                    text=(reply["choices"][0]["message"].get("content") or "").strip(),
                    tokens=reply["usage"]["completion_tokens"],
                    seconds=time.perf_counter() - begun,
                )
            )
            if progress:
                progress(number, len(conversations))
        return answers

    def close(self) -> None:
        self.server.close()


def _near(url: str) -> str:
    """Where this machine reaches what listens on all of its addresses: not by that on Windows."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def threads_for(model: Path) -> int:
    """As many threads as pay off for a model file of this size, word by word."""
    return 1 if _is_small(model) else cores()


def _threads_to_read(model: Path) -> int:
    return min(cores(), _MOST_TO_READ_SMALL) if _is_small(model) else cores()


def _is_small(model: Path) -> bool:
    return model.stat().st_size < _SMALL_BYTES


def _library() -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise PlayerError(
            "GGUF models are run by llama.cpp, which is not installed; install Understudy with the "
            "extra `llm`, as in `pip install '.[llm]'`"
        ) from error
    return xllamacpp


def _refusal(what: str, body: bytes) -> str:
    try:
        reason = str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        reason = body.decode("utf-8", "replace")[:200] or "it gave no reason"
    return f"llama.cpp refused {what} ({reason}); check the chat and the model's chat template"
