"""Signals while a ``StopRequest`` is open."""

import os
import signal
import threading

import pytest

from paddleseg_ext.cli.interrupt import Interrupted, StopRequest


def wait_for_the_signal(stop: StopRequest) -> None:
    """Python runs a handler between two instructions, so the signal arrives a little later."""
    for _ in range(10**6):
        if stop.received is not None:
            return


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_and_the_handlers_come_back(signum):
    before = signal.getsignal(signum)
    with StopRequest() as stop:
        assert stop.received is None
        os.kill(os.getpid(), signum)
        wait_for_the_signal(stop)
        assert stop.received == signum
        # Whoever sends SIGTERM twice gets the same end; only a second Ctrl-C is impatient.
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signum) is before


def test_second_interrupt_does_not_wait():
    with StopRequest() as stop, pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        while stop.received is None:
            pass
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(10**6):
            pass


def test_the_handlers_come_back_after_an_error():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), StopRequest():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_nothing_changes():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
        with StopRequest() as stop:
            seen.append((stop.received, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(None, before)]


def test_the_exit_code_is_the_shells():
    assert Interrupted("all is saved.", signal.SIGTERM).exit_code == 143
