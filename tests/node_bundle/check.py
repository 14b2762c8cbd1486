"""Checks bundles in Node: their TypeScript against the real packages, their models by a run.

Run by ``make test-node`` and not by ``make test``: it installs more than a gigabyte from npm.
Without the folder of a mobile bundle it makes one, and one for transformers.js, from a model of a
few seconds.

    python tests/node_bundle/check.py [BUNDLE]
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.deploy.small_models import CHATS, PROMPTS, make_adapter, make_base  # noqa: E402

from understudy.players.backends.llama_cpp import LlamaCppModel  # noqa: E402
from understudy.players.backends.onnx_chat_model import OnnxChatModel  # noqa: E402
from understudy.players.backends.transformers_model import prompt_tokens  # noqa: E402

EXAMPLE = "integration-example.ts"
PACKAGES = ("llama.rn", "cactus-react-native")


def main() -> int:
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        install()
        made = [Path(sys.argv[1]).resolve()] if len(sys.argv) > 1 else make_bundles(work)
        check_types(made[0], work / "types")
        run_gguf(made[0], work)
        for folder in made[1:]:
            run_onnx(folder, work)
    return 0


def install() -> None:
    if not (HERE / "node_modules" / "@huggingface" / "transformers").is_dir():
        print("installing from npm (1.7 GB)")
        # Nobody's scripts are run, and React Native itself is not needed to check types.
        options = ["--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"]
        npm = ["npm", "install", "--no-package-lock", *options]
        subprocess.run(npm, cwd=HERE, check=True)


def make_bundles(work: Path) -> list[Path]:
    """One for phones and one for transformers.js, as an app has them."""
    import understudy
    from understudy.chat.tools.registry import TOOLS
    from understudy.deploy.deploying import Order, deploy_version
    from understudy.models.bases import find_base
    from understudy.models.registry import publish_model

    base = make_base(work / "base")
    adapter = make_adapter(base, work / "adapter")
    with understudy.Workspace(work / "ws") as ws:

        def build(folder: Path) -> dict[str, object]:
            shutil.copytree(adapter, folder / "adapter")
            TOOLS.save(folder / "tool_registry.json")
            return {"method": "sft", "base": find_base(ws, str(base)).facts()}

        version = publish_model(ws, "dm", build)
        made = []
        for target in ("gguf-mobile", "transformers-js"):
            order = Order(force=True, app=work / target, target=target)
            made.append(deploy_version(ws, version, order, chats=CHATS).placed)
    return [folder for folder in made if folder is not None]


def check_types(bundle: Path, place: Path) -> None:
    """The example passes, and one with a slip in each half does not: the types are really read."""
    example = (bundle / EXAMPLE).read_text("utf-8")
    assert compiles(example, place), "the example of the bundle does not type-check"
    slips = (("context.completion(", "context.complete("), ("lm.release()", "lm.end()"))
    for right, wrong in slips:
        assert right in example
        assert not compiles(example.replace(right, wrong), place), f"{wrong} passed the check"
    print(f"{EXAMPLE} type-checks against {' and '.join(PACKAGES)}; two slips in it are found")


def compiles(text: str, place: Path) -> bool:
    place.mkdir(exist_ok=True)
    (place / EXAMPLE).write_text(text, encoding="utf-8")
    modules = HERE / "node_modules"
    options = {
        "strict": True,
        "noEmit": True,
        "skipLibCheck": True,  # of the packages' own files, which need React Native's
        "target": "es2022",
        "module": "esnext",
        "moduleResolution": "bundler",
        "types": [],
        "paths": {name: [str(modules / name)] for name in PACKAGES},
    }
    config = {"compilerOptions": options, "files": [EXAMPLE]}
    (place / "tsconfig.json").write_text(json.dumps(config), encoding="utf-8")
    tsc = [str(modules / ".bin" / "tsc"), "-p", str(place)]
    done = subprocess.run(tsc, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout.strip().splitlines()[0])
    return done.returncode == 0


def run_gguf(bundle: Path, work: Path) -> None:
    """node-llama-cpp writes and reads the same prompts and answers as llama.cpp here."""
    [file] = bundle.glob("*.gguf")
    model = LlamaCppModel(file)
    prompts = [model.server.prompt_of(chat) for chat in PROMPTS]
    tokens = [model.server.tokens_of(prompt) for prompt in prompts]
    said = [answer.text for answer in model.answer(PROMPTS, max_tokens=64)]
    model.close()
    told = run_node("run.mjs", bundle, work)
    assert [one["prompt"] for one in told["answers"]] == prompts, "Node writes other prompts"
    compare(told, tokens, said, f"node-llama-cpp runs {file.name}")


def run_onnx(bundle: Path, work: Path) -> None:
    """transformers.js reads the same tokens and answers the same as onnxruntime here."""
    model = OnnxChatModel(bundle)
    tokens = [prompt_tokens(model.tokenizer, chat) for chat in PROMPTS]
    said = [answer.text for answer in model.answer(PROMPTS, max_tokens=64)]
    told = run_node("run_transformers_js.mjs", bundle, work)
    compare(told, tokens, said, f"transformers.js runs {bundle.name}")


def run_node(script: str, bundle: Path, work: Path) -> Any:
    (work / "chats.json").write_text(json.dumps(PROMPTS), encoding="utf-8")
    node = ["node", str(HERE / script), str(bundle), str(work / "chats.json")]
    ran = subprocess.run(node, capture_output=True, text=True, check=False, cwd=HERE)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def compare(told: Any, tokens: list[list[int]], said: list[str], what: str) -> None:
    assert [one["tokens"] for one in told["answers"]] == tokens, "Node reads other tokens"
    same = sum(one["text"] == text for one, text in zip(told["answers"], said, strict=True))
    assert same >= 0.9 * len(said), f"only {same} of {len(said)} answers are the same"
    speed = f"{told['tokensPerSecond']:,.0f} tokens/s"
    print(f"{what}: the same tokens of {len(said)} chats, the same answers to {same}, {speed}")


if __name__ == "__main__":
    sys.exit(main())
