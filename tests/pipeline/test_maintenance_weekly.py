"""A week of a model: what is new is learned once, measured, and used unless it is worse."""

from __future__ import annotations

import json
import shutil

import pytest
from tests.pipeline.model_shop import roomy_base
from tests.train.conftest import NAMES, THINGS, looking, sneaking

from understudy.cli.main import main
from understudy.formats.scenario_markdown import TRAINING as SHIPPED
from understudy.models.registry import VALIDATION, add_result, find_model, promoted, rollback
from understudy.pipeline.maintenance import Order, maintain
from understudy.train.new_version import TrainRequest, train_model
from understudy.train.settings import SftSettings, make_settings

pytestmark = pytest.mark.slow
OLD = [sneaking(name, thing) for name in NAMES for thing in THINGS]
NEW = [looking(name, thing) for name in NAMES[:2] for thing in THINGS[:2]]
QUICK = ("precision=fp32", "max_steps=2", "learning_rate=0.001")


class Week:
    """A workspace with the model dm, trained on a file that may grow."""

    def __init__(self, ws, base, place, **more):
        self.ws = ws
        self.file = place / "table.jsonl"
        self.write(OLD)
        settings = {"learning_rate": 4e-3, "max_steps": 2, "precision": "fp32", **more}
        request = TrainRequest(
            name="dm",
            settings=make_settings(SftSettings, {**settings, "validation_share": 0.3}),
            data=(str(self.file),),
            base=str(base),
        )
        train_model(ws, request)

    def write(self, examples):
        self.file.write_text("".join(json.dumps(one) + "\n" for one in examples))

    def told(self, *, apply=True):
        """Name of the part → its state and what it said."""
        order = Order(apply=apply, settings=QUICK, limit=1)
        parts = maintain(self.ws, "weekly", order).parts
        assert {part.about for part in parts} == {"dm"}
        return {part.name: (part.outcome.state, part.outcome.said) for part in parts}

    def results(self, ref, *, verdict):
        """Writes what a validation against v0001 might have found."""
        found = {
            "suite": {"sets": {}},
            "comparisons": [
                {
                    "before": "dm@v0001",
                    "after": ref,
                    "set": "values",
                    "before_accuracy": 0.9,
                    "after_accuracy": 0.5,
                    "verdict": verdict,
                }
            ],
        }
        add_result(find_model(self.ws, ref), VALIDATION, found)

    def learn_the_new(self):
        """v0002, made of what is new and not in use, as if the week had been cut off there."""
        self.write([*OLD, *NEW])
        settings = {"precision": "fp32", "max_steps": 1, "validation_share": 0.3}
        request = TrainRequest(
            name="dm",
            settings=make_settings(SftSettings, settings),
            data=(str(self.file),),
            incremental=True,
            promote=False,
        )
        train_model(self.ws, request)


@pytest.fixture
def week(ws, tmp_path, tmp_path_factory):
    pytest.importorskip("trl")
    return Week(ws, roomy_base(tmp_path_factory), tmp_path)


def test_what_is_new_is_learned_measured_and_used_once(week):
    week.write([*OLD, *NEW])
    plan = week.told(apply=False)
    new = plan["new data"][1]
    assert plan["new data"][0] == "done"
    assert new.endswith("new since dm@v0001")
    assert plan["training"][0] == plan["validation"][0] == plan["gate"][0] == "planned"
    assert plan["training"][1].startswith("train on ")
    assert promoted(week.ws, "dm").version == "v0001"

    first = week.told()
    version = find_model(week.ws, "dm@v0002")
    assert first["training"][0] == "done"
    assert first["training"][1].startswith("dm@v0002 on ")
    assert version.facts["settings"]["learning_rate"] == 0.001
    assert version.facts["settings"]["max_steps"] == 2
    assert version.facts["settings"]["warmup_steps"] == 2
    assert first["validation"][0] == "done"
    assert {one["before"] for one in version.result(VALIDATION)["comparisons"]} >= {"dm@v0001"}
    assert first["gate"][0] == "done"
    assert first["gate"][1].startswith("dm@v0002 is in use: it is not worse than dm@v0001")
    assert promoted(week.ws, "dm").version == "v0002"

    second = week.told()
    assert second == {
        "new data": ("nothing", "nothing is new since dm@v0002"),
        "training": ("nothing", "there is nothing new to learn"),
        "validation": ("nothing", "dm@v0002 was measured already"),
        "gate": ("nothing", "there is no new version"),
    }


