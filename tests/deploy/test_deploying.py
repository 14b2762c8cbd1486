"""Deploying: a whole bundle that says all there is to know of it, or nothing changes."""

from __future__ import annotations

import json
import shutil

import pytest
from tests.deploy.small_models import CHATS, edit_json

from understudy.deploy import target
from understudy.deploy.bundle import bundles_of, find_bundle
from understudy.deploy.conversion import read_conversion
from understudy.deploy.deploying import Order, deploy_version
from understudy.deploy.targets import gguf_mobile
from understudy.deploy.testing import examine
from understudy.errors import DeployError, PlayerError, PluginError, UsageError
from understudy.models.registry import VALIDATION, add_result
from understudy.store.lineage import descendants
from understudy.store.manifest import check_files

pytestmark = pytest.mark.slow
GOOD = {
    "base": {"tool_call_accuracy": 0.02},
    "tuned": {"tool_call_accuracy": 0.97},
    "quantized": {"tool_call_accuracy": 0.96},
}


def deploy(ws, version, **order):
    return deploy_version(ws, version, Order(**order), chats=CHATS)


def validated(version, **results):
    add_result(version, VALIDATION, GOOD | results)
    return version


def test_a_mobile_bundle_has_the_files_that_an_app_expects(shop, version):
    folder = deploy(shop, validated(version)).bundle.folder
    assert folder == shop.path / "bundles" / "dm" / "v0001"
    assert sorted(path.name for path in folder.iterdir()) == [
        "cactus_config.json",
        "deployment_config.json",
        "dm.gguf",
        "integration-example.ts",
        "manifest.json",
        "tool_calls.gbnf",
        "tool_registry.json",
    ]
    assert (folder / "dm.gguf").read_bytes() == (
        version.folder / "gguf/model-q4_k_m.gguf"
    ).read_bytes()


def test_the_cactus_configuration_has_exactly_the_keys_of_its_format(shop, version):
    folder = deploy(shop, validated(version)).bundle.folder
    config = json.loads((folder / "cactus_config.json").read_text())
    prompt = config.pop("system_prompt")
    assert prompt.startswith("Role: Dungeon Master\nRules: ")
    assert config == {
        "model": {
            "name": "dm",
            "type": "gguf",
            "path": "./assets/models/dm/dm.gguf",
            "quantization": "q4_k_m",
            "context_length": 512,
        },
        "generation_config": {
            "temperature": 0.7,
            "top_p": 0.9,
            "top_k": 40,
            "repeat_penalty": 1.1,
            "max_tokens": 512,
        },
        "tools": {
            "enabled": True,
            "format": "[{tool_name}: {arguments}]",
            "supported": ["roll", "health", "inventory", "spellcast", "check", "save"],
        },
    }


def test_the_manifest_tells_all_there_is_to_know(shop, version):
    first = deploy(shop, validated(version)).bundle
    second = deploy(shop, version, sampling={"temperature": 0.0, "top_p": None}).bundle
    assert check_files(second.folder, second.manifest) == []
    facts = second.facts
    assert facts["previous"] == first.ref == "dm@v0001"
    assert first.facts["previous"] is None
    assert "{% generation %}" not in facts["template"]
    assert "<|assistant|>" in facts["template"]
    assert facts["sampling"]["temperature"] == 0.0
    assert facts["sampling"]["top_p"] == 0.9
    assert facts["tools"][0] == "roll"
    assert facts["evaluation"]["tuned"]["tool_call_accuracy"] == 0.97
    assert facts["validation"] == {"passed": True, "forced": False, "reasons": []}
    assert facts["checks"]["converted"]["same_word"] > 0.98
    assert facts["lineage"]["model"] == "dm@v0001"
    assert facts["lineage"]["base"]["sha256"]
    found = descendants(shop, "model", version.manifest.id)
    assert [(one.kind, one.version) for one in found] == [("bundle", "v0001"), ("bundle", "v0002")]


def test_without_a_passed_validation_it_takes_force_and_the_manifest_says_so(shop, version):
    with pytest.raises(DeployError, match="it was not validated; deploy a version that passes"):
        deploy(shop, version)
    lost = {"quantized": {"tool_call_accuracy": 0.5}}
    with pytest.raises(DeployError, match=r"quantising cost 47\.0% of the calls"):
        deploy(shop, validated(version, **lost))
    assert bundles_of(shop).names() == []
    made = deploy(shop, version, force=True)
    assert made.reasons == ["quantising cost 47.0% of the calls"]
    assert made.bundle.facts["validation"] == {
        "passed": False,
        "forced": True,
        "reasons": made.reasons,
    }


def test_a_validation_of_another_file_is_none(shop, version):
    other = {"quantized": {"tool_call_accuracy": 0.96, "sha256": "0" * 64}}
    with pytest.raises(DeployError, match="another file than this one was validated"):
        deploy(shop, validated(version, **other))
    conversion = read_conversion(version)
    own = conversion.files[conversion.gguf_name].sha256
    deploy(shop, validated(version, quantized={"tool_call_accuracy": 0.96, "sha256": own}))


