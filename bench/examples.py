"""A training example of 60 kB, and array files full of it as the other collectors write them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

EXAMPLE_BYTES = 60_000
LINE = (
    "The innkeeper — a dwarf named Borin, “the Quiet” — sets down two mugs and says: "
    '"You will want to hear this before you go up to the old mill."\n'
)


def example() -> dict[str, Any]:
    """One conversation of about 60 kB: a system prompt, turns, and the answer."""
    messages = [{"role": "system", "content": LINE * 60}]
    while len(messages) < 31:
        role = "assistant" if len(messages) % 2 == 0 else "user"
        messages.append({"role": role, "content": LINE * (17 if role == "assistant" else 5)})
    return {"messages": messages}


def array_of(folder: Path, count: int) -> Path:
    """A pretty array file of so many examples, 2 spaces a level, UTF-8."""
    path = folder / "training_data.json"
    text = json.dumps(example(), indent=2, ensure_ascii=False)
    element = "\n".join("  " + line for line in text.split("\n")).encode()
    with open(path, "wb") as file:
        file.write(b"[\n")
        file.writelines(element if i == 0 else b",\n" + element for i in range(count))
        file.write(b"\n]")
        file.flush()
        os.fsync(file.fileno())  # what the disk still has to do must not be charged to an append
    return path
