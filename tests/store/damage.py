"""Damage done to files on purpose."""

from pathlib import Path


def flip_bit(path: Path, number: int) -> int:
    """Flip one bit of the file, any number names one; the byte that it is in."""
    content = bytearray(path.read_bytes())
    byte, bit = divmod(number % (len(content) * 8), 8)
    content[byte] ^= 1 << bit
    path.write_bytes(content)
    return byte
