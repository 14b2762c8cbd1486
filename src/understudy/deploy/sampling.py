"""How a deployed model draws its words: what was asked for, else what it was made with."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.errors import UsageError
from understudy.players.backends.chat_model import Sampling

_LEAST = {"temperature": 0.0, "top_p": 0.0, "top_k": 0, "repeat_penalty": 1.0, "max_tokens": 1}


def sampling_of(facts: dict[str, Any], asked: dict[str, Any]) -> Sampling:
    """The sampling of a version whose manifest has ``facts``; ``asked`` goes before.

    A recipe may have put ``sampling`` into the facts. UsageError for a value that cannot be.
    """
    known = dict.fromkeys(Sampling.__struct_fields__)
    given = {**(facts.get("sampling") or {}), **{k: v for k, v in asked.items() if v is not None}}
    try:
        made = msgspec.convert({key: given[key] for key in given if key in known}, Sampling)
    except msgspec.ValidationError as error:
        raise UsageError(f"the model cannot be sampled like that ({error}); give numbers") from None
    for key, least in _LEAST.items():
        if getattr(made, key) < least:
            raise UsageError(f"{key} is {getattr(made, key)}; give {least} or more")
    return made
