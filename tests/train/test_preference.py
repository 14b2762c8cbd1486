"""Learning from corrections and thumbs: what counts as either, and that the model moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.train.conftest import NAMES, THINGS

import understudy
from understudy.chat.tools.registry import TOOLS
from understudy.datasets.build import BuildRequest, build_dataset
from understudy.datasets.rows import Source
from understudy.datasets.selection import Selection
from understudy.datasets.splits import Splits
from understudy.errors import TrainingError
from understudy.train.examples import Example, content_hash
from understudy.train.pairs import as_pair
from understudy.train.preference import train_preference
from understudy.train.running import TrainFacts
from understudy.train.settings import PreferenceSettings, make_settings
from understudy.train.sources import Reading, load
from understudy.train.watching import TrainProgress

pytestmark = pytest.mark.slow  # transformers is loaded


def pair(name: str, thing: str) -> Example:
    raw = {
        "prompt": [{"role": "user", "content": f"{name} sneaks past the {thing}."}],
        "chosen": f"[check: stealth, {name}]",
        "rejected": f"[check: arcana {name}",
    }
    return as_pair(raw, f"{name} and the {thing}", registry=TOOLS)


PAIRS = [pair(name, thing) for name in NAMES for thing in THINGS[:3]]


def train(base: Path, out: Path, examples: list[Example] = PAIRS, **given: Any) -> TrainFacts:
    named = {n: given.pop(n) for n in list(given) if n in PreferenceSettings.model_fields}
    settings = {"learning_rate": 5e-3, "batch_size": 4, "max_steps": 4, "precision": "fp32"}
    return train_preference(
        examples[:8],
        examples[8:],
        base=base,
        settings=make_settings(PreferenceSettings, settings | named),
        out=out,
        registry=TOOLS,
        **given,
    )


def losses(facts: TrainFacts) -> list[float]:
    return [entry["loss"] for entry in facts.history if "loss" in entry]


def test_pairs_move_the_model_towards_the_better_answers(tiny_base: Path, tmp_path: Path) -> None:
    facts = train(tiny_base, tmp_path)

    assert facts.checks["loss_kind"] == "dpo"
    assert facts.checks["pairs"] == 8
    assert facts.validation_loss is not None
    assert facts.validation_loss_before == pytest.approx(0.6931, abs=1e-3)
    assert facts.validation_loss < 0.69
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def test_a_version_is_gone_on_from_and_is_the_yardstick(tiny_base: Path, tmp_path: Path) -> None:
    train(tiny_base, tmp_path / "first")
    adapter = tmp_path / "first" / "adapter"

    facts = train(tiny_base, tmp_path / "second", adapter=adapter)

    assert facts.validation_loss_before == pytest.approx(0.6931, abs=1e-3)
    assert losses(facts)[-1] < losses(facts)[0]
    assert not (tmp_path / "second" / "adapter" / "ref").exists()


def test_thumbs_move_the_model_too(tiny_base: Path, tmp_path: Path) -> None:
    thumbs = [
        as_pair({**_without(one), "completion": one[key], "label": key == "chosen"}, "thumb")
        for one in PAIRS
        for key in ("chosen", "rejected")
    ]
    facts = train(tiny_base, tmp_path, thumbs)
    assert facts.checks["loss_kind"] == "kto"
    assert losses(facts)[-1] < losses(facts)[0]


def _without(example: Example) -> Example:
    return {"prompt": example["prompt"]}


def test_pairs_can_be_learned_from_as_thumbs(tiny_base: Path, tmp_path: Path) -> None:
    facts = train(tiny_base, tmp_path, loss="kto", max_steps=1)
    assert facts.checks["judgements"] == 16


@pytest.mark.parametrize("loss", ["dpo", "kto"])
def test_a_resumed_training_on_preferences_is_the_same_one(
    tiny_base: Path, tmp_path: Path, loss: str
) -> None:
    given = {"loss": loss, "max_steps": 6, "checkpoint_steps": 2}
    whole = train(tiny_base, tmp_path / "whole", **given)

    def interrupt(now: TrainProgress) -> None:
        if now.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tiny_base, tmp_path / "cut", progress=interrupt, **given)
    resumed = train(tiny_base, tmp_path / "cut", resume=True, **given)
    assert losses(resumed) == losses(whole)


def test_a_worse_answer_may_be_wrong_and_a_better_one_may_not(
    tiny_base: Path, tmp_path: Path
) -> None:
    raw = {"prompt": "Mira sneaks.", "chosen": "[check: dance, Mira]", "rejected": "[dance: Mira]"}
    example = as_pair(raw, "line 7", registry=TOOLS)
    with pytest.raises(TrainingError, match="the chosen answer of line 7 calls check with"):
        train(tiny_base, tmp_path, [example])


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"messages": []}, "line 1 tells no preference"),
        ({"prompt": "a", "chosen": "b"}, "line 1 tells no preference"),
        ({"prompt": "a", "completion": "b", "label": "good"}, "line 1 tells no preference"),
        ({"prompt": "a", "chosen": "b", "rejected": "b"}, "both answers of line 1 are the same"),
        (
            {"prompt": "a", "chosen": [{"role": "user", "content": "b"}], "rejected": "c"},
            "the chosen answer of line 1 is not one message of the assistant",
        ),
        ({"prompt": 3, "chosen": "b", "rejected": "c"}, "are no lists of messages"),
    ],
)
def test_what_is_no_preference_is_named(raw: dict[str, Any], told: str) -> None:
    with pytest.raises(TrainingError, match=told):
        as_pair(raw, "line 1")


def test_the_forms_of_openai_and_of_trl_are_read_alike() -> None:
    asked = [{"role": "user", "content": "Go."}]
    better, worse = ([{"role": "assistant", "content": text}] for text in ("Yes.", "No."))
    openai = {
        "input": {"messages": asked},
        "preferred_output": better,
        "non_preferred_output": worse,
    }
    trl = {"prompt": asked, "chosen": better, "rejected": worse}
    plain = {"prompt": "Go.", "chosen": "Yes.", "rejected": "No."}
    read = [as_pair(raw, "x") for raw in (openai, trl, plain)]
    assert read[0] == read[1] == read[2]


def test_kto_needs_several_answers_in_a_batch(tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="set batch_size to 2 or more"):
        train(tiny_base, tmp_path, loss="kto", batch_size=1)


# From what people said of captured answers -------------------------------------------------------


@pytest.fixture
def table(ws: understudy.Workspace) -> understudy.Workspace:
    """A session with four answers: one corrected, one praised, one blamed, one so-so."""
    with ws.record(game="tavern", task="talk", player="human") as session:
        for text in ("I sneak.", "I look.", "I sing.", "I wait."):
            session.chat(
                messages=[{"role": "user", "content": text}],
                response={"role": "assistant", "content": f"You said: {text}"},
            )
    recorded = ws.session(session.id)
    recorded.add_feedback(step=1, correction="[check: stealth, player]", author="human:a")
    for step, scores in ((2, (9, 8)), (3, (2, 3)), (4, (5, 5))):
        for score, author in zip(scores, ("human:a", "human:b"), strict=True):
            recorded.add_feedback(step=step, score=score, author=author)
    return ws


def preferences(ws: understudy.Workspace, **filters: Any) -> list[Example]:
    reading = Reading(preferences=True, selection=Selection(**filters))
    return load(ws, ["corrections"], [], reading, share=0.0, most=0).train


def test_a_correction_is_better_than_what_it_corrects(table: understudy.Workspace) -> None:
    found = preferences(table)[0]
    (session,) = table.sessions()
    assert found["prompt"][-1]["content"] == "I sneak."
    assert found["chosen"][0]["content"] == "[check: stealth, player]"
    assert found["rejected"][0]["content"] == "You said: I sneak."
    assert found["where"] == f"step 1 of session {session.path.name}"


def test_scores_of_single_answers_are_thumbs_and_those_between_are_none(
    table: understudy.Workspace,
) -> None:
    judged = [one for one in preferences(table) if "completion" in one]
    assert [(one["completion"][0]["content"], one["label"]) for one in judged] == [
        ("You said: I look.", True),
        ("You said: I sing.", False),
    ]


def test_only_the_sessions_of_a_game_can_be_asked(table: understudy.Workspace) -> None:
    with pytest.raises(TrainingError, match="there is no example to train on in corrections"):
        preferences(table, game="pocket")


def test_a_dataset_of_preferences_teaches_the_same(table: understudy.Workspace) -> None:
    request = BuildRequest(
        selection=Selection(),
        source=Source(kind="preference"),
        splits=Splits(fractions=(1.0, 0.0, 0.0)),
    )
    build_dataset(table, "said", request)
    reading = Reading(preferences=True)
    found = load(table, ["said"], [], reading, share=0.0, most=0).train
    assert [content_hash(one) for one in found] == [content_hash(one) for one in preferences(table)]
    # As examples, what was blamed is nothing to learn.
    examples = load(table, ["said"], [], Reading(), share=0.0, most=0).train
    assert [one["messages"][-1]["content"] for one in examples] == [
        "[check: stealth, player]",
        "You said: I look.",
    ]