def test_a_model_without_tools_is_judged_by_its_loss(ws, tmp_path, tmp_path_factory):
    pytest.importorskip("trl")
    week = Week(ws, roomy_base(tmp_path_factory), tmp_path, tools="none")
    assert "understudy evaluate" in week.told()["validation"][1]
    week.write([*OLD, *NEW])
    assert week.told(apply=False)["gate"] == ("planned", "put it in use unless it is worse")
    said = week.told()
    assert said["training"][0] == "done"
    assert said["validation"][0] == "nothing"
    assert said["gate"][0] == "done"
    assert said["gate"][1].startswith("dm@v0002 is in use: not worse than before: validation loss")
    assert promoted(ws, "dm").version == "v0002"


RECIPE = """
schema = 1
name = "dm"
[data]
scenarios = ["scenarios"]
"""


def test_the_data_of_a_recipe_are_built_again_first_where_they_have_changed(ws, tmp_path):
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "dm.toml").write_text(RECIPE)

    def told(*, apply=True):
        order = Order(apply=apply, recipes=(tmp_path / "dm.toml",))
        part = maintain(ws, "weekly", order).parts[0]
        assert (part.name, part.about) == ("data", "dm.toml")
        return part.outcome.state, part.outcome.said

    travel = sorted((SHIPPED / "travel").glob("*.md"))
    shutil.copy(travel[0], tmp_path / "scenarios")
    assert told(apply=False)[0] == "planned"
    assert told() == ("done", "dm-data@v0001, 1 example")
    assert told() == ("nothing", "dm-data@v0001, 1 example, as before")
    shutil.copy(travel[1], tmp_path / "scenarios")
    assert told() == ("done", "dm-data@v0002, 2 examples")


def test_a_version_that_is_worse_is_kept_and_not_used_nor_made_again(week):
    week.learn_the_new()
    week.results("dm@v0002", verdict="worse")
    for _ in range(2):
        said = week.told()
        assert said["training"] == ("nothing", "dm@v0002 has learned it already")
        assert said["validation"] == ("nothing", "dm@v0002 was measured already")
        assert said["gate"] == (
            "done",
            "dm@v0002 is kept and dm@v0001 stays in use: worse on values (90.0% before, 50.0% "
            "after)",
        )
    assert promoted(week.ws, "dm").version == "v0001"


def test_a_version_that_somebody_took_out_of_use_is_not_put_back(week):
    week.learn_the_new()
    week.results("dm@v0002", verdict="better")
    assert week.told(apply=False)["gate"] == ("planned", "put dm@v0002 in use: it is not worse")
    assert week.told()["gate"][1].startswith("dm@v0002 is in use")
    rollback(week.ws, "dm")
    said = week.told()
    assert said["gate"] == ("nothing", "dm@v0002 was in use before and was taken back")
    assert promoted(week.ws, "dm").version == "v0001"


def test_data_that_are_gone_fail_their_part_and_the_model_is_measured_all_the_same(week):
    week.file.unlink()
    said = week.told()
    assert said["new data"][0] == "failed"
    assert str(week.file) in said["new data"][1]
    assert said["training"] == ("nothing", "what is new is not known")
    assert said["validation"][0] == "done"
    assert said["validation"][1].startswith("dm@v0001")
    assert said["gate"] == ("nothing", "there is no new version")


def test_a_damaged_history_of_promotions_is_told_and_other_models_have_their_week(week, tmp_path):
    (week.ws.models / "dm/promotions.jsonl").write_text('{"action": "promote"}\n')
    parts = maintain(week.ws, "weekly", Order(apply=True)).parts
    assert [part.name for part in parts] == ["new data", "training", "validation", "gate"]
    assert "does not match its checksum" in parts[0].outcome.said


def test_a_setting_that_there_is_not_is_refused_in_words(week, capsys):
    week.write([*OLD, *NEW])
    arguments = ["maintain", "weekly", "--settings", "speed=9", "-w", str(week.ws.path)]
    assert main(arguments) == 1
    assert "'speed=9' is no setting of `train sft`" in capsys.readouterr().out
