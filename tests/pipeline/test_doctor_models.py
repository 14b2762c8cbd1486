"""The doctor's look at language models: each thing that is wrong is named, with what to do."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from tests.deploy.conftest import add_version
from tests.deploy.small_models import edit_json
from tests.pipeline.model_shop import deployed_workspace, small_adapter, small_base

import understudy
from understudy.cli.main import main
from understudy.deploy.gguf import quantise
from understudy.pipeline import doctor_gguf, doctor_libraries
from understudy.pipeline.doctor_libraries import import_all
from understudy.pipeline.doctor_models import check_models

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    pytest.importorskip("xllamacpp")
    return deployed_workspace(tmp_path_factory)


@pytest.fixture
def shop(deployed, tmp_path):
    """A copy to be damaged."""
    shutil.copytree(deployed, tmp_path / "shop")
    return tmp_path / "shop"


@pytest.fixture
def quick(monkeypatch):
    """Libraries that were looked at once need not be imported again for each test."""
    monkeypatch.setattr(doctor_libraries, "import_all", lambda modules: {})


def found(path):
    """Name → verdicts with their sentences."""
    said = {}
    for check in check_models(path):
        said.setdefault(check.name, []).append(f"{check.verdict}: {check.said}")
    return said


def test_a_whole_workspace_is_loaded_and_what_is_still_to_be_done_is_said(shop):
    said = found(shop)
    assert said["libraries"][0].startswith("ok: torch 2.")
    assert said["computing"][0].startswith("ok: on ")
    assert said["data"][0].startswith("ok: ")
    assert said["models"] == ["ok: the files of 1 version are whole"]
    assert said["bundles"] == ["ok: the files of 1 bundle are whole"]
    assert sorted(said["gguf"]) == [
        "ok: bundles/dm/v0001/dm.gguf: llama, q4_k_m, 20 tensors, context 512",
        "ok: models/dm/v0001/gguf/model-f16.gguf: llama, f16, 20 tensors, context 512",
        "ok: models/dm/v0001/gguf/model-q4_k_m.gguf: llama, q4_k_m, 20 tensors, context 512",
    ]
    assert [line[:48] for line in said["loading"]] == [
        "ok: the model dm@v0001 is loaded and answers (6 ",
        "ok: the bundle dm@v0001 is loaded and answers (6",
    ]
    assert said["validation"] == [
        "warning: dm@v0001 was not validated; run `understudy validate`",
        "warning: the bundle dm@v0001 was not tested; run `understudy test dm@v0001`",
    ]


def test_a_file_of_a_model_that_is_missing_is_named_and_the_model_is_not_loaded(shop, quick):
    (shop / "models/dm/v0001/adapter/adapter_model.safetensors").unlink()
    said = found(shop)
    assert said["models"] == [
        "problem: dm@v0001: adapter/adapter_model.safetensors is missing; take the files back from "
        "a copy, or go back to an earlier version with `understudy model rollback`"
    ]
    assert not any("model dm@v0001" in line for line in said["loading"])


def test_a_manifest_that_was_damaged_is_a_problem_and_the_rest_is_looked_at(shop, quick):
    (shop / "models/dm/v0001/manifest.json").write_text("{")
    said = found(shop)
    assert said["models"][0].startswith("problem: ")
    assert "manifest.json is not a manifest" in said["models"][0]
    assert said["bundles"] == ["ok: the files of 1 bundle are whole"]


@pytest.mark.parametrize("kept", [0, 100, 3_000, 200_000])
def test_a_gguf_file_that_is_cut_off_is_named(shop, quick, kept):
    file = shop / "models/dm/v0001/gguf/model-q4_k_m.gguf"
    file.write_bytes(file.read_bytes()[:kept])
    [said] = [line for line in found(shop)["gguf"] if line.startswith("problem")]
    assert said.startswith("problem: models/dm/v0001/gguf/model-q4_k_m.gguf is no whole GGUF file")
    assert "understudy convert --again" in said


def test_what_is_no_gguf_file_at_all_is_named(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"PK\x03\x04 a zip file" * 20)
    [header] = doctor_gguf.read_headers([tmp_path / "model.gguf"])
    assert header.fault() == "is no whole GGUF file (ValueError: GGUF magic invalid)"


def test_the_kind_of_each_quantisation_is_told(shop, tmp_path):
    f16 = shop / "models/dm/v0001/gguf/model-f16.gguf"
    quantise(f16, tmp_path / "small.gguf", "q8_0")
    [header] = doctor_gguf.read_headers([tmp_path / "small.gguf"])
    assert header.told() == "llama, q8_0, 20 tensors, context 512"
    assert header.fault() == ""


def test_a_damaged_bundle_is_not_loaded_and_is_to_be_deployed_again(shop, quick):
    file = shop / "bundles/dm/v0001/cactus_config.json"
    file.write_text(file.read_text().replace("0.7", "0.9"))
    said = found(shop)
    assert said["bundles"][0].startswith("problem: dm@v0001: cactus_config.json ")
    assert "understudy deploy" in said["bundles"][0]
    assert not any("bundle dm@v0001" in line for line in said["loading"])


def test_a_base_that_was_changed_keeps_its_model_from_loading(tmp_path, tmp_path_factory, quick):
    shutil.copytree(small_base(tmp_path_factory), tmp_path / "base")
    with understudy.Workspace(tmp_path / "w") as workspace:
        add_version(workspace, tmp_path / "base", small_adapter(tmp_path_factory))
    edit_json(tmp_path / "base/config.json", max_position_embeddings=64)
    [said] = found(tmp_path / "w")["loading"]
    assert said.startswith("problem: the model dm@v0001 does not answer: the base ")
    assert "its files have changed" in said


def told_by_the_master(path, text):
    """Records an exchange in which the Dungeon Master says ``text``."""
    with understudy.Workspace(path) as ws, ws.record(game="tavern", name="night") as session:
        session.chat(
            messages=[{"role": "user", "content": "I duck, and then I rest."}],
            response={"role": "assistant", "content": text},
        )


def test_a_malformed_call_in_what_was_played_is_a_problem_with_its_place(tmp_path, quick):
    told_by_the_master(tmp_path, "Quick! [save: dexterity, Mira, high]")
    said = found(tmp_path)
    assert said["data"][0].startswith("problem: 1 fault in scenarios and sessions")
    assert "understudy tools scan" in said["data"][0]


def test_an_unknown_tool_is_a_warning_that_says_how_to_take_it_in(tmp_path, quick):
    told_by_the_master(tmp_path, "You sleep. [rest: Mira, long]")
    said = found(tmp_path)
    assert said["data"][0].startswith("warning: 1 call of unknown tools ([rest] in ")
    assert "understudy tools extend" in said["data"][0]
    assert said["models"] == ["ok: none was trained or deployed yet; `understudy train sft` does"]


def test_where_there_is_no_workspace_the_installation_is_looked_at_all_the_same(tmp_path, quick):
    assert set(found(tmp_path / "nowhere")) == {"libraries", "computing", "data"}


@pytest.fixture
def broken_libraries(tmp_path, monkeypatch):
    """A folder in front of all others whose modules fail in several ways."""
    (tmp_path / "raises.py").write_text("raise ImportError('libx.so: cannot open\\nmore of it')")
    (tmp_path / "dies.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)")
    (tmp_path / "chatty.py").write_text("print('{not json')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_a_library_that_crashes_python_is_a_finding_and_the_others_are_tried(broken_libraries):
    assert import_all(["raises", "json", "dies", "chatty", "leaves", "nowhere_to_be_found"]) == {
        "raises": "ImportError: libx.so: cannot open",
        "dies": "importing it ends Python with signal 11",
        "leaves": "SystemExit: 3",
        "nowhere_to_be_found": "ModuleNotFoundError: No module named 'nowhere_to_be_found'",
    }


def test_what_is_not_installed_or_broken_says_how_to_install_it(monkeypatch, broken_libraries):
    monkeypatch.setattr(
        doctor_libraries, "LIBRARIES", {"msgspec": "dies", "no-such-thing": "no_such_thing"}
    )
    monkeypatch.setattr(
        doctor_libraries, "_version", lambda name: "1.0" if name == "msgspec" else None
    )
    monkeypatch.setitem(doctor_libraries.LIBRARIES, "torch", "nothing_of_the_kind")
    broken, absent = doctor_libraries.check_libraries()
    assert broken.verdict == "problem"
    assert "msgspec 1.0 (importing it ends Python with signal 11)" in broken.said
    assert absent.verdict == "warning"
    assert "no-such-thing, torch" in absent.said
    assert "pip install '.[llm]'" in absent.said


def test_the_command_looks_at_models_only_when_it_is_asked_to(shop, quick, capsys):
    assert main(["doctor", "--json", "-w", str(shop)]) == 0
    names = {check["name"] for check in json.loads(capsys.readouterr().out)["checks"]}
    assert "gguf" not in names
    (shop / "models/dm/v0001/gguf/model-f16.gguf").write_bytes(b"GGUF")
    assert main(["doctor", "--models", "--json", "-w", str(shop)]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert not facts["ok"]
    assert {"libraries", "models", "gguf", "loading"} <= {one["name"] for one in facts["checks"]}
    assert sys.modules["torch"]
