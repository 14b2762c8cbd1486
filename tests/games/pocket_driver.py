"""Plays the real ROM in the emulator, button by button, and reads its state by name."""

import tomllib
from io import BytesIO
from pathlib import Path

from pyboy import PyBoy

PACKAGED = Path(__file__).parents[2] / "src" / "understudy" / "games" / "builtin" / "pocket"
ROM = PACKAGED / "pocket.gb"
MEMORY_MAP = tomllib.loads((PACKAGED / "pocket.toml").read_text(encoding="utf-8"))
HOLD_FRAMES = 4
MOST_FRAMES = 2400  # a long turn of battle takes about 600
STEPS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}


class NeverSettledError(Exception):
    """The game did not come to rest after a button."""


class Pocket:
    """One running game. Buttons are pressed as an environment presses them: held a few frames,
    then run until the game waits again."""

    def __init__(self, battery: BytesIO | None = None) -> None:
        self.emulator = PyBoy(
            str(ROM),
            window="null",
            sound_emulated=False,
            log_level="ERROR",
            ram_file=battery or BytesIO(bytes(0x2000)),
        )
        self.emulator.set_emulation_speed(0)
        self.pressed = 0
        self.run_until_settled()

    def close(self) -> None:
        self.emulator.stop(save=False)

    def __enter__(self) -> "Pocket":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def run_until_settled(self) -> None:
        settled = MEMORY_MAP["values"]["settled"]["address"]
        for _ in range(MOST_FRAMES):
            self.emulator.tick(1, False)
            if self.emulator.memory[settled]:
                self.emulator.tick(1, True)
                return
        raise NeverSettledError(f"mode {self['mode']}, text {self['text']!r}")

    def press(self, *buttons: str) -> "Pocket":
        for button in buttons:
            name, _, times = button.partition("*")
            for _ in range(int(times or 1)):
                if name != "wait":
                    self.emulator.button_press(name)
                self.emulator.tick(HOLD_FRAMES, False)
                if name != "wait":
                    self.emulator.button_release(name)
                self.run_until_settled()
                self.pressed += 1
        return self

    def _read(self, address: int, entry: dict) -> object:
        memory = self.emulator.memory
        kind = entry["type"]
        if kind == "text":
            raw = bytes(memory[address : address + entry["length"]])
            return raw.split(b"\0")[0].decode("ascii")
        if kind == "tiles":
            cells = bytes(memory[address : address + entry["columns"] * entry["rows"]])
            text = "".join(chr(c) if 32 <= c < 127 else " " for c in cells)
            return [text[n : n + 20] for n in range(0, len(text), 20)]
        if kind == "bits":
            names = MEMORY_MAP["bits"][entry["names"]]
            number = int.from_bytes(bytes(memory[address : address + entry["bytes"]]), "little")
            return {name for n, name in enumerate(names) if name and number >> n & 1}
        if kind == "array":
            struct = MEMORY_MAP["structs"][entry["of"]]
            return [
                {
                    name: self._read(address + n * struct["size"] + field["offset"], field)
                    for name, field in struct.items()
                    if name != "size"
                }
                for n in range(entry["count"])
            ]
        size = 2 if kind == "u16" else 1
        numbers = [
            int.from_bytes(bytes(memory[start : start + size]), "little")
            for start in range(address, address + size * entry.get("count", 1), size)
        ]
        if kind == "enum":
            numbers = [MEMORY_MAP["tables"][entry["table"]][n] for n in numbers]
        return numbers if "count" in entry else numbers[0]

    def __getitem__(self, name: str) -> object:
        entry = MEMORY_MAP["values"][name]
        return self._read(entry["address"], entry)

    def __setitem__(self, name: str, value: int) -> None:
        self._write(MEMORY_MAP["values"][name], MEMORY_MAP["values"][name]["address"], value)

    def _write(self, entry: dict, address: int, value: int) -> None:
        self.emulator.memory[address] = value & 0xFF
        if entry["type"] == "u16":
            self.emulator.memory[address + 1] = value >> 8

    def set_creature(self, place: int, **values: int) -> None:
        """Changes fields of a creature of the party."""
        struct = MEMORY_MAP["structs"]["creature"]
        base = MEMORY_MAP["values"]["party"]["address"] + place * struct["size"]
        for name, value in values.items():
            self._write(struct[name], base + struct[name]["offset"], value)

    @property
    def party(self) -> list[dict]:
        return self["party"][: self["party_count"]]

    @property
    def bag(self) -> dict[str, int]:
        return {slot["item"]: slot["count"] for slot in self["bag"][: self["bag_count"]]}

    def picture(self):
        """The screen, 144 by 160 shades of grey."""
        return self.emulator.screen.ndarray[:, :, 0].copy()

    def save_picture(self, path: Path, scale: int = 3) -> None:
        image = self.emulator.screen.image.convert("RGB")
        image.resize((160 * scale, 144 * scale), 0).save(path)

    def new_game(self, seed: int = 1) -> "Pocket":
        """From the title into the hero's home."""
        if self["save_found"]:
            self.press("down")
        self.press("a")
        self["seed"] = seed
        return self

    def walk_to(self, x: int, y: int) -> "Pocket":
        """Walks to a cell of the map that the hero is on; fights that begin are run away from."""
        for _ in range(400):
            if self["mode"] != "map":
                self.flee()
            path = find_path(self, (x, y))
            if not path:
                return self
            place = self["map"]
            self.press(path[0])
            if self["map"] != place:
                return self
        raise NeverSettledError(f"no way to {x}, {y} on {self['map']}")

    def flee(self) -> None:
        for _ in range(200):
            if self["mode"] == "map":
                return
            if self["mode"] == "battle_menu":
                self.press("down", "right", "a")
            else:
                self.press("a")

    def talk(self) -> list[str]:
        """Presses A until the map or a menu is back, and gives what was said."""
        said = []
        self.press("a")
        while self["mode"] == "dialogue":
            said.append(self["text"])
            self.press("a")
        return said

    def play_battle(self, move: int = 0, limit: int = 200) -> str:
        """Uses the same move until the battle is over; gives its result."""
        for _ in range(limit):
            if self["mode"] == "map":
                return self["battle.result"]
            if self["mode"] == "battle_menu":
                self.press("a")
                self.press(*["down"] * move, "a")
            elif self["mode"] == "party":
                healthy = [n for n, member in enumerate(self.party) if member["hp"]]
                self.press(*["down"] * healthy[0], "a")
            else:
                self.press("a")
        raise NeverSettledError("the battle did not end")


