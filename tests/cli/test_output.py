"""Tables and facts are drawn for people: aligned, whole, and safe to print."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from understudy.cli._output import print_table


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_words_stand_to_the_left_and_numbers_to_the_right(capsys):
    print_table(("NAME", "COUNT"), [("a", 1), ("longer", 1000)])
    assert lines(capsys) == ["NAME    COUNT", "a           1", "longer   1000"]


def test_a_column_without_anything_is_left_out(capsys):
    print_table(("NAME", "NOTHING", "ZERO"), [("a", None, 0), ("b", "", 0)])
    assert lines(capsys) == ["NAME", "a", "b"]


def test_what_is_missing_in_a_column_is_a_dash(capsys):
    print_table(("NAME", "SCORE"), [("a", 7.5), ("b", None)])
    assert lines(capsys) == ["NAME  SCORE", "a       7.5", "b         –"]


def test_wide_letters_take_the_two_places_that_a_terminal_gives_them(capsys):
    print_table(
        ("NAME", "GAME"), [("日本語", "x"), ("ab", "x"), ("e\N{COMBINING ACUTE ACCENT}", "x")]
    )
    assert len({cell_len(line) for line in lines(capsys)[1:]}) == 1


def test_nothing_is_cut_off_however_long(capsys):
    print_table(("NAME",), [("x" * 5000,)])
    assert lines(capsys)[1] == "x" * 5000


@pytest.mark.parametrize("name", ["\x1b[2J", "a\nb", "bell\x07", "\u202egnp"])
def test_a_name_cannot_move_the_cursor(capsys, name):
    print_table(("NAME", "GAME"), [(name, "x"), ("plain", "x")])
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) == 3
    assert all(line.isprintable() for line in shown.splitlines())


def test_no_line_ends_in_blanks(capsys):
    print_table(("NAME", ""), [("a", "b"), ("c", "")])
    assert all(line == line.rstrip() for line in lines(capsys))
