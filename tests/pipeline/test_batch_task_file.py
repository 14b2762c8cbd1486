"""The file of tasks: what it may say, and every fault with its line."""

from __future__ import annotations

import contextlib

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from understudy.errors import FormatError
from understudy.pipeline.batch.task_file import BatchTask, read_task_file


@pytest.fixture
def read(tmp_path):
    """Reads a text as a file of tasks."""

    def reads(text):
        path = tmp_path / "tasks.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_task_file(path)

    return reads


def test_a_list_of_names_is_enough(read):
    assert read("game: pocket\ntasks:\n  - open-bag\n  - save the game\n").tasks == (
        BatchTask(game="pocket", task="open-bag", line=3),
        BatchTask(game="pocket", task="save the game", line=4),
    )


def test_every_key_of_an_entry_arrives(read):
    given = {
        "task": "open-bag",
        "game": "pocket",
        "player": "chat",
        "model": "m1",
        "steps": 12,
        "extension": 3,
        "sessions": 4,
        "seed": 5,
        "mistakes": 0.25,
        "name": "bag run",
        "tags": ["a", "b"],
        "license": "CC0-1.0",
        "consent": "asked",
        "collect_screenshots": True,
        "save_training_data": True,
    }
    [task] = read(yaml.safe_dump({"tasks": [given]})).tasks
    assert task == BatchTask(**{**given, "tags": ("a", "b")}, line=task.line)


def test_what_stands_above_holds_for_entries_that_do_not_say_otherwise(read):
    text = "game: pocket\nsteps: 9\ntags: [x]\ntasks:\n- a\n- {task: b, steps: 3, tags: y}\n"
    first, second = read(text).tasks
    assert (first.steps, first.tags) == (9, ("x",))
    assert (second.steps, second.tags) == (3, ("y",))


def test_groups_and_all_choose_instead_of_a_task(read):
    group, all_of_them = read("game: pocket\ntasks: [{group: bag}, {all: true}]").tasks
    assert (group.group, group.task) == ("bag", "")
    assert all_of_them.all


@pytest.mark.parametrize("name", ["7", "3.5", "0x1F", "2026-01-31", "12:30", "1e3"])
def test_a_name_that_looks_like_a_number_or_a_day_is_a_name(read, name):
    text = f"game: pocket\ntasks:\n- {name}\n- task: {name}\n  name: {name}\n  model: {name}\n"
    first, second = read(text).tasks
    assert first.task == second.task == second.name == second.model == name


def test_training_mode_is_for_every_entry(read):
    file = read("game: pocket\ntasks: [a, {task: b, save_training_data: false}]")
    assert [task.save_training_data for task in file.tasks] == [False, False]
    assert [task.save_training_data for task in file.with_training_data().tasks] == [True, True]


