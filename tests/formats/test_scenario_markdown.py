"""Scenario markdown: three spellings read, one scenario; errors with file and line; no traps."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.chat.scenarios.scenario import Fact, PartyMember, Scenario, Turn
from understudy.errors import FormatError
from understudy.formats.scenario_markdown import (
    parse_scenario,
    read_scenario,
    read_scenarios,
    write_scenario,
)

FLAT = """\
# SYSTEM
Role: Dungeon Master
World: Forgotten Realms
Location: Tavern
Party:
- Thordak (Dragonborn Fighter, Level 5, HP: 45/45)
- Elara (Elf Wizard, Level 5, HP: 28/28)

# USER
I want to ask about rumors in town.

# DM
The barkeep leans in. "Strange lights in the old tower."

Make a perception check. [roll: perception]

# TOOLCALL
perception: 15 + 10(skill) = *25*

# DM
You notice a hooded figure in the corner.
"""
NESTED = """\
# System
role: Dungeon Master
WORLD:   Forgotten Realms
Location: Tavern

party:
- Thordak (Dragonborn  Fighter, level 5, hp: 45 / 45)
-  Elara   (Elf Wizard,Level 5,HP:28/28)

# Conversation

## User

I want to ask about rumors in town.

## DM
The barkeep leans in. "Strange lights in the old tower."

Make a perception check. [roll: perception]

