"""Where a model came from, in what two versions differ, and what a base is."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.models.weights import add

from understudy.errors import CorruptionError, ModelError
from understudy.models.bases import Base, base_of, find_base, folder_sha256
from understudy.models.compare import compare
from understudy.models.hashes import read_hashes, write_hashes
from understudy.models.lineage import lineage_of
from understudy.models.registry import publish_model
from understudy.store.folder import WorkspaceFolder
from understudy.store.lineage import descendants, mark_forgotten
from understudy.store.manifest import Manifest, Parent, write_manifest
from understudy.store.ulids import new_ulid


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceFolder:
    return WorkspaceFolder(tmp_path / "ws")


def dataset(workspace: WorkspaceFolder, *sessions: str) -> Manifest:
    folder = workspace.datasets / "tavern" / "v0001"
    folder.mkdir(parents=True)
    manifest = Manifest(
        kind="dataset",
        id=new_ulid(),
        name="tavern",
        version="v0001",
        parents=[Parent(kind="session", id=session) for session in sessions],
    )
    write_manifest(folder, manifest)
    return manifest


def test_lineage_leads_back_to_the_sessions_and_shows_the_forgotten_ones(
    workspace: WorkspaceFolder,
) -> None:
    data = dataset(workspace, "SESSION1", "SESSION2")
    first = add(workspace, parents=[Parent(kind="dataset", id=data.id)])
    second = add(workspace, parents=[Parent(kind="model", id=first.manifest.id)])
    for descendant in descendants(workspace, "session", "SESSION2"):
        mark_forgotten(descendant, "SESSION2")

    found = lineage_of(workspace, second)

    assert [(a.kind, a.ref, a.steps) for a in found.ancestors] == [
        ("model", "dm@v0001", 1),
        ("dataset", "tavern@v0001", 2),
    ]
    assert found.sessions == ["SESSION1", "SESSION2"]
    assert found.forgotten == ["SESSION2"]
    assert lineage_of(workspace, first).descendants[0].version == "v0002"


def test_a_parent_that_was_not_copied_along_is_still_named(workspace: WorkspaceFolder) -> None:
    version = add(workspace, parents=[Parent(kind="dataset", id="01ELSEWHERE")])
    (ancestor,) = lineage_of(workspace, version).ancestors
    assert (ancestor.ref, ancestor.path) == ("01ELSEWHERE", None)


def test_two_versions_are_compared_by_their_facts_and_examples(
    workspace: WorkspaceFolder,
) -> None:
    a, b, c = ("a" * 32, "b" * 32, "c" * 32)
    before = add(workspace, hashes=[a, b])
    after = add(
        workspace,
        facts={"settings": {"lora_r": 8, "packing": True}, "metrics": {"loss": 1.0, "steps": 60}},
        hashes=[b, c],
    )

    found = compare(before, after)

    assert [(d.name, d.before, d.after) for d in found.settings] == [
        ("lora_r", 16, 8),
        ("learning_rate", 2e-4, None),
        ("packing", None, True),
    ]
    assert [(d.name, d.change) for d in found.metrics] == [("loss", -0.25)]
    assert (found.examples_in_both, found.only_before, found.only_after) == (1, 1, 1)
    assert found.same_base


def test_without_hashes_nothing_is_claimed_of_examples(workspace: WorkspaceFolder) -> None:
    found = compare(add(workspace), add(workspace))
    assert found.examples_in_both is None


def test_hashes_are_kept_sorted_and_each_once(tmp_path: Path) -> None:
    path = tmp_path / "example_hashes.txt"
    assert write_hashes(path, ["b" * 32, "a" * 32, "b" * 32]) == 2
    assert path.read_text() == "a" * 32 + "\n" + "b" * 32 + "\n"
    assert read_hashes(path) == {"a" * 32, "b" * 32}
    path.write_text("no hash\n")
    with pytest.raises(CorruptionError, match="line 1"):
        read_hashes(path)


def model_folder(folder: Path, weights: bytes = b"w", card: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    if card:
        (folder / "README.md").write_text(card)
    return folder


def test_a_base_is_a_folder_and_known_by_the_content_of_its_files(tmp_path: Path) -> None:
    one = find_base(None, str(model_folder(tmp_path / "one")))
    same = find_base(None, str(model_folder(tmp_path / "same", card="# other words")))
    other = find_base(None, str(model_folder(tmp_path / "other", b"v")))
    assert one.facts()["sha256"] == same.facts()["sha256"] != other.facts()["sha256"]
    assert base_of(None, one.facts()).folder == one.folder


def test_a_base_that_was_changed_is_not_taken_for_the_one_it_was(tmp_path: Path) -> None:
    base = find_base(None, str(model_folder(tmp_path / "one")))
    facts = base.facts()
    (base.folder / "model.safetensors").write_bytes(b"changed")
    with pytest.raises(ModelError, match="its files have changed"):
        base_of(None, facts)


def test_the_licence_of_a_base_is_read_from_its_card(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "one", card="---\ntags: [a]\nlicense: mit\n---\n# Words\n")
    assert find_base(None, str(folder)).license() == "mit"
    assert Base(id="x", folder=tmp_path).license() == ""


def test_a_whole_model_of_the_workspace_is_a_base_and_an_adapter_is_none(
    workspace: WorkspaceFolder,
) -> None:
    def whole(folder: Path) -> dict[str, object]:
        model_folder(folder / "merged")
        return {"method": "base"}

    publish_model(workspace, "own", whole)
    add(workspace)
    assert find_base(workspace, "own").id == "own@v0001"
    with pytest.raises(ModelError, match=r"dm@v0001 is an adapter .* name its base 'embedded'"):
        find_base(workspace, "dm")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("./nowhere", "is no folder"),
        ("/nowhere/at/all", "is no folder"),
        ("a b c", "is no folder"),
    ],
)
def test_what_cannot_be_a_base_is_refused_with_what_can(name: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        find_base(None, name)


def test_a_folder_without_weights_is_no_base(tmp_path: Path) -> None:
    folder = tmp_path / "half"
    folder.mkdir()
    with pytest.raises(ModelError, match=r"no config\.json"):
        find_base(None, str(folder))
    (folder / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="no weights"):
        find_base(None, str(folder))


def test_an_id_of_the_hub_is_not_asked_for_when_that_is_switched_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="is not in the cache and HF_HUB_OFFLINE is set"):
        find_base(None, "nobody/nothing-of-the-kind")


def test_the_hash_of_a_folder_does_not_depend_on_other_files(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "one")
    before = folder_sha256(folder)
    (folder / "notes.txt").write_text("mine")
    assert folder_sha256(folder) == before
