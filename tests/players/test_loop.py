"""The loop: every decision recorded, the budget kept, every ending sealed with its reason."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tests.games.tiny_rom import TOML, write_game
from tests.players.listed_player import Listed, crash, get, give_up, leave

import understudy
from understudy.errors import EmulatorError
from understudy.games.game import Action
from understudy.games.rom_game import RomGame
from understudy.players.budget import StepBudget
from understudy.players.loop import play
from understudy.players.player import Decision
from understudy.players.random_player import RandomPlayer
from understudy.players.registry import PlayerSettings
from understudy.session.steps import AgentStep, EventStep

POTIONS = ["press_a"] * 3


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The tiny game on the real emulator; every session begins with a reset."""
    game = RomGame(write_game(tmp_path_factory.mktemp("tiny")))
    yield game
    game.close()


class Table:
    """Plays sessions of a game in a workspace, and opens what was recorded."""

    def __init__(self, ws, game):
        self.ws = ws
        self.game = game
        self.played = None
        self.player = None

    def play(self, doings, task="three-potions", *, steps=9, extension=0, **options):
        self.player = doings if hasattr(doings, "decide") else Listed(doings)
        found = None if task is None else self.game.find_task(task)
        budget = StepBudget.for_task(found, steps, extension)
        words = found.words if found else "look around"
        recorder = self.ws.record(
            game=self.game.name,
            task=words,
            player=self.player.name,
            metadata={"max_steps": budget.limit, "seed": options.get("seed", 1)},
        )
        self.played = play(
            self.game,
            self.player,
            recorder,
            budget,
            words=words,
            task=found,
            **{"seed": 1, **options},
        )
        assert self.ws.verify(recorder.id) == []
        return self.ws.session(recorder.id)


@pytest.fixture
def table(ws, tiny):
    return Table(ws, tiny)


def steps_of(session):
    return [line for line in session.trace() if isinstance(line, AgentStep)]


def events_of(session, kind):
    return [line.facts for line in session.trace() if getattr(line, "kind", "") == kind]


def actions_of(session):
    return [step.action for step in steps_of(session)]


# What a step holds ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_step_holds_what_was_seen_what_was_thought_and_what_came_of_it(table):
    thought = Decision(
        Action("press_right"),
        reasoning="The hero has to go east.",
        expected_outcome="He stands further right.",
        tokens={"input": 9, "output": 2},
        facts={"mood": "brave"},
    )
    session = table.play([thought], steps=1)
    [step] = steps_of(session)
    assert step.action == "press_right"
    assert step.observation.startswith("The hero ANNA stands at 6, 5")
    assert (step.reasoning, step.expected_outcome) == (thought.reasoning, thought.expected_outcome)
    assert step.tokens == thought.tokens
    assert step.success is True
    assert step.reward == 0
    assert 0 <= step.latency_s < 5
    assert step.facts["mood"] == "brave"
    assert step.facts["frames"] > 0
    assert step.facts["settled"] is True


def test_the_pictures_are_the_screens_before_and_after_pixel_by_pixel(table):
    screens = []
    session = table.play(
        ["press_right", "press_start"],
        steps=2,
        collect_screenshots=True,
        on_step=lambda played: screens.append((played.view.screenshot, played.screenshot)),
    )
    assert len(screens) == 2
    for step, (before, after) in zip(steps_of(session), screens, strict=True):
        for name, screen in ((step.screenshot, before), (step.screenshot_after, after)):
            kept = Image.open(session.path / name).convert("RGB")
            np.testing.assert_array_equal(np.asarray(kept), screen)
    assert screens[0][1].tolist() == screens[1][0].tolist()


def test_without_collecting_only_the_pictures_before_are_kept(table):
    session = table.play(POTIONS)
    assert {path.name for path in (session.path / "screenshots").iterdir()} == {
        "step_01_before_action.png",
        "step_02_before_action.png",
        "step_03_before_action.png",
    }
    assert all(step.screenshot_after is None for step in steps_of(session))


def test_digests_are_the_same_for_the_same_screen_and_no_others(table):
    session = table.play(["press_right", "wait", "press_left"], steps=3)
    first, second, third = (step.facts for step in steps_of(session))
    assert first["screen"] == third["screen_after"]
    assert first["screen_after"] == second["screen"] == second["screen_after"] == third["screen"]
    assert first["screen"] != first["screen_after"]
    assert all(len(facts["screen"]) == 16 for facts in (first, second, third))


