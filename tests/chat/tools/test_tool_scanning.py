"""Scanning for tools, extending the registry by what was found, and documenting it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.chat.tools.bracket import read_brackets
from understudy.chat.tools.documentation import documentation
from understudy.chat.tools.extending import extend, infer_tool
from understudy.chat.tools.registry import TOOLS
from understudy.chat.tools.scanning import GameText, UnknownUse, scan


def text(words, **more):
    return GameText(source="inn.md", text=words, **more)


def use(name, *values, party=()):
    return UnknownUse(name=name, values=values, where="inn.md", party=party)


def kinds(tool):
    return [(argument.name, argument.kind, argument.required) for argument in tool.arguments]


def test_a_scan_counts_the_calls_of_every_tool():
    found = scan([text("[roll: d6] [roll: d8] [laughs]"), text("[check: stealth, Bo]")])
    assert (found.texts, found.calls, found.asides) == (2, 3, 1)
    assert found.by_tool == {
        "roll": 2, "health": 0, "inventory": 0, "spellcast": 0, "check": 1, "save": 0,
    }  # fmt: skip


def test_a_scan_names_unknown_and_malformed_calls_with_their_lines():
    found = scan([text("So.\n[drink: Bo, ale]\n\n[check: stealth]", line=14)])
    assert [(u.name, u.values, u.where) for u in found.unknown] == [
        ("drink", ("Bo", "ale"), "inn.md, line 15")
    ]
    (bad,) = found.malformed
    assert (bad.tool, bad.text, bad.where) == ("check", "[check: stealth]", "inn.md, line 17")
    assert bad.reason == "character is missing"


def test_a_text_without_lines_is_named_by_its_place():
    assert text("", place="step 3").where() == "inn.md, step 3"
    assert text("").where() == "inn.md"


def test_calls_beside_the_text_are_judged_too():
    found = scan(
        [
            text(
                "Hm.",
                place="step 3",
                calls=(
                    ("roll", '{"dice_expression": "d20"}'),
                    ("roll", {"dice_expression": "much"}),
                    ("Drink", '{"who": "Bo", "what": "ale"}'),
                    ("fly", "{"),
                ),
            )
        ]
    )
    assert found.by_tool["roll"] == 1
    assert found.malformed[0].where == "inn.md, step 3"
    drink, fly = found.unknown
    assert (drink.name, drink.values, drink.argument_names) == (
        "drink", ("Bo", "ale"), ("who", "what"),
    )  # fmt: skip
    assert fly.values == ()


def test_arguments_are_inferred_from_all_uses():
    tool = infer_tool(
        "drink",
        [
            use("drink", "Mira", "ale", "2", "+1", "d6", party=("Mira", "Bo")),
            use("drink", "Bo", "wine", "3", "-2", "2d6+1", party=("Mira", "Bo")),
            use("drink", "Stranger", "small beer", "1", "4", "d4", party=("Mira", "Bo")),
        ],
    )
    assert kinds(tool) == [
        ("character", "text", True),
        ("text", "text", True),
        ("number", "integer", True),
        ("modifier", "change", True),
        ("dice_expression", "dice", True),
    ]
    assert tool.found
    assert tool.examples[0] == "[drink: Mira, ale, 2, +1, d6]"


def test_a_word_that_comes_again_and_again_is_a_choice():
    tool = infer_tool("gate", [use("gate", word) for word in ("open", "Shut", "open", "shut")])
    assert tool.arguments[0].choices == ("open", "shut")
    assert kinds(tool) == [("action", "choice", True)]


def test_an_argument_that_some_uses_lack_may_be_left_out():
    tool = infer_tool("bell", [use("bell", "3", "low"), use("bell", "1"), use("bell", "2")])
    assert kinds(tool) == [("number", "integer", True), ("text", "text", False)]


def test_names_that_an_api_gave_are_kept_and_others_made_unlike():
    named = UnknownUse(name="x", values=("1", "2"), argument_names=("low", "high"), where="s")
    assert [a.name for a in infer_tool("x", [named]).arguments] == ["low", "high"]
    assert [a.name for a in infer_tool("x", [use("x", "1", "2")]).arguments] == [
        "number", "number_2",
    ]  # fmt: skip


def test_extending_adds_each_unknown_tool_once_and_no_known_one():
    uses = [use("drink", "ale"), use("roll", "x"), use("drink", "wine"), use("fly")]
    assert extend(TOOLS, uses).names == (*TOOLS.names, "drink", "fly")


values = st.one_of(
    st.text(st.characters(categories=("L", "Nd")), min_size=1, max_size=8),
    st.integers(-99, 99).map(str),
    st.integers(0, 99).map("+{}".format),
    st.sampled_from(("d6", "2d8+1", "open", "shut")),
)


@pytest.mark.slow
@given(st.lists(st.lists(values, max_size=4), min_size=1, max_size=8))
def test_what_a_tool_was_inferred_from_is_known_afterwards(all_values):
    """Given any uses of an unknown tool, the extended registry refuses none of them."""
    brackets = " ".join(f"[odd: {', '.join(row)}]" for row in all_values)
    found = scan([text(brackets)])
    extended = extend(TOOLS, found.unknown)
    reading = read_brackets(brackets, extended)
    assert len(reading.calls) == len(all_values)
    assert (reading.unknown, reading.malformed) == ((), ())


def test_the_documentation_tells_every_tool_and_argument():
    page = documentation(TOOLS, {"roll": 1, "check": 1200})
    for tool in TOOLS:
        assert f"## {tool.name}\n" in page
        assert f"`{tool.format}`" in page
        assert all(f"`{argument.name}`" in page for argument in tool.arguments)
    assert "Found 1 time." in page
    assert "Found 1,200 times." in page
    assert "Found 0 times." in page
    assert "Found" not in documentation(TOOLS)


def test_the_documentation_warns_of_what_was_guessed():
    page = documentation(extend(TOOLS, [use("drink", "a|b")]))
    assert page.count("check them") == 1
    assert "`[drink: a\\|b]`" in page


@pytest.mark.parametrize("kind", ["integer", "choice", "dice", "change"])
def test_the_documentation_says_what_kind_an_argument_is_of(kind):
    spoken = {
        "integer": "a whole number",
        "choice": "one of `open`, `shut`",
        "dice": "dice, written as",
        "change": "with its sign",
    }
    uses = {
        "integer": [use("x", "1")],
        "choice": [use("x", word) for word in ("open", "shut") * 2],
        "dice": [use("x", "d6")],
        "change": [use("x", "+1")],
    }
    assert spoken[kind] in documentation(extend(TOOLS, uses[kind]))


def test_the_page_of_the_reference_begins_with_the_documentation_of_the_tools():
    page = Path(__file__).parents[3] / "docs" / "reference" / "tools.md"
    assert page.read_text(encoding="utf-8").startswith(documentation(TOOLS))