def test_the_file_of_a_game_is_found_from_the_file_of_tasks(read, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    text = f"game: games/own.toml\ntasks: [a, {{task: b, game: {tmp_path}/other.toml}}]"
    beside, elsewhere = read(text).tasks
    assert beside.game == str(tmp_path / "games" / "own.toml")
    assert elsewhere.game == str(tmp_path / "other.toml")


def test_a_text_with_a_mark_in_front_is_read(read):
    assert read("\ufeffgame: pocket\ntasks: [a]").tasks[0].game == "pocket"


FAULTS = {
    "no YAML": ("game: pocket\ntasks: [a\n", 3, "this is no YAML"),
    "a tab": ("game: pocket\n\ttasks: [a]\n", 2, "this is no YAML"),
    "a control character": ("game: pocket\ntasks: [a]\nname: \x07\n", 3, "this is no YAML"),
    "half a letter": ('game: pocket\ntasks:\n- "\\ud800"\n', 3, "half a character"),
    "a letter that is none": ('game: pocket\ntasks:\n- "\\UFFFFFFFF"\n', 1, "this is no YAML"),
    "two documents": ("game: pocket\n---\ntasks: [a]\n", 2, "this is no YAML"),
    "nothing": ("# only words\n", 1, "the file is empty"),
    "a list": ("- a\n- b\n", 1, "table with the key `tasks`"),
    "a word": ("\n\nhello\n", 3, "table with the key `tasks`"),
    "too deep": ("[" * 5000, 1, "nested too deeply"),
    "no tasks": ("game: pocket\n", 1, "`tasks` is a list"),
    "tasks are a word": ("game: pocket\ntasks: a\n", 2, "`tasks` is a list"),
    "tasks are empty": ("game: pocket\ntasks: []\n", 2, "`tasks` is a list"),
    "an entry is a list": ("game: pocket\ntasks:\n- [a]\n", 3, "a task's name or a table"),
    "an entry is nothing": ("game: pocket\ntasks:\n- a\n-\n", 4, "`task` must be text"),
    "an entry is true": ("game: pocket\ntasks:\n- yes\n", 3, "`task` must be text"),
    "no game": ("tasks:\n- a\n- {task: b}\n", 2, "no game is named"),
    "unknown key": ("game: pocket\nspeed: 3\ntasks: [a]\n", 2, "`speed` is unknown; known: task"),
    "unknown in entry": (
        "game: pocket\ntasks:\n- task: a\n  step: 3\n", 4, "`step` is unknown; known: task"
    ),
    "a key that is a list": ("game: pocket\ntasks:\n- ? [a]\n  : b\n", 3, "is unknown"),
    "a key twice": ("game: pocket\nsteps: 1\nsteps: 2\ntasks: [a]\n", 3, "stands here twice"),
    "a merge": ("game: pocket\ntasks:\n- &a {task: x}\n- <<: *a\n", 4, "`<<` is unknown"),
    "task above": ("game: pocket\ntask: a\ntasks: [a]\n", 2, "belongs to an entry"),
    "tasks in an entry": ("game: pocket\ntasks:\n- tasks: [a]\n", 3, "top of the file only"),
    "task and group": (
        "game: pocket\ntasks:\n- {task: a, group: b}\n", 3, "one of `task`, `group` and `all"
    ),
    "neither": ("game: pocket\ntasks:\n- {steps: 3}\n", 3, "one of `task`, `group` and `all"),
    "all is false": ("game: pocket\ntasks:\n- {all: false}\n", 3, "one of `task`, `group`"),
    "a blank task": ("game: pocket\ntasks:\n- '  '\n", 3, "one of `task`, `group` and `all"),
    "steps are words": ("game: pocket\ntasks:\n- task: a\n  steps: many\n", 4, "a whole number"),
    "steps are half": ("game: pocket\ntasks:\n- task: a\n  steps: 2.5\n", 4, "a whole number"),
    "steps are true": ("game: pocket\ntasks:\n- task: a\n  steps: true\n", 4, "a whole number"),
    "steps are a list": ("game: pocket\ntasks:\n- task: a\n  steps: [1]\n", 4, "a whole number"),
    "no steps": ("game: pocket\ntasks:\n- task: a\n  steps: 0\n", 4, "goes from 1 to"),
    "a negative seed": ("game: pocket\nseed: -1\ntasks: [a]\n", 2, "`seed` goes from 0 to"),
    "a huge seed": (f"game: pocket\nseed: {10**30}\ntasks: [a]\n", 2, "`seed` goes from 0 to"),
    "no sessions": ("game: pocket\nsessions: 0\ntasks: [a]\n", 2, "`sessions` goes from 1"),
    "very many": ("game: pocket\nsessions: 1000000001\ntasks: [a]\n", 2, "`sessions` goes from 1"),
    "a negative extension": ("game: pocket\nextension: -1\ntasks: [a]\n", 2, "goes from 0 to"),
    "more than all wrong": ("game: pocket\nmistakes: 1.5\ntasks: [a]\n", 2, "goes from 0 to 1"),
    "no rate": ("game: pocket\nmistakes: .nan\ntasks: [a]\n", 2, "goes from 0 to 1"),
    "mistakes are words": ("game: pocket\nmistakes: few\ntasks: [a]\n", 2, "number from 0 to 1"),
    "a list as player": ("game: pocket\nplayer: [a]\ntasks: [a]\n", 2, "`player` must be text"),
    "no model": ("game: pocket\nmodel: null\ntasks: [a]\n", 2, "`model` must be text"),
    "a word for yes": (
        "game: pocket\ncollect_screenshots: 1\ntasks: [a]\n", 2, "must be true or false"
    ),
    "tags are tables": ("game: pocket\ntags: [{a: 1}]\ntasks: [a]\n", 2, "list of texts"),
    "a tag that does not fit": ("game: pocket\nsteps: !!int x\ntasks: [a]\n", 2, "cannot be read"),
    "a name above": ("game: pocket\nname: a\ntasks: [a]\n", 2, "belongs to an entry"),
    "an odd tag": ("game: pocket\ntasks:\n- !!timestamp x\n", 3, "cannot be read"),
    "a day that is none": ("game: pocket\nconsent: !!timestamp x\ntasks: [a]\n", 2, "cannot be"),
    "a truth that is none": ("game: pocket\nconsent: !!bool x\ntasks: [a]\n", 2, "cannot be read"),
    "an empty number": ("game: pocket\nconsent: !!int ''\ntasks: [a]\n", 2, "cannot be read"),
    "an object": (
        "game: pocket\nconsent: !!python/name:os.system x\ntasks: [a]\n", 2, "cannot be read"
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_line(read, tmp_path, fault):
    text, line, said = FAULTS[fault]
    with pytest.raises(FormatError) as caught:
        read(text)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'tasks.yaml'}, line {line}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_one_sentence(read, tmp_path):
    with pytest.raises(FormatError, match=r"no such file.*check --task-file"):
        read_task_file(tmp_path / "none.yaml")
    with pytest.raises(FormatError, match="cannot be read"):
        read_task_file(tmp_path)
    with pytest.raises(FormatError, match="not UTF-8"):
        read(b"game: \xff\n")
    with pytest.raises(FormatError, match="larger than 10 MB"):
        read(b"#" * 10_000_001)


def anything_or_a_fault(read, text):
    with contextlib.suppress(FormatError):
        tasks = read(text).tasks
        assert tasks
        assert all(task.game for task in tasks)
        for task in tasks:
            f"{task.task}{task.group}{task.name}{task.tags}".encode()


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=200))
def test_whatever_the_text_is_it_is_tasks_or_a_fault(read, text):
    anything_or_a_fault(read, text.encode("utf-8", "replace"))


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lines=st.lists(
        st.sampled_from(
            [
                *("tasks:", "game: pocket", "- a", "  - b", "- task: x", "  group: y"),
                *("&a [*a]", "- *a", "!!int", "!!binary ~", "!!set {a}", "? x", ": y", "{", "]"),
                *('"\\x00"', "|", " >-", "%YAML 9.9", "---", "...", "#", "\ufeff", "\x85"),
                *("steps: 1_000", "seed: 0o7", "mistakes: .inf", "tags: !!str", "name: 'a"),
                *("<<: *a", "  all: true", "\u2028"),
            ]
        ),
        max_size=12,
    )
)  # fmt: skip
def test_whatever_pieces_of_yaml_are_put_together_it_is_tasks_or_a_fault(read, lines):
    anything_or_a_fault(read, "\n".join(lines))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ("task", "group", "all", "game", "player", "steps", "sessions", "seed", "tags", "mistakes")
)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    above=st.dictionaries(KEYS, VALUES, max_size=3),
    tasks=st.lists(st.dictionaries(KEYS, VALUES, max_size=4) | VALUES, max_size=3),
)
def test_whatever_the_values_are_it_is_tasks_or_a_fault(read, above, tasks):
    anything_or_a_fault(read, yaml.safe_dump({**above, "tasks": tasks}, allow_unicode=True))