def find_path(game: Pocket, goal: tuple[int, int]) -> list[str]:
    """Buttons for the shortest way over cells that nothing stands on."""
    place = MEMORY_MAP["places"][game["map"]]
    taken = {(x, y) for _, x, y in place["people"]}
    taken |= {(x, y) for name, x, y in place["pickups"] if name not in game["picked"]}
    ways_out = {(warp[0], warp[1]) for warp in place["warps"]} - {goal}
    start = (game["x"], game["y"])
    came: dict[tuple[int, int], tuple[tuple[int, int], str]] = {}
    queue = [start]
    for x, y in queue:
        if (x, y) == goal:
            break
        for button, (dx, dy) in STEPS.items():
            there = (x + dx, y + dy)
            if not (0 <= there[1] < len(place["cells"])):
                continue
            if not (0 <= there[0] < len(place["cells"][0])):
                continue
            if place["cells"][there[1]][there[0]] in place["solid"]:
                continue
            if there in taken or there in ways_out or there in came or there == start:
                continue
            came[there] = ((x, y), button)
            queue.append(there)
    path = []
    step = goal
    while step != start:
        if step not in came:
            raise NeverSettledError(f"no way to {goal} on {game['map']}")
        step, button = came[step]
        path.append(button)
    return path[::-1]
