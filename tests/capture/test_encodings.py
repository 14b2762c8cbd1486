"""Undoing content encodings for the captured copy, however the bytes are cut or broken."""

from __future__ import annotations

import contextlib
import gzip
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from understudy.capture import encodings
from understudy.capture.encodings import decoded
from understudy.errors import CaptureError


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    "deflate ": raw_deflate,
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip, zstd": lambda data: zstandard.ZstdCompressor().compress(gzip.compress(data)),
}


@given(data=st.binary(max_size=3000), size=st.integers(1, 500), name=st.sampled_from(list(PACKERS)))
def test_what_was_packed_comes_out_again(data: bytes, size: int, name: str) -> None:
    packed = PACKERS[name](data)
    chunks = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert b"".join(decoded(chunks, name)) == data


@given(data=st.binary(max_size=300), name=st.sampled_from(["gzip", "deflate", "zstd"]))
def test_garbage_is_one_kind_of_error(data: bytes, name: str) -> None:
    with contextlib.suppress(CaptureError):
        b"".join(decoded([data], name))


def test_a_stream_that_was_cut_off_gives_what_came() -> None:
    packed = gzip.compress(b"one two three " * 1000)
    got = b"".join(decoded([packed[:-20]], "gzip"))
    assert got.startswith(b"one two three")


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(CaptureError, match="'rot13'"):
        list(decoded([b"x"], "rot13"))


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_small_body_that_unpacks_to_very_much_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encodings, "LARGEST_BODY", 100_000)
    with pytest.raises(CaptureError, match="more than 100000"):
        list(decoded([PACKERS[name](bytes(5_000_000))], name))
