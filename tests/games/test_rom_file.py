"""The TOML of a ROM: what is wrong in it is said with file, line and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.games.tiny_rom import TOML

from understudy.errors import GameError, NewerSchemaError
from understudy.games.rom_file import read_rom_file
from understudy.games.toml_file import TomlFile


def read(tmp_path, text):
    path = tmp_path / "game.toml"
    path.write_text(text, encoding="utf-8")
    return read_rom_file(path)


def line_of(text, part):
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


def test_a_whole_file_is_read(tmp_path):
    game = read(tmp_path, TOML)
    assert game.name == "tiny"
    assert [task.id for task in game.tasks] == ["three-potions", "go-right", "what-is-in-the-slots"]
    assert list(game.buttons)[-2:] == ["press_right", "wait"]
    assert game.starts["rich"].base == "field"


def test_the_example_of_the_documentation_is_a_whole_file(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "howto" / "own-rom.md"
    example = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[0]
    assert read(tmp_path, example).tasks[0].id == "three-apples"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "tiny"', "name = 3", "expected `str`, got `int`"),
        ('name = "tiny"', 'name = " "', "`name` says what the game is called"),
        ("hold_frames = 3", "hold_frames = 0", "it must be at least 1"),
        ("hold_frames = 3", "hold_frame = 3", "the key `hold_frame` is unknown"),
        ('seed = { value = "seed" }', 'seed = { value = "seeds" }', "`seeds` is no number"),
        ('seed = { value = "seed" }', "seed = {}", "say either `value` or `frames`"),
        ('value = "resting", equals', 'value = "money", equals', "no value of one byte"),
        ("at_least = 2", "at_least = 99", "`at_least` goes from 1 to `at_most`"),
        ('x = { address = 0xC003, type = "u8" }', 'x = { type = "u8" }', "`address` is missing"),
        (
            'x = { address = 0xC003, type = "u8" }',
            'x = { address = 0xC003, type = "u9" }',
            "no type",
        ),
        ('keys = ["potion"]', 'keys = ["potion"]\ncount = 2', "1 names for 2 elements"),
        ('text = "{count} {key}"', 'text = "{cont} {key}"', "`{cont}` is not in the memory map"),
        ('\neach = "slots"', '\neach = "slot" ', "`slot` is not in the memory map"),
        ('"press right x2"', '"press right 2"', "`2` is no number of times"),
        ('"press right x2"', '"press C"', "`C` is no button"),
        ('"press right x2"', '"jump"', "`jump` is no line of a recipe"),
        ('"press right x2"', '"set hp 300"', "it must be from 0 to 255"),
        ('"press right x2"', '"expect mana 3"', "`mana` is not in the memory map"),
        ('"press right x2"', '"poke 0xC000 256"', "bytes go from 0 to 255"),
        ('from = "field"', 'from = "fields"', "there is no start `fields` above"),
        ("difficulty = 1", "difficulty = 6", "difficulty goes from 1 to 5"),
        ("reference_steps = 3", "reference_steps = 0", "at least 1 step"),
        ('words = "collect three potions"', 'words = ""', "`words` say what the player"),
        ('id = "go-right"', 'id = "three-potions"', "another task `three-potions`"),
        ('id = "go-right"', 'id = "go right"', "made of letters"),
        ('kind = "report"', 'kind = "tell"', "invalid enum value"),
        ('path = "bag.potion", op', 'path = "bag.rum", op', "`bag.rum` is not in the memory map"),
        ('  { path = "x", op = "unchanged" },', '  { path = "x", op = "same" },', "no comparison"),
        ('number = "count"', 'number = "counts"', "`counts` is not in the memory map"),
        ("only = true", "onyl = true", "the key `onyl` is unknown"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, old, new, message):
    assert old in TOML
    text = TOML.replace(old, new)
    with pytest.raises(GameError) as refused:
        read(tmp_path, text)
    assert message in str(refused.value)
    where = int(str(refused.value).split("line ")[1].split(" ")[0].rstrip(":"))
    said = text.splitlines()[where - 1]
    wanted = text.splitlines()[line_of(text, new.splitlines()[-1]) - 1]
    # A value of several lines has the line that it begins in.
    assert said == wanted or said.startswith(("[[tasks]]", "check = ", "keys = ", "[values.bag]"))


def test_a_line_that_is_no_toml_is_said(tmp_path):
    with pytest.raises(GameError, match=r"game\.toml is not valid TOML: .*line 2"):
        read(tmp_path, 'schema = 1\nname = "x\n')


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(GameError, match=r"none\.toml cannot be read"):
        read_rom_file(tmp_path / "none.toml")


def test_a_file_of_a_later_version_is_refused(tmp_path):
    with pytest.raises(NewerSchemaError, match="schema 9"):
        read(tmp_path, TOML.replace("schema = 1", "schema = 9"))


def test_tasks_may_stand_in_files_of_their_own(tmp_path):
    head, mark, tasks = TOML.partition("[[tasks]]")
    (tmp_path / "more.toml").write_text(mark + tasks, encoding="utf-8")
    text = head.replace('rom = "tiny.gb"', 'rom = "tiny.gb"\ntask_files = ["more.toml"]')
    assert len(read(tmp_path, text).tasks) == 3
    (tmp_path / "more.toml").write_text(
        (mark + tasks).replace('path = "bag.potion"', 'path = "bug.potion"'), encoding="utf-8"
    )
    with pytest.raises(GameError, match=r"more\.toml, line 8 \(tasks\[0\]\.check\.path\)"):
        read(tmp_path, text)
    with pytest.raises(GameError, match=r"line 5 \(task_files\[0\]\): there is no file"):
        read(tmp_path, text.replace("more.toml", "less.toml"))


def test_a_task_is_told_what_its_group_is_about(tmp_path):
    described = TOML + '\n[groups]\nbag = "Looking through the bag"\n'
    goals = {task.group: task.goal for task in read(tmp_path, described).tasks}
    assert goals == {"bag": "Looking through the bag", "navigation": ""}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('fishing = "Catching fish"', "no task is of the group `fishing`; there is: "),
        ('bag = " "', "say what the tasks of this group are about"),
    ],
)
def test_words_of_a_group_that_nobody_reads_are_refused_with_their_line(tmp_path, line, message):
    text = f"{TOML}\n[groups]\n{line}\n"
    with pytest.raises(GameError) as refused:
        read(tmp_path, text)
    assert message in str(refused.value)
    assert f"line {line_of(text, line)} (groups.{line.split()[0]})" in str(refused.value)


MAP = """\
compiler = "whatever the map's writer wants to keep"

