"""Game text is full of numbers and names that must come through unharmed."""

from __future__ import annotations

import base64
import hashlib
import json
import random

import pytest

from understudy.session.masking import Masker

GAME_TEXT = [
    "perception: 15 + 10(skill) = *30*",
    "rolled 20+5, 2d6+3, 1d20 + 7 = 24, HP 45/60, AC 17, +5 sword, +1000000 gold, +20000000 XP",
    "coordinates 10.5, 20.3; (212, 555, 1234) [640, 480, 1024] lat 52.520008, lon 13.404954",
    "1.2.3 v1.2.3.4 version 1.2.3.4 python 3.11.7 chapter 1.2.3.4",
    "gold 1,250,000 or 1 250 000 or 2.500.000, $1,299.00",
    "2026-11-20 20:55:52 20.11.2026 05-12-2026 05/12/2026 2026/11/20 12:30:45.123 00:12:34",
    "#ff8800 #FFEEDD 0xDEADBEEF 550e8400-e29b-41d4-a716-446655440000 01J9ZK3V7W8X9Y0Z1A2B3C4D5E",
    "seed 4155552671, seed 2024561234, at 1732135012345 ms, 1732135012345678901 ns",
    "session_20261120_205552_NAME step_0001 score 00123450",
    "010 020 030 040 | 045 123 456 | 00 01 02 03 04 05 | 01 02 03 04 05 06",
    "The secret: nobody knows. token: 15, password: swordfish, key: rusty_iron_key",
    '"max_tokens": 4096, "token": "goblin_king_of_the_hill", password=<your password>',
    "std::vector dead::beef a[1::2] x[::-1] aa:bb:cc:dd:ee:ff ratio 1:2:3:4:5:6:7:8",
    "@player @GM D&D @ #.@.# x @ y.T",
    "toolu_01A09q90qw90lq917835lq9 chatcmpl-9abcDEFghiJKLmnoPQRstuVWxyz12",
    "damage 12-18, range 30/120, level 5-10, 100-200-300, wave 3-4-5, 0.0123456789 s, 1e-10",
]


@pytest.mark.parametrize("text", GAME_TEXT, ids=lambda text: text[:24])
def test_game_text_comes_through_unharmed(text: str) -> None:
    masker = Masker(words=["Anna"])
    assert masker.find(text) == []
    assert masker.mask_text(text)[0] is text


@pytest.mark.parametrize("size", [90, 3_000, 300_000])
def test_pictures_come_through_unharmed(size: int) -> None:
    picture = base64.b64encode(random.Random(size).randbytes(size)).decode()
    url = f"data:image/png;base64,{picture}"
    message = {"image_url": {"url": url}, "arguments": json.dumps({"image": url})}
    if size > 1000:
        message["b64_json"] = picture
    masker = Masker(words=["a"])
    assert masker.mask_value(message)[0] is message


def test_digits_in_a_picture_are_no_phone_number() -> None:
    text = (
        "data:image/png;base64,iVBO/+4930901820/415-555-2671/4111111111111111+AAAA= and ann@x.org"
    )
    assert "+4930901820" in Masker().mask_text(text)[0]
    assert Masker().mask_text(text)[0].endswith("[EMAIL]")


def test_hashes_and_random_ids_come_through_unharmed() -> None:
    masker = Masker()
    source = random.Random(7)
    for _ in range(2_000):
        digest = hashlib.sha256(source.randbytes(8)).hexdigest()
        text = f"{digest} {source.getrandbits(32)} {source.random()} {digest[:8]}-{digest[8:12]}"
        assert masker.mask_text(text)[0] is text
