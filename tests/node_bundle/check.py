"""Checks a mobile bundle in Node: its TypeScript against the real packages, its model by a run.

Run by ``make test-node`` and not by ``make test``: it installs more than a gigabyte from npm.
Without the folder of a bundle it makes one from a model of a few seconds.

    python tests/node_bundle/check.py [BUNDLE]
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.deploy.small_models import CHATS, make_adapter, make_base  # noqa: E402

from understudy.players.backends.llama_cpp import LlamaCppModel  # noqa: E402

EXAMPLE = "integration-example.ts"
PACKAGES = ("llama.rn", "cactus-react-native")


def main() -> int:
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        bundle = Path(sys.argv[1]) if len(sys.argv) > 1 else make_bundle(work)
        install()
        check_types(bundle, work / "types")
        run_model(bundle, work)
    return 0


def install() -> None:
    if not (HERE / "node_modules" / "node-llama-cpp").is_dir():
        print("installing from npm (1.2 GB)")
        # Nobody's scripts are run, and React Native itself is not needed to check types.
        options = ["--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"]
        npm = ["npm", "install", "--no-package-lock", *options]
        subprocess.run(npm, cwd=HERE, check=True)


def make_bundle(work: Path) -> Path:
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
        order = Order(force=True, app=work / "app")
        placed = deploy_version(ws, version, order, chats=CHATS).placed
    assert placed is not None
    return placed


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


def run_model(bundle: Path, work: Path) -> None:
    """Node makes the same tokens and the same answers of each prompt as the server here."""
    [file] = bundle.glob("*.gguf")
    chats = [chat[:2] for chat in CHATS]
    model = LlamaCppModel(file)
    prompts = [model.server.prompt_of(chat) for chat in chats]
    tokens = [model.server.tokens_of(prompt) for prompt in prompts]
    said = [answer.text for answer in model.answer(chats, max_tokens=64)]
    model.close()
    (work / "chats.json").write_text(json.dumps(chats), encoding="utf-8")
    node = ["node", str(HERE / "run.mjs"), str(bundle.resolve()), str(work / "chats.json")]
    ran = subprocess.run(node, capture_output=True, text=True, check=False, cwd=HERE)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert [one["prompt"] for one in told["answers"]] == prompts, "Node writes other prompts"
    assert [one["tokens"] for one in told["answers"]] == tokens, "Node reads other tokens"
    same = sum(one["text"] == text for one, text in zip(told["answers"], said, strict=True))
    assert same >= 0.9 * len(said), f"only {same} of {len(said)} answers are the same"
    print(
        f"node-llama-cpp runs {file.name}: the same prompts and tokens for {len(prompts)} chats, "
        f"the same answers to {same}, {told['tokensPerSecond']:,.0f} tokens/s"
    )


if __name__ == "__main__":
    sys.exit(main())