[values]
hp = { address = 0xC011, type = "u8" }
slots = { address = 0xC020, type = "array", of = "slot", count = 2 }

[tables]
item = ["none", "potion", "super_potion", "antidote"]

[structs.slot]
size = 2
kind = { offset = 0, type = "enum", table = "item" }
count = { offset = 1, type = "u8" }
"""

PLAYED = """\
schema = 1
name = "tiny"
rom = "tiny.gb"
memory_file = "map.toml"

[values]
items = { address = "slots", type = "array", of = "slot", count = 2, key = "kind", empty = "none" }

[[tasks]]
id = "potions"
words = "get potions"
group = "bag"
reference_steps = 1
check = { path = "items.potion.count", op = ">", value = 0 }
"""


def test_the_memory_map_may_stand_in_a_file_of_its_own(tmp_path):
    (tmp_path / "map.toml").write_text(MAP, encoding="utf-8")
    game = read(tmp_path, PLAYED)
    assert game.memory.names == ("hp", "slots", "items")
    assert game.memory.blank()["items"]["antidote"] == {"count": 0}


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('table = "item"', 'table = "itme"', r"map\.toml, line 5 \(values\.slots"),
        ("0xC011", "0x1C011", r"map\.toml, line 4 \(values\.hp\.address\)"),
        ("size = 2", "size = 1", r"map\.toml, line 5 .*need 2 bytes"),
        ("size = 2", "sise = 2", r"`sise` must be a table"),
        ("[values]", "[walues]", r"map\.toml, line 1: .*missing required field `values`"),
    ],
)
def test_what_is_wrong_in_the_map_is_said_with_its_line(tmp_path, old, new, where):
    (tmp_path / "map.toml").write_text(MAP.replace(old, new), encoding="utf-8")
    with pytest.raises(GameError, match=where):
        read(tmp_path, PLAYED)


def test_what_is_wrong_on_top_of_the_map_is_said_in_its_own_file(tmp_path):
    (tmp_path / "map.toml").write_text(MAP, encoding="utf-8")
    with pytest.raises(GameError, match=r"game\.toml, line 7 \(values\.items\.key\)"):
        read(tmp_path, PLAYED.replace('key = "kind"', 'key = "knid"'))
    with pytest.raises(GameError, match=r"game\.toml, line 4 \(memory_file\): there is no file"):
        read(tmp_path, PLAYED.replace("map.toml", "maps.toml"))


def test_a_struct_that_holds_itself_is_refused(tmp_path):
    circle = MAP + 'inner = { type = "struct", of = "slot" }\n'
    (tmp_path / "map.toml").write_text(circle, encoding="utf-8")
    with pytest.raises(GameError, match="a struct cannot hold itself"):
        read(tmp_path, PLAYED)


def test_the_same_task_in_two_files_is_refused(tmp_path):
    task = "[[tasks]]" + TOML.split("[[tasks]]")[1]
    (tmp_path / "more.toml").write_text(task, encoding="utf-8")
    text = TOML.replace('rom = "tiny.gb"', 'rom = "tiny.gb"\ntask_files = ["more.toml"]')
    with pytest.raises(GameError, match="another task `three-potions` in another file"):
        read(tmp_path, text)


def test_lines_are_found_through_texts_and_lists_of_several_lines(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(
        'a = """\nb = 1\n[c]\n"""\nd = [\n  "[e]",\n  "f = 1",\n]\n[g."h i"]\nj.k = 1\n'
        "[[l]]\nm = 1\n[[l]]\nm = 2\n[l.n]\no = 3\n[[l.p]]\nq = 4\n",
        encoding="utf-8",
    )
    file = TomlFile(path)
    assert file.line_of(("a",)) == 1
    assert file.line_of(("b",)) == 1
    assert file.line_of(("d", 1)) == 5
    assert file.line_of(("g", "h i", "j", "k")) == 10
    assert file.line_of(("l", 0, "m")) == 12
    assert file.line_of(("l", 1, "m")) == 14
    assert file.line_of(("l", 1, "n", "o")) == 16
    assert file.line_of(("l", 1, "p", 0, "q")) == 18
