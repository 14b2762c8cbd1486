"""The frames track: what a game hands over sixty times a second, and what becomes of it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import understudy
from understudy.errors import NewerSchemaError
from understudy.session.frames.file import LAYOUT_BLOCK
from understudy.session.frames.layout import RowLayout, union_schema
from understudy.store.blocks import BlockWriter


def test_frames_come_back_as_they_were_given(ws: understudy.Workspace) -> None:
    rng = np.random.default_rng(1)
    states = rng.normal(size=(500, 128)).astype(np.float32)
    objects = rng.normal(size=(500, 16, 20)).astype(np.float32)
    masks = rng.random((500, 16)) < 0.5
    with ws.record(game="skirmish") as recorder:
        for number in range(500):
            recorder.frame(
                state=states[number], objects=objects[number], mask=masks[number],
                reward=number / 2, done=False,
            )  # fmt: skip
    table = ws.session(recorder.id).frames()
    assert table.num_rows == 500
    assert np.array_equal(np.stack(table["state"].to_numpy()), states)
    assert np.array_equal(np.array(table["objects"].to_pylist(), np.float32), objects)
    assert np.array_equal(np.array(table["mask"].to_pylist()), masks)
    assert table["reward"].to_pylist() == [number / 2 for number in range(500)]
    assert table["tick"].to_pylist() == list(range(500))
    assert set(table["missed"].to_pylist()) == {0}
    clocks = table["mono_ns"].to_numpy()
    assert (np.diff(clocks) > 0).all()


def test_a_frame_is_copied_before_the_call_returns(ws: understudy.Workspace) -> None:
    state = np.zeros(4, np.float32)
    picture = np.zeros((8, 8, 3), np.uint8)
    with ws.record() as recorder:
        for number in range(50):
            state[:] = number
            picture[:] = number
            recorder.frame(state=state, image=picture)
    session = ws.session(recorder.id)
    table = session.frames()
    assert [row[0] for row in table["state"].to_pylist()] == list(range(50))
    assert [session.image(i)[0, 0, 0] for i in table["image"].to_pylist()] == list(range(50))


def test_equal_images_are_kept_once(ws: understudy.Workspace) -> None:
    pictures = [np.full((8, 8), shade, np.uint8) for shade in (1, 2, 3)]
    with ws.record() as recorder:
        for number in range(300):
            recorder.frame(image=pictures[number % 3])
    session = ws.session(recorder.id)
    assert session.image_count == 3
    assert session.frames()["image"].to_pylist() == [0, 1, 2] * 100


def test_a_tick_that_was_skipped_is_an_explicit_gap_row(ws: understudy.Workspace) -> None:
    with ws.record() as recorder:
        for tick in (0, 1, 2, 7, 8, 20):
            recorder.frame(tick=tick, state=np.float32([tick]))
    session = ws.session(recorder.id)
    table = session.frames()
    assert table["tick"].to_pylist() == [0, 1, 2, 3, 7, 8, 9, 20]
    assert table["missed"].to_pylist() == [0, 0, 0, 4, 0, 0, 11, 0]
    assert table["state"].to_pylist()[3] is None
    assert session.metadata.frames == 6
    assert recorder.counters.seen == recorder.counters.stored == 6
    assert session.manifest is not None
    assert session.manifest.facts["missed_ticks"] == 15


@pytest.mark.slow
def test_without_ticks_a_late_frame_of_a_game_with_a_rhythm_leaves_a_gap(
    ws: understudy.Workspace,
) -> None:
    import time

    with ws.record(tick_hz=50) as recorder:
        recorder.frame(state=1.0)
        time.sleep(0.25)
        recorder.frame(state=2.0)
    table = ws.session(recorder.id).frames()
    assert table.num_rows == 3
    assert table["missed"][1].as_py() >= 10
    assert table["tick"][2].as_py() == table["missed"][1].as_py() + 1


def test_values_that_come_later_are_null_before(ws: understudy.Workspace) -> None:
    with ws.record() as recorder:
        recorder.frame(state=np.float32([1, 2]))
        recorder.frame(state=np.float32([3, 4]), reward=0)
        recorder.frame(reward=0.5)
        recorder.frame(state=np.float64([5, 6]), image=np.zeros((4, 4), np.uint8))
        recorder.frame(state=np.float32([7, 8]), image=np.ones((2, 4), np.uint8))
    session = ws.session(recorder.id)
    table = session.frames()
    assert table["state"].to_pylist() == [[1, 2], [3, 4], None, [5, 6], [7, 8]]
    assert table["reward"].to_pylist() == [None, 0, 0.5, None, None]
    assert table["image"].to_pylist() == [None, None, None, 0, 1]
    assert session.image(1).shape == (2, 4)
    assert recorder.counters.dropped == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"state": "fast"},
        {"state": np.zeros(3, object)},
        {"state": np.zeros(5, np.float32)},
        {"tick": "seven", "state": np.zeros(4, np.float32)},
        {"state": [[1, 2], [3]]},
        {"image": np.zeros((4, 4), np.float32)},
        {"image": b"no picture"},
        {"mono_ns": 3},
        {"state": object()},
        {},
    ],
    ids=lambda bad: (
        "-".join(f"{name}:{type(part).__name__}" for name, part in bad.items()) or "nothing"
    ),
)
def test_a_bad_value_costs_itself_and_is_counted_never_raised(
    ws: understudy.Workspace, bad: dict[str, object]
) -> None:
    good = np.ones(4, np.float32)
    with ws.record() as recorder:
        recorder.frame(state=good)
        recorder.frame(**bad)  # type: ignore[arg-type]
        recorder.frame(state=good)
    counters = recorder.counters
    assert counters.seen == 3
    assert counters.stored + counters.dropped == 3
    assert counters.stored >= 2
    if bad:
        assert counters.dropped + counters.bad_values >= 1
        assert counters.reasons
    table = ws.session(recorder.id).frames()
    assert table["state"].to_pylist()[0] == table["state"].to_pylist()[-1] == [1, 1, 1, 1]


@pytest.mark.slow
def test_frames_that_find_the_buffer_full_are_counted_and_leave_a_gap(tmp_path: Path) -> None:
    with understudy.Workspace(tmp_path / "ws") as ws:
        (ws.path / "understudy.toml").write_text("[record]\nframe_buffer_mb = 0.001\n")
    with understudy.Workspace(tmp_path / "ws") as ws:
        state = np.zeros(4096, np.float32)
        noise = np.random.default_rng(0).integers(0, 256, (3000, 3000, 3), np.uint8)
        with ws.record() as recorder:
            # The writer is busy with this picture while the frames come.
            recorder.step(action="look", screenshot=noise, wait=False)
            for tick in range(3000):
                recorder.frame(tick=tick, state=state)
        counters = recorder.counters
        assert counters.seen == 3001
        assert counters.stored + counters.dropped == 3001
        assert counters.dropped > 0
        table = ws.session(recorder.id).frames()
        stored = sum(1 for missed in table["missed"].to_pylist() if missed == 0)
        assert stored == counters.stored - 1
        last = table["tick"].to_pylist()[-1]
        assert sum(table["missed"].to_pylist()) + stored == last + 1


def test_a_frame_that_cannot_be_kept_leaves_a_gap_where_frames_merely_count_up(
    ws: understudy.Workspace,
) -> None:
    with ws.record() as recorder:
        for state in (1.0, "no number", object(), 2.0, 3.0):
            recorder.frame(state=state)
    assert (recorder.counters.stored, recorder.counters.dropped) == (3, 2)
    table = ws.session(recorder.id).frames()
    assert table["tick"].to_pylist() == [0, 1, 3, 4]
    assert table["missed"].to_pylist() == [0, 2, 0, 0]
    assert table["state"].to_pylist() == [1.0, None, 2.0, 3.0]


_FULL_DISK = """
import json, resource, signal, sys, time
import numpy as np, understudy

