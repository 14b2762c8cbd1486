"""A package.json gets scripts, and nothing else in it changes by a letter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import FormatError
from understudy.pipeline.npm_package import new_package, with_scripts

PATH = Path("app/package.json")
SCRIPTS = {"train": "node u.mjs run", "train:test": 'say "hi"'}


def edited(text, scripts=SCRIPTS, *, force=False):
    return with_scripts(text, scripts, path=PATH, force=force)[0]


def became(text, *, force=False):
    _, told = with_scripts(text, SCRIPTS, path=PATH, force=force)
    return {script.name: (script.became, script.command) for script in told}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '{\n  "name": "a",\n  "scripts": {\n    "start": "x"\n  },\n  "files": ["a", "b"]\n}\n',
            '{\n  "name": "a",\n  "scripts": {\n    "start": "x",\n    "train": "t"\n  },\n'
            '  "files": ["a", "b"]\n}\n',
        ),
        (
            '{\n\t"scripts": {},\n\t"version": "1.0.0"\n}',
            '{\n\t"scripts": {\n\t\t"train": "t"\n\t},\n\t"version": "1.0.0"\n}',
        ),
        (
            '{\r\n    "name": "a"\r\n}\r\n',
            '{\r\n    "name": "a",\r\n    "scripts": {\r\n        "train": "t"\r\n    }\r\n}\r\n',
        ),
        ('{"name":"a","scripts":{"s":"x"}}', '{"name":"a","scripts":{"s":"x","train":"t"}}'),
        ('{ "name": "a" }', '{ "name": "a", "scripts": { "train": "t" } }'),
        ("{}", '{\n  "scripts": {\n    "train": "t"\n  }\n}'),
        ('\ufeff{\n  "a": 1\n}', '\ufeff{\n  "a": 1,\n  "scripts": {\n    "train": "t"\n  }\n}'),
    ],
    ids=["two spaces", "tabs, empty scripts", "windows", "minified", "one line", "empty", "mark"],
)
def test_a_script_is_added_in_the_style_of_the_file(before, after):
    assert edited(before, {"train": "t"}) == after


def test_a_script_that_is_there_stays_unless_it_is_forced():
    text = '{"scripts": {"train": "python mine.py", "train:test": "say \\"hi\\""}}'
    assert became(text) == {
        "train": ("kept", "python mine.py"),
        "train:test": ("unchanged", 'say "hi"'),
    }
    assert edited(text) == text
    assert became(text, force=True)["train"] == ("replaced", "node u.mjs run")
    assert edited(text, force=True) == text.replace("python mine.py", "node u.mjs run")


def test_keys_that_look_like_scripts_further_down_are_not_mistaken_for_them():
    text = '{"config": {"scripts": {"a": "}"}}, "keywords": ["\\"scripts\\": {"]}'
    assert json.loads(edited(text)) == {**json.loads(text), "scripts": SCRIPTS}
    assert edited(text).startswith(text[:-1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "is no package.json"),
        ('{"scripts": []}', "is no package.json"),
        ('{"name": "a",}', "is no JSON"),
        ("", "is no JSON"),
    ],
)
def test_what_is_no_package_json_is_refused_with_its_name(text, said):
    with pytest.raises(FormatError, match=said) as refusal:
        edited(text)
    assert str(refusal.value).startswith(str(PATH))


def test_an_app_without_one_gets_one_that_npm_will_not_publish():
    assert json.loads(new_package(SCRIPTS)) == {"private": True, "scripts": SCRIPTS}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PACKAGES = st.dictionaries(st.text().filter(lambda key: key != "scripts"), VALUES, max_size=4)


@pytest.mark.slow
@given(
    package=PACKAGES,
    scripts=st.none() | st.dictionaries(st.text() | st.just("train"), st.text(), max_size=3),
    place=st.integers(0, 4),
    indent=st.sampled_from([None, 0, 1, 2, 4, "\t"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    ascii_only=st.booleans(),
    force=st.booleans(),
)
def test_whatever_the_file_looks_like_only_scripts_change(
    package, scripts, place, indent, newline, ascii_only, force
):
    items = list(package.items())
    if scripts is not None:
        items.insert(place, ("scripts", scripts))
    before = dict(items)
    text = json.dumps(before, indent=indent, ensure_ascii=ascii_only).replace("\n", newline)
    after = json.loads(edited(text, force=force))
    standing = scripts or {}
    wanted = {**standing, **SCRIPTS} if force else {**SCRIPTS, **standing}
    assert after == {**before, "scripts": wanted}
    assert list(after)[: len(before)] == list(before)
    assert list(after["scripts"])[: len(standing)] == list(standing)
    assert edited(edited(text, force=force), force=force) == edited(text, force=force)
