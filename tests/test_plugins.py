"""Plug-ins are found by entry points; a bad one is named with the distribution it came in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from understudy import plugins
from understudy.errors import PluginError

GROUP = "understudy.exports"


def install(site: Path, distribution: str, entries: dict[str, str], code: str = "") -> None:
    """Lay a distribution down as pip would: its metadata, its entry points, its module."""
    info = site / f"{distribution.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    lines = "\n".join(f"{name} = {value}" for name, value in entries.items())
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}\n")
    (site / f"{distribution.replace('-', '_')}.py").write_text(code)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_strangers_part_is_found_by_name_and_loaded(site: Path) -> None:
    install(site, "alien-formats", {"alien": "alien_formats:Alien"}, "class Alien: pass")
    assert "alien" in plugins.names(GROUP)
    loaded = plugins.load_one(GROUP, "alien")
    assert getattr(loaded, "__name__", "") == "Alien"
    assert plugins.load_group(GROUP)["alien"] is loaded


def test_names_are_sorted_and_known_without_importing_anything(site: Path) -> None:
    install(site, "boom-later", {"zz": "boom_later:x", "aa": "boom_later:y"}, "raise SystemError")
    found = plugins.names(GROUP)
    assert found == sorted(found)
    assert {"aa", "zz"} <= set(found)
    assert "boom_later" not in sys.modules


def test_an_unknown_name_lists_what_there_is(site: Path) -> None:
    install(site, "fine-formats", {"fine": "fine_formats:x"}, "x = 1")
    with pytest.raises(PluginError, match=r"as 'csv' under understudy\.exports; there is: .*fine"):
        plugins.load_one(GROUP, "csv")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("broken_one:x", "raise RuntimeError('bad start')"),
        ("broken_one:missing", "x = 1"),
        ("no_such_module_anywhere:x", ""),
        ("broken_one:x", "def ("),
    ],
)
def test_a_part_that_cannot_be_loaded_names_its_distribution(
    site: Path, monkeypatch: pytest.MonkeyPatch, value: str, code: str
) -> None:
    monkeypatch.delitem(sys.modules, "broken_one", raising=False)
    install(site, "broken-one", {"bad": value}, code)
    for load in (lambda: plugins.load_one(GROUP, "bad"), lambda: plugins.load_group(GROUP)):
        with pytest.raises(PluginError, match=r"'bad' of broken-one 1\.2 cannot be loaded"):
            load()


def test_a_broken_part_does_not_keep_another_from_being_loaded_alone(site: Path) -> None:
    install(site, "broken-two", {"bad": "broken_two:x"}, "raise RuntimeError")
    install(site, "good-two", {"good": "good_two:x"}, "x = 'here'")
    assert plugins.load_one(GROUP, "good") == "here"


def test_two_distributions_with_the_same_name_are_both_named(site: Path) -> None:
    install(site, "first-one", {"same": "first_one:x"}, "x = 1")
    install(site, "second-one", {"same": "second_one:x"}, "x = 2")
    with pytest.raises(PluginError, match="uninstall one of them") as caught:
        plugins.names(GROUP)
    assert "first-one 1.2" in str(caught.value)
    assert "second-one 1.2" in str(caught.value)


def test_a_group_that_nobody_uses_is_empty() -> None:
    assert plugins.names("understudy.nothing") == []
    assert plugins.load_group("understudy.nothing") == {}
    with pytest.raises(PluginError, match="there is: none"):
        plugins.load_one("understudy.nothing", "x")
