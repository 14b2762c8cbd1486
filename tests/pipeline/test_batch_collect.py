"""Collecting a batch: every session once, whatever ends, and a report that agrees with them."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.games.tiny_rom import write_game
from tests.players.listed_player import HOLD, plug_in

import understudy
from understudy.errors import CorruptionError, NewerSchemaError, UsageError
from understudy.pipeline.batch import folder as batch_folder
from understudy.pipeline.batch.collect import collect, plan_batch
from understudy.pipeline.batch.plan import Planned
from understudy.pipeline.batch.task_file import read_task_file
from understudy.pipeline.batch.worker import Worker, _play
from understudy.pipeline.play import Players
from understudy.session.keeping.scan import scan

DONE = "press_a, press_a, press_a"
PATIENCE_S = 60.0

pytestmark = pytest.mark.slow  # every batch starts processes


@pytest.fixture
def batch(tmp_path, monkeypatch):
    """A place for batches of the tiny game, played by the player that does what is listed."""
    write_game(tmp_path)
    plug_in(tmp_path / "site", monkeypatch)
    monkeypatch.setenv(HOLD, str(tmp_path / "hold"))
    place = Batch(tmp_path)
    yield place
    place.hold.unlink(missing_ok=True)


class Batch:
    def __init__(self, place: Path) -> None:
        self.place = place
        self.workspace = place / "ws"
        self.file = place / "tasks.yaml"
        self.hold = place / "hold"
        self.told: list[tuple[int, str]] = []
        self.progress: list[tuple[int, int]] = []

    def tasks(self, *models, above="", **each):
        """A file of tasks: an entry for each list of what its player does."""
        entries = [{"task": "three-potions", "model": model, **each} for model in models]
        text = f"game: tiny.toml\nplayer: listed\n{above}\ntasks:\n"
        self.file.write_text(text + "".join(f"- {json.dumps(entry)}\n" for entry in entries))

    def collect(self, *, workers=1, most=None, resume=False, training=False):
        file = read_task_file(self.file)
        file = file.with_training_data() if training else file
        with understudy.Workspace(self.workspace) as ws:
            folder = plan_batch(ws, file, most=most, resume=resume)
            return collect(
                ws,
                folder,
                workers=workers,
                on_played=lambda planned, one: self.told.append((planned.number, one.reason)),
                progress=lambda done, total: self.progress.append((done, total)),
            )

    def command(self, *arguments, **given):
        """The same in a process of its own."""
        command = [sys.executable, "-m", "understudy", "collect", "--task-file", str(self.file)]
        command += ["-w", str(self.workspace), *arguments]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **given
        )

    def sessions(self, status="sealed"):
        """Number in the plan → how many sessions of it there are."""
        with understudy.Workspace(self.workspace) as ws:
            return Counter(
                session.header.metadata["batch"]["number"] for session in ws.sessions(status=status)
            )

    def wait_until(self, what, failing="it never came so far"):
        end = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < end, failing
            threading.Event().wait(0.01)

    def thinking(self):
        """How many players think until the file has gone."""
        return len(list(self.place.glob(f"{self.hold.name}.*")))

    def workers(self):
        """The process ids of the workers."""
        locks = (self.workspace / ".understudy" / "locks").glob("*.worker-*.lock")
        return [int(path.stem.rpartition("-")[2]) for path in locks]


def read(path):
    return json.loads(path.read_text())


def verified(ws):
    for row in ws.rows():
        assert ws.verify(row.id) == [], row.directory
    return True


# The report -------------------------------------------------------------------------------------


def test_a_batch_leaves_the_three_files_and_their_numbers_agree_with_its_sessions(batch):
    batch.tasks(DONE, "wait, quit", "press_a, press_a, press_a, quit", above="tags: [mine]")
    report = batch.collect(workers=2, training=True)
    folder = Path(report.path)
    assert folder.name == f"batch_training_{time.strftime('%Y%m%d', time.gmtime())}"
    assert {path.name for path in folder.iterdir()} == {
        "plan.json",
        "summary_report.json",
        "aggregated_training_data.jsonl",
        "performance_metrics.json",
    }
    with understudy.Workspace(batch.workspace) as ws:
        assert verified(ws)
        rows = ws.rows(tag=folder.name)
        assert {row.id for row in rows} == {row.id for row in ws.rows(tag="mine")}
        assert len(rows) == 3
        summary = read(folder / "summary_report.json")
        assert (summary["planned"], summary["finished"], summary["left"]) == (3, 3, 0)
        assert summary["succeeded"] == sum(row.success is True for row in rows) == 2
        assert summary["unsuccessful"] == sum(row.success is False for row in rows) == 1
        assert summary["tasks"] == {"three-potions": {"finished": 3, "succeeded": 2}}
        by_id = {row.id: row for row in rows}
        for told in summary["sessions"]:
            row = by_id[told["session"]]
            assert (told["directory"], told["steps"], told["success"], told["seed"]) == (
                row.directory, row.steps, row.success, 1,
            )  # fmt: skip
        assert summary["training_examples"] == sum(row.steps for row in rows) == 7
        metrics = read(folder / "performance_metrics.json")
        assert (metrics["steps"], metrics["sessions_played"]) == (7, 3)
        assert metrics["records_dropped"] == 0
        [stretch] = summary["stretches"]
        assert (stretch["played"], stretch["workers"]) == (3, 2)
        assert metrics["wall_seconds"] == stretch["seconds"] > 0
        assert metrics["sessions_per_hour"] == pytest.approx(
            3 * 3600 / stretch["seconds"], abs=1e-4
        )
        assert metrics["mb_per_session"] == pytest.approx(
            sum(row.bytes for row in rows) / 3e6, abs=1e-6
        )
    assert batch.progress[0] == (0, 3)
    assert batch.progress[-1] == (3, 3)


def test_the_training_data_of_a_batch_are_those_of_its_sessions_one_after_the_other(batch):
    batch.tasks(DONE, "wait, press_a, quit", DONE)
    report = batch.collect(workers=2, training=True)
    with understudy.Workspace(batch.workspace) as ws:
        parts = [
            (ws.runs / told["directory"] / "training_data.jsonl").read_bytes()
            for told in report.sessions
        ]
    assert [told["number"] for told in report.sessions] == [1, 2, 3]
    together = (Path(report.path) / "aggregated_training_data.jsonl").read_bytes()
    assert together == b"".join(parts)
    assert together.count(b"\n") == report.training_examples == 8


def test_without_training_mode_only_the_batch_has_training_data(batch):
    batch.tasks(DONE)
    report = batch.collect()
    assert report.training_examples == 3
    assert not list(batch.workspace.glob("runs/session_*/training_data.jsonl"))


def test_a_second_batch_of_a_day_has_a_folder_of_its_own(batch):
    batch.tasks(DONE)
    first, second = batch.collect(), batch.collect()
    assert second.batch == f"{first.batch}-2"
    assert batch.sessions() == {1: 2}
    assert second.finished == 1


def test_the_folders_of_batches_trouble_nobody_who_looks_for_sessions(batch):
    batch.tasks(DONE)
    batch.collect()
    with understudy.Workspace(batch.workspace) as ws:
        assert ws.unlisted() == []
        report = ws.reindex()
        assert (report.sessions, report.problems) == (1, [])
        assert scan(ws).not_read == [] or all(
            "holds no text" in problem.reason for problem in scan(ws).not_read
        )


# Failures ---------------------------------------------------------------------------------------


def test_a_session_that_fails_is_reported_and_does_not_stop_the_rest(batch):
    batch.tasks("press_up, give up", DONE, "crash")
    report = batch.collect()
    assert (report.finished, report.left, report.stopped) == (1, 2, "")
    assert [(failed["number"], failed["reason"]) for failed in report.failures] == [
        (1, "the list says that this cannot go on"),
        (3, "ZeroDivisionError: division by zero"),
    ]
    assert batch.told[1] == (2, "")
    assert batch.sessions("incomplete") == {1: 1, 3: 1}
    with understudy.Workspace(batch.workspace) as ws:
        assert ws.find(report.failures[0]["session"]).steps == 1
        assert verified(ws)


def test_a_worker_that_is_killed_takes_its_session_along_and_the_batch_goes_on(batch):
    batch.tasks("press_a, die", DONE, DONE)
    report = batch.collect()
    assert (report.finished, report.left) == (2, 1)
    [failed] = report.failures
    assert (failed["number"], failed["reason"]) == (1, "its worker was killed by signal 9")
    assert batch.sessions("killed") == {1: 1}
    assert (1, "its worker was killed by signal 9") in batch.told


def test_a_worker_that_died_while_it_had_nothing_to_do_is_noticed(batch):
    batch.tasks(DONE)
    with understudy.Workspace(batch.workspace) as ws:
        folder = plan_batch(ws, read_task_file(batch.file), most=None, resume=False)
        worker = Worker(ws.path, folder.name)
        worker.give(folder.plan.sessions[0])
        assert worker.take().completion == "success"
        [pid] = batch.workers()
        os.kill(pid, signal.SIGKILL)
        assert "signal 9" in worker.exit_words
        worker.give(folder.plan.sessions[0])
        with pytest.raises((EOFError, OSError)):
            worker.take()
        worker.end()


def test_five_that_fail_alike_stop_the_batch_with_the_reason(batch):
    batch.tasks(*["give up"] * 7)
    report = batch.collect()
    assert report.stopped == (
        "5 sessions in a row failed alike: the list says that this cannot go on"
    )
    assert (report.finished, report.left, len(report.failures)) == (0, 7, 5)


def test_failures_with_a_success_or_another_reason_between_them_do_not_stop_it(batch):
    batch.tasks(*["give up"] * 4, DONE, *["give up"] * 4, "crash")
    report = batch.collect(workers=1)
    assert (report.stopped, report.finished, len(report.failures)) == ("", 1, 9)


def test_a_session_that_could_not_be_sealed_counts_as_failed(batch, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("understudy.session.seal.write_manifest", full)
    batch.tasks(DONE)
    with understudy.Workspace(batch.workspace) as ws, Players(ws) as players:
        folder = plan_batch(ws, read_task_file(batch.file), most=None, resume=False)
        answer = _play(ws, players, folder.plan.sessions[0], folder.name)
    assert answer.completion == "error"
    assert "could not be sealed: [Errno 28] No space left on device" in answer.reason


def test_what_cannot_even_begin_is_reported_with_its_reason(batch):
    batch.tasks(DONE)
    with understudy.Workspace(batch.workspace) as ws, Players(ws) as players:
        folder = plan_batch(ws, read_task_file(batch.file), most=None, resume=False)
        [planned] = folder.plan.sessions
        gone = Planned(
            number=1, asked="x", seed=1, settings={**planned.settings, "game": "gone.toml"}
        )
        answer = _play(ws, players, gone, folder.name)
    assert (answer.session, answer.completion) == ("", "error")
    assert "gone.toml cannot be read" in answer.reason


# Interrupting and going on ----------------------------------------------------------------------


def in_a_moment(batch, condition, do):
    """Do something from another thread as soon as a condition holds."""

    def wait():
        batch.wait_until(condition)
        do()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_ctrl_c_seals_what_is_being_played_even_when_it_comes_twice_at_once(batch):
    batch.hold.touch()
    batch.tasks(*["press_a, hold, press_a, press_a"] * 3)

    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    thread = in_a_moment(batch, lambda: batch.thinking() == 2, twice)
    report = batch.collect(workers=2)
    thread.join()
    assert (report.stopped, report.finished, report.left) == ("interrupted", 0, 3)
    assert batch.sessions("incomplete") == {1: 1, 2: 1}
    with understudy.Workspace(batch.workspace) as ws:
        assert {row.reason for row in ws.rows()} == {"it was interrupted"}
        assert {row.steps for row in ws.rows()} == {1}
        assert verified(ws)
    # And it goes on from there
    batch.hold.unlink()
    report = batch.collect(workers=2, resume=True)
    assert (report.stopped, report.finished, report.left) == ("", 3, 0)
    assert [stretch.played for stretch in report.stretches] == [0, 3]
    assert batch.sessions() == {1: 1, 2: 1, 3: 1}


def test_terminating_a_worker_ends_the_batch_in_good_order(batch):
    batch.hold.touch()
    batch.tasks("press_a, hold", DONE)
    thread = in_a_moment(
        batch,
        lambda: batch.thinking() == 1,
        lambda: os.kill(batch.workers()[0], signal.SIGTERM),
    )
    report = batch.collect()
    thread.join()
    assert (report.stopped, report.finished, report.left) == ("interrupted", 0, 2)
    assert batch.sessions("incomplete") == {1: 1}


def test_resuming_plays_what_is_left_and_repeats_nothing(batch):
    batch.tasks(DONE, "hold, crash", "wait, quit", "hold, crash")
    first = batch.collect()
    assert (first.finished, first.left) == (2, 2)
    second = batch.collect(resume=True)
    assert second.batch == first.batch
    assert (second.finished, second.left) == (2, 2)
    assert batch.sessions() == {1: 1, 3: 1}
    assert batch.sessions("incomplete") == {2: 2, 4: 2}
    assert [failed["number"] for failed in second.failures] == [2, 4]


def test_resuming_what_is_finished_plays_nothing_and_takes_in_the_scores_since(batch):
    batch.tasks(DONE)
    report = batch.collect()
    with understudy.Workspace(batch.workspace) as ws:
        ws.session(report.sessions[0]["session"]).add_feedback(score=9, author="human:ann")
    again = batch.collect(resume=True)
    assert (again.finished, again.left, again.stretches[-1].played) == (1, 0, 0)
    lines = (Path(again.path) / "aggregated_training_data.jsonl").read_text().splitlines()
    assert [json.loads(line)["metadata"]["human_score"] for line in lines] == [9, 9, 9]


def test_archived_sessions_are_not_played_again(batch):
    batch.tasks(DONE, DONE, "press_b, quit")
    report = batch.collect()
    with understudy.Workspace(batch.workspace) as ws:
        for told in report.sessions[:2]:
            ws.archive_session(told["session"])
    again = batch.collect(resume=True)
    assert (again.finished, again.stretches[-1].played) == (3, 0)
    assert {told["session"] for told in again.sessions} == {
        told["session"] for told in report.sessions
    }


def test_only_the_file_as_it_is_now_can_be_resumed(batch):
    batch.tasks(DONE)
    with pytest.raises(UsageError, match=r"no batch of .*tasks.yaml as it is now has been begun"):
        batch.collect(resume=True)
    batch.collect()
    batch.tasks(DONE, DONE)
    with pytest.raises(UsageError, match="leave out --resume"):
        batch.collect(resume=True)


def test_the_last_batch_of_a_file_is_the_one_that_is_resumed(batch):
    batch.tasks("crash")
    batch.collect()
    second = batch.collect()
    assert batch.collect(resume=True).batch == second.batch


def test_how_many_sessions_is_decided_when_a_batch_begins(batch):
    batch.tasks(DONE)
    assert batch.collect(most=2).planned == 2
    with pytest.raises(UsageError, match=r"was planned with 2 sessions; resume it without"):
        batch.collect(most=3, resume=True)
    assert batch.collect(most=2, resume=True).planned == 2
    seeds = [told["seed"] for told in batch.collect(resume=True).sessions]
    assert seeds == [1, 2]


def test_nobody_else_plays_a_batch_that_is_being_played(batch):
    batch.tasks(DONE)
    with understudy.Workspace(batch.workspace) as ws:
        folder = plan_batch(ws, read_task_file(batch.file), most=None, resume=False)
        with (
            folder.held(),
            pytest.raises(UsageError, match="is being collected by another process"),
        ):
            batch.collect(resume=True)
        assert batch.collect(resume=True).finished == 1


def test_a_plan_that_cannot_be_understood_is_named(batch):
    batch.tasks(DONE)
    plan = Path(batch.collect().path) / "plan.json"
    facts = read(plan)
    plan.write_text(json.dumps({**facts, "schema": 99}))
    with pytest.raises(NewerSchemaError, match="newer Understudy"):
        batch.collect(resume=True)
    plan.write_text("{")
    with pytest.raises(CorruptionError, match=r"plan.json is not the plan of a batch"):
        batch.collect(resume=True)


def test_a_user_who_tags_a_session_with_the_name_of_a_batch_changes_nothing_in_it(batch):
    batch.tasks(DONE)
    first, second = batch.collect(), batch.collect()
    with understudy.Workspace(batch.workspace) as ws:
        ws.session(first.sessions[0]["session"]).add_feedback(
            author="human:ann", tags=[second.batch]
        )
    again = batch.collect(resume=True)
    assert [told["session"] for told in again.sessions] == [second.sessions[0]["session"]]


# Killed -----------------------------------------------------------------------------------------


def kill(child):
    child.kill()
    child.wait()
    for pipe in (child.stdout, child.stderr):  # which its workers still hold
        pipe.close()


def end_of(child):
    out, err = child.communicate(timeout=PATIENCE_S)
    return child.returncode, out, err


def test_a_worker_left_over_from_a_killed_run_is_waited_for_and_its_session_counts(batch):
    batch.hold.touch()
    batch.tasks(DONE, "press_a, hold, press_a, press_a", DONE)
    killed = batch.command()
    batch.wait_until(lambda: batch.thinking() == 1)
    kill(killed)
    # When it is resumed while the worker still plays
    resumed = batch.command("--resume")
    said = resumed.stderr.readline() + resumed.stderr.readline()
    assert "a worker of the run before still plays" in said
    batch.hold.unlink()
    status, _, err = end_of(resumed)
    # Then each is there once
    assert status == 0, err
    assert batch.sessions() == {1: 1, 2: 1, 3: 1}
    with understudy.Workspace(batch.workspace) as ws:
        assert {row.status for row in ws.rows()} == {"sealed"}
        assert verified(ws)
    assert batch.workers() == []


@pytest.mark.parametrize("attempt", range(4))
def test_a_batch_killed_at_any_moment_is_finished_by_resuming_each_session_once(batch, attempt):
    moment = random.Random(attempt)
    batch.tasks(*["press_right, press_left, press_up, press_down, quit"] * 12)
    killed = batch.command("--workers", "2", "--training-mode")
    batch.wait_until(lambda: list(batch.workspace.glob("runs/batch_*/plan.json")))
    time.sleep(moment.uniform(0, 2))
    kill(killed)
    status, out, err = end_of(batch.command("--resume", "--workers", "2", "--json"))
    assert status == 0, err
    report = json.loads(out)
    assert (report["finished"], report["left"]) == (12, 0)
    assert batch.sessions() == dict.fromkeys(range(1, 13), 1)
    assert report["training_examples"] == 12 * 4
    with understudy.Workspace(batch.workspace) as ws:
        assert verified(ws)


def test_a_worker_killed_at_any_moment_costs_one_session_which_resuming_plays(batch):
    batch.tasks(*["press_right, press_left, press_up, press_down, quit"] * 10)
    child = batch.command("--workers", "2")
    batch.wait_until(lambda: len(batch.workers()) == 2)
    os.kill(batch.workers()[0], signal.SIGKILL)
    status, _, err = end_of(child)
    assert status == 1, err
    assert "killed by signal 9" in err
    assert "1 session left: understudy collect --task-file" in err
    assert sum(batch.sessions().values()) == 9
    status, _, err = end_of(batch.command("--resume"))
    assert status == 0, err
    assert batch.sessions() == dict.fromkeys(range(1, 11), 1)


def test_two_collect_into_one_workspace_at_once_each_its_own_batch(batch):
    batch.tasks(*["press_right, quit"] * 4)
    children = [batch.command(), batch.command()]
    assert [end_of(child)[0] for child in children] == [0, 0]
    assert batch.sessions() == dict.fromkeys(range(1, 5), 2)
    with understudy.Workspace(batch.workspace) as ws:
        for path in ws.runs.glob("batch_*"):
            assert len(ws.rows(tag=path.name)) == 4


def test_a_folder_without_a_plan_is_passed_over(batch):
    # Given what a kill leaves between making a folder and writing its plan
    batch.tasks(DONE)
    batch.collect()
    (batch.workspace / "runs" / f"{batch_folder.PREFIX}29990101").mkdir()
    assert batch.collect(resume=True).finished == 1
