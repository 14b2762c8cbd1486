"""Whether the libraries that train are there, asked before anything else is done."""

from __future__ import annotations

from importlib.util import find_spec

from understudy.errors import TrainingError

_NEEDED = ("torch", "transformers", "trl", "peft", "datasets", "sentencepiece", "tensorboardX")


def check_libraries() -> None:
    """TrainingError naming those that are not installed."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise TrainingError(
            f"training needs {', '.join(missing)}, which this environment does not have; install "
            "Understudy with the extra `llm`, as in `pip install '.[llm]'`"
        )
