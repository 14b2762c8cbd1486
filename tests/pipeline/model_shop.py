"""A workspace with a small model that was converted and deployed, made once for all tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from tests.deploy.conftest import add_version
from tests.deploy.small_models import CHATS, make_adapter, make_base, write_tokenizer

import understudy


def made_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]) -> Path:
    """The folder ``name``, unless another process has made it already."""
    place = factory.getbasetemp()
    shared = place.parent if "popen-" in place.name else place
    folder = shared / name
    with FileLock(shared / f"{name}.lock"):
        if not folder.exists():
            being_made = shared / f"{name}.being-made"
            build(being_made)
            being_made.rename(folder)
    return folder


def small_base(factory: pytest.TempPathFactory) -> Path:
    return made_once(factory, "small-base", make_base)


def small_adapter(factory: pytest.TempPathFactory) -> Path:
    base = small_base(factory)
    return made_once(factory, "small-adapter", lambda folder: make_adapter(base, folder))


def deployed_workspace(factory: pytest.TempPathFactory) -> Path:
    """A workspace with the model dm@v0001, its GGUF files, and the bundle dm@v0001."""
    base, adapter = small_base(factory), small_adapter(factory)

    def build(folder: Path) -> None:
        from understudy.deploy.deploying import Order, deploy_version
        from understudy.models.registry import promote

        with understudy.Workspace(folder) as workspace:
            version = add_version(workspace, base, adapter)
            promote(workspace, version.ref, "trained anew")
            deploy_version(workspace, version, Order(force=True), chats=CHATS)

    return made_once(factory, "deployed-workspace", build)


def roomy_base(factory: pytest.TempPathFactory) -> Path:
    """A Llama that has learned nothing, and reads conversations as long as the validation's."""

    def build(folder: Path) -> None:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        from understudy.train.loading import quiet

        write_tokenizer(folder)
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=512,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=8192,
            tie_word_embeddings=True,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=3,
        )
        with quiet():
            LlamaForCausalLM(config).save_pretrained(folder)

    return made_once(factory, "roomy-base", build)
