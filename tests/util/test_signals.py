"""Stopping well: at once where somebody is waited for, else where it is safe."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from understudy._util import signals
from understudy._util.signals import StopSignals, stop_on_terminate

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EACH = pytest.mark.parametrize("number", STOPPING, ids=lambda n: n.name)


def send(number):
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def unchanged():
    """Whatever a test does, the handlers are as they were."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    yield
    assert {number: signal.getsignal(number) for number in before} == before


@EACH
def test_what_is_being_done_is_ended_before_the_stop(number):
    with StopSignals() as stop:
        stop.check()
        send(number)  # and this goes on behind it
        with pytest.raises(KeyboardInterrupt):
            stop.check()


@EACH
def test_waiting_is_ended_at_once(number):
    with StopSignals() as stop:
        with pytest.raises(KeyboardInterrupt), stop.at_once():
            send(number)
        with pytest.raises(KeyboardInterrupt):
            stop.check()


def test_a_wish_from_before_ends_the_next_waiting_before_it_begins():
    with StopSignals() as stop:
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), stop.at_once():
            pytest.fail("it waited")


def test_the_same_wish_said_twice_at_once_is_one_wish():
    with StopSignals() as stop:
        send(signal.SIGINT)
        send(signal.SIGTERM)
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            stop.check()


def test_who_insists_a_second_later_stops_it_wherever_it_is(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: now[0])
    with StopSignals():
        send(signal.SIGINT)
        now[0] += 1.5
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_nobody_stops_what_was_not_asked_to_stop():
    with StopSignals() as stop:
        with stop.at_once():
            pass
        stop.check()


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopSignals() as stop:
            send(signal.SIGINT)
            stop.check()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_that_something_outside_of_python_hears_is_left_to_it(monkeypatch):
    # Given what Python says of a handler that was not installed by it
    real = signal.getsignal
    monkeypatch.setattr(
        signals.signal, "getsignal", lambda n: None if n == signal.SIGTERM else real(n)
    )
    with StopSignals():
        assert real(signal.SIGTERM) is signal.SIG_DFL


def test_in_another_thread_it_leaves_the_signals_alone():
    handlers = []

    def work():
        with StopSignals() as stop, stop_on_terminate():
            stop.check()
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.SIG_DFL]


def test_being_terminated_is_like_ctrl_c():
    with stop_on_terminate(), pytest.raises(KeyboardInterrupt):
        send(signal.SIGTERM)