def test_a_step_without_effect_is_no_success_but_the_last_one_of_a_task_is(table):
    # Given a game in which a potion more is seen nowhere
    session = table.play(["wait", *POTIONS])
    assert [step.success for step in steps_of(session)] == [False, False, False, True]
    assert steps_of(session)[-1].result == "the task is done"
    assert steps_of(session)[-1].reward == 1


def test_no_fact_of_a_player_takes_the_place_of_what_the_loop_records(table):
    sly = Decision(
        Action("press_a"),
        facts={"screen": "forged", "reward": 9, "success": True, "action": "x", 7: "seven"},
    )
    [step] = steps_of(table.play([sly], steps=1))
    assert step.facts["screen"] != "forged"
    assert (step.action, step.reward, step.success) == ("press_a", 0, False)
    assert step.facts["7"] == "seven"


def test_the_player_sees_what_was_done_and_what_came_of_it(table):
    table.play(["press_right", "wait", "press_a"], steps=3)
    player = table.player
    assert [view.step for view in player.views] == [1, 2, 3]
    assert [view.max_steps for view in player.views] == [3, 3, 3]
    assert player.views[2].previous_actions == ("press_right", "wait")
    assert [outcome.effect for outcome in player.outcomes] == [True, False, False]
    assert player.situation.words == "collect three potions"
    assert player.situation.task.id == "three-potions"
    assert player.ends == 1


@pytest.mark.slow
def test_the_same_start_seed_and_player_show_the_same_screens_twice(table):
    def played(seed):
        session = table.play(
            RandomPlayer(PlayerSettings(settings=table.ws.settings)),
            "go-right",
            steps=25,
            seed=seed,
        )
        return [(step.action, step.facts["screen_after"]) for step in steps_of(session)]

    once = played(5)
    played(6)  # whatever is played in between
    assert played(5) == once
    assert played(6) != once


# Budget -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_hard_limit_is_exact(table, limit):
    session = table.play([], steps=limit)
    assert len(steps_of(session)) == table.played.steps == limit
    assert table.played.completion == "step_limit"
    assert table.played.success is False
    assert session.status == "sealed"


def test_a_task_that_is_done_with_the_last_step_is_done(table):
    table.play(POTIONS, steps=3)
    assert (table.played.completion, table.played.success) == ("success", True)


def test_the_soft_limit_is_recorded_once_and_told_from_then_on(table):
    session = table.play([], steps=10)
    assert events_of(session, "soft_limit") == [{"step": 9, "left": 2}]
    assert [bool(view.warning) for view in table.player.views] == [False] * 8 + [True] * 2
    assert table.player.views[-1].warning == "1 of 10 steps is left"


def test_an_extension_is_used_once_and_recorded(table):
    session = table.play([], steps=4, extension=3)
    assert table.played.steps == 7
    assert (table.played.completion, table.played.extended_by) == ("step_limit", 3)
    assert events_of(session, "extension") == [{"steps": 3, "after": 4}]
    assert session.facts["extended_by"] == 3
    assert len(events_of(session, "soft_limit")) == 1
    assert [view.max_steps for view in table.player.views] == [4] * 4 + [7] * 3
    metadata = json.loads((session.path / "session_metadata.json").read_text())["session_metadata"]
    assert (metadata["total_steps"], metadata["max_steps"], metadata["extended_by"]) == (7, 7, 3)
    assert [row.total_steps for row in session.instruction_rows()] == [4] * 4 + [7] * 3


def test_an_extension_can_save_a_task(table):
    session = table.play(["wait", "wait", *POTIONS], steps=3, extension=5)
    assert (table.played.completion, table.played.steps) == ("success", 5)
    assert session.facts["extended_by"] == 5


def test_an_extension_that_is_not_needed_leaves_no_trace(table):
    session = table.play(POTIONS, steps=3, extension=5)
    assert events_of(session, "extension") == []
    assert table.played.extended_by == 0
    assert "extended_by" not in session.facts
    assert b"extended_by" not in (session.path / "session_metadata.json").read_bytes()


