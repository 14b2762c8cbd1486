"""A tiny Game Boy game, assembled here: enough to test emulators and games on a ROM.

It counts frames at C000 (u16), reads the buttons into C002 (bit set = held; low nibble right, left,
up, down, high nibble A, B, Select, Start), and whenever a button goes down it acts: the d-pad moves
the hero's tile (x at C003, y at C004, 0 to 15), A adds a potion (C010), B drinks one (C010 down,
hp at C011 up by 5), Start toggles the menu (C012), Select draws from the random numbers (C013, by
the seed at C014) and adds that to the money (C016, u16). C015 is 1 while it rests and 0 for
eight frames after each press. C020 holds two slots of (kind, count), C030 a name in letters.
"""

from __future__ import annotations

from pathlib import Path

TOML = """\
schema = 1
name = "tiny"
words = "A hero walks about and collects potions."
rom = "tiny.gb"

[play]
hold_frames = 3
power_on_frames = 90
settle = { value = "resting", equals = 1, at_least = 2, at_most = 40 }
seed = { value = "seed" }

[values]
frames = { address = 0xC000, type = "u16" }
x = { address = 0xC003, type = "u8" }
y = { address = 0xC004, type = "u8" }
hp = { address = 0xC011, type = "u8" }
menu = { address = 0xC012, type = "enum", table = ["closed", "open"] }
drawn = { address = 0xC013, type = "u8" }
seed = { address = 0xC014, type = "u8" }
resting = { address = 0xC015, type = "bool" }
money = { address = 0xC016, type = "u16" }
name = { address = 0xC030, type = "text", length = 6 }

[values.bag]
address = 0xC010
type = "array"
of = "u8"
keys = ["potion"]

[values.slots]
address = 0xC020
type = "array"
count = 2
key = "kind"
empty = "none"

[values.slots.fields]
kind = { offset = 0, type = "enum", table = ["none", "potion", "super_potion", "antidote"] }
count = { offset = 1, type = "u8" }

[[describe]]
text = "The hero {name} stands at {x}, {y} with {hp} HP."

[[describe]]
each = "slots"
when = { path = "count", op = ">", value = 0 }
text = "{count} {key}"
before = "Slots: "
join = ", "
after = "."
otherwise = "The slots are empty."

[starts.field]
steps = ["expect menu closed", "press right x2", "press down"]

[starts.rich]
from = "field"
steps = ["set slots.0.kind potion", "set slots.0.count 3",
         "set slots.1.kind super_potion", "set slots.1.count 2"]

[[tasks]]
id = "three-potions"
words = "collect three potions"
group = "bag"
start = "field"
difficulty = 1
reference_steps = 3
check = { path = "bag.potion", op = ">=", value = 3 }

[[tasks]]
id = "go-right"
words = "walk two steps to the right and come back"
group = "navigation"
start = "field"
difficulty = 2
reference_steps = 4
check = { all = [
  { ever = { path = "x", since = "start", op = "==", value = 2 } },
  { path = "x", op = "unchanged" },
] }

[[tasks]]
id = "what-is-in-the-slots"
words = "tell me what is in the slots"
group = "bag"
kind = "report"
start = "rich"
difficulty = 2
reference_steps = 2

[tasks.check]
mentions_each = "slots"
where = { path = "count", op = ">", value = 0 }
number = "count"
only = true
"""


class _Assembler:
    def __init__(self, rom: bytearray, at: int) -> None:
        self.rom = rom
        self.at = at
        self.labels: dict[str, int] = {}
        self.jumps: list[tuple[int, str, bool]] = []

    def put(self, *data: int) -> None:
        self.rom[self.at : self.at + len(data)] = bytes(data)
        self.at += len(data)

    def label(self, name: str) -> None:
        self.labels[name] = self.at

    def jump(self, opcode: int, name: str, *, relative: bool = True) -> None:
        self.put(opcode, *([0] if relative else [0, 0]))
        self.jumps.append((self.at, name, relative))

    def finish(self) -> None:
        for after, name, relative in self.jumps:
            target = self.labels[name]
            if relative:
                assert -128 <= target - after <= 127, name
                self.rom[after - 1] = (target - after) & 0xFF
            else:
                self.rom[after - 2 : after] = target.to_bytes(2, "little")


