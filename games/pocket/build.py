"""Builds the game: `python games/pocket/build.py`. Needs the sdcc that BUILD_INFO names.

Writes the ROM, and the memory map that is derived from the same header, where the package and the
documentation carry them. The same sources and compiler give the same bytes.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HOME = Path(__file__).resolve().parent
sys.path.insert(0, str(HOME))

from tools import content, memory_map  # noqa: E402

REPOSITORY = HOME.parents[1]
PACKAGED = REPOSITORY / "src" / "understudy" / "games" / "builtin" / "pocket"
MAP_PAGE = REPOSITORY / "docs" / "pocket-memory-map.md"
ROM_SIZE = 0x8000
CODE_START = 0x200
DATA_START = 0xC600
TITLE = b"POCKET"
# The allocator looks further than by default: the game would not fit otherwise.
COMPILE = ("sdcc", "-msm83", "--opt-code-size", "--max-allocs-per-node", "20000", "-c")


def compiler_version() -> str | None:
    """As sdcc names itself, without the system it was built for; None where it is not installed."""
    if shutil.which("sdcc") is None:
        return None
    said = subprocess.run(["sdcc", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+\.\d+\.\d+) #(\d+)", said)
    return f"{found[1]} #{found[2]}" if found else None


def fix_header(rom: bytearray) -> None:
    """Names the game and its cartridge and sets the checksums; the logo's place stays empty."""
    rom[0x104:0x150] = bytes(0x150 - 0x104)
    rom[0x134 : 0x134 + len(TITLE)] = TITLE
    rom[0x147] = 0x03  # banking hardware with battery memory
    rom[0x148] = 0x00  # 32 KB
    rom[0x149] = 0x02  # 8 KB of battery memory
    rom[0x14A] = 0x01
    rom[0x14D] = -sum(byte + 1 for byte in rom[0x134:0x14D]) & 0xFF
    total = (sum(rom) - rom[0x14E] - rom[0x14F]) & 0xFFFF
    rom[0x14E:0x150] = total.to_bytes(2, "big")


def read_hex(path: Path) -> dict[int, int]:
    """The bytes of an Intel hex file by their address."""
    found = {}
    for line in path.read_text(encoding="ascii").splitlines():
        record = bytes.fromhex(line[1:])
        count, address, kind = record[0], int.from_bytes(record[1:3], "big"), record[3]
        if kind == 0:
            for offset, byte in enumerate(record[4 : 4 + count]):
                found[address + offset] = byte
    return found


def compile_rom(folder: Path) -> tuple[bytes, int]:
    """The finished ROM and how many of its bytes are used; works in an empty folder."""
    source = HOME / "src"
    made = content.Content()
    for path in sorted(source.iterdir()):
        shutil.copy(path, folder / path.name)
    (folder / "content.h").write_text(content.header(made), encoding="utf-8")
    (folder / "content.c").write_text(content.tables(made), encoding="utf-8")

    def call(*words: str) -> None:
        subprocess.run(words, cwd=folder, check=True)

    call("sdasgb", "-plosgff", "crt0.rel", "crt0.s")
    objects = ["crt0.rel"]
    sources = sorted(path.stem for path in folder.glob("*.c"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda name: call(*COMPILE, f"{name}.c", "-o", f"{name}.rel"), sources))
    objects += [f"{name}.rel" for name in sources]
    call(
        *("sdcc", "-msm83", "--no-std-crt0", "--code-loc", hex(CODE_START)),
        *("--data-loc", hex(DATA_START), "-o", "pocket.ihx", *objects),
    )
    placed = read_hex(folder / "pocket.ihx")
    if max(placed) >= ROM_SIZE:
        raise SystemExit(f"the game is {max(placed) + 1 - ROM_SIZE} bytes too large")
    rom = bytearray(ROM_SIZE)
    for address, byte in placed.items():
        rom[address] = byte
    fix_header(rom)
    return bytes(rom), len(placed)


def main() -> None:
    """Builds, or with --check only says whether what is committed is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 on a difference"
    )
    parser.add_argument("--keep", type=Path, help="a folder in which to leave what the tools make")
    options = parser.parse_args()
    version = compiler_version()
    if version is None:
        raise SystemExit("sdcc is not installed: on Debian, apt-get install sdcc")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rom, used = compile_rom(folder)
    described = memory_map.describe(HOME / "src" / "state.h", content.Content())
    files = {
        PACKAGED / "pocket.gb": rom,
        PACKAGED / "pocket.toml": memory_map.as_toml(described, rom, version).encode(),
        MAP_PAGE: memory_map.as_page(described).encode(),
    }
    stale = [path for path, data in files.items() if not path.exists() or path.read_bytes() != data]
    if options.check:
        for path in stale:
            print(f"{path.relative_to(REPOSITORY)} differs from what the sources give")
        raise SystemExit(1 if stale else 0)
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[path])
    print(f"{used} of {ROM_SIZE} bytes used, sdcc {version}")


if __name__ == "__main__":
    main()
