"""Turns the art, which is text, into the bytes that the machine draws."""

import tomllib
from itertools import pairwise
from pathlib import Path

SHADES = {".": 0, " ": 0, "-": 1, "+": 2, "#": 3}
PICTURE_SIZE = 40
LONGEST_RUN = 120
# As CELL_SOLID and its siblings in the game's tables.
CELL_BITS = {1: "solid", 2: "grass", 4: "counter"}

Picture = list[list[int]]


def tile_bytes(picture: Picture, x: int, y: int) -> bytes:
    """The 16 bytes of the tile whose top left corner is at x, y."""
    out = bytearray()
    for row in picture[y : y + 8]:
        low = high = 0
        for shade in row[x : x + 8]:
            low = low << 1 | shade & 1
            high = high << 1 | shade >> 1
        out += bytes((low, high))
    return bytes(out)


def _sections(path: Path) -> list[tuple[str, list[str]]]:
    """The blocks of a text file: each begins with a line `= heading`."""
    found: list[tuple[str, list[str]]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return found


def _padded(lines: list[str], width: int, height: int) -> list[str]:
    lines = [line.ljust(width)[:width] for line in lines[:height]]
    return lines + [" " * width] * (height - len(lines))


def read_font(path: Path) -> dict[str, list[str]]:
    """The eight rows of each letter."""
    letters = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# One letter"):
            continue
        rows = line[2:].split("/")
        letters[line[0]] = ["." + row.ljust(7, ".") for row in rows] + ["........"] * (
            8 - len(rows)
        )
    return letters


def font_bytes(letters: dict[str, list[str]]) -> bytes:
    """One bit a dot, for the letters from the space on."""
    out = bytearray()
    for code in range(0x20, 0x80):
        for row in letters.get(chr(code), ["........"] * 8):
            out.append(int("".join("1" if dot == "#" else "0" for dot in row), 2))
    return bytes(out)


def logo_bytes(letters: dict[str, list[str]], word: str) -> bytes:
    """The word at double size with a shadow, row after row of tiles."""
    width, height = 16 * len(word), 16
    picture = [[0] * width for _ in range(height)]
    dots = [
        (16 * index + 2 * x + i, 2 * y + j)
        for index, letter in enumerate(word)
        for y, row in enumerate(letters[letter])
        for x, dot in enumerate(row)
        if dot == "#"
        for i in (0, 1)
        for j in (0, 1)
    ]
    for shade, shift in ((1, 2), (2, 1), (3, 0)):
        for x, y in dots:
            if x + shift < width and y + shift < height:
                picture[y + shift][x + shift] = shade
    return b"".join(
        tile_bytes(picture, x, y) for y in range(0, height, 8) for x in range(0, width, 8)
    )


def interface_bytes(path: Path) -> bytes:
    """Boxes and labels as drawn, then the pieces of the bar and its end."""
    pictures = [lines for _, lines in _sections(path)]
    edge = "########"
    for filled in range(9):
        inside = "+" * filled + "." * (8 - filled)
        dark = "#" * filled + "." * (8 - filled)
        pictures.append(["........", edge, inside, dark, dark, inside, edge, "........"])
    end = [
        "........",
        "#.......",
        "##......",
        "##......",
        "##......",
        "##......",
        "#.......",
        "........",
    ]
    pictures.append(end)
    out = b""
    for lines in pictures:
        out += tile_bytes([[SHADES[dot] for dot in line] for line in _padded(lines, 8, 8)], 0, 0)
    return out


class Cells:
    """The kinds of cells: their letters, tiles without repetition, and what holds on them."""

    def __init__(self, path: Path, first_tile: int) -> None:
        self.letters: dict[str, int] = {}
        self.tiles: list[bytes] = []
        self.numbers: list[int] = []
        self.kinds: list[int] = []
        for heading, lines in _sections(path):
            letter, words = heading[1], heading[3:].split()
            self.letters[letter] = len(self.kinds)
            holds = words[1:]
            self.kinds.append(sum(bit for bit, word in CELL_BITS.items() if word in holds))
            picture = [[SHADES[dot] for dot in line] for line in _padded(lines, 16, 16)]
            for y in (0, 8):
                for x in (0, 8):
                    tile = tile_bytes(picture, x, y)
                    if tile not in self.tiles:
                        self.tiles.append(tile)
                    self.numbers.append(first_tile + self.tiles.index(tile))


def people_bytes(figures: Path, persons: Path) -> tuple[list[str], bytes, int]:
    """The names of the persons, all tiles of the figures, and the tile of a thing on the ground."""
    poses = dict(_sections(figures))
    shades = tomllib.loads(persons.read_text(encoding="utf-8"))
    out = bytearray()

    def add(lines: list[str], letters: dict[str, str], hat: bool, half: bool = False) -> None:
        # Colour 0 of a sprite is seen through: white is 1, grey 2, black 3.
        colours = {" ": 0, "o": 3, "f": 1}
        colours |= {key: {".": 1, "+": 2, "#": 3}[value] for key, value in letters.items()}
        picture = []
        for y, line in enumerate(_padded(lines, 16, 16)):
            if hat and y == 3:
                line = line.replace("H", "f")
            picture.append([colours[dot] for dot in line])
        for x in (0,) if half else (0, 8):
            for y in (0, 8):
                out.extend(tile_bytes(picture, x, y))

    for index, person in enumerate(shades.values()):
        letters = {key: person[key] for key in "HCSL"}
        for moment in ("stand", "step") if index == 0 else ("stand",):
            for side in ("down", "up", "side"):
                # Who stands and looks straight ahead is drawn by half, and mirrored by the game.
                half = moment == "stand" and side != "side"
                add(poses[f"{side} {moment}"], letters, person.get("hat", False), half)
    pickup = len(out) // 16
    add(poses["pickup"], {"C": "+"}, False)
    return list(shades), bytes(out), pickup


def _inside(points: list[tuple[float, float]], x: float, y: float) -> bool:
    inside = False
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            inside = not inside
    return inside


def _stroke(picture: Picture, points: list[tuple[float, float]]) -> None:
    for (ax, ay), (bx, by) in pairwise(points):
        steps = int(max(abs(bx - ax), abs(by - ay))) or 1
        for step in range(steps + 1):
            x = int(ax + (bx - ax) * step / steps + 0.5)
            y = int(ay + (by - ay) * step / steps + 0.5)
            if 0 <= x < PICTURE_SIZE and 0 <= y < PICTURE_SIZE:
                picture[y][x] = 3


def _ellipse(picture: Picture, shade: int, numbers: list[float], shaded: bool) -> None:
    cx, cy, rx, ry = numbers
    rx, ry = rx + 0.5, ry + 0.5

    def within(x: int, y: int) -> bool:
        return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1

    for y in range(PICTURE_SIZE):
        for x in range(PICTURE_SIZE):
            if not within(x, y):
                continue
            edge = not all(within(x + dx, y + dy) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)))
            depth = ((x - cx + rx / 3) / rx) ** 2 + ((y - cy + ry / 3) / ry) ** 2
            if shaded and edge:
                picture[y][x] = 3
            elif shaded and (depth > 1.15 or (depth > 0.85 and (x + y) % 2)):
                picture[y][x] = min(shade + 1, 2)
            else:
                picture[y][x] = shade