JR, JR_NZ, JR_Z, JP, CALL, RET = 0x18, 0x20, 0x28, 0xC3, 0xCD, 0xC9


def build_rom() -> bytes:
    """The 32 KB of the game. Its header has no logo; PyBoy and SkyEmu do not ask for one."""
    rom = bytearray(0x8000)
    rom[0x100:0x104] = bytes([0x00, JP, 0x50, 0x01])
    rom[0x134:0x138] = b"TINY"
    code = _Assembler(rom, 0x150)
    _start(code)
    _loop(code)
    code.finish()
    rom[0x14D] = -(sum(rom[0x134:0x14D]) + 0x19) & 0xFF
    return bytes(rom)


def _start(code: _Assembler) -> None:
    code.put(0xF3, 0x31, 0xFE, 0xDF)  # di; ld sp, DFFE
    _wait_for_line(code, 144, "boot")
    code.put(0xAF, 0xE0, 0x40)  # screen off, in the gap between two pictures
    _fill(code, 0xC000, 0x100, 0x00, "ram")
    _fill(code, 0x8000, 0x10, 0x00, "blank")
    _fill(code, 0x8010, 0x10, 0xFF, "black")
    _fill(code, 0x9800, 0x400, 0x00, "map")
    _fill(code, 0xFE00, 0xA0, 0x00, "oam")
    code.put(0x3E, 0xE4, 0xE0, 0x47, 0xE0, 0x48)  # palettes
    for address, value in ((0xC003, 4), (0xC004, 4), (0xC011, 20), (0xC015, 1), (0xC014, 7)):
        _store(code, address, value)
    for offset, letter in enumerate(b"ANNA"):
        _store(code, 0xC030 + offset, letter)
    code.put(0x3E, 0x93, 0xE0, 0x40)  # screen, background and sprites on


def _loop(code: _Assembler) -> None:
    code.label("loop")
    _wait_for_line(code, 143, "before")
    _wait_for_line(code, 144, "vblank")
    code.put(0x21, 0x00, 0xC0, 0x34)  # ld hl, C000; inc [hl]
    code.jump(JR_NZ, "counted")
    code.put(0x23, 0x34)  # inc hl; inc [hl]
    code.label("counted")
    _draw(code)
    _rest(code)
    code.put(0x3E, 0x20, 0xE0, 0x00, 0xF0, 0x00, 0xF0, 0x00)  # the d-pad
    code.put(0x2F, 0xE6, 0x0F, 0x47)  # cpl; and 0F; ld b, a
    code.put(0x3E, 0x10, 0xE0, 0x00, *([0xF0, 0x00] * 4))  # the other four
    code.put(0x2F, 0xE6, 0x0F, 0xCB, 0x37, 0xB0, 0x4F)  # cpl; and 0F; swap a; or b; ld c, a
    code.put(0xFA, 0x02, 0xC0, 0x2F, 0xA1, 0x47)  # newly down = c and not before: b
    code.put(0x79, 0xEA, 0x02, 0xC0)  # ld a, c; ld [C002], a
    code.put(0x78, 0xB7)  # ld a, b; or a
    code.jump(JR_Z, "none")
    code.put(0xAF, 0xEA, 0x15, 0xC0, 0x3E, 0x08, 0xEA, 0x18, 0xC0)  # busy for eight frames
    code.label("none")
    for bit, name, action in _ACTIONS:
        code.put(0xCB, 0x40 | bit << 3)  # bit n, b
        code.jump(JR_Z, f"not_{name}")
        action(code)
        code.label(f"not_{name}")
    code.jump(JP, "loop", relative=False)


