"""Hashes are SHA-256 in lower-case hex, of bytes and of files of any size."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from understudy.store.hashes import sha256_bytes, sha256_file


@pytest.mark.parametrize("content", [b"", b"abc", bytes(range(256)) * 5_000])
def test_file_and_bytes_have_the_hash_that_every_tool_gives(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    expected = hashlib.sha256(content).hexdigest()
    assert sha256_file(file) == sha256_bytes(content) == expected
    assert sha256_bytes(memoryview(content)) == expected