def draw_creature(shapes: list[str]) -> Picture:
    """Draws the shapes one over the other on a white square."""
    picture = [[0] * PICTURE_SIZE for _ in range(PICTURE_SIZE)]
    for shape in shapes:
        words = shape.split()
        kind = words[0]
        if kind in ("ball", "spot"):
            _ellipse(picture, SHADES[words[1]], [float(n) for n in words[2:]], kind == "ball")
        elif kind == "eye":
            x, y = int(words[1]), int(words[2])
            _ellipse(picture, 3, [x, y, 1, 2], False)
            picture[y - 1][x - 1] = 0
        else:
            start = 2 if kind == "leaf" else 1
            points = [(float(a), float(b)) for a, b in (w.split(",") for w in words[start:])]
            if kind == "leaf":
                for y in range(PICTURE_SIZE):
                    for x in range(PICTURE_SIZE):
                        if _inside(points, x + 0.01, y + 0.01):
                            picture[y][x] = SHADES[words[1]]
                _stroke(picture, [*points, points[0]])
            else:
                _stroke(picture, points)
    return picture


def packed(data: bytes) -> bytes:
    """Runs as 128 + length and the byte, everything else as its length and its bytes."""
    out, loose, start = bytearray(), bytearray(), 0

    def flush() -> None:
        if loose:
            out.append(len(loose))
            out.extend(loose)
            loose.clear()

    while start < len(data):
        end = start
        while end < len(data) and data[end] == data[start] and end - start < LONGEST_RUN:
            end += 1
        if end - start >= 3:
            flush()
            out += bytes((0x80 | end - start, data[start]))
            start = end
        else:
            loose.append(data[start])
            start += 1
            if len(loose) == LONGEST_RUN:
                flush()
    flush()
    return bytes(out)


def creature_bytes(path: Path) -> dict[str, bytes]:
    """Each creature, packed: the low bits of its five columns from the left, then the high bits."""
    found = {}
    for name, shapes in tomllib.loads(path.read_text(encoding="utf-8")).items():
        picture = draw_creature(shapes)
        columns = b"".join(
            tile_bytes(picture, x, y)
            for x in range(0, PICTURE_SIZE, 8)
            for y in range(0, PICTURE_SIZE, 8)
        )
        found[name] = packed(columns[0::2] + columns[1::2])
    return found
