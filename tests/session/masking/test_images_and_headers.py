"""Rectangles in pictures and headers that carry credentials."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.session.masking import is_credential_header, mask_image, without_credentials


def test_a_rectangle_is_blackened_in_a_copy_and_clipped() -> None:
    image = np.full((4, 6, 3), 9, dtype=np.uint8)
    masked = mask_image(image, [[4, -1, 10, 3]])
    assert (image == 9).all()
    assert (masked[:2, 4:] == 0).all()
    assert int((masked == 0).sum()) == 2 * 2 * 3


@pytest.mark.parametrize("region", [[6, 0, 2, 2], [0, 0, 0, 3], [-5, 0, 5, 2], [0, 0, -1, 1]])
def test_an_image_that_no_rectangle_touches_is_returned_itself(region: list[int]) -> None:
    image = np.ones((4, 6), dtype=np.uint8)
    assert mask_image(image, [region]) is image
    assert mask_image(image, []) is image


def test_what_is_masked_in_a_transparent_image_is_opaque() -> None:
    image = np.full((2, 2, 4), 7, dtype=np.uint8)
    assert mask_image(image, [[0, 0, 1, 1]])[0, 0].tolist() == [0, 0, 0, 255]


@pytest.mark.parametrize(
    "name",
    ["Authorization", "x-api-key", "X-Goog-Api-Key", "api_key", "Cookie", "X-My-Secret", b"API-Key",
     "X-Auth-Token", "Proxy-Authorization"],
)  # fmt: skip
def test_headers_with_credentials_are_known(name: str | bytes) -> None:
    assert is_credential_header(name)


@pytest.mark.parametrize(
    "name", ["Content-Type", "Host", "User-Agent", "X-Author", "x-ratelimit-remaining-tokens"]
)
def test_other_headers_are_not(name: str) -> None:
    assert not is_credential_header(name)


def test_credentials_are_left_out_of_stored_headers() -> None:
    headers = {"Authorization": "Bearer x", "Accept": "*/*"}
    assert without_credentials(headers) == [("Accept", "*/*")]
    assert without_credentials(list(headers.items())) == [("Accept", "*/*")]
