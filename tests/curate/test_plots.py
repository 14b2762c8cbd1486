"""Charts are well-formed SVG, show what is there and stay inside their frame."""

from __future__ import annotations

from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest

from understudy.curate.bar_chart import HEIGHT, WIDTH, bar_chart
from understudy.curate.plots import write_plots
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


def test_words_from_a_recording_cannot_become_markup():
    svg = bar_chart("<script>", ["</svg><script>alert(1)</script>"], {"a": [1]})
    assert "<script>" not in svg
    ET.fromstring(svg)


def test_a_chart_of_nothing_says_so():
    svg = bar_chart("Title", [], {"a": []}, empty="There is nothing.")
    assert "There is nothing." in svg
    assert bars(svg) == []


def test_a_day_without_a_session_has_its_place_on_the_axis(tmp_path):
    write_plots(gather(rows([0, 4])), ChatStatistics(), tmp_path)
    first, second = bars((tmp_path / "sessions.svg").read_text())
    assert first[0] == "2026-01-01: 1"
    assert second[1] - first[1] == pytest.approx(4 * (WIDTH - 84) / 5, abs=0.2)


def test_long_times_are_shown_week_by_week(tmp_path):
    write_plots(gather(rows(range(400))), ChatStatistics(), tmp_path)
    found = bars((tmp_path / "sessions.svg").read_text())
    assert len(found) == 58
    assert found[1][0] == "2026-01-05: 7"


def test_all_charts_are_written_where_they_were_asked_for(tmp_path):
    many = rows(range(30), game="tavern", human_score=7.0, bytes=10**6, duration_s=60.0)
    chats = ChatStatistics(chats=3, by_status={"complete": 2, "truncated": 1})
    written = write_plots(gather(many), chats, tmp_path / "new" / "plots")
    assert sorted(path.name for path in written) == [
        "bytes.svg", "chats.svg", "games.svg", "hours.svg", "scores.svg", "sessions.svg",
    ]  # fmt: skip
    for path in written:
        assert bars(path.read_text(encoding="utf-8")) != []


def test_a_file_where_the_folder_belongs_is_said_in_a_sentence(tmp_path):
    (tmp_path / "plots").write_text("mine")
    with pytest.raises(StorageError, match="plots"):
        write_plots(gather([]), ChatStatistics(), tmp_path / "plots")
    assert (tmp_path / "plots").read_text() == "mine"
