"""Understudy itself, driven like any other contestant, through its public interface."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import understudy
from bench.driver import WARM_UP, Task, main
from bench.examples import array_of, example
from bench.measure import Figures, bytes_below, resident_mb, summary, timed, timed_calls
from bench.workloads import make_pixel, make_state

CYCLE = 50_000  # rows made for the long run, which goes through them again and again
BURST = 300  # pictures handed over between two pauses: they fit the recorder's buffer


def _state_rows(count: int) -> list[dict[str, Any]]:
    work = make_state(count)
    rewards = work["reward"].tolist()
    return [
        {
            "state": work["state"][i],
            "action": work["action"][i],
            "objects": work["objects"][i],
            "reward": rewards[i],
        }
        for i in range(count)
    ]


def _settle(session: Any) -> None:
    """Wait until all that was handed over has been written or counted as lost."""
    while not session.flush():
        time.sleep(0.001)


def _figures(task: Task, session: Any, spent: Any, recording: int, closing: int) -> Figures:
    total = task.count + WARM_UP
    return {
        **summary(spent, closing_ns=closing),
        "recording_bytes_per_frame": recording / total,
        "bytes_per_frame": bytes_below(session.path) / total,
        "sealing_s": closing / 1e9,
        "dropped": session.counters.dropped,
    }


def frames(task: Task) -> Figures:
    """Each frame's numbers, with the default settings."""
    rows = _state_rows(task.count + WARM_UP)
    with understudy.Workspace(task.folder / "workspace") as workspace:
        session = workspace.record(game="bench", player="script")
        timed_calls(lambda i: session.frame(**rows[i]), WARM_UP)
        state, action, objects, reward = (
            [row[name] for row in rows[WARM_UP:]]
            for name in ("state", "action", "objects", "reward")
        )

        def call(i: int) -> None:
            session.frame(state=state[i], action=action[i], objects=objects[i], reward=reward[i])

        spent = timed_calls(call, task.count, hz=task.hz)
        _settle(session)
        recording = bytes_below(session.path)
        closing = timed(session.close)
        return _figures(task, session, spent, recording, closing)


def pixels(task: Task) -> Figures:
    """Each frame's picture, with the default settings; unpaced ones come in bursts."""
    pictures = list(make_pixel(task.count + WARM_UP)["frames"])
    with understudy.Workspace(task.folder / "workspace") as workspace:
        session = workspace.record(game="bench", player="script")
        timed_calls(lambda i: session.frame(image=pictures[i]), WARM_UP)
        _settle(session)
        rest = pictures[WARM_UP:]

        def call(i: int) -> None:
            session.frame(image=rest[i])

        spent = timed_calls(
            call, task.count, hz=task.hz, burst=BURST, between_bursts=lambda: _settle(session)
        )
        _settle(session)
        recording = bytes_below(session.path)
        closing = timed(session.close)
        return _figures(task, session, spent, recording, closing)


def _waiting_workspace(folder: Path) -> understudy.Workspace:
    """A workspace in which a full buffer makes the caller wait, so that nothing is dropped."""
    folder.mkdir(parents=True)
    (folder / "understudy.toml").write_text('[record]\nwhen_full = "wait"\n')
    return understudy.Workspace(folder)


def sustained_frames(task: Task) -> Figures:
    """State frames as fast as they are taken, until all are stored; then sealed."""
    rows = _state_rows(min(task.count, CYCLE))
    return _sustain(task, [(row, None) for row in rows])


def sustained_pixels(task: Task) -> Figures:
    """Pictures as fast as they are taken, until all are stored; then sealed. None comes twice:
    repeats cost next to nothing."""
    return _sustain(task, [({}, picture) for picture in make_pixel(task.count)["frames"]])


def _sustain(task: Task, rows: list[tuple[dict[str, Any], Any]]) -> Figures:
    with _waiting_workspace(task.folder / "workspace") as workspace:
        session = workspace.record(game="bench", player="script")
        early = min(task.count // 10, 10_000)
        resident = 0.0
        begin = time.perf_counter_ns()
        for i in range(task.count):
            values, picture = rows[i % len(rows)]
            session.frame(image=picture, **values)
            if i == early:
                resident = resident_mb()
        _settle(session)
        spent = time.perf_counter_ns() - begin
        at_end = resident_mb()
        closing = timed(session.close)
        stored = session.counters.stored
        return {
            "frames_per_s": stored / spent * 1e9,
            "closed_frames_per_s": stored / (spent + closing) * 1e9,
            "sealing_s": closing / 1e9,
            "dropped": session.counters.dropped,
            "start_mb": resident,
            "end_mb": at_end,
            "sealed_mb": resident_mb(),
        }


def record_and_die(task: Task) -> Figures:
    """Record, then leave as a killed process does: nothing closed, nothing sealed."""
    rows = _state_rows(min(task.count, CYCLE))
    workspace = _waiting_workspace(task.folder / "workspace")
    session = workspace.record(game="bench", player="script")
    for i in range(task.count):
        session.frame(**rows[i % len(rows)])
    _settle(session)
    print(f'\n{{"stored": {session.counters.stored}}}', flush=True)
    os._exit(0)


def open_killed(task: Task) -> Figures:
    """Open the one session of a workspace whose recorder was killed, and count its frames."""
    folder = task.folder / "workspace"
    (directory,) = (folder / "runs").iterdir()
    begin = time.perf_counter_ns()
    workspace = understudy.Workspace(folder)
    session = workspace.session(directory.name)
    opened = time.perf_counter_ns()
    found = session.frames().num_rows
    read = time.perf_counter_ns()
    workspace.close()
    return {"open_s": (opened - begin) / 1e9, "read_s": (read - opened) / 1e9, "frames": found}


def append_plain(task: Task) -> Figures:
    """Append to an array file that another collector began, without waiting for the disk."""
    return _append(task, sync=False)


def append_synced(task: Task) -> Figures:
    """The same, each example on the disk when the call returns."""
    return _append(task, sync=True)


def _append(task: Task, *, sync: bool) -> Figures:
    from understudy.formats.openai_array import ArrayFile

    path = array_of(task.folder, task.count)
    begin = time.perf_counter_ns()
    with ArrayFile(path, sync=sync) as file:
        opening = time.perf_counter_ns() - begin
        one = example()
        timed_calls(lambda i: file.append(one), 10)
        return {
            **summary(timed_calls(lambda i: file.append(one), 100)),
            "opening_s": opening / 1e9,
        }


def log_interaction(task: Task) -> Figures:
    """The drop-in collector's whole call: masking, the array file and the session, both synced."""
    path = array_of(task.folder, task.count)
    *history, answer = example()["messages"]
    collector = understudy.SimpleTrainingCollector(path, workspace=task.folder / "workspace")

    def call(i: int) -> None:
        asked = {"role": "user", "content": f"Turn {i}: I ask the innkeeper once more."}
        collector.log_complete_interaction([*history, asked], f"{i}: {answer['content']}")

    timed_calls(call, 10)
    figures = summary(timed_calls(call, 100))
    collector.close()
    return figures


if __name__ == "__main__":
    main(
        {
            "frames": frames,
            "pixels": pixels,
            "sustained-frames": sustained_frames,
            "sustained-pixels": sustained_pixels,
            "record-and-die": record_and_die,
            "open-killed": open_killed,
            "append": append_plain,
            "append-synced": append_synced,
            "log-interaction": log_interaction,
        }
    )