# Endings ----------------------------------------------------------------------------------------


def test_success_is_sealed_with_its_check(table):
    session = table.play(POTIONS)
    assert session.status == "sealed"
    assert session.metadata.success is True
    facts = session.facts
    assert (facts["completion"], facts["outcome"]) == ("success", "done in 3 steps")
    assert facts["check"] == {"success": True, "missing": [], "of": 1}


def test_a_wrong_report_fails_and_is_what_the_session_came_to(table):
    session = table.play(["report: nothing at all"], "what-is-in-the-slots")
    assert (table.played.completion, table.played.success) == ("failure", False)
    assert session.status == "sealed"
    assert session.facts["outcome"] == "nothing at all"
    assert session.facts["check"]["success"] is False
    assert session.facts["check"]["missing"]
    [step] = steps_of(session)
    assert (step.success, step.result) == (False, "the report is not right")


def test_a_right_report_is_a_success_and_what_the_session_came_to(table):
    report = "3 potions and 2 super potions"
    session = table.play([f"report: {report}"], "what-is-in-the-slots")
    assert (table.played.completion, table.played.success) == ("success", True)
    assert session.facts["outcome"] == report
    assert steps_of(session)[0].success is True


def test_what_is_missing_at_the_step_limit_is_said(table):
    session = table.play(["press_right"], steps=1)
    assert session.facts["outcome"] == "not done after 1 step: bag.potion >= 3"
    assert session.facts["check"]["missing"] == ["bag.potion >= 3"]


def test_a_request_without_a_task_ends_with_no_success_either_way(table):
    session = table.play(["report: it is quiet here"], None, steps=2)
    assert (table.played.completion, table.played.success) == ("step_limit", None)
    assert table.played.check is None
    assert session.metadata.success is None
    assert "check" not in session.facts
    assert session.facts["outcome"] == "it is quiet here"


def test_a_player_that_quits_leaves_a_whole_session(table):
    session = table.play(["press_right", leave])
    assert table.played.completion == "quit"
    assert (session.status, session.metadata.reason) == ("sealed", None)
    assert actions_of(session) == ["press_right"]
    assert session.metadata.success is False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_player_that_is_waited_for_is_interrupted_at_once(table, number):
    session = table.play(["press_right", "press_right", get(number), "press_left"])
    assert table.played.completion == "interrupted"
    assert (session.status, session.metadata.reason) == ("incomplete", "it was interrupted")
    assert session.facts["completion"] == "interrupted"
    assert actions_of(session) == ["press_right", "press_right"]
    assert table.player.ends == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_step_that_has_begun_is_recorded_before_the_interruption(table, number):
    step = table.game.step

    def interrupted(action):
        os.kill(os.getpid(), number)
        return step(action)

    table.game.step = interrupted
    try:
        session = table.play(POTIONS)
    finally:
        del table.game.step
    assert table.played.completion == "interrupted"
    assert actions_of(session) == ["press_a"]
    assert signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("doing", "reason"),
    [
        (give_up, "the list says that this cannot go on"),
        (crash, "ZeroDivisionError: division by zero"),
        ("dance", "'dance' is no action of tiny"),
        (lambda: 7, "the player listed decided int, which is no Decision"),
    ],
    ids=["player error", "stranger's exception", "no such action", "no decision"],
)
def test_an_error_of_the_player_is_the_reason_of_an_incomplete_session(table, doing, reason):
    session = table.play(["press_right", doing])
    assert table.played.completion == "error"
    assert session.status == "incomplete"
    assert reason in session.metadata.reason
    assert reason in table.played.reason
    assert actions_of(session) == ["press_right"]
    assert session.metadata.success is False


def test_an_emulator_that_breaks_down_leaves_all_that_was_played(table, monkeypatch):
    def broken(*_, **__):
        raise EmulatorError("PyBoy broke down while running the game")

    def break_down():
        monkeypatch.setattr(table.game, "step", broken)
        monkeypatch.setattr(table.game, "memory", broken)
        return "press_a"

    session = table.play(["press_right", "press_right", break_down])
    assert (session.status, table.played.completion) == ("incomplete", "error")
    assert session.metadata.reason == "PyBoy broke down while running the game"
    assert actions_of(session) == ["press_right", "press_right"]
    assert session.facts["check"]["missing"] == ["the game could not be asked any more"]
    assert (session.path / "memory_snapshots" / "after_session.db").is_file()