def _draw(code: _Assembler) -> None:
    """One black sprite at the hero's place, eight pixels a step."""
    for source, target, border in ((0xC004, 0xFE00, 16), (0xC003, 0xFE01, 8)):
        code.put(0xFA, source & 0xFF, source >> 8, 0x87, 0x87, 0x87, 0xC6, border)
        code.put(0xEA, target & 0xFF, target >> 8)
    _store(code, 0xFE02, 1)
    # The menu, while open, is a black tile in the corner.
    code.put(0xFA, 0x12, 0xC0, 0xEA, 0x00, 0x98)


def _rest(code: _Assembler) -> None:
    code.put(0xFA, 0x18, 0xC0, 0xB7)  # ld a, [C018]; or a
    code.jump(JR_Z, "rested")
    code.put(0x3D, 0xEA, 0x18, 0xC0)  # dec a; ld [C018], a
    code.jump(JR_NZ, "rested")
    _store(code, 0xC015, 1)
    code.label("rested")


def _change(address: int, opcode: int):
    def act(code: _Assembler) -> None:
        code.put(0x21, address & 0xFF, address >> 8, opcode, 0x7E, 0xE6, 0x0F, 0x77)

    return act


def _take(code: _Assembler) -> None:
    code.put(0x21, 0x10, 0xC0, 0x34)


def _drink(code: _Assembler) -> None:
    code.put(0x21, 0x10, 0xC0, 0x7E, 0xB7)  # any left?
    code.jump(JR_Z, "dry")
    code.put(0x35, 0x23, 0x7E, 0xC6, 0x05, 0x77)
    code.label("dry")


def _menu(code: _Assembler) -> None:
    code.put(0xFA, 0x12, 0xC0, 0xEE, 0x01, 0xEA, 0x12, 0xC0)


def _gamble(code: _Assembler) -> None:
    code.put(0xFA, 0x14, 0xC0, 0x57, 0x87, 0x87, 0x82, 0xC6, 0x11)  # seed * 5 + 17
    code.put(0xEA, 0x14, 0xC0, 0xEA, 0x13, 0xC0)
    code.put(0x21, 0x16, 0xC0, 0x86, 0x22)  # ld hl, C016; add [hl]; ld [hl+], a
    code.put(0x3E, 0x00, 0x8E, 0x77)  # ld a, 0; adc [hl]; ld [hl], a


_ACTIONS = (
    (0, "right", _change(0xC003, 0x34)),
    (1, "left", _change(0xC003, 0x35)),
    (2, "up", _change(0xC004, 0x35)),
    (3, "down", _change(0xC004, 0x34)),
    (4, "a", _take),
    (5, "b", _drink),
    (6, "select", _gamble),
    (7, "start", _menu),
)


def _wait_for_line(code: _Assembler, line: int, name: str) -> None:
    code.label(name)
    code.put(0xF0, 0x44, 0xFE, line)  # ldh a, [LY]; cp line
    code.jump(JR_NZ, name)


def _store(code: _Assembler, address: int, value: int) -> None:
    code.put(0x3E, value, 0xEA, address & 0xFF, address >> 8)


def _fill(code: _Assembler, address: int, count: int, value: int, name: str) -> None:
    code.put(0x21, address & 0xFF, address >> 8, 0x01, count & 0xFF, count >> 8)
    code.label(f"fill_{name}")
    code.put(0x36, value, 0x23, 0x0B, 0x78, 0xB1)  # ld [hl], v; inc hl; dec bc; ld a, b; or c
    code.jump(JR_NZ, f"fill_{name}")


def write_game(folder: Path, toml: str = TOML) -> Path:
    """Write the ROM and its TOML into ``folder``; the path of the TOML."""
    (folder / "tiny.gb").write_bytes(build_rom())
    path = folder / "tiny.toml"
    path.write_text(toml, encoding="utf-8")
    return path
