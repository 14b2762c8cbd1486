"""The commands that ship a model: what they print, what they leave, and how they end."""

from __future__ import annotations

import json

import pytest
from tests.deploy.small_models import CHATS, write_scenarios

from understudy.cli.main import main
from understudy.deploy import deploying, testing
from understudy.models.registry import VALIDATION, add_result

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def short_chats(monkeypatch):
    """The scenarios of the package are too long for a model of this size."""
    for module in (deploying, testing):
        monkeypatch.setattr(module, "table_chats", lambda: CHATS)


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_a_model_is_converted_deployed_and_tested(shop, version, tmp_path, capsys):
    where = ("-w", shop.path)
    status, out, _ = run(capsys, "convert", *where)
    assert status == 0
    assert "model-q4_k_m.gguf" in out
    assert "same word at" in out
    status, out, error = run(capsys, "deploy", *where)
    assert status == 1
    assert "not validated" in error
    add_result(version, VALIDATION, {"passed": True})
    status, out, error = run(
        capsys,
        "deploy",
        "dm@v0001",
        "--to",
        tmp_path / "app",
        "--temperature",
        "0",
        *where,
        "--json",
    )
    assert status == 0, error
    facts = json.loads(out)
    assert facts["bundle"] == "dm@v0001"
    assert facts["forced"] is False
    assert facts["placed"] == str(tmp_path / "app/assets/models/dm")
    status, out, error = run(capsys, "test", *where)
    assert status == 0, out
    assert "passed" in out
    status, out, _ = run(capsys, "test", facts["placed"], "--json")
    assert status == 0
    assert json.loads(out)["tokens_per_second"] > 0


def test_a_bundle_that_fails_its_test_is_status_one(shop, version, capsys):
    run(capsys, "deploy", "--force", "-w", shop.path)
    (shop.path / "bundles/dm/v0001/dm.gguf").unlink()
    status, out, _ = run(capsys, "test", "dm", "-w", shop.path)
    assert status == 1
    assert "FAILED" in out
    assert "dm.gguf is missing" in out


def test_scenarios_of_ones_own_are_played(shop, version, tmp_path, capsys):
    run(capsys, "deploy", "--force", "-w", shop.path)
    write_scenarios(tmp_path / "scenarios")
    _, out, _ = run(
        capsys, "test", "-w", shop.path, "--scenarios", tmp_path / "scenarios", "--json"
    )
    assert json.loads(out)["scenarios"]["turns"] == 1


def test_what_is_meant_has_to_be_clear(tmp_path, capsys):
    run(capsys, "init", tmp_path / "ws")
    for command, kind in (("convert", "model"), ("deploy", "model"), ("serve", "bundle")):
        status, _, error = run(capsys, command, "-w", tmp_path / "ws")
        assert status == 2
        assert f"there is no {kind} yet" in error
    status, _, error = run(capsys, "test", "nothing", "-w", tmp_path / "ws")
    assert status == 1
    assert "there is no bundle 'nothing'" in error