def test_a_strangers_game_may_raise_anything_even_when_it_is_asked_how_it_ended(table, monkeypatch):
    def wild(*_, **__):
        raise KeyError("hp")

    def go_wild():
        for name in ("step", "check", "memory"):
            monkeypatch.setattr(table.game, name, wild)
        return "press_a"

    session = table.play(["press_right", go_wild])
    assert (session.status, session.metadata.reason) == ("incomplete", "KeyError: 'hp'")
    assert actions_of(session) == ["press_right"]


def test_a_game_that_does_not_start_is_not_judged_by_the_session_before(table, monkeypatch):
    table.play(POTIONS)

    def broken(*_, **__):
        raise EmulatorError("there is no picture")

    monkeypatch.setattr(table.game, "reset", broken)
    session = table.play(POTIONS)
    assert (table.played.completion, table.played.success) == ("error", False)
    assert session.facts["check"]["success"] is False
    assert session.facts["check"]["missing"] == ["the game could not be started"]


def test_a_game_that_judges_its_tasks_itself_is_believed(table, monkeypatch):
    step = table.game.step

    def judged(action):
        observation, *_ = step(action)
        return observation, 1.0, True, False, {"success": True}

    monkeypatch.setattr(table.game, "step", judged)
    session = table.play(["press_right"])
    assert (table.played.completion, table.played.success) == ("success", True)
    assert session.facts["check"] == {"success": True, "missing": [], "of": 1}


def test_a_player_that_ends_badly_costs_only_what_it_had_to_say(table):
    class Sour(Listed):
        def end(self):
            raise RuntimeError("I am not done")

    session = table.play(Sour(POTIONS))
    assert (table.played.completion, session.status) == ("success", "sealed")
    assert "ended badly" in session.counters["last_error"]
    assert (session.path / "memory_snapshots" / "after_session.db").is_file()


def test_what_a_watcher_raises_ends_the_session_after_the_step_it_saw(table):
    def watch(played):
        raise BrokenPipeError("nobody reads any more")

    session = table.play(POTIONS, on_step=watch)
    assert (session.status, table.played.completion) == ("incomplete", "error")
    assert actions_of(session) == ["press_a"]


# Beside the steps -------------------------------------------------------------------------------


def remembered(session, name):
    path = session.path / "memory_snapshots" / name
    with contextlib.closing(sqlite3.connect(path)) as database:
        return dict(database.execute("SELECT name, value FROM game_memory"))


def test_the_memory_is_kept_as_it_was_before_and_after(table):
    session = table.play(POTIONS)
    before, after = (
        remembered(session, name) for name in ("before_session.db", "after_session.db")
    )
    assert json.loads(before["bag"]) == {"potion": 0}
    assert json.loads(after["bag"]) == {"potion": 3}
    assert before.keys() == after.keys()


def test_a_player_has_tables_of_its_own_in_that_memory(table):
    class Diary(Listed):
        def begin(self, situation):
            super().begin(situation)
            situation.memory.execute("CREATE TABLE diary (line TEXT)")

        def told(self, outcome):
            self.situation.memory.execute("INSERT INTO diary VALUES (?)", (str(outcome.action),))

        def analysis(self):
            return {"prompt_variations": {"variations": [{"prompt": "v1"}]}, "notes": {"a": 1}}

    session = table.play(Diary(["press_a", "press_b"]), steps=2)
    lines = {}
    for name in ("before_session.db", "after_session.db"):
        path = session.path / "memory_snapshots" / name
        with contextlib.closing(sqlite3.connect(path)) as database:
            lines[name] = [row[0] for row in database.execute("SELECT line FROM diary")]
    assert lines == {"before_session.db": [], "after_session.db": ["press_a", "press_b"]}
    folder = session.path / "analysis"
    assert json.loads((folder / "prompt_variations.json").read_text()) == {
        "variations": [{"prompt": "v1"}]
    }
    assert json.loads((folder / "notes.json").read_text()) == {"a": 1}


