"""From a request to a version of a model, and what an incremental training learns from."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from tests.train.conftest import NAMES, THINGS, looking, sneaking

import understudy
from understudy.errors import ModelError, TrainingError
from understudy.models.hashes import read_hashes
from understudy.models.lineage import lineage_of
from understudy.models.promotions import history
from understudy.models.registry import ModelVersion, find_model, models_of, promoted
from understudy.store.manifest import check_files
from understudy.train.incremental import Verdict, not_worse
from understudy.train.new_version import Trained, TrainRequest, check_news, train_model
from understudy.train.settings import PreferenceSettings, SftSettings, make_settings

pytestmark = pytest.mark.slow

SNEAKS = [sneaking(name, thing) for name in NAMES for thing in THINGS]
LOOKS = [looking(name, thing) for name in NAMES for thing in THINGS]


def lines(path: Path, raw: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(one) + "\n" for one in raw), encoding="utf-8")
    return str(path)


class Bench:
    """A workspace, a base and the two files that are trained on."""

    def __init__(self, ws: understudy.Workspace, base: Path, place: Path) -> None:
        self.ws = ws
        self.base = base
        self.old = lines(place / "old.jsonl", SNEAKS)
        self.both = lines(place / "both.jsonl", [*LOOKS, *SNEAKS])

    def request(self, data: str, **given: Any) -> TrainRequest:
        named = {name: given.pop(name) for name in list(given) if name in SftSettings.model_fields}
        usual = {"learning_rate": 4e-3, "batch_size": 4, "max_steps": 3, "precision": "fp32"}
        settings = make_settings(SftSettings, {**usual, "validation_share": 0.3, **named})
        if not given.get("incremental"):
            given.setdefault("base", str(self.base))
        return TrainRequest(name="dm", settings=settings, data=(data,), **given)

    def train(self, data: str, *, gate: Any = None, **given: Any) -> Trained:
        return train_model(self.ws, self.request(data, **given), gate=gate)


@pytest.fixture
def bench(ws: understudy.Workspace, tiny_base: Path, tmp_path: Path) -> Bench:
    return Bench(ws, tiny_base, tmp_path)


def test_a_version_holds_its_weights_and_how_they_were_made(bench: Bench) -> None:
    trained = bench.train(bench.old)

    version = find_model(bench.ws, "dm")
    assert (trained.model, trained.version) == ("dm", "v0001")
    assert trained.promoted
    assert version.adapter is not None
    assert check_files(version.folder, version.manifest) == []
    assert {path.name for path in version.folder.iterdir()} >= {
        "adapter",
        "tensorboard",
        "tool_registry.json",
        "training_metadata.json",
        "example_hashes.txt",
        "validation_hashes.txt",
        "README.md",
    }
    metadata = json.loads((version.folder / "training_metadata.json").read_text())
    assert metadata["method"] == "sft"
    assert metadata["base"]["id"] == str(bench.base)
    assert metadata["settings"]["max_steps"] == 3
    assert metadata["metrics"]["steps"] == 3
    assert metadata["environment"]["trl"]
    assert [entry["step"] for entry in metadata["history"] if "loss" in entry] == [1, 2, 3]
    data = metadata["data"]
    assert data["examples"] + data["validation"] == len(SNEAKS)
    assert version.hashes is not None
    assert len(read_hashes(version.hashes)) == data["examples"] == data["known"]


def test_nothing_is_left_of_a_training_that_the_checks_stop(bench: Bench, tmp_path: Path) -> None:
    bad = lines(tmp_path / "bad.jsonl", [{"messages": [{"role": "user", "content": "x"}]}])
    with pytest.raises(TrainingError, match="nobody answers in line 1"):
        bench.train(bad)
    assert models_of(bench.ws).names() == []
    assert [p for p in (bench.ws.internal / "training" / "dm").iterdir() if p.is_dir()] == []


def test_only_what_is_new_is_learned_with_some_of_the_old(bench: Bench) -> None:
    bench.train(bench.old)

    news = check_news(bench.ws, bench.request(bench.both, incremental=True, replay=0.25))
    trained = bench.train(bench.both, incremental=True, replay=0.25)

    version = find_model(bench.ws, trained.model + "@" + trained.version)
    data = version.facts["data"]
    assert news.facts()["new"] == data["new"] == len(news.new)
    assert all("looks at" in one["messages"][0]["content"] for one in news.new)
    assert data["replayed"] == math.ceil(data["new"] / 3)
    assert data["examples"] == data["new"] + data["replayed"]
    first = find_model(bench.ws, "dm@v0001")
    assert first.hashes is not None
    assert version.hashes is not None
    assert read_hashes(first.hashes) < read_hashes(version.hashes)
    assert version.facts["continues"] == "dm@v0001"
    assert version.base == first.base
    ancestors = lineage_of(bench.ws, version).ancestors
    assert [(one.kind, one.ref) for one in ancestors] == [("model", "dm@v0001")]


def test_one_new_example_does_not_come_without_an_old_one(bench: Bench, tmp_path: Path) -> None:
    bench.train(bench.old)
    more = lines(tmp_path / "more.jsonl", [LOOKS[0], *SNEAKS])
    news = check_news(bench.ws, bench.request(more, incremental=True, replay=0.25))
    assert (news.facts()["new"], news.facts()["replayed"]) == (1, 1)


def test_what_is_new_is_known_by_content_and_not_by_file(bench: Bench, tmp_path: Path) -> None:
    bench.train(bench.old)
    renamed = lines(tmp_path / "renamed.jsonl", SNEAKS[::-1])
    trained = bench.train(renamed, incremental=True)
    assert trained.unchanged
    assert trained.version == "v0001"
    assert [one.version for one in models_of(bench.ws).all_of("dm")] == ["v0001"]


def test_the_gate_keeps_a_worse_version_and_leaves_the_old_one_in_use(bench: Bench) -> None:
    bench.train(bench.old)
    judged: list[ModelVersion] = []

    def gate(version: ModelVersion) -> Verdict:
        judged.append(version)
        return Verdict(False, "it forgets names")

    trained = bench.train(bench.both, incremental=True, gate=gate)

    assert [version.ref for version in judged] == ["dm@v0002"]
    assert (trained.version, trained.promoted, trained.reason) == (
        "v0002",
        False,
        "it forgets names",
    )
    assert find_model(bench.ws, "dm").ref == "dm@v0001"
    assert find_model(bench.ws, "dm@v0002").adapter is not None
    again = bench.train(bench.both, incremental=True)
    assert find_model(bench.ws, f"dm@{again.version}").facts["continues"] == "dm@v0001"


def test_without_another_gate_the_loss_on_the_old_validation_decides(bench: Bench) -> None:
    bench.train(bench.old, max_steps=12)
    spoilt = bench.train(bench.both, incremental=True, learning_rate=0.9, replay=0.0, max_steps=8)
    assert not spoilt.promoted
    assert spoilt.reason.startswith("worse than before: validation loss")
    in_use = promoted(bench.ws, "dm")
    assert in_use is not None
    assert in_use.version == "v0001"


def test_the_loss_may_grow_by_chance_and_not_by_more() -> None:
    assert not_worse(1.0, 0.9).promote
    assert not_worse(1.0, 1.009).promote
    assert not not_worse(1.0, 1.02).promote
    assert not_worse(None, None).promote


def test_a_new_version_is_put_in_use_only_where_it_may(bench: Bench) -> None:
    bench.train(bench.old)
    trained = bench.train(bench.old, promote=False)
    assert not trained.promoted
    assert find_model(bench.ws, "dm").version == "v0001"
    assert [change.version for change in history(bench.ws.models / "dm")] == ["v0001"]


def test_incremental_needs_a_version_and_takes_its_base(bench: Bench) -> None:
    with pytest.raises(ModelError, match="there is no model 'dm'"):
        bench.train(bench.old, incremental=True)
    bench.train(bench.old)
    with pytest.raises(TrainingError, match="leave out --base"):
        bench.train(bench.both, incremental=True, base=str(bench.base))


def test_a_base_that_changed_is_not_gone_on_from(bench: Bench, tmp_path: Path) -> None:
    import shutil

    moving = tmp_path / "moving"
    shutil.copytree(bench.base, moving)
    bench.train(bench.old, base=str(moving))
    (moving / "tokenizer_config.json").write_text("{}")
    with pytest.raises(ModelError, match="its files have changed"):
        bench.train(bench.both, incremental=True)


def test_whole_weights_are_gone_on_from_as_a_base(bench: Bench) -> None:
    bench.train(bench.old, weights="full", learning_rate=1e-3)
    trained = bench.train(bench.both, incremental=True)
    version = find_model(bench.ws, f"dm@{trained.version}")
    assert version.base["id"] == "dm@v0001"
    assert version.adapter is not None


def test_preferences_go_on_from_the_version_in_use(bench: Bench, tmp_path: Path) -> None:
    bench.train(bench.old)
    pairs = [
        {"prompt": f"{name} sneaks.", "chosen": f"[check: stealth, {name}]", "rejected": "No."}
        for name in NAMES
    ]
    settings = {"learning_rate": 1e-3, "max_steps": 2, "precision": "fp32"}
    request = TrainRequest(
        name="dm",
        settings=make_settings(PreferenceSettings, settings),
        data=(lines(tmp_path / "pairs.jsonl", pairs),),
    )
    trained = train_model(bench.ws, request)
    version = find_model(bench.ws, "dm")
    assert (version.version, version.method) == (trained.version, "preference")
    assert version.facts["continues"] == "dm@v0001"
    assert version.facts["metrics"]["pairs"] == 4
    assert trained.reason == "there was nothing to validate on"


def test_preferences_that_make_it_worse_leave_the_version_in_use(
    bench: Bench, tmp_path: Path
) -> None:
    bench.train(bench.old)
    pairs = [
        {"prompt": f"{name} sneaks.", "chosen": f"[check: stealth, {name}]", "rejected": "No."}
        for name in NAMES
    ]
    turned = [one | {"chosen": one["rejected"], "rejected": one["chosen"]} for one in pairs]
    settings = {"learning_rate": 1e-2, "max_steps": 6, "precision": "fp32"}
    request = TrainRequest(
        name="dm",
        settings=make_settings(PreferenceSettings, settings),
        data=(lines(tmp_path / "turned.jsonl", turned),),
        validation=(lines(tmp_path / "pairs.jsonl", pairs),),
    )
    trained = train_model(bench.ws, request)
    assert not trained.promoted
    assert trained.reason.startswith("worse than before: validation loss")


def test_what_the_converter_will_not_take_is_told_or_refused_before_training(bench: Bench) -> None:
    told: list[str] = []
    trained = train_model(
        bench.ws,
        bench.request(bench.old, max_steps=1),
        judge=lambda folder: ["it has three legs"],
        notify=told.append,
    )
    assert trained.notes == told
    assert "cannot become a GGUF file: it has three legs" in told[0]
    with pytest.raises(TrainingError, match="it has three legs; take another base"):
        train_model(
            bench.ws,
            bench.request(bench.old, max_steps=1, must_convert=True),
            judge=lambda folder: ["it has three legs"],
        )


def test_an_interrupted_training_is_resumed_by_asking_again(bench: Bench) -> None:
    request = bench.request(bench.old, max_steps=6, checkpoint_steps=2)

    def interrupt(now: Any) -> None:
        if now.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_model(bench.ws, request, progress=interrupt)
    place = bench.ws.internal / "training" / "dm"
    assert len([path for path in place.iterdir() if path.is_dir()]) == 1

    seen: list[int] = []
    again = bench.request(bench.old, max_steps=6, checkpoint_steps=2, resume=True)
    trained = train_model(bench.ws, again, progress=lambda now: seen.append(now.step))

    assert seen[0] == 4
    assert trained.steps == 6
    assert [path for path in place.iterdir() if path.is_dir()] == []


def test_a_training_anew_gives_up_what_was_interrupted(bench: Bench) -> None:
    def interrupt(now: Any) -> None:
        if now.step == 3:
            raise KeyboardInterrupt

    request = bench.request(bench.old, max_steps=6, checkpoint_steps=2)
    with pytest.raises(KeyboardInterrupt):
        train_model(bench.ws, request, progress=interrupt)
    bench.train(bench.old)
    place = bench.ws.internal / "training" / "dm"
    assert [path for path in place.iterdir() if path.is_dir()] == []
