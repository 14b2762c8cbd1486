"""Charts are well-formed SVG, show what is there and stay inside their frame."""

from __future__ import annotations

from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest
from tests.curate.playing import played_row

from understudy.curate.bar_chart import HEIGHT, WIDTH, bar_chart
from understudy.curate.plots import write_plots
from understudy.curate.screens import Screens
from understudy.curate.statistics import ChatStatistics, gather
from understudy.errors import StorageError
from understudy.store.catalog.schema import SessionRow

SVG = "{http://www.w3.org/2000/svg}"


def bars(svg):
    """Every bar as (what its title says, x, y, width, height)."""
    return [
        (
            rect.findtext(f"{SVG}title"),
            *(float(rect.get(name)) for name in ("x", "y", "width", "height")),
        )
        for rect in ET.fromstring(svg).iter(f"{SVG}rect")
        if rect.find(f"{SVG}title") is not None
    ]


def rows(days, **facts):
    first = date(2026, 1, 1)
    return [
        SessionRow(
            id=f"{number}",
            directory=f"d{number}",
            status="sealed",
            started=(first + timedelta(days=day)).isoformat() + "T12:00:00+00:00",
            **facts,
        )
        for number, day in enumerate(days)
    ]


def plot(sessions, folder, screens=None):
    return write_plots(sessions, gather(sessions), ChatStatistics(), screens or Screens(), folder)


@pytest.mark.parametrize("count", [1, 2, 7, 90, 800])
@pytest.mark.parametrize("largest", [0.003, 1, 7, 1234567])
def test_bars_stay_in_the_frame_and_are_as_high_as_they_should_be(count, largest):
    values = [largest * (place + 1) / count for place in range(count)]
    found = bars(bar_chart("Title", [f"label {n}" for n in range(count)], {"a": values}))
    assert len(found) == count
    for _, x, y, wide, high in found:
        assert 0 <= x <= x + wide <= WIDTH
        assert 0 <= y <= y + high <= HEIGHT
    assert found[-1][4] == pytest.approx(found[0][4] * count, abs=0.1 * count)


def test_stacked_series_lie_on_each_other_and_have_a_legend():
    svg = bar_chart("Title", ["x"], {"good": [3], "bad": [1]})
    [good, bad] = bars(svg)
    assert bad[2] + bad[4] == pytest.approx(good[2], abs=0.2)
    assert ">good</text>" in svg


def test_series_beside_each_other_share_the_axis_and_the_place():
    svg = bar_chart("Title", ["x", "y"], {"good": [3, 0], "bad": [1, 2]}, beside=True)
    good, bad, later = bars(svg)
    assert good[1] + good[3] == pytest.approx(bad[1], abs=0.2)
    assert good[2] + good[4] == pytest.approx(bad[2] + bad[4], abs=0.2)
    assert later[0] == "y: 2 bad"


def test_a_range_is_drawn_through_its_bar_and_inside_the_frame():
    svg = bar_chart("Title", ["x"], {"a": [50]}, ranges=[(20, 100)], top=100)
    [bar] = bars(svg)
    [drawn] = [
        path.get("d") for path in ET.fromstring(svg).iter(f"{SVG}path") if "V" in path.get("d")
    ]
    low, high = (float(y) for y in drawn.split("M")[1].split(" ")[1].split("V"))
    assert high < bar[2] < low
    assert high >= 0


def test_a_second_line_of_a_label_stands_below_the_first():
    texts = [
        (text.text, float(text.get("y")))
        for text in ET.fromstring(bar_chart("T", ["bag\n12"], {"a": [1]})).iter(f"{SVG}text")
    ]
    places = dict(texts)
    assert places["bag"] < places["12"] <= HEIGHT


def test_words_from_a_recording_cannot_become_markup():
    svg = bar_chart("<script>", ["</svg><script>alert(1)</script>"], {"a": [1]})
    assert "<script>" not in svg
    ET.fromstring(svg)


def test_a_chart_of_nothing_says_so():
    svg = bar_chart("Title", [], {"a": []}, empty="There is nothing.")
    assert "There is nothing." in svg
    assert bars(svg) == []


def test_a_day_without_a_session_has_its_place_on_the_axis(tmp_path):
    plot(rows([0, 4]), tmp_path)
    first, second = bars((tmp_path / "sessions.svg").read_text())
    assert first[0] == "2026-01-01: 1"
    assert second[1] - first[1] == pytest.approx(4 * (WIDTH - 84) / 5, abs=0.2)


def test_long_times_are_shown_week_by_week(tmp_path):
    plot(rows(range(400)), tmp_path)
    found = bars((tmp_path / "sessions.svg").read_text())
    assert len(found) == 58
    assert found[1][0] == "2026-01-05: 7"


def test_all_charts_are_written_where_they_were_asked_for(tmp_path):
    many = rows(range(30), game="tavern", human_score=7.0, bytes=10**6, duration_s=60.0)
    chats = ChatStatistics(chats=3, by_status={"complete": 2, "truncated": 1})
    written = write_plots(many, gather(many), chats, Screens(), tmp_path / "new" / "plots")
    assert sorted(path.name for path in written) == [
        "bytes.svg", "chats.svg", "games.svg", "hours.svg", "scores.svg", "sessions.svg",
    ]  # fmt: skip
    for path in written:
        assert bars(path.read_text(encoding="utf-8")) != []


def test_a_file_where_the_folder_belongs_is_said_in_a_sentence(tmp_path):
    (tmp_path / "plots").write_text("mine")
    with pytest.raises(StorageError, match="plots"):
        plot([], tmp_path / "plots")
    assert (tmp_path / "plots").read_text() == "mine"


def test_played_sessions_have_charts_of_their_own(tmp_path):
    sessions = [
        played_row(steps=4, row={"human_score": 8.0, "auto_score": 10.0}),
        played_row(steps=8),
        played_row(steps=15, success=False, missing=1, group="menu"),
    ]
    written = plot(sessions, tmp_path, Screens(by_day={"2026-03-01": 7}))
    charts = {path.stem: bars(path.read_text(encoding="utf-8")) for path in written}
    assert [bar[0] for bar in charts["completion"]] == ["bag 2: 100"]
    assert [bar[0] for bar in charts["efficiency"]] == ["0.4–0.5: 1", "0.9–1: 1"]
    assert [bar[0] for bar in charts["steps"]] == [
        "0.2–0.3: 1 completed", "0.5–0.6: 1 completed", "0.9–1: 1 not completed",
    ]  # fmt: skip
    assert [bar[0] for bar in charts["differences"]] == ["+2: 1"]
    assert [bar[0] for bar in charts["coverage"]] == ["2026-03-01: 1"]
    assert [bar[0] for bar in charts["screens"]] == ["2026-03-01: 7"]


def test_what_was_reached_stays_reached_on_days_without_a_session(tmp_path):
    days = [{"started": f"2026-03-0{day}T10:00:00+00:00"} for day in (1, 4)]
    sessions = [
        played_row(task_id=name, row=day) for name, day in zip(("a", "b"), days, strict=True)
    ]
    plot(sessions, tmp_path)
    found = bars((tmp_path / "coverage.svg").read_text())
    assert [bar[0][-1] for bar in found] == ["1", "1", "1", "2"]


def test_an_efficiency_on_the_edge_of_two_tenths_belongs_to_the_lower(tmp_path):
    plot([played_row(steps=10, reference_steps=tenth) for tenth in range(1, 11)], tmp_path)
    found = bars((tmp_path / "efficiency.svg").read_text())
    assert [bar[0].split(": ")[1] for bar in found] == ["1"] * 10