def test_failed_steps_are_told_with_their_kind(table):
    refused = Decision(Action("wait"), facts={"refused": "no JSON"})
    mistake = Decision(Action("press_left"), facts={"mistake": True})
    session = table.play(["press_b", "press_b", "wait", refused, mistake], steps=5)
    analysis = json.loads((session.path / "analysis" / "error_analysis.json").read_text())
    assert [(step["step"], step["kind"]) for step in analysis["failed_steps"]] == [
        (1, "no_effect"),
        (2, "repeated"),
        (4, "refused"),
        (5, "mistake"),
    ]
    assert analysis["completion_status"] == "step_limit"
    assert analysis["missing"] == ["bag.potion >= 3"]


def test_the_step_that_completes_the_task_is_no_failed_one(table):
    session = table.play(POTIONS)
    analysis = json.loads((session.path / "analysis" / "error_analysis.json").read_text())
    assert [step["step"] for step in analysis["failed_steps"]] == [1, 2]
    assert analysis["missing"] == []
    prompts = json.loads((session.path / "analysis" / "prompt_variations.json").read_text())
    assert prompts == {"variations": []}


def test_what_the_session_comes_to_is_counted_for_the_catalog(table):
    mistake = Decision(Action("press_up"), facts={"mistake": True})
    session = table.play(["press_right", "wait", "press_a", "press_a", mistake], steps=5)
    play_facts = table.ws.find(session.id).play
    assert play_facts.completion == "step_limit"
    assert (play_facts.max_steps, play_facts.seed) == (5, 1)
    assert (play_facts.conditions, play_facts.missing) == (1, 1)
    assert play_facts.no_effect == 2
    assert play_facts.repeated == 1
    assert play_facts.mistakes == 1
    assert play_facts.examples == 5
    assert play_facts.screens == 3
    assert play_facts.path == "press_right wait press_a*2 press_up"


def test_a_game_starts_where_prepare_puts_it(table):
    table.game.reset(seed=1, options={"task": "three-potions"})
    for _ in range(2):
        table.game.step("press_a")
    there = table.game.snapshot()
    session = table.play(["press_a"], prepare=lambda game: game.restore(there))
    assert table.played.completion == "success"
    assert json.loads(remembered(session, "before_session.db")["bag"]) == {"potion": 2}


# A disk that is full ----------------------------------------------------------------------------

FULL_DISK = """
import json, resource, signal, sys
from pathlib import Path
import understudy
from understudy.games.rom_game import RomGame
from understudy.players.budget import StepBudget
from understudy.players.loop import play
from understudy.players.random_player import RandomPlayer
from understudy.players.registry import PlayerSettings

workspace, file = sys.argv[1:]
ws = understudy.Workspace(workspace)
ws.catalog.totals()
game = RomGame(Path(file))
game.reset(seed=1)
player = RandomPlayer(PlayerSettings(settings=ws.settings))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
recorder = ws.record(game="tiny", metadata={"max_steps": 80, "save_training_data": True})
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
played = play(game, player, recorder, StepBudget(80), words="go", task=None, seed=1)
c = recorder.counters
print(json.dumps([recorder.id, played.completion, played.steps, recorder.sealed,
                  c.seen, c.stored, c.dropped, list(c.reasons)]))
"""


@pytest.mark.slow
def test_on_a_full_disk_play_goes_on_to_its_end_and_what_is_lost_is_counted_and_said(tmp_path):
    # Given a process that may write no file beyond 20 kB
    file = write_game(tmp_path)
    child = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "ws"), str(file)],
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    identity, completion, steps, sealed, seen, stored, dropped, reasons = json.loads(child.stdout)
    assert (completion, steps) == ("step_limit", 80)
    assert dropped > 0
    assert seen == stored + dropped
    assert any("too large" in reason.lower() for reason in reasons)
    with understudy.Workspace(tmp_path / "ws") as ws:
        session = ws.seal_killed(identity) if not sealed else ws.session(identity)
        kept = list(session.trace())
        assert len(kept) == stored
        assert sum(isinstance(line, AgentStep) for line in kept) > 10
        assert not any(isinstance(line, EventStep) and line.kind == "repaired" for line in kept)


# The tiny game says nothing of its bag in words, which the tests above rely on.
assert "{bag" not in TOML
