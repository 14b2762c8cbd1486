"""Datasets made of scenarios: what becomes a row, where it falls, and what its manifest tells."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from understudy.chat.scenarios.generating.scenarios import training
from understudy.chat.scenarios.scenario import PartyMember, Scenario, Turn
from understudy.datasets.build import BuildRequest, Built, build_dataset, request_of
from understudy.datasets.check import check_version
from understudy.datasets.diff import diff_versions
from understudy.datasets.export_version import export_version
from understudy.datasets.rows import Source
from understudy.datasets.scenario_rows import PACKAGED, ScenarioSource, scenario_rows
from understudy.datasets.scenario_windows import Window, parts_of, tokens_of
from understudy.datasets.selection import LeftOut, Selection
from understudy.datasets.splits import SPLITS, Splits
from understudy.datasets.versions import DatasetVersion, RowFiles, find_version
from understudy.datasets.without import replace_without
from understudy.errors import DatasetError, UsageError
from understudy.formats.dataset_rows import ChatRow
from understudy.formats.openai_jsonl import read_examples
from understudy.formats.scenario_markdown import TRAINING, write_scenario
from understudy.session.workspace import Workspace
from understudy.store.hashes import sha256_file

CHATS = Source(kind="chat")
SCENARIOS_ONLY = Source(kind="chat", from_sessions=False)


def scenario(name: str, *, exchanges: int = 1, words: int = 3) -> Scenario:
    """Some exchanges, each with a call, its result and what comes of it."""
    turns: list[Turn] = []
    for number in range(exchanges):
        turns += [
            Turn("user", f"{name} sneaks past guard {number}." + " Softly." * words),
            Turn("dm", f"Not a sound. [check: stealth, {name}]"),
            Turn("tool", f"stealth: {number + 1} + 5(skill) = *{number + 6}*"),
            Turn("dm", f"{number + 6}: nobody turns."),
        ]
    return Scenario(role="Dungeon Master", world=f"World of {name}", turns=tuple(turns))


def folder_of(place: Path, *scenarios: tuple[str, Scenario]) -> Path:
    for name, found in scenarios:
        path = place / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(write_scenario(found))
    return place


def chats_with(scenarios: ScenarioSource, **changes: Any) -> BuildRequest:
    given = {"selection": Selection(), "source": CHATS, "scenarios": scenarios, **changes}
    return BuildRequest(**given)


def rows_of(built: Built) -> dict[str, list[ChatRow]]:
    files = RowFiles(built.path)
    return {split: list(files.rows(split)) for split in files.splits}  # type: ignore[arg-type]


def all_rows(built: Built) -> list[ChatRow]:
    return [row for rows in rows_of(built).values() for row in rows]


def found_in(source: ScenarioSource) -> tuple[list[ChatRow], list[LeftOut]]:
    left_out: list[LeftOut] = []
    rows = [found.row for found in scenario_rows(source, left_out.append)]
    return rows, left_out  # type: ignore[return-value]


def play(workspace: Workspace, question: str) -> str:
    with workspace.record(game="tavern") as session:
        session.chat(
            messages=[{"role": "user", "content": question}],
            response={"role": "assistant", "content": f"A: {question}"},
        )
    return session.id


def test_files_generated_scenarios_and_sessions_stand_in_one_dataset(
    ws: Workspace, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "mine", ("combat/duel", scenario("Mira")), ("a", scenario("Bo")))
    session = play(ws, "Hello?")
    source = ScenarioSource(paths=(str(folder),), generated=5, seed=3)

    built = build_dataset(ws, "dm", chats_with(source))

    rows = all_rows(built)
    assert built.facts["counts"]["rows"] == len(rows) == 8
    assert (built.facts["counts"]["sessions"], built.facts["counts"]["scenarios"]) == (1, 7)
    by_name = {row.origin: row for row in rows}
    file = by_name["mine/combat/duel.md"]
    assert file.example == {"messages": scenario("Mira").messages()}
    assert file.scenario is not None
    assert file.scenario.sha256 == sha256_file(folder / "combat" / "duel.md")
    made = by_name["generated/3/4"]
    assert made.example == {"messages": list(training(3, 5))[4].messages()}
    assert made.scenario is not None
    assert made.scenario.seed == 3
    assert by_name[session].scenario is None
    assert [parent.id for parent in DatasetVersion(built.path).manifest.parents] == [session]


@pytest.mark.slow
def test_the_manifest_names_files_with_their_hashes_and_the_seed(
    ws: Workspace, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "mine", ("duel", scenario("Mira")))
    source = ScenarioSource(paths=(str(folder), PACKAGED), generated=3, seed=9)
    facts = build_dataset(ws, "dm", chats_with(source)).facts["scenarios"]
    first = facts["files"][0]
    assert first == {
        "name": "mine/duel.md",
        "sha256": sha256_file(folder / "duel.md"),
        "split": first["split"],
        "rows": 1,
    }
    packaged = {file["name"]: file["sha256"] for file in facts["files"][1:]}
    assert packaged == {
        path.relative_to(TRAINING.parent).as_posix(): sha256_file(path)
        for path in TRAINING.rglob("*.md")
    }
    [made] = facts["generated"]
    assert (made["seed"], made["scenarios"], made["rows"]) == (9, 3, 3)
    assert sum(made["splits"].values()) == 3


def test_the_same_again_is_unchanged_and_another_seed_or_text_is_not(
    ws: Workspace, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "mine", ("duel", scenario("Mira")))
    source = ScenarioSource(paths=(str(folder),), generated=2, seed=1)
    build_dataset(ws, "dm", chats_with(source))
    assert build_dataset(ws, "dm", chats_with(source)).unchanged
    other = msgspec.structs.replace(source, seed=2)
    assert build_dataset(ws, "dm", chats_with(other)).version == "v0002"
    folder_of(folder, ("duel", scenario("Nora")))
    assert build_dataset(ws, "dm", chats_with(other)).version == "v0003"


def test_a_scenario_falls_into_a_split_as_a_whole_and_stays_there(
    ws: Workspace, tmp_path: Path
) -> None:
    names = [f"place/{number}" for number in range(20)]
    folder = folder_of(
        tmp_path / "mine",
        *((name, scenario(name.replace("/", " "), exchanges=4)) for name in names),
    )
    source = ScenarioSource(paths=(str(folder),), window=Window(turns=4))
    halves = Splits(fractions=(0.5, 0.25, 0.25))
    splits = rows_of(build_dataset(ws, "dm", chats_with(source, splits=halves)))
    where = {row.origin: split for split, rows in splits.items() for row in rows}
    assert set(where.values()) == set(SPLITS)
    assert sum(map(len, splits.values())) == 80
    for split, rows in splits.items():
        assert {where[row.origin] for row in rows} == {split}
    folder_of(folder, ("another", scenario("Another")))
    later = rows_of(build_dataset(ws, "dm", chats_with(source, splits=halves)))
    assert all(
        where.get(row.origin, split) == split for split, rows in later.items() for row in rows
    )


def test_with_several_casts_the_words_stay_and_the_heroes_change(
    ws: Workspace, tmp_path: Path
) -> None:
    hero = PartyMember(name="Mira", class_name="Rogue", level=3, hit_points=9, most_hit_points=9)
    written = msgspec.structs.replace(scenario("Mira", exchanges=2), party=(hero,))
    folder = folder_of(tmp_path / "mine", ("duel", written))
    source = ScenarioSource(paths=(str(folder),), casts=4, window=Window(turns=4))
    rows = all_rows(build_dataset(ws, "dm", chats_with(source)))
    assert [row.n for row in sorted(rows, key=lambda row: row.n)] == list(range(1, 9))
    assert {row.origin for row in rows} == {"mine/duel.md"}
    told = [row.example["messages"][-1]["content"] for row in rows]
    assert len(set(told)) == 2
    said = [row.example["messages"][1]["content"] for row in rows]
    names = {words.partition(" ")[0] for words in said}
    assert len(names) == 4
    assert "Mira" in names
    assert {words.partition(" ")[2][:18] for words in said} == {"sneaks past guard "}


def test_the_first_cast_can_have_other_heroes_too(ws: Workspace, tmp_path: Path) -> None:
    hero = PartyMember(name="Mira", class_name="Rogue", level=3, hit_points=9, most_hit_points=9)
    written = msgspec.structs.replace(scenario("Mira", exchanges=2), party=(hero,))
    folder = folder_of(tmp_path / "mine", ("duel", written))
    source = ScenarioSource(paths=(str(folder),), casts=2, as_written=False)
    rows = all_rows(build_dataset(ws, "dm", chats_with(source)))
    assert len(rows) == 2
    said = {row.example["messages"][1]["content"].partition(" ")[0] for row in rows}
    assert len(said) == 2
    assert "Mira" not in said


def test_scenarios_alone_leave_the_sessions_out(ws: Workspace) -> None:
    play(ws, "Hello?")
    built = build_dataset(ws, "dm", chats_with(ScenarioSource(generated=1), source=SCENARIOS_ONLY))
    assert built.facts["counts"]["sessions"] == 0
    assert built.facts["counts"]["rows"] == 1
    assert "scenarios fall into splits by chance" in built.warnings[0]


def test_a_file_that_cannot_be_read_and_a_copy_are_named(ws: Workspace, tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path / "mine", ("a", scenario("Mira")), ("b", scenario("Mira")), ("c", scenario("Bo"))
    )
    (folder / "broken.md").write_text("# SYSTEM\nRole: DM\n\n# ELF\nHi\n")
    built = build_dataset(ws, "dm", chats_with(ScenarioSource(paths=(str(folder),))))
    assert sorted(row.origin for row in all_rows(built)) == ["mine/a.md", "mine/c.md"]
    entries = {
        entry["scenario"]: entry
        for entry in map(json.loads, (built.path / "left_out.jsonl").read_text().splitlines())
    }
    assert "line 4: there is no heading 'ELF'" in entries["mine/broken.md"]["reason"]
    assert entries["mine/b.md"]["copy_of"] == ["mine/a.md", 1]
    assert entries["mine/b.md"]["reason"] == "it is the same as step 1 of the scenario mine/a.md"
    assert built.facts["left_out"] == {
        "it is no scenario": 1,
        "it is the same as another step": 1,
    }


def test_a_file_named_twice_is_taken_once_and_two_of_one_name_both(tmp_path: Path) -> None:
    first = folder_of(tmp_path / "one" / "mine", ("duel", scenario("Mira")))
    second = folder_of(tmp_path / "two" / "mine", ("duel", scenario("Bo")))
    paths = (str(first), str(first / "duel.md"), str(second))
    rows, _ = found_in(ScenarioSource(paths=paths))
    assert [row.origin for row in rows] == ["mine/duel.md", str(second / "duel.md")]


def test_a_scenario_that_is_too_long_becomes_parts_of_whole_exchanges() -> None:
    whole = scenario("Mira", exchanges=5)
    parts, reasons = parts_of(whole, Window(turns=9))
    assert reasons == []
    assert [len(part.turns) for part in parts] == [8, 8, 4]
    assert [turn for part in parts for turn in part.turns] == list(whole.turns), "each turn once"
    assert all(part.prompt() == whole.prompt() for part in parts)
    assert all(part.turns[0].speaker == "user" for part in parts)


def test_the_system_prompt_counts_towards_the_tokens_of_every_part() -> None:
    whole = scenario("Mira", exchanges=4, words=20)
    exchange = sum(tokens_of(turn.text) for turn in whole.turns[:4])
    room = tokens_of(whole.prompt()) + 2 * exchange + 5
    parts, reasons = parts_of(whole, Window(tokens=room))
    assert [len(part.turns) for part in parts] == [8, 8]
    assert reasons == []
    none, reasons = parts_of(whole, Window(tokens=tokens_of(whole.prompt()) + 10))
    assert none == []
    assert len(reasons) == 4
    assert "one exchange alone is too long" in reasons[0]


def test_an_exchange_that_is_too_long_is_left_out_and_the_others_stay() -> None:
    long = scenario("Mira", words=500).turns
    short = scenario("Bo").turns
    whole = Scenario(turns=(*short, *long, *short))
    parts, reasons = parts_of(whole, Window(tokens=tokens_of(whole.prompt()) + 300))
    assert [part.turns for part in parts] == [short, short]
    assert len(reasons) == 1


def test_words_that_nobody_answers_are_no_part_of_a_row() -> None:
    turns = scenario("Mira").turns
    parts, reasons = parts_of(Scenario(turns=(*turns, Turn("user", "And now?"))), Window())
    assert [part.turns for part in parts] == [turns]
    assert reasons == ["the Dungeon Master says nothing to the player's last words"]
    parts, reasons = parts_of(Scenario(turns=turns[:3]), Window())
    assert ([part.turns for part in parts], reasons) == ([turns[:2]], [])
    assert parts_of(Scenario(), Window()) == ([], ["nobody says anything in it"])


@pytest.mark.parametrize(
    ("scenarios", "source", "reason"),
    [
        (ScenarioSource(generated=-1), CHATS, "cannot be made"),
        (ScenarioSource(generated=1, casts=0), CHATS, "casts are none"),
        (ScenarioSource(generated=1, window=Window(turns=0)), CHATS, "holds nothing"),
        (ScenarioSource(paths=("/no/where",)), CHATS, "there is no /no/where"),
        (ScenarioSource(generated=1), Source(), "scenarios are chats"),
        (ScenarioSource(generated=1), Source(kind="preference"), "scenarios are chats"),
    ],
)
def test_a_request_that_cannot_be_is_refused(
    ws: Workspace, scenarios: ScenarioSource, source: Source, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        build_dataset(ws, "dm", chats_with(scenarios, source=source))


def test_a_version_of_scenarios_is_checked_compared_and_exported(
    ws: Workspace, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "mine", *((f"n{n}", scenario(f"Hero {n}")) for n in range(12)))
    source = ScenarioSource(paths=(str(folder),))
    build_dataset(ws, "dm", chats_with(source))
    before = find_version(ws, "dm@v0001")
    report = check_version(before)
    assert (report.ok, report.findings) == (True, [])

    (folder / "n3.md").unlink()
    folder_of(folder, ("n4", scenario("Somebody else")))
    after = DatasetVersion(build_dataset(ws, "dm", chats_with(source)).path)
    difference = diff_versions(before, after)
    assert [row.session for row in difference.rows_removed] == ["mine/n3.md"]
    assert [row.session for row in difference.rows_changed] == ["mine/n4.md"]

    told = export_version(ws, after, format="openai", output=tmp_path / "out.jsonl", calls="json")
    assert (told.examples, told.scenarios, told.sessions) == (11, 11, [])
    assert told.left_out == []
    for _, example in read_examples(tmp_path / "out.jsonl"):
        assert example["messages"][2]["tool_calls"][0]["function"]["name"] == "check"
    kept = export_version(ws, after, format="openai", output=tmp_path / "kept.jsonl")
    assert kept.examples == 0
    assert kept.left_out[0].scenario
    assert "which tool call it answers" in kept.left_out[0].reason


def test_the_card_tells_of_the_scenarios(ws: Workspace, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "mine", ("duel", scenario("Mira")))
    built = build_dataset(ws, "dm", chats_with(ScenarioSource(paths=(str(folder),), generated=2)))
    card = (built.path / "README.md").read_text()
    assert sha256_file(folder / "duel.md")[:16] in card
    assert "2 made from the house rules, seed 0" in card
    assert "| Split | Rows | Sessions | Scenarios |" in card


def test_the_licence_of_the_sessions_is_not_claimed_for_scenarios(ws: Workspace) -> None:
    with ws.record(license="CC0-1.0") as session:
        session.chat(
            messages=[{"role": "user", "content": "Hi"}],
            response={"role": "assistant", "content": "Ho"},
        )
    for scenarios, told in ((ScenarioSource(), True), (ScenarioSource(generated=1), False)):
        built = build_dataset(ws, "dm", chats_with(scenarios))
        card = (built.path / "README.md").read_text()
        assert ("license:" in card) is told


def test_without_its_only_session_the_scenarios_stay(ws: Workspace, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "mine", ("duel", scenario("Mira")))
    gone = play(ws, "Hello?")
    built = build_dataset(ws, "dm", chats_with(ScenarioSource(paths=(str(folder),), generated=2)))
    play(ws, "This one came later.")
    ws.forget(gone)
    replaced = replace_without(ws, DatasetVersion(built.path), gone).by
    assert replaced is not None
    assert replaced.sessions == []
    assert replaced.facts["counts"]["rows"] == 3
    assert request_of(replaced.facts) == request_of(built.facts)


def test_a_version_is_not_torn_down_where_its_scenarios_are_gone(
    ws: Workspace, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "mine", ("duel", scenario("Mira")))
    gone = play(ws, "Hello?")
    version = DatasetVersion(
        build_dataset(ws, "dm", chats_with(ScenarioSource(paths=(str(folder),)))).path
    )
    shutil.rmtree(folder)
    ws.forget(gone)
    with pytest.raises((UsageError, DatasetError), match="there is no"):
        replace_without(ws, version, gone)
    assert version.splits, "its data are still there"
