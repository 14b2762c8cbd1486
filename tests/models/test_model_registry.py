"""Versions of models: made in one step, used, gone back from, and cleaned up without losing any
that is in use.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.models.weights import adapter, add

from understudy.errors import CorruptionError, ModelError, UsageError
from understudy.models.promotions import FILE_NAME, history
from understudy.models.registry import (
    INTEGRATION,
    VALIDATION,
    add_result,
    cleanup,
    find_model,
    models_of,
    promote,
    promoted,
    publish_model,
    rollback,
)
from understudy.store.folder import WorkspaceFolder
from understudy.store.manifest import check_files


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceFolder:
    return WorkspaceFolder(tmp_path / "ws")


def test_a_version_says_what_it_was_made_from_and_seals_its_files(
    workspace: WorkspaceFolder,
) -> None:
    version = add(workspace)

    assert version.ref == "dm@v0001"
    assert version.manifest.kind == "model"
    assert version.method == "sft"
    assert version.base["id"] == "embedded"
    assert version.adapter == version.folder / "adapter"
    assert version.merged is None
    assert sorted(version.manifest.files) == [
        "adapter/adapter_model.safetensors",
        "training_metadata.json",
    ]
    assert check_files(version.folder, version.manifest) == []


def test_nothing_is_left_of_a_version_whose_making_fails(workspace: WorkspaceFolder) -> None:
    def fail(folder: Path) -> dict[str, object]:
        (folder / "adapter").mkdir()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        publish_model(workspace, "dm", fail)
    assert models_of(workspace).names() == []


def test_a_version_without_weights_is_refused(workspace: WorkspaceFolder) -> None:
    with pytest.raises(ModelError, match="without weights"):
        publish_model(workspace, "dm", lambda folder: {})


def test_two_that_finish_at_once_get_two_versions(workspace: WorkspaceFolder) -> None:
    ready = threading.Barrier(2)
    build = adapter()

    def meet(folder: Path) -> dict[str, object]:
        ready.wait()
        return dict(build(folder))

    threads = [threading.Thread(target=publish_model, args=(workspace, "dm", meet)) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [v.ref for v in models_of(workspace).all_of("dm")] == ["dm@v0001", "dm@v0002"]


def test_a_mere_name_means_the_promoted_version_and_else_the_latest(
    workspace: WorkspaceFolder,
) -> None:
    add(workspace)
    add(workspace)
    assert find_model(workspace, "dm").version == "v0002"

    promote(workspace, "dm@v0001", "it won")

    assert find_model(workspace, "dm").version == "v0001"
    assert find_model(workspace, "dm@v0002").version == "v0002"


def test_going_back_returns_to_the_version_that_was_in_use_before(
    workspace: WorkspaceFolder,
) -> None:
    for number in (1, 2, 3):
        add(workspace)
        promote(workspace, f"dm@v000{number}", f"version {number} is better")

    assert rollback(workspace, "dm", "it forgets names").version == "v0002"
    assert rollback(workspace, "dm").version == "v0001"
    with pytest.raises(ModelError, match="the first version in use"):
        rollback(workspace, "dm")

    changes = [(c.action, c.version, c.reason) for c in history(workspace.models / "dm")]
    assert changes == [
        ("promote", "v0001", "version 1 is better"),
        ("promote", "v0002", "version 2 is better"),
        ("promote", "v0003", "version 3 is better"),
        ("rollback", "v0003", "it forgets names"),
        ("rollback", "v0002", ""),
    ]


def test_a_version_that_was_rolled_back_can_be_promoted_again(workspace: WorkspaceFolder) -> None:
    add(workspace)
    add(workspace)
    promote(workspace, "dm@v0001", "first")
    promote(workspace, "dm@v0002", "better")
    rollback(workspace, "dm")
    promote(workspace, "dm@v0002", "better after all")
    assert find_model(workspace, "dm").version == "v0002"
    assert rollback(workspace, "dm").version == "v0001"


def test_promoting_what_is_in_use_changes_nothing(workspace: WorkspaceFolder) -> None:
    add(workspace)
    promote(workspace, "dm@v0001", "first")
    promote(workspace, "dm@v0001", "again")
    assert len(history(workspace.models / "dm")) == 1


def test_going_back_without_a_promotion_says_what_to_do(workspace: WorkspaceFolder) -> None:
    add(workspace)
    with pytest.raises(ModelError, match="understudy model promote dm@vNNNN"):
        rollback(workspace, "dm")
    with pytest.raises(ModelError, match="there is no model 'other'"):
        rollback(workspace, "other")


def test_a_changed_history_is_found_rather_than_believed(workspace: WorkspaceFolder) -> None:
    add(workspace)
    add(workspace)
    promote(workspace, "dm@v0001", "first")
    promote(workspace, "dm@v0002", "second")
    path = workspace.models / "dm" / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b"v0001", b"v0002", 1))
    with pytest.raises(CorruptionError, match=r"line 1 of .*promotions.jsonl"):
        find_model(workspace, "dm")


def test_a_torn_last_line_of_the_history_is_no_promotion(workspace: WorkspaceFolder) -> None:
    add(workspace)
    add(workspace)
    promote(workspace, "dm@v0001", "first")
    path = workspace.models / "dm" / FILE_NAME
    with open(path, "ab") as file:
        file.write(b'{"action":"promote","version":"v00')
    assert find_model(workspace, "dm").version == "v0001"
    promote(workspace, "dm@v0002", "second")
    assert find_model(workspace, "dm").version == "v0002"


def test_a_clean_up_frees_old_weights_and_never_those_in_use_or_the_last(
    workspace: WorkspaceFolder,
) -> None:
    for _ in range(6):
        add(workspace)
    promote(workspace, "dm@v0002", "the best one")

    planned = cleanup(workspace, "dm", 2, dry_run=True)

    assert [(one.ref, one.removed) for one in planned] == [
        ("dm@v0001", True),
        ("dm@v0002", False),
        ("dm@v0003", True),
        ("dm@v0004", True),
        ("dm@v0005", False),
        ("dm@v0006", False),
    ]
    assert planned[0].size == 100
    assert planned[1].reason == "it is in use"
    assert planned[4].reason == "it is among the last 2"
    assert not any(one.removed for one in models_of(workspace).all_of("dm"))

    assert cleanup(workspace, "dm", 2) == planned

    left = [one.version for one in models_of(workspace).all_of("dm") if not one.removed]
    assert left == ["v0002", "v0005", "v0006"]
    first = find_model(workspace, "dm@v0001", with_data=False)
    assert first.adapter is None
    assert (first.folder / "README.md").exists()
    assert (first.folder / "training_metadata.json").exists()
    with pytest.raises(ModelError, match="were cleaned up"):
        find_model(workspace, "dm@v0001")


def test_a_clean_up_keeps_whole_weights_that_an_adapter_needs(workspace: WorkspaceFolder) -> None:
    def whole(folder: Path) -> dict[str, object]:
        (folder / "merged").mkdir()
        (folder / "merged" / "model.safetensors").write_bytes(b"w")
        return {"method": "base", "form": "merged"}

    publish_model(workspace, "own", whole)
    publish_model(workspace, "own", whole)
    publish_model(workspace, "own", whole)
    add(workspace, facts={"base": {"id": "own@v0001"}})

    outcome = cleanup(workspace, "own", 1)

    assert [one.removed for one in outcome] == [False, True, False]
    assert outcome[0].reason == "dm@v0001 was trained from it and needs it"


def test_at_least_one_version_is_kept(workspace: WorkspaceFolder) -> None:
    add(workspace)
    with pytest.raises(UsageError, match="at least 1"):
        cleanup(workspace, "dm", 0)


def test_what_was_cleaned_up_is_not_gone_back_to(workspace: WorkspaceFolder) -> None:
    for number in (1, 2, 3):
        add(workspace)
        promote(workspace, f"dm@v000{number}", "better")
    cleanup(workspace, "dm", 1)
    with pytest.raises(ModelError, match="none to go back to"):
        rollback(workspace, "dm")
    in_use = promoted(workspace, "dm")
    assert in_use is not None
    assert in_use.version == "v0003"


def test_results_are_added_beside_the_sealed_files_and_told_on_the_card(
    workspace: WorkspaceFolder,
) -> None:
    version = add(workspace)
    before = (version.folder / "README.md").read_text()
    assert "It has not been validated" in before

    add_result(
        version,
        VALIDATION,
        {
            "base": {"tool_call_accuracy": 0.01, "failures": [{"case": 1}]},
            "tuned": {"tool_call_accuracy": 0.975, "tool_call_accuracy_ci": [0.96, 0.99]},
        },
    )
    add_result(version, INTEGRATION, {"passed": True})

    text = (version.folder / "README.md").read_text()
    assert r"| tool\_call\_accuracy | 0.01 | 0.975 |" in text
    assert r"| tool\_call\_accuracy\_ci | – | 0.96, 0.99 |" in text
    assert "failures" not in text
    assert check_files(version.folder, version.manifest) == []
    found = find_model(workspace, "dm").result(VALIDATION)
    assert found is not None
    assert found["base"]["tool_call_accuracy"] == 0.01
    with pytest.raises(UsageError, match="no result of a model"):
        add_result(version, "other.json", {})


def test_the_card_tells_lineage_settings_data_and_licences(workspace: WorkspaceFolder) -> None:
    text = (add(workspace).folder / "README.md").read_text()
    assert text.startswith('---\nmodel_name: "dm"\n')
    assert 'license: "apache-2.0"' in text
    assert 'base_model: "embedded"\nlibrary_name: peft' in text
    assert r"| learning\_rate | 0.0002 |" in text
    assert "| tavern@v0001 | 4 | CC-BY-4.0 |" in text
    assert "| torch | 2.13.0 |" in text