ws = understudy.Workspace(sys.argv[1])
ws.catalog.totals()
recorder = ws.record(game="full")
state = np.random.default_rng(0).normal(size=(64, 128))

def play(frames):
    for number in range(frames):
        recorder.frame(state=state[number % 64])
    time.sleep(0.05)

play(20)
assert recorder.flush()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
unlimited = resource.RLIM_INFINITY
size = (recorder.path / "frames.blocks").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, unlimited))
most, tries_end = 0, time.monotonic() + 3.5
while time.monotonic() < tries_end or not recorder.counters.dropped:
    play(200)
    most = max(most, recorder.counters.pending)
waiting = recorder.counters.pending
resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
assert recorder.flush()
stored = recorder.counters.stored
play(10)
recorder.seal()
counters = recorder.counters
print(json.dumps([recorder.id, most, waiting, stored, counters.facts()]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk_keeps_a_bounded_number_of_frames_waiting_and_none_of_them_is_lost(
    tmp_path: Path,
) -> None:
    # Given a game whose disk takes nothing for some seconds, and little memory for frames
    with understudy.Workspace(tmp_path / "ws") as ws:
        (ws.path / "understudy.toml").write_text("[record]\nframe_buffer_mb = 0.2\n")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _FULL_DISK, str(tmp_path / "ws")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    identity, most, waiting, stored, counters = json.loads(done.stdout)
    # Then what waits in memory is about what fits into the buffer, however long it takes
    assert 0 < waiting <= most < 2 * 0.2 * 1024 * 1024 / (128 * 8)
    # And as soon as the disk takes frames again, all that waited is there, with gaps for the rest
    assert stored == 20 + waiting
    assert counters["seen"] == counters["stored"] + counters["dropped"]
    assert counters["stored"] == stored + 10
    assert "frames came faster than the disk could take them" in counters["reasons"]
    with understudy.Workspace(tmp_path / "ws") as ws:
        assert ws.verify(identity) == []
        table = ws.session(identity).frames()
    missed = table["missed"].to_pylist()
    assert sum(missed) == counters["dropped"]
    assert table["tick"].to_pylist()[-1] == counters["seen"] - 1


@pytest.mark.slow
def test_a_game_that_would_rather_wait_loses_nothing(tmp_path: Path) -> None:
    with understudy.Workspace(tmp_path / "ws") as ws:
        (ws.path / "understudy.toml").write_text(
            '[record]\nframe_buffer_mb = 0.001\nwhen_full = "wait"\n'
        )
    with understudy.Workspace(tmp_path / "ws") as ws:
        with ws.record() as recorder:
            for number in range(3000):
                recorder.frame(state=np.full(4096, number, np.float32))
        assert recorder.counters.stored == 3000
        table = ws.session(recorder.id).frames()
        assert [row[0] for row in table["state"].to_pylist()] == list(range(3000))


def test_a_flush_brings_every_frame_to_the_disk_before_it_returns(
    ws: understudy.Workspace,
) -> None:
    with ws.record() as recorder:
        for number in range(7):
            recorder.frame(state=float(number), image=np.full((4, 4), number, np.uint8))
        assert recorder.flush()
        assert recorder.counters.stored == 7
        assert ws.session(recorder.id).frames()["state"].to_pylist() == list(range(7))
        assert ws.session(recorder.id).status == "recording"


def test_several_threads_may_record_into_one_session(ws: understudy.Workspace) -> None:
    import threading

    with ws.record() as recorder:

        def play(player: int) -> None:
            for number in range(500):
                recorder.frame(player=float(player), number=float(number))

        threads = [threading.Thread(target=play, args=(player,)) for player in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    table = ws.session(recorder.id).frames()
    assert recorder.counters.stored == 2000
    for player in range(4):
        mine = [row["number"] for row in table.to_pylist() if row["player"] == player]
        assert mine == list(range(500))


def test_image_regions_are_black_before_they_reach_the_disk(tmp_path: Path) -> None:
    with understudy.Workspace(tmp_path / "ws") as ws:
        (ws.path / "understudy.toml").write_text("[mask]\nimage_regions = [[2, 1, 3, 4]]\n")
    with understudy.Workspace(tmp_path / "ws") as ws:
        with ws.record() as recorder:
            recorder.frame(image=np.full((10, 10, 3), 200, np.uint8))
            recorder.step(action="a", screenshot=np.full((10, 10, 3), 200, np.uint8))
        session = ws.session(recorder.id)
        from PIL import Image

        shot = np.asarray(Image.open(session.path / "screenshots" / "step_01_before_action.png"))
        for picture in (session.image(0), shot):
            assert not picture[1:5, 2:5].any()
            assert (picture[6:] == 200).all()


kinds = st.sampled_from(["<f4", "<f8", "<i2", "<i8", "|u1", "|b1", "<u4"])
shapes = hnp.array_shapes(min_dims=0, max_dims=2, max_side=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_rows_are_packed_and_unpacked_to_the_same_bits(data: st.DataObject) -> None:
    layout = RowLayout()
    for number in range(data.draw(st.integers(0, 4))):
        layout = layout.with_field(f"v{number}", np.dtype(data.draw(kinds)), data.draw(shapes))
    count = data.draw(st.integers(1, 40))
    seed = data.draw(st.integers(0, 2**32 - 1))
    raw = np.random.default_rng(seed).integers(0, 256, count * layout.dtype.itemsize, np.uint8)
    rows = raw.view(layout.dtype)
    unpacked = layout.unpack(layout.pack(rows), count)
    assert unpacked.tobytes() == rows.tobytes()
    assert RowLayout.from_json(layout.to_json()) == layout
    batch = layout.to_arrow(rows)
    assert batch.schema.equals(union_schema([layout]))


def test_frames_of_a_later_version_are_refused_sealed_or_not(ws: understudy.Workspace) -> None:
    # Given a session of this version
    recorder = ws.record(game="g")
    recorder.frame(state=1.0)
    assert recorder.flush()
    session = ws.session(recorder.id)
    blocks = recorder.path / "frames.blocks"
    written = blocks.read_bytes()
    assert session.frames().num_rows == 1
    # When its frames are of another, then they are not guessed at
    blocks.unlink()
    with BlockWriter(blocks) as writer:
        writer.append(b'{"schema": 99, "fields": []}', LAYOUT_BLOCK)
    with pytest.raises(NewerSchemaError, match="upgrade Understudy"):
        session.frames()
    blocks.write_bytes(written)
    assert recorder.seal()
    sealed = ws.session(recorder.id)
    table = sealed.frames()
    assert sealed.frames(["tick", "state"]).column_names == ["tick", "state"]
    parquet = recorder.path / "frames.parquet"
    pq.write_table(table.replace_schema_metadata({"understudy.schema": "99"}), parquet)
    with pytest.raises(NewerSchemaError, match=r"frames\.parquet was written with schema 99"):
        sealed.frames()
