"""A game on a ROM: everything it needs beside the ROM stands in its TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
import zstandard

from understudy.config import GamesSettings
from understudy.errors import GameError
from understudy.games.emulators import Emulator, open_emulator
from understudy.games.emulators.emulator import SCREEN_HEIGHT, SCREEN_WIDTH
from understudy.games.game import REPORT, Action, Game
from understudy.games.recipe import Line, follow
from understudy.games.rom_file import POWER_ON, check_rom, read_rom_file
from understudy.games.task import Progress, Task
from understudy.games.toml_file import WrongPlace

if TYPE_CHECKING:
    from numpy.typing import NDArray


class _Snapshot(msgspec.Struct, kw_only=True):
    """What ``snapshot`` packs."""

    game: str
    emulator: str
    state: bytes
    progress: dict[str, Any] | None


class RomGame(Game):
    """A game on a ROM, on PyBoy or SkyEmu.

    A step holds the buttons of its action, lets go, and runs until the screen has settled by the
    rule of the TOML. ``report`` lets no time pass. ``info`` of a step has ``frames`` (how many
    have passed) and ``settled`` (False when the rule's bound was reached first).

    The seed of an episode is drawn from Gymnasium's generator when it is reset and goes where
    ``[play] seed`` says; without that, every episode of a start is the same.
    """

    def __init__(
        self,
        file: Path,
        *,
        settings: GamesSettings | None = None,
        render_mode: Literal["rgb_array"] | None = "rgb_array",
    ) -> None:
        """GameError for what is wrong in ``file`` or its ROM; EmulatorError as emulators do."""
        from gymnasium import spaces

        self._file = read_rom_file(file)
        self._rom_sha256 = check_rom(self._file)
        self.name = self._file.name
        self.words = self._file.words
        self.render_mode = render_mode
        reports = any(task.kind == "report" for task in self._file.tasks)
        self._action_names = (*self._file.buttons, *([REPORT] if reports else []))
        self.action_space = spaces.Discrete(len(self._action_names))
        screen = spaces.Box(0, 255, (SCREEN_HEIGHT, SCREEN_WIDTH, 3), np.uint8)
        self.observation_space: spaces.Space[Any] = screen
        if self._file.observe_memory:
            count = sum(count for _, count in self._file.memory.spans)
            memory = spaces.Box(0, 255, (count,), np.uint8)
            self.observation_space = spaces.Dict({"screen": screen, "memory": memory})
        self._states: dict[tuple[str, tuple[Line, ...]], bytes] = {}
        self._emulator: Emulator = open_emulator(self._file.rom, settings)
        self._emulator.run(self._file.power_on_frames)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks of the TOML, in its order."""
        return self._file.tasks

    @property
    def action_names(self) -> tuple[str, ...]:
        """The actions of the TOML, then ``wait``, then ``report`` where a task wants one."""
        return self._action_names

    @property
    def starts(self) -> tuple[str, ...]:
        """The names of the start states; the first is the one of an episode without a task."""
        return (*self._file.starts, POWER_ON)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Go to the start of the task ``options["task"]``, else of the one chosen before.

        Without a task, ``options["start"]`` names the start state.
        """
        super().reset(seed=seed)
        for key in options or {}:
            if key not in ("task", "start"):
                raise GameError(f"{key!r} is no option of {self.name}; there is: task, start")
        task = self._task_for(options)
        start = task.start if task else (options or {}).get("start", "")
        lines = self._file.setups.get(task.id, ()) if task else ()
        self._emulator.load_state(self._state(start or self.starts[0], lines))
        self._sow()
        self._settle()
        self._begin(task)
        return self._observation(), {"task": task.id if task else "", "success": False}

    def step(self, action: Action | str | int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Carry out ``action``; GameError when it is none of this game."""
        chosen = self.as_action(action)
        frames, settled = 0, True
        if chosen.name != REPORT:
            frames, settled = self._press(self._file.buttons[chosen.name])
        reward, over, info = self._judge(chosen)
        info |= {"frames": frames, "settled": settled}
        return self._observation(), reward, over, False, info

    def screenshot(self) -> NDArray[np.uint8]:
        """The screen, 144 x 160 x RGB."""
        return self._emulator.screen()

    def memory(self) -> dict[str, Any]:
        """The named values of the memory map."""
        return self._file.memory.read(self._emulator.read)

    def describe(self) -> str:
        """The ``[[describe]]`` lines that have something to say, else every value by its name."""
        if not self._file.describe:
            return super().describe()
        memory = self.memory()
        return "\n".join(filter(None, (line.words(memory) for line in self._file.describe)))

    def snapshot(self) -> bytes:
        """The state of the emulator and the progress in the task, some kilobytes.

        Only the same game on the same kind of emulator can ``restore`` it.
        """
        progress = self._progress.state() if self._progress else None
        packed = msgspec.msgpack.encode(
            _Snapshot(
                game=self.name,
                emulator=self._emulator.name,
                state=self._emulator.save_state(),
                progress=progress,
            )
        )
        return zstandard.ZstdCompressor(level=1).compress(packed)

    def restore(self, snapshot: bytes) -> None:
        """Go on from ``snapshot``."""
        try:
            packed = zstandard.ZstdDecompressor().decompress(snapshot)
            found = msgspec.msgpack.decode(packed, type=_Snapshot)
        except (zstandard.ZstdError, msgspec.MsgspecError) as error:
            raise GameError(
                f"this is no snapshot of {self.name} ({error}); take one with `snapshot`"
            ) from error
        if (found.game, found.emulator) != (self.name, self._emulator.name):
            raise GameError(
                f"this snapshot is of {found.game} on {found.emulator}, not of {self.name} on "
                f"{self._emulator.name}; choose the same game and emulator"
            )
        self._emulator.load_state(found.state)
        self._progress = None
        if found.progress is not None:
            task = self.find_task(found.progress["task"])
            self._progress = Progress.from_state(task, found.progress)
            self._next_task = task

    def identity(self) -> dict[str, str]:
        """The SHA-256 of the ROM, and the emulator with its version where it tells one."""
        return {"rom_sha256": self._rom_sha256, "emulator": self._emulator.version()}

    def close(self) -> None:
        """Switch the emulator off."""
        self._emulator.close()

    def _state(self, start: str, lines: tuple[Line, ...] = ()) -> bytes:
        """The emulator's state after ``lines`` on top of ``start``, made once."""
        key = (start, lines)
        if key not in self._states:
            if lines:
                self._emulator.load_state(self._state(start))
                self._follow(lines, f"the setup of a task that starts in `{start}`")
            elif start == POWER_ON:
                self._emulator.load(self._file.rom)
                self._emulator.run(self._file.power_on_frames)
            else:
                recipe = self._file.starts.get(start)
                if recipe is None:
                    raise GameError(
                        f"{self.name} has no start {start!r}; there is: {', '.join(self.starts)}"
                    )
                self._emulator.load_state(self._state(recipe.base))
                self._follow(recipe.lines, f"the start `{start}`")
            self._states[key] = self._emulator.save_state()
        return self._states[key]

    def _follow(self, lines: tuple[Line, ...], what: str) -> None:
        try:
            follow(
                list(lines),
                self._emulator,
                self._file.memory,
                press=self._press,
                settle=self._settle,
            )
        except WrongPlace as problem:
            raise GameError(f"{self._file.path}: {what} fails: {problem.message}") from None

    def _sow(self) -> None:
        """Give the game the seed of this episode."""
        if self._file.seed_value:
            number = self._file.memory.number(self._file.seed_value)
            if number is None:
                raise LookupError(self._file.seed_value)
            address, kind = number
            # Never 0, in which many a generator stays for ever.
            value = int(self.np_random.integers(1, kind.highest, endpoint=True))
            self._emulator.write(address, kind.encode(value))
        elif self._file.seed_frames:
            frames = int(self.np_random.integers(0, self._file.seed_frames, endpoint=True))
            self._emulator.run(frames, draw=False)

    def _press(self, buttons: tuple[str, ...]) -> tuple[int, bool]:
        """Hold ``buttons``, let go and settle; the frames that passed, and whether it settled."""
        held = self._file.hold_frames
        self._emulator.press(buttons, held)
        frames, settled = self._settle()
        return held + frames, settled

    def _settle(self) -> tuple[int, bool]:
        rule = self._file.settle
        # The last frame is the one that is drawn, so the wait ends one before it.
        frames, settled = rule.at_least - 1, True
        self._emulator.run(frames, draw=False)
        if rule.address is not None:
            passed = self._emulator.run_until(
                rule.address, rule.byte, at_most=rule.at_most - rule.at_least
            )
            settled = passed is not None
            frames += rule.at_most - rule.at_least if passed is None else passed
        self._emulator.run(1)
        return frames + 1, settled

    def _observation(self) -> Any:
        screen = self._emulator.screen()
        if not self._file.observe_memory:
            return screen
        spans = self._file.memory.spans
        data = b"".join(self._emulator.read(address, count) for address, count in spans)
        return {"screen": screen, "memory": np.frombuffer(data, np.uint8).copy()}
