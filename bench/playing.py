"""Playing and recording `pocket` with the script: sessions a minute, and what recording adds.

The limit is the emulator alone on the same inputs, with every frame drawn, as whoever watches the
game needs it; beside it stands the emulator that draws only the frames that a step ends with.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from bench.contest import NotMeasuredError, say
from bench.run import Run
from bench.table import Row

SUBJECT = "playing"
TASKS = (
    "open-bag",
    "check-healing-items",
    "save-the-game",
    "buy-two-antidotes",
    "heal-from-town",
    "use-super-potion",
    "talk-to-both",
    "win-wild",
)
LONG_TASK, LONG_STEPS = "battle-gym-leader", 50


def measure(run: Run) -> None:
    """Real sessions in a workspace of their own, at interval durability."""
    try:
        import pyboy  # noqa: F401
    except ImportError:
        run.skip("playing: PyBoy is not installed")
        return
    sessions = run.count(200, 40)
    with tempfile.TemporaryDirectory(prefix="understudy-bench-") as name:
        folder = Path(name)
        one = _batch(folder / "one", sessions, 1)
        two = _batch(folder / "two", sessions, 2)
        played = _played(folder / "same", run.count(5, 2))
        size, steps = _storage(folder / "size")
    run.rows += [
        Row(SUBJECT, "scripted sessions, one worker", "per min", one, 200, at_least=True),
        Row(SUBJECT, "scripted sessions, two workers", "per min", two),
        Row(
            SUBJECT,
            "loop, script and recorder, a step",
            "µs",
            played["ours"],
            1.0,
            target_is_ratio=True,
            limit=played["drawn"],
            limit_name="emulation, every frame drawn",
        ),
        Row(
            SUBJECT,
            "the whole step beside it",
            "µs",
            played["ours"] + played["game"],
            limit=played["bare"],
            limit_name="emulation, last frame drawn",
        ),
        Row(SUBJECT, f"a session of {steps} steps with all pictures", "MB", size, 1.0),
    ]
    run.notes.append(
        f"playing: {played['steps']} steps; the game takes {played['frames']:.0f} frames a step"
    )


def _batch(workspace: Path, sessions: int, workers: int) -> float:
    """Sessions a minute of a batch, from the first to the report."""
    from understudy.pipeline.batch.collect import collect, plan_batch
    from understudy.pipeline.batch.task_file import read_task_file
    from understudy.session.workspace import Workspace

    say(f"understudy collect: {sessions} sessions, {workers} worker(s)")
    workspace.mkdir()
    file = workspace / "tasks.yaml"
    lines = "".join(f"  - {task}\n" for task in TASKS)
    file.write_text(f"game: pocket\nplayer: script\ntasks:\n{lines}")
    with Workspace(workspace) as opened:
        folder = plan_batch(opened, read_task_file(file), most=sessions, resume=False)
        report = collect(opened, folder, workers=workers)
    if report.finished != sessions:
        raise NotMeasuredError(f"only {report.finished} of {sessions} sessions were finished")
    return 60 * sessions / report.stretches[-1].seconds


def _played(workspace: Path, rounds: int) -> dict[str, float]:
    """Microseconds a step: of the game's own step, of all around it, and of the bare emulator."""
    from understudy.pipeline.play import Players, PlayRequest, play_session
    from understudy.session.workspace import Workspace

    say("one session after another in this process")
    whole = spent = frames = steps = 0.0
    with Workspace(workspace) as opened, Players(opened) as players:
        game: Any = players.game("pocket")
        clock = _Clock(game)
        for round_number in range(rounds + 1):
            if round_number == 1:  # the first one warms up: start states are made once
                whole = spent = frames = steps = 0.0
            for task in TASKS:
                clock.reset()
                began = time.perf_counter()
                request = PlayRequest(
                    game="pocket", asked=task, player="script", seed=round_number + 1,
                    durability="interval",
                )  # fmt: skip
                session = play_session(opened, players, request)
                whole += time.perf_counter() - began - clock.aside
                spent += clock.seconds
                frames += clock.frames
                steps += session.played.steps
        drawn, bare = clock.bare(every_frame=True), clock.bare(every_frame=False)
    per_step = 1e6 / steps
    return {
        "ours": (whole - spent) * per_step,
        "game": spent * per_step,
        "drawn": drawn * 1e6,
        "bare": bare * 1e6,
        "frames": frames / steps,
        "steps": steps,
    }


class _Clock:
    """Wraps a game's steps: how long they take, and which inputs they were."""

    def __init__(self, game: Any) -> None:
        self._game = game
        self._step, self._reset = game.step, game.reset
        self._inputs: list[tuple[bytes, list[tuple[tuple[str, ...], int]]]] = []
        game.step, game.reset = self._timed_step, self._timed_reset
        self.reset()

    def reset(self) -> None:
        self.seconds = 0.0
        self.aside = 0.0
        """Spent on this measurement itself."""
        self.frames = 0

    def _timed_reset(self, **options: Any) -> Any:
        began = time.perf_counter()
        found = self._reset(**options)
        ended = time.perf_counter()
        self.seconds += ended - began
        self._inputs.append((self._game._emulator.save_state(), []))
        self.aside += time.perf_counter() - ended
        return found

    def _timed_step(self, action: Any) -> Any:
        began = time.perf_counter()
        found = self._step(action)
        self.seconds += time.perf_counter() - began
        count = found[4]["frames"]
        self.frames += count
        name = found[4]["action"]
        if count:
            self._inputs[-1][1].append((self._game._file.buttons[name], count))
        return found

    def bare(self, *, every_frame: bool) -> float:
        """Seconds a step of the emulator alone on the inputs of all sessions."""
        emulator: Any = self._game._emulator
        machine = emulator._pyboy
        held = self._game._file.hold_frames
        spent, steps = 0.0, 0
        for state, inputs in self._inputs:
            emulator.load_state(state)
            began = time.perf_counter()
            for buttons, frames in inputs:
                for button in buttons:
                    machine.button_press(button)
                _run(machine, held, every_frame)
                for button in buttons:
                    machine.button_release(button)
                _run(machine, frames - held, every_frame)
            spent += time.perf_counter() - began
            steps += len(inputs)
        return spent / steps


def _run(machine: Any, frames: int, every_frame: bool) -> None:
    if every_frame:
        for _ in range(frames):
            machine.tick(1, True, False)
    elif frames:
        machine.tick(frames, True, False)


def _storage(workspace: Path) -> tuple[float, int]:
    """Megabytes of a session with all its pictures and training data, and its steps."""
    from understudy.pipeline.play import Players, PlayRequest, play_session
    from understudy.session.index import folder_bytes
    from understudy.session.workspace import Workspace

    with Workspace(workspace) as opened, Players(opened) as players:
        request = PlayRequest(
            game="pocket", asked=LONG_TASK, player="random", steps=LONG_STEPS,
            save_training_data=True, collect_screenshots=True,
        )  # fmt: skip
        session = play_session(opened, players, request)
        return folder_bytes(session.path) / 1e6, session.played.steps