def test_an_app_gets_a_copy_where_it_looks_for_it(shop, version, tmp_path):
    app = tmp_path / "app"
    placed = deploy(shop, validated(version), app=app).placed
    assert placed == app / "assets" / "models" / "dm"
    copy = find_bundle(None, str(placed))
    assert copy.ref == "dm@v0001"
    assert check_files(placed, copy.manifest) == []
    (placed / "left over from before.txt").write_text("x")
    deploy(shop, version, app=app)
    assert find_bundle(None, str(placed)).ref == "dm@v0002"
    assert not (placed / "left over from before.txt").exists()
    assert [path.name for path in placed.parent.iterdir()] == ["dm"]


def test_a_deployment_that_fails_leaves_bundles_and_app_as_they_were(
    shop, version, tmp_path, monkeypatch
):
    placed = deploy(shop, validated(version), app=tmp_path / "app").placed
    before = {path.name: path.read_bytes() for path in placed.iterdir()}
    monkeypatch.setattr(gguf_mobile.GgufMobile, "size_limit", 1000)
    with pytest.raises(DeployError, match="a phone takes"):
        deploy(shop, version, app=tmp_path / "app")
    assert [folder.name for folder in bundles_of(shop).folders("dm")] == ["v0001"]
    assert {path.name: path.read_bytes() for path in placed.iterdir()} == before


def test_the_merged_model_may_go_along(shop, version):
    folder = deploy(shop, validated(version), with_merged=True).bundle.folder
    names = {path.name for path in folder.iterdir()}
    assert {"dm.gguf", "model.safetensors", "tokenizer.json", "config.json"} <= names


def test_the_target_transformers_is_a_folder_that_transformers_loads(shop, version):
    from understudy.players.backends.transformers_model import TransformersModel

    bundle = deploy(shop, validated(version), target="transformers", name="dm whole").bundle
    assert bundle.ref == "dm whole@v0001"
    assert bundle.target == "transformers"
    assert not list(bundle.folder.glob("*.gguf"))
    model = TransformersModel(bundle.folder)
    assert "rope" in model.answer([CHATS[0][:2]])[0].text


def test_the_target_transformers_js_is_an_onnx_file_that_answers_the_same(shop, version):
    from understudy.players.backends.onnx_chat_model import OnnxChatModel
    from understudy.players.backends.transformers_model import TransformersModel

    bundle = deploy(shop, validated(version), target="transformers-js").bundle
    assert not list(bundle.folder.glob("*.safetensors"))
    settings = json.loads((bundle.folder / "tokenizer_config.json").read_text())
    assert settings["chat_template"] == bundle.facts["template"]
    model = OnnxChatModel(bundle.folder)
    prompts = [chat[:2] for chat in CHATS]
    said = [answer.text for answer in model.answer(prompts)]
    merged = TransformersModel(version.folder / "merged")
    assert said == [answer.text for answer in merged.answer(prompts)]
    drawn = [model.answer(prompts[:1], temperature=5.0, seed=n)[0].text for n in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert model.answer(prompts[:1], max_tokens=3)[0].tokens == 3
    long = [{"role": "user", "content": "I take the rope. " * 300}]
    with pytest.raises(PlayerError, match="reads 512 at most"):
        model.answer([long])
    results = examine(bundle, chats=CHATS[:2])
    assert results.passed, results.checks
    (bundle.folder / "onnx" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(PlayerError, match=r"model\.onnx cannot be loaded"):
        OnnxChatModel(bundle.folder)


def test_a_model_without_tools_gets_a_prompt_and_tools_of_its_own_game(shop, version):
    """What the game says is all there is: an agent's model knows no Dungeon Master's rules."""
    (version.folder / "tool_registry.json").unlink()
    folder = deploy(shop, validated(version)).bundle.folder
    config = json.loads((folder / "cactus_config.json").read_text())
    assert config["system_prompt"] == ""
    assert config["tools"] == {
        "enabled": False,
        "format": "[{tool_name}: {arguments}]",
        "supported": [],
    }


def test_what_cannot_be_ordered_is_told(shop, version):
    validated(version)
    with pytest.raises(UsageError, match="gguf-mobile, transformers, transformers-js"):
        deploy(shop, version, target="floppy")
    with pytest.raises(UsageError, match="temperature is -1"):
        deploy(shop, version, sampling={"temperature": -1})
    with pytest.raises(UsageError, match="cannot be the name of a bundle"):
        deploy(shop, version, name="a/b")


def test_a_folder_that_is_no_bundle_is_told(shop, version, tmp_path):
    with pytest.raises(DeployError, match="holds a model and no bundle"):
        find_bundle(shop, str(version.folder))
    with pytest.raises(DeployError, match=r"no manifest\.json"):
        find_bundle(shop, str(tmp_path))
    with pytest.raises(DeployError, match="there is no bundle 'dm'; there is: none"):
        find_bundle(shop, "dm")
    copied = shutil.copytree(deploy(shop, validated(version)).bundle.folder, tmp_path / "copy")
    edit_json(copied / "cactus_config.json", system_prompt="changed")
    assert [p.file for p in check_files(copied, find_bundle(None, str(copied)).manifest)] == [
        "cactus_config.json"
    ]


def test_a_plug_in_that_is_no_target_is_refused_by_its_name(shop, version, monkeypatch):
    monkeypatch.setattr(target.plugins, "load_one", lambda group, name: dict)
    with pytest.raises(PluginError, match=r"'gguf-mobile' of understudy\.targets is no"):
        deploy(shop, validated(version))
