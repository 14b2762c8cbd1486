"""Sealing: what a session is when it is closed, and that closing a long one is no wait."""

from pathlib import Path

import numpy as np
import pytest

import understudy
from understudy.session import seal
from understudy.session.verify import verify


@pytest.mark.parametrize("most", [0, seal.PACKED_MOST_BYTES])
def test_images_are_the_same_whether_they_were_packed_or_taken_as_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(seal, "PACKED_MOST_BYTES", most)
    pictures = np.random.default_rng(0).integers(0, 4, (60, 24, 20, 3), np.uint8) * 60
    with understudy.Workspace(tmp_path / "ws") as ws:
        with ws.record(game="pictures") as recorder:
            for number in range(90):
                recorder.frame(image=pictures[number % 60])
        session = ws.session(recorder.id)
        assert verify(session.path) == []
        assert not (session.path / "images.blocks").exists()
        assert session.image_count == 60
        for number, shown in enumerate(session.frames()["image"].to_pylist()):
            assert np.array_equal(session.image(shown), pictures[number % 60])
        session.close()
