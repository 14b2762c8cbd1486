"""``integration-example.ts``: code of an app that runs the bundle, with the bundle's own values.

``make test-node`` checks it against the types of the packages that it is written for.
"""

from __future__ import annotations

import json
import re
from importlib import resources

from understudy.chat.tools.call_grammar import call_grammar
from understudy.deploy.target import Package

EXAMPLE_NAME = "integration-example.ts"


def integration_example(package: Package) -> str:
    """The text of the file."""
    sampling = package.sampling
    values = {
        "MODEL": package.model,
        "FILE": f"{package.file_name}.gguf",
        "SYSTEM_PROMPT": json.dumps(package.system_prompt, ensure_ascii=False),
        "CONTEXT_LENGTH": str(package.context_length),
        "STOP": json.dumps(list(package.stop), ensure_ascii=False),
        "MAX_TOKENS": str(sampling.max_tokens),
        "TEMPERATURE": str(sampling.temperature),
        "TOP_P": str(sampling.top_p),
        "TOP_K": str(sampling.top_k),
        "REPEAT_PENALTY": str(sampling.repeat_penalty),
        "GRAMMAR": json.dumps(call_grammar(package.tools), ensure_ascii=False),
        "TOOLS": json.dumps(list(package.tools.names)),
    }
    template = resources.files(__package__) / "integration_example.ts.txt"
    # A line end in a name would end the comment that it stands in.
    bare = {key: " ".join(value.split("\n")) for key, value in values.items()}
    return re.sub(r"@([A-Z_]+)@", lambda found: bare[found[1]], template.read_text("utf-8"))
