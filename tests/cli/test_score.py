"""``understudy score``: the queue asks until it has a score of the scale, and loses none."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.curate.playing import play_session

import understudy
from understudy.cli._scoring_desk import guide_lines
from understudy.cli._scoring_queue import ScoringQueue, read_score
from understudy.cli.main import main
from understudy.curate.guide import BANDS
from understudy.store.checked_lines import seal_line

TYPED_AGAIN_S = 20


@pytest.fixture
def path(tmp_path):
    """A workspace with three played sessions, oldest first."""
    with understudy.Workspace(tmp_path / "w") as workspace:
        play_session(workspace)
        play_session(workspace, collect=True, player="chat")
        play_session(workspace, success=False, missing=("the bag is not open",))
    return tmp_path / "w"


def ids(path):
    with understudy.Workspace(path) as workspace:
        return [row.id for row in workspace.rows(newest_first=False)]


def feedback(path, identity):
    with understudy.Workspace(path) as workspace:
        session = workspace.session(identity)
        try:
            return session.feedback()
        finally:
            session.close()


def scores(path):
    with understudy.Workspace(path) as workspace:
        return [row.human_score for row in workspace.rows(newest_first=False)]


def run(capsys, path, *arguments):
    status = main(["score", *map(str, arguments), "-w", str(path)])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


@pytest.fixture
def typed(monkeypatch):
    """Lets the next command read these lines, then the end of the input."""

    def give(*lines):
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    return give


# The queue ----------------------------------------------------------------------------------------


def test_a_sitting_scores_the_oldest_first_with_feedback_reason_and_time(path, capsys, typed):
    typed("8", "went straight there", "no detours", "3", "", "", "q")
    status, out, _ = run(capsys, path, "--rater", "ann")
    assert status == 0
    first, second, _ = ids(path)
    [entry] = feedback(path, first)
    assert (entry.author, entry.score) == ("human:ann", 8)
    assert (entry.comment, entry.reason) == ("went straight there", "no detours")
    assert entry.seconds >= 0
    [plain] = feedback(path, second)
    assert (plain.score, plain.comment, plain.reason) == (3, None, None)
    assert scores(path) == [8, 3, None]
    assert "2 scored" in out
    assert "1 left" in out


def test_what_is_shown_is_task_result_steps_check_pictures_and_the_guide(path, capsys, typed):
    typed("s", "s", "s")
    _, out, _ = run(capsys, path, "--rater", "ann")
    for words in (
        "Task: check what healing items I have in my bag",
        "Result: success: 3 potions",
        "Steps Used: 4/15 (reference 4)",
        "Check: passed",
        "Check: failed: the bag is not open",
        "step_01_before_action.png",
        "step_04_after_action.png",
    ):
        assert words in out
    for band in BANDS:
        assert f"Score {band.lowest}-{band.highest}: {band.name}" in out
    assert scores(path) == [None] * 3


def test_anything_but_a_whole_number_of_the_scale_is_asked_again(path, capsys, typed):
    typed("0", "11", "-3", "7.5", "eight", "", "99999999999999999999", "٨", "7", "", "", "q")
    _, out, _ = run(capsys, path, "--rater", "ann")
    assert out.count("Please enter a score between 1 and 10") == 4
    assert out.count("Please enter a valid number") == 4
    assert scores(path) == [7, None, None]


def test_the_queue_goes_on_where_it_was_left(path, capsys, typed):
    typed("8", "", "", "q")
    run(capsys, path, "--rater", "ann")
    typed("6", "", "")
    _, out, _ = run(capsys, path, "--rater", "ann")
    assert f"1 of 2 · {ids(path)[1]}" in out
    assert scores(path) == [8, 6, None]
    typed("5", "", "")
    run(capsys, path, "--rater", "ann")
    _, out, _ = run(capsys, path, "--rater", "ann")
    assert "human:ann has nothing to score here." in out


def test_another_rater_has_a_queue_of_their_own(path, capsys, typed):
    typed("8", "", "")
    run(capsys, path, "--rater", "ann")
    typed("4", "", "")
    _, out, _ = run(capsys, path, "--rater", "ben")
    assert "1 of 3" in out
    assert scores(path) == [6, None, None]


def test_undo_takes_the_last_score_back_and_shows_its_session_again(path, capsys, typed):
    typed("2", "wrong key", "", "u", "9", "", "", "q")
    _, out, _ = run(capsys, path, "--rater", "ann")
    first, _, _ = ids(path)
    assert out.count(f"1 of 3 · {first}") == 2
    assert scores(path) == [9, None, None]
    entries = feedback(path, first)
    assert [entry.score for entry in entries] == [2, None, 9]
    assert entries[1].withdraws == entries[0].id


def test_undo_reaches_back_over_skipped_sessions_and_stops_at_the_first(path, capsys, typed):
    typed("2", "", "", "s", "u", "u", "q")
    _, out, _ = run(capsys, path, "--rater", "ann")
    assert "no score of this sitting to undo" in out
    assert scores(path) == [None] * 3


def test_a_skipped_session_comes_back_in_the_next_sitting(path, capsys, typed):
    typed("s", "8", "", "", "q")
    run(capsys, path, "--rater", "ann")
    typed("q")
    _, out, _ = run(capsys, path, "--rater", "ann")
    assert f"1 of 2 · {ids(path)[0]}" in out


def test_the_guide_is_shown_on_asking(path, capsys, typed):
    typed("?", "q")
    _, out, _ = run(capsys, path, "--rater", "ann")
    assert out.count("Perfect execution") == 2


def test_a_score_whose_optional_parts_were_never_typed_is_kept(path, capsys, typed):
    typed("8")
    run(capsys, path, "--rater", "ann")
    assert scores(path) == [8, None, None]


def test_filters_choose_what_is_in_the_queue(path, capsys, typed):
    typed("q")
    _, out, _ = run(capsys, path, "--rater", "ann", "--player", "chat")
    assert "1 of 1" in out


def test_only_played_sessions_are_in_the_queue_unless_all_are_asked_for(path, capsys, typed):
    with understudy.Workspace(path) as workspace, workspace.record(game="tavern") as chat:
        chat.chat(messages=[{"role": "user", "content": "hi"}], response={"role": "assistant"})
    typed("q")
    assert "1 of 3" in run(capsys, path, "--rater", "ann")[1]
    typed("q")
    assert "1 of 4" in run(capsys, path, "--rater", "ann", "--all")[1]


@pytest.mark.slow
def test_a_named_session_is_asked_about_also_when_it_was_scored_before(path, capsys, typed):
    first = ids(path)[0]
    typed("8", "", "")
    run(capsys, path, first, "--rater", "ann")
    typed("5", "", "")
    run(capsys, path, first[:20], "--rater", "ann")
    assert scores(path) == [5, None, None]


def test_facts_of_a_sitting_are_alone_on_standard_output(path, capsys, typed):
    typed("8", "", "", "s", "q")
    _, out, err = run(capsys, path, "--rater", "ann", "--json")
    assert json.loads(out) == {
        "author": "human:ann", "scored": 1, "skipped": 1, "undone": 0, "left": 2,
    }  # fmt: skip
    assert "Rate task completion (1-10): " in err


def test_a_session_that_is_damaged_is_passed_over_with_its_reason(path, capsys, typed):
    with understudy.Workspace(path) as workspace:
        trace = workspace.session(ids(path)[0]).path / "trace.jsonl"
    trace.write_bytes(seal_line(b'{"type":"nonsense","n":1}'))
    typed("8", "", "", "q")
    status, out, _ = run(capsys, path, "--rater", "ann")
    assert status == 0
    assert "passed over: " in out
    assert scores(path) == [None, 8, None]


def test_what_a_recording_says_cannot_move_the_cursor(path, capsys, typed):
    with understudy.Workspace(path) as workspace:
        play_session(workspace, name="x", task={"id": "t", "words": "\x1b[2J\x07boo"})
    typed("s", "s", "s", "q")
    _, out, _ = run(capsys, path, "--rater", "ann")
    assert "\x1b" not in out
    assert "boo" in out


def test_the_guide_fits_terminals_of_any_width():
    for width in (1, 30, 80, 120, 400):
        lines = guide_lines(width)
        assert max(map(len, lines)) <= max(width, 32)
        text = "\n".join(lines)
        assert all(criterion in text for band in BANDS for criterion in band.criteria)


# Whatever is typed --------------------------------------------------------------------------------


class Notebook:
    """A desk that hands out what was typed and keeps what it is given."""

    def __init__(self, lines):
        self.lines = iter(lines)
        self.kept = []
        self.shown = []

    def say(self, text):
        assert text

    def ask(self, question):
        for line in self.lines:
            return line
        raise EOFError

    def show(self, session, place, total):
        self.shown.append(session)
        assert 1 <= place <= total
        return session != "gone"

    def keep(self, session, answer):
        kept = (session, answer)
        self.kept.append(kept)
        return lambda: self.kept.remove(kept)


TYPED = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["s", "u", "q", "?", "", "SKIP", "Undo", " 7 ", "10", "0", "11", "+5", "1e1"]),
    st.integers(-20, 20).map(str),
)


@pytest.mark.slow
@given(st.lists(TYPED, max_size=40), st.lists(st.sampled_from(["a", "b", "gone"]), max_size=6))
def test_whatever_is_typed_no_score_off_the_scale_is_kept_and_nothing_breaks(lines, sessions):
    desk = Notebook(lines)
    named = [f"{name}{place}" if name != "gone" else name for place, name in enumerate(sessions)]
    tally = ScoringQueue(desk, named, clock=lambda: 0.0).run()
    assert all(type(answer.score) is int for _, answer in desk.kept)
    assert all(1 <= answer.score <= 10 for _, answer in desk.kept)
    assert all(answer.feedback.isprintable() for _, answer in desk.kept)
    assert tally.scored == len(desk.kept)
    assert tally.left == len(named) - tally.scored
    scored = [session for session, _ in desk.kept]
    assert len(set(scored)) == len(scored)
    assert "gone" not in scored


@given(st.text(max_size=20))
def test_a_typed_text_is_a_score_of_the_scale_or_a_sentence(text):
    found = read_score(text)
    assert found in range(1, 11) if isinstance(found, int) else found.startswith("Please enter")


def test_the_time_is_measured_from_showing_to_the_score():
    clock = iter([100.0, 112.5])
    desk = Notebook(["7", "a long feedback", ""])
    ScoringQueue(desk, ["a"], clock=lambda: next(clock)).run()
    assert desk.kept[0][1].seconds == 12.5


@pytest.mark.slow
def test_bytes_that_are_no_text_are_stored_as_text(path):
    done = subprocess.run(
        [sys.executable, "-m", "understudy", "score", "--rater", "ann", "-w", str(path)],
        input=b"\xff\xfe\n8\nf\xffine \x00\x1b[31m\n\xed\xa0\x80\n",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [entry] = feedback(path, ids(path)[0])
    assert entry.score == 8
    assert entry.comment.isprintable()


# On a terminal ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo terminal")
@pytest.mark.parametrize("size", [(50, 130), (24, 50)])
def test_on_a_terminal_the_pictures_are_drawn_and_answers_are_taken(path, size):
    shown, status = on_a_terminal(
        [sys.executable, "-m", "understudy", "score", "--rater", "ann", "-w", str(path)],
        answers=[("(1-10): ", "x\r"), ("valid number", "9\r"), ("(optional): ", "clear\r"),
                 ("score (optional): ", "\r"), ("2 of 3", ""), ("(1-10): ", "q\r")],
        size=size,
    )  # fmt: skip
    assert status == 0
    assert "\x1b[38;2;" in shown
    assert "1 scored" in shown
    [entry] = feedback(path, ids(path)[0])
    assert (entry.score, entry.comment) == (9, "clear")
    assert entry.seconds is not None


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo terminal")
def test_a_broken_picture_is_said_in_its_place(path):
    with understudy.Workspace(path) as workspace:
        folder = workspace.session(ids(path)[0]).path
    (folder / "screenshots" / "step_01_before_action.png").write_bytes(b"no picture")
    shown, status = on_a_terminal(
        [sys.executable, "-m", "understudy", "score", "--rater", "ann", "-w", str(path)],
        answers=[("(1-10): ", "q\r")],
        size=(50, 130),
    )
    assert status == 0
    assert "(this picture cannot be read)" in shown


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo terminal")
def test_a_terminal_that_wants_no_colours_gets_letters(path):
    shown, status = on_a_terminal(
        [sys.executable, "-m", "understudy", "score", "--rater", "ann", "-w", str(path)],
        answers=[("(1-10): ", "q\r")],
        size=(50, 130),
        NO_COLOR="1",
    )
    assert status == 0
    assert "38;2;" not in shown
    assert "▓" in shown or "█" in shown


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo terminal")
def test_ctrl_c_keeps_what_was_scored(path):
    shown, status = on_a_terminal(
        [sys.executable, "-m", "understudy", "score", "--rater", "ann", "-w", str(path)],
        answers=[("(1-10): ", "9\r"), ("(optional): ", "\r"), ("score (optional): ", "\r"),
                 ("2 of 3", ""), ("(1-10): ", "\x03")],
        size=(50, 130),
    )  # fmt: skip
    assert status == 130
    assert "what was done until now is kept" in shown
    assert scores(path) == [9, None, None]


def on_a_terminal(command, *, answers, size, **environment):
    """What a program shows on a pseudo terminal; each answer is typed once its cue was seen.

    What is typed while the terminal changes its mode is lost: as a person would, it types again.
    """
    import fcntl
    import pty
    import select
    import struct
    import termios

    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    program = subprocess.Popen(
        command,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**kept, "TERM": "xterm-256color", **environment},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    shown, seen = "", 0
    waiting = list(answers)
    typed = ""
    while True:
        if not select.select([controller], [], [], TYPED_AGAIN_S)[0]:
            os.write(controller, typed.encode())
            continue
        try:
            piece = os.read(controller, 65536)
        except OSError:  # the program has gone
            piece = b""
        if not piece:
            break
        shown += piece.decode("utf-8", "replace")
        while waiting and (place := shown.find(waiting[0][0], seen)) >= 0:
            cue, typed = waiting.pop(0)
            seen = place + len(cue)
            os.write(controller, typed.encode())
    os.close(controller)
    return shown, program.wait()


# One session, without questions -------------------------------------------------------------------


def test_a_score_can_be_given_without_being_asked(path, capsys):
    first = ids(path)[0]
    status, out, _ = run(
        capsys, path, first, "--set", 8, "--feedback", "fine", "--justification", "short",
        "--rater", "ann", "--json",
    )  # fmt: skip
    assert status == 0
    facts = json.loads(out)
    assert (facts["session"], facts["human_score"]) == (first, 8)
    assert facts["entry"]["comment"] == "fine"
    assert facts["scores"] == {"human:ann": 8}


@pytest.mark.parametrize("score", ["0", "11", "7.5", "good", "-1"])
def test_a_score_off_the_scale_is_wrong_usage(path, capsys, score):
    status, _, _ = run(capsys, path, ids(path)[0], "--set", score, "--rater", "ann")
    assert status == 2
    assert scores(path) == [None] * 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["--set", "8"],
        ["--feedback", "fine"],
        ["--judge"],
        ["--judge-model", "m"],
        ["--auto", "--agreement"],
        ["--auto", "--set", "8"],
    ],
)
def test_what_makes_no_sense_together_is_refused(path, capsys, arguments):
    status, _, err = run(capsys, path, *arguments)
    assert status == 2
    assert "--" in err


def test_the_rater_is_who_git_knows(path, capsys, monkeypatch, tmp_path):
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\nname = Ann Other\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    run(capsys, path, ids(path)[0], "--set", 8)
    assert feedback(path, ids(path)[0])[0].author == "human:Ann Other"


def test_without_git_the_rater_is_the_account(path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("LOGNAME", "ben")
    run(capsys, path, ids(path)[0], "--set", 8)
    assert feedback(path, ids(path)[0])[0].author == "human:ben"


# Automatically ------------------------------------------------------------------------------------


def test_automatic_scores_are_given_once_and_counted(path, capsys):
    status, out, _ = run(capsys, path, "--auto", "--json")
    assert status == 0
    [report] = json.loads(out)["reports"]
    assert (report["author"], report["scored"]) == ("auto:check-v1", 3)
    assert scores(path) == [None] * 3
    _, out, _ = run(capsys, path, "--auto")
    assert out == "auto:check-v1: 0 sessions scored, 3 had one\n"


def test_one_session_can_be_scored_automatically(path, capsys):
    _, out, _ = run(capsys, path, ids(path)[0], "--auto")
    assert out.startswith("auto:check-v1: 1 session scored\n")


@pytest.mark.slow
def test_a_judge_that_cannot_be_asked_leaves_with_1_and_the_rule_has_scored(path, capsys):
    (path / "understudy.toml").write_text(
        '[chat]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\nattempts = 1\n'
    )
    status, out, err = run(capsys, path, "--auto", "--judge")
    assert status == 1
    assert "auto:check-v1: 3 sessions scored" in out
    assert "model:m: 0 sessions scored" in out
    assert err.count("failed: ") == 3


@pytest.mark.slow
def test_agreement_is_shown_to_people_and_programs(path, capsys):
    for rater, score in (("ann", 8), ("ben", 6)):
        for identity in ids(path):
            run(capsys, path, identity, "--set", score, "--rater", rater)
    run(capsys, path, "--auto")
    _, out, _ = run(capsys, path, "--agreement")
    assert "2 raters, 3 sessions scored by several" in out
    assert "Krippendorff's alpha" in out
    assert "auto:check-v1" in out
    facts = json.loads(run(capsys, path, "--agreement", "--json")[1])
    assert facts["raters"]["sessions"] == 3
    assert facts["with_humans"]["auto:check-v1"]["sessions"] == 3


def test_agreement_of_nobody_says_so(path, capsys):
    assert "Nobody has scored" in run(capsys, path, "--agreement")[2]