## ToolCall
perception: 15 + 10(skill) = *25*
## Dm
You notice a hooded figure in the corner.
"""
INLINE = FLAT.replace(
    "# TOOLCALL\nperception: 15 + 10(skill) = *25*\n\n# DM\n",
    "<TOOLCALL>perception: 15 + 10(skill) = *25*</toolcall> ",
)
SYSTEM = "# SYSTEM\nWorld: X\n\n"


def scenario(text):
    return parse_scenario(text).scenario


def test_the_facts_and_the_turns_are_read():
    read = scenario(FLAT)
    assert (read.role, read.world, read.location) == (
        "Dungeon Master", "Forgotten Realms", "Tavern",
    )  # fmt: skip
    assert [member.line for member in read.party] == FLAT.split("\n")[5:7]
    assert [turn.speaker for turn in read.turns] == ["user", "dm", "tool", "dm"]
    assert read.turns[1].text.startswith("The barkeep leans in.")
    assert "\n\nMake a perception check." in read.turns[1].text


def test_all_three_spellings_are_the_same_scenario():
    assert scenario(NESTED) == scenario(FLAT)
    assert scenario(INLINE) == scenario(FLAT)


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_other_line_ends_are_the_same_scenario(ending):
    assert scenario(FLAT.replace("\n", ending)) == scenario(FLAT)


def test_what_is_canonical_is_written_again_byte_by_byte():
    assert write_scenario(scenario(FLAT)) == FLAT


@pytest.mark.parametrize("spelling", ["flat", "nested", "inline"])
def test_every_spelling_is_written_so_that_it_is_read_the_same(spelling):
    written = write_scenario(scenario(FLAT), spelling)
    assert scenario(written) == scenario(FLAT)
    assert ("# CONVERSATION" in written) == (spelling == "nested")
    assert ("<TOOLCALL>" in written) == (spelling == "inline")


def test_turns_know_their_lines():
    assert parse_scenario(FLAT).lines == (10, 13, 18, 21)
    assert parse_scenario(NESTED).lines == (14, 17, 22, 24)
    assert parse_scenario(INLINE).lines == (10, 13, 17, 17)


def test_results_that_follow_each_other_in_a_turn_belong_together():
    turns = scenario(
        SYSTEM + "# DM\nRoll! <TOOLCALL>a: 1 = *1*</TOOLCALL>\n<TOOLCALL>b: 2 = *2*</TOOLCALL> So."
    ).turns
    assert [(turn.speaker, turn.text) for turn in turns] == [
        ("dm", "Roll!"), ("tool", "a: 1 = *1*\nb: 2 = *2*"), ("dm", "So."),
    ]  # fmt: skip


def test_results_may_stand_in_the_players_turn():
    turns = scenario(SYSTEM + "# USER\nI look. <TOOLCALL>a: 1 = *1*</TOOLCALL>").turns
    assert [turn.speaker for turn in turns] == ["user", "tool"]


def test_a_race_may_be_missing_and_may_be_of_two_words():
    read = scenario(
        "# SYSTEM\nParty:\n- Bo (Bard, Level 1, HP: 8/8)\n- Al (Wood Elf Monk, Level 2, HP: 9/15)\n"
    )
    assert [(member.race, member.class_name) for member in read.party] == [
        ("", "Bard"), ("Wood Elf", "Monk"),
    ]  # fmt: skip


def test_other_facts_and_plain_sentences_are_kept():
    read = scenario("# SYSTEM\nWeather: rain\nIt is late.\nNotes:\n- a list\n")
    assert read.facts == (
        Fact("Weather", "rain"), Fact("", "It is late."), Fact("", "Notes:"), Fact("", "- a list"),
    )  # fmt: skip
    assert scenario(write_scenario(read)) == read


def test_rules_of_its_own_are_read_and_written():
    read = scenario("# SYSTEM\nRules: Never call a tool.\nWorld: X\n")
    assert read.rules == "Never call a tool."
    assert write_scenario(read) == "# SYSTEM\nWorld: X\nRules: Never call a tool.\n"


def test_lines_that_look_like_the_format_can_be_said():
    said = "# DM\nand <TOOLCALL>x</TOOLCALL> and\n\\## twice\n#hashtag ### three"
    read = Scenario(role="", turns=(Turn("user", said),))
    written = write_scenario(read)
    assert "\n\\# DM\n" in written
    assert "\\<TOOLCALL>" in written
    assert "\n#hashtag ### three" in written
    assert scenario(written) == read


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "there is no # SYSTEM"),
        ("hello\n# SYSTEM\n", 1, "text stands before the first heading"),
        ("\n\n# USER\nhi\n# SYSTEM\n", 3, "a turn stands before SYSTEM"),
        ("# SYSTEM\n\n# NARRATOR\nhi\n", 3, "there is no heading 'NARRATOR'"),
        ("# SYSTEM\n# SYSTEM\n", 2, "a second SYSTEM"),
        ("# SYSTEM\n\n# CONVERSATION\nhi\n", 3, "text stands below CONVERSATION"),
        ("# SYSTEM\n\n# DM\n\n# USER\nhi\n", 3, "nothing is said under this heading"),
        ("# SYSTEM\nParty:\n- Bo, the bard\n", 3, "is no line of a party"),
        ("# SYSTEM\nParty:\n- Bo (Bard, Level x, HP: 8/8)\n", 3, "is no line of a party"),
        ("# SYSTEM\nParty:\n- (Bard, Level 1, HP: 8/8)\n", 3, "is no line of a party"),
        (
            "# SYSTEM\nParty:\n- Bo (Bard, Level 1, HP: 8/8)\n- Bo (Bard, Level 1, HP: 8/8)\n",
            4, "Bo is in the party twice",
        ),
        ("# SYSTEM\nParty: Bo\n", 2, "lines of its own"),
        ("# SYSTEM\nParty:\n\nParty:\n", 4, "a second party"),
        ("# SYSTEM\nWorld: X\nworld: Y\n", 3, "World is told twice"),
        ("# SYSTEM\n# DM\nhm\n<TOOLCALL>x\n", 4, "a result is never closed"),
        ("# SYSTEM\n# DM\nhm\n\nx</TOOLCALL>\n", 5, "closed and was never opened"),
        ("# SYSTEM\n# DM\n<TOOLCALL>x<TOOLCALL>y</TOOLCALL>\n", 3, "opened inside another"),
        ("# SYSTEM\n# DM\nhm <TOOLCALL> </TOOLCALL>\n", 3, "a result is empty"),
    ],
)  # fmt: skip
def test_an_error_names_the_file_and_the_line(text, line, reason):
    with pytest.raises(FormatError) as raised:
        parse_scenario(text, Path("inn.md"))
    assert str(raised.value).startswith(f"inn.md, line {line}: ")
    assert reason in str(raised.value)
    assert raised.value.position == f"line {line}"


def test_a_file_is_read_whatever_mark_it_begins_with(tmp_path):
    path = tmp_path / "inn.md"
    path.write_bytes(b"\xef\xbb\xbf" + FLAT.encode())
    assert read_scenario(path).scenario == scenario(FLAT)


def test_a_file_in_another_encoding_is_refused_with_its_line(tmp_path):
    path = tmp_path / "inn.md"
    path.write_bytes("# SYSTEM\nWorld: Käse\n".encode("latin-1"))
    with pytest.raises(FormatError, match=r"inn\.md, line 2: it is not UTF-8"):
        read_scenario(path)


def test_a_file_that_is_not_there_is_an_error_with_its_name(tmp_path):
    with pytest.raises(FormatError, match=r"inn\.md: it cannot be read"):
        read_scenario(tmp_path / "inn.md")


def test_a_folder_is_read_in_order_and_bad_files_are_reported_and_passed_over(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.md").write_text(FLAT, encoding="utf-8")
    (tmp_path / "a.md").write_text(NESTED, encoding="utf-8")
    (tmp_path / "bad.md").write_text("nothing", encoding="utf-8")
    (tmp_path / "other.txt").write_text("nothing", encoding="utf-8")
    problems = []
    files = list(read_scenarios([tmp_path], report=problems.append))
    assert [file.path.name for file in files] == ["a.md", "two.md"]
    assert [problem.path.name for problem in problems] == ["bad.md"]


@pytest.mark.parametrize(
    ("odd", "what"),
    [
        (Scenario(turns=(Turn("dm", " hm"),)), "turn 1"),
        (Scenario(turns=(Turn("dm", ""),)), "nothing is said"),
        (Scenario(world="a\nb"), "world"),
        (Scenario(facts=(Fact("World", "X"),)), "World|world"),
        (Scenario(facts=(Fact("", "# DM"),)), "nothing is said"),
        (
            Scenario(party=(PartyMember(name="A (B)", class_name="Bard", level=1, hit_points=1,
                                        most_hit_points=1),)),
            "no line of a party",
        ),
    ],
)  # fmt: skip
def test_what_the_format_cannot_hold_is_not_written(odd, what):
    with pytest.raises(FormatError, match=f"cannot be written as Markdown.*({what})"):
        write_scenario(odd)


words = st.text(
    st.characters(categories=("L", "Nd"), include_characters=" '-"), min_size=1, max_size=12
).map(lambda text: " ".join(text.split())).filter(lambda text: text.strip("- "))  # fmt: skip
sayings = st.one_of(
    st.text(st.sampled_from("ab \n#\\<>/TOLCAL[]:*é\x0b\u2028"), min_size=1, max_size=60),
    st.lists(
        st.sampled_from(("# DM", "## User", "\\# x", "<TOOLCALL>", "</toolcall>", "\n", "a", " ")),
        min_size=1, max_size=8,
    ).map("".join),
).map(str.strip).filter(bool)  # fmt: skip
members = st.builds(
    PartyMember,
    name=words.map(lambda text: text.strip("- ")),
    race=words.map(lambda text: text.strip("- ")),
    class_name=st.sampled_from(("Bard", "Wizard")),
    level=st.integers(1, 20),
    hit_points=st.integers(0, 99),
    most_hit_points=st.integers(1, 99),
)
scenarios = st.builds(
    Scenario,
    role=st.sampled_from(("", "Dungeon Master")),
    world=words,
    location=st.one_of(st.just(""), words),
    party=st.lists(members, max_size=3, unique_by=lambda member: member.name).map(tuple),
    facts=st.lists(st.builds(Fact, st.just("Weather"), words), max_size=2).map(tuple),
    turns=st.lists(
        st.builds(Turn, st.sampled_from(("user", "dm", "tool")), sayings), max_size=6
    ).map(tuple),
)


@pytest.mark.slow
@given(scenarios, st.sampled_from(("flat", "nested", "inline")))
def test_any_scenario_is_read_as_it_was_written(made, spelling):
    written = write_scenario(made, spelling)
    assert scenario(written) == made
    if spelling == "flat":
        assert write_scenario(scenario(written)) == written


LINES = (
    "# SYSTEM", "# DM", "# USER", "Party:", "- B (C, Level 1, HP: 1/1)", "<TOOLCALL>",
    "</TOOLCALL>", "# X", "a: b", "", "\\# DM",
)  # fmt: skip


def read_or_refusal(text):
    try:
        return scenario(text)
    except FormatError as error:
        return error


def test_a_fact_that_begins_like_a_member_of_the_party_stays_a_fact():
    read = scenario("# SYSTEM\n- B (C, Level 1, HP: 1/1)\nParty:\n- B (C, Level 1, HP: 1/1)")
    assert [fact.line for fact in read.facts] == ["- B (C, Level 1, HP: 1/1)"]
    assert scenario(write_scenario(read)) == read


@given(st.lists(st.sampled_from(LINES), max_size=12).map("\n".join))
def test_any_text_is_read_or_refused_with_a_line(text):
    read = read_or_refusal(text)
    if isinstance(read, FormatError):
        assert (read.position or "").startswith("line ")
    else:
        assert scenario(write_scenario(read)) == read


@pytest.mark.slow
@pytest.mark.parametrize(
    "trap",
    ["\\", "<", "#", "<TOOLCALL", "\n#", " ", "\t", "\n", "# ", "- a (", "a:", "\\<TOOLCALL>"],
)
def test_half_a_megabyte_that_invites_a_search_to_go_back_is_dealt_with(trap):
    """A search that goes back would sit here for minutes."""
    text = trap * (500_000 // len(trap))
    for place in ("# SYSTEM\n", "# SYSTEM\nParty:\n", "# SYSTEM\n\n# DM\n"):
        read = read_or_refusal(f"{place}{text}x")
        assert isinstance(read, Scenario) or (read.position or "").startswith("line ")


def test_the_scenario_of_the_documentation_is_one_in_canonical_form():
    page = Path(__file__).parents[2] / "docs" / "howto" / "scenarios.md"
    example = page.read_text(encoding="utf-8").split("```markdown\n")[1].split("```")[0]
    assert write_scenario(scenario(example)) == example


def test_turns_in_any_number_keep_their_order():
    rng = random.Random(7)
    turns = tuple(
        Turn(rng.choice(("user", "dm", "tool")), f"{number} words") for number in range(500)
    )
    made = Scenario(turns=turns)
    assert scenario(write_scenario(made, "inline")).turns == turns
