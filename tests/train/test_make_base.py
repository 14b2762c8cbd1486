"""A base model made in seconds: it learns, it is written whole, and llama.cpp reads it alike."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from understudy.chat.scenarios.generating import scenarios
from understudy.chat.tools.registry import TOOLS
from understudy.train.base import make

pytestmark = pytest.mark.slow
WHOLE = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "chat_template.jinja",
    make.STORY,
}


@pytest.fixture(scope="module")
def losses() -> list[float]:
    return []


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, losses: list[float]) -> Path:
    return make.make_base(
        tmp_path_factory.mktemp("base"),
        "tiny",
        work=tmp_path_factory.mktemp("work"),
        progress=lambda step, last, loss: losses.append(loss),
    )


def test_a_tiny_base_learns_and_is_written_whole(tiny: Path, losses: list[float]) -> None:
    assert WHOLE.issubset(path.name for path in tiny.iterdir())
    assert losses[-1] < losses[0]


def test_its_story_says_how_it_was_made(tiny: Path) -> None:
    story = (tiny / make.STORY).read_text("utf-8")
    assert "--size tiny --seed 1 --steps 40" in story
    assert make.corpus_hash(1) in story


def test_a_kill_costs_no_more_than_the_steps_since_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "CHECKPOINT_EVERY", 30)
    work = tmp_path / "work"
    told: list[int] = []

    class KilledError(Exception):
        pass

    def kill(step: int, last: int, loss: float) -> None:
        told.append(step)
        if step == last:
            raise KilledError

    with pytest.raises(KilledError):
        make.make_base(tmp_path / "base", "tiny", steps=40, work=work, progress=kill)
    told.clear()
    make.make_base(
        tmp_path / "base", "tiny", steps=40, work=work, progress=lambda step, *_: told.append(step)
    )
    assert told == [40]  # not [20, 40]: the first thirty steps were kept


def test_a_row_is_the_same_whenever_it_is_asked_for(tiny: Path) -> None:
    from transformers import AutoTokenizer

    rows = make.Rows(AutoTokenizer.from_pretrained(tiny), make.SIZES["tiny"])
    for number in (0, len(rows) - 1):
        first, again = rows[number], rows[number]
        assert first["input_ids"].tolist() == again["input_ids"].tolist()
        assert first["labels"].tolist() == again["labels"].tolist()


def test_the_second_round_stirs_what_has_come_to_rest_once_more_with_long_rows_alone(
    tiny: Path,
) -> None:
    from transformers import AutoTokenizer

    settings = replace(make.SIZES["tiny"], steps=60, first_round=0.5)
    rows = make.Rows(AutoTokenizer.from_pretrained(tiny), settings)
    first = settings.first_steps * settings.batch
    assert [rows[number]["short"] for number in (0, first, len(rows) - 1)] == [True, False, False]
    rates = [make.rate(step, settings) for step in range(settings.steps)]
    assert max(rates[:30]) == 1
    assert rates[29] < 0.1 < rates[29 + settings.warm_up] <= settings.second_rate
    assert rates[-1] < 0.05


def test_a_new_model_begins_with_the_words_that_belong_together_close_to_each_other(
    tiny: Path,
) -> None:
    import numpy as np
    import torch
    from transformers import AutoTokenizer

    from understudy.train.base.beginning import MEANING_SIZE, begin

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    model: Any = make.new_model(make.SIZES["tiny"], tokenizer)
    pieces = len(model.model.embed_tokens.weight)
    meanings = np.zeros((pieces, MEANING_SIZE), np.float32)
    meanings[[20, 21], 0], meanings[22, 1] = 1, 1
    torch.manual_seed(3)
    begin(model, meanings)
    words = torch.nn.functional.normalize(model.model.embed_tokens.weight[20:23], dim=1)
    alike = (words @ words.T).tolist()
    assert alike[0][1] > alike[0][2] + 0.2


def test_the_official_converter_takes_it_and_llama_cpp_reads_the_same_tokens(
    tiny: Path, tmp_path: Path
) -> None:
    from understudy.deploy.gguf import convert
    from understudy.deploy.parity import check_parity
    from understudy.players.backends.llama_cpp import LlamaServer
    from understudy.players.backends.transformers_model import load_tokenizer

    file = convert(tiny, tmp_path / "base.gguf", name="base")
    tokenizer = load_tokenizer(tiny)
    chats = [scenario.messages() for scenario in scenarios.training(3, 8)]
    odd = " Zürich 12345 — “naïve” <x> 🙂\n\n  two"
    chats += [[*chat[:-1], {**chat[-1], "content": chat[-1]["content"] + odd}] for chat in chats]
    with closing(LlamaServer(file)) as server:
        checked = check_parity(tokenizer, tokenizer, server, chats)
    assert checked.tokens > 1000


def test_the_shipped_base_is_whole_and_small_enough() -> None:
    files = {path.name: path.stat().st_size for path in make.MODEL_FOLDER.iterdir()}
    assert WHOLE.issubset(files)
    assert sum(files.values()) <= 16_000_000
    assert "checkpoints" not in files


def test_the_shipped_base_tells_the_pieces_of_calls_apart_though_it_has_never_read_one() -> None:
    """What is never said, training pushes together until fine-tuning cannot choose among it."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(make.MODEL_FOLDER)
    calls = "".join(example for tool in TOOLS for example in tool.examples)
    pieces = sorted(set(tokenizer.encode(f"{calls}{' '.join(TOOLS.names)}")))
    model: Any = AutoModelForCausalLM.from_pretrained(make.MODEL_FOLDER, dtype=torch.float32)
    words = torch.nn.functional.normalize(model.model.embed_tokens.weight[pieces], dim=1)
    alike = (words @ words.T).fill_diagonal_(0)
    assert alike.max().item() < 0.9
