"""Settings are read strictly: a typing error never passes for a default and is told plainly."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from understudy.config import SETTINGS_SCHEMA, Settings, default_toml, load_settings, sections
from understudy.errors import NewerSchemaError, SettingsError, UnderstudyError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "understudy.toml"


def test_without_a_file_the_defaults_hold(file: Path) -> None:
    found = load_settings(file)
    assert found == Settings()
    assert found.record.durability == "step"
    assert found.mask.enabled
    assert found.mask.kinds is None
    assert found.catalog.url == ""
    assert found.retention.archive_after_days is None
    assert not file.exists()


def test_an_empty_file_means_the_defaults(file: Path) -> None:
    file.write_bytes(b"")
    assert load_settings(file) == Settings()


def test_what_is_set_is_read_and_the_rest_stays_default(file: Path) -> None:
    file.write_text(
        """
        [record]
        durability = "interval"
        interval_s = 5
        [mask]
        kinds = ["EMAIL"]
        words = ["Ann Ö."]
        image_regions = [[0, 0, 10, 20], [5, 5, 1, 1]]
        [retention]
        archive_after_days = 30
        """,
        encoding="utf-8",
    )
    found = load_settings(file)
    assert found.record.durability == "interval"
    assert found.record.interval_s == 5.0
    assert found.record.frame_buffer_mb == 32
    assert found.mask.kinds == ["EMAIL"]
    assert found.mask.words == ["Ann Ö."]
    assert found.mask.image_regions == [(0, 0, 10, 20), (5, 5, 1, 1)]
    assert found.retention.archive_after_days == 30
    assert found.proxy == Settings().proxy


def test_a_byte_order_mark_of_an_editor_does_no_harm(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf[disk]\r\nwarn_free_gb = 1\r\n")
    assert load_settings(file).disk.warn_free_gb == 1


def test_the_file_of_a_new_workspace_says_the_defaults_and_can_be_uncommented(file: Path) -> None:
    text = default_toml()
    file.write_text(text, encoding="utf-8")
    assert load_settings(file) == Settings()
    keys = {f"# {name} = " for _, model in sections() for name in model.model_fields}
    uncommented = "\n".join(
        line[2:] if any(line.startswith(key) for key in keys) else line
        for line in text.splitlines()
    )
    assert uncommented != text
    file.write_text(uncommented, encoding="utf-8")
    assert load_settings(file) == Settings()
    parsed = tomllib.loads(uncommented)
    for name, model in sections():
        optional = {key for key, field in model.model_fields.items() if field.default is None}
        assert set(parsed[name]) == set(model.model_fields) - optional, name
        for key in optional:
            assert f"# Not set; for example: {key} = " in text


def test_examples_of_keys_without_a_default_are_valid(file: Path) -> None:
    mark = "# Not set; for example: "
    text = "\n".join(line.removeprefix(mark) for line in default_toml().splitlines())
    file.write_text(text, encoding="utf-8")
    found = load_settings(file)
    assert found.retention.archive_after_days is not None
    assert found.mask.kinds


def test_every_section_and_key_is_described() -> None:
    for name, model in sections():
        assert model.__doc__, name
        for key, field in model.model_fields.items():
            assert field.description, f"{name}.{key}"
            assert field.description.endswith("."), f"{name}.{key}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[record", "is not valid TOML"),
        ("[record]\ndurability = ", "is not valid TOML"),
        ("[record]\ninterval_s = 1\ninterval_s = 2", "is not valid TOML"),
        pytest.param("a = " + "9" * 5000, "is not valid TOML", id="long number"),
        pytest.param("a = " + "[" * 100_000, "is not valid TOML", id="deep nesting"),
        ("[record]\ndurability = 'x'", "`record.durability` must be 'step' or 'interval'"),
        ("[record]\ndurabilty = 'step'", "`durabilty` in [record] is unknown; known there: dur"),
        ("[recrod]\ndurability = 'step'", "`recrod` at the top of the file is unknown"),
        ("record = 1", "`record` must be a section"),
        ("[record]\ninterval_s = 0", "`record.interval_s` must be greater than 0"),
        ("[record]\ninterval_s = '1'", "`record.interval_s` must be a number"),
        ("[record]\ninterval_s = true", "`record.interval_s` must be a number"),
        ("[disk]\nwarn_free_gb = nan", "`disk.warn_free_gb` must be a finite number"),
        ("[mask]\nenabled = 1", "`mask.enabled` must be true or false"),
        ("[mask]\nwords = 'a'", "`mask.words` must be a list"),
        ("[mask]\nwords = ['a', 2]", "`mask.words[1]` must be text in quotes"),
        ("[mask]\nimage_regions = [[1, 2, 3]]", "`mask.image_regions[0][3]` is wrong: field req"),
        ("[mask]\nimage_regions = [[1, 2, -3, 4]]", "`mask.image_regions[0][2]` must be greater"),
        ("[mask]\nimage_regions = 7", "`mask.image_regions` must be a list"),
        ("[catalog]\nurl = 5", "`catalog.url` must be text in quotes"),
        ("schema = '1'", "`schema` must be a whole number"),
        ("schema = true", "`schema` must be a whole number"),
        ("[disk]\na = 1\nb = 2", "(and 1 more)"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key_in_one_line(
    file: Path, text: str, said: str
) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    message = str(caught.value)
    assert said in message
    assert str(file) in message
    assert "\n" not in message
    assert caught.value.exit_status == 2
    assert file.read_text() == text


def test_a_value_is_not_repeated_because_it_may_be_a_secret(file: Path) -> None:
    file.write_text("[catalog]\nurl = ['postgresql://me:hunter2@host/db']")
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str(caught.value.__cause__)


def test_a_file_of_a_later_version_is_refused_before_its_keys_are_judged(file: Path) -> None:
    file.write_text(f"schema = {SETTINGS_SCHEMA + 1}\n[galaxy]\nbrain = 1\n")
    with pytest.raises(NewerSchemaError, match="update Understudy"):
        load_settings(file)


def test_a_folder_or_no_text_in_place_of_the_file_is_one_sentence(file: Path) -> None:
    file.write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_settings(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(SettingsError, match="is a folder"):
        load_settings(file)


def test_settings_cannot_be_changed_after_reading() -> None:
    with pytest.raises(ValidationError):
        Settings().record.interval_s = 3  # type: ignore[misc]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=200))
def test_no_bytes_raise_anything_but_our_errors(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    said = str(file)
    try:
        load_settings(file)
    except UnderstudyError as error:
        said = str(error)
    assert str(file) in said


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    section=st.sampled_from([name for name, _ in sections()]),
    place=st.data(),
    value=_values,
)
def test_no_value_of_any_key_raises_anything_but_a_settings_error(
    monkeypatch: pytest.MonkeyPatch, file: Path, section: str, place: st.DataObject, value: object
) -> None:
    key = place.draw(st.sampled_from(sorted(dict(sections())[section].model_fields)))
    file.write_bytes(b"")
    with monkeypatch.context() as patch:
        patch.setattr(tomllib, "loads", lambda _: {section: {key: value}})
        said = f"{section}.{key}"
        try:
            load_settings(file)
        except SettingsError as error:
            said = str(error)
    assert f"{section}.{key}" in said
    assert len(said) < 500
