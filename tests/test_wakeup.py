"""The main thread's wait."""

import os
import signal
import threading
import time

import pytest

from monitor.wakeup import Wakeup

LONG_S = 30.0


@pytest.fixture
def handled():
    """A signal with a handler that does nothing."""
    previous = signal.signal(signal.SIGUSR1, lambda *_: None)
    yield signal.SIGUSR1
    signal.signal(signal.SIGUSR1, previous)


def waited_s(wakeup, timeout_s=LONG_S):
    before_s = time.monotonic()
    wakeup.wait(timeout_s)
    return time.monotonic() - before_s


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no such signals on this system")
def test_a_signal_ends_the_wait(handled):
    with Wakeup() as wakeup:
        threading.Timer(0.1, os.kill, (os.getpid(), handled)).start()
        assert waited_s(wakeup) < LONG_S / 2


def test_another_thread_ends_the_wait():
    with Wakeup() as wakeup:
        threading.Timer(0.1, wakeup.set).start()
        assert waited_s(wakeup) < LONG_S / 2


def test_a_call_before_the_wait_is_not_lost_and_ends_one_wait_only():
    with Wakeup() as wakeup:
        for _ in range(100_000):  # more than a socket holds: nobody may block in it
            wakeup.set()
        assert waited_s(wakeup) < LONG_S / 2
        assert waited_s(wakeup, 0.2) >= 0.19


def test_before_and_after_nobody_waits_and_nothing_fails():
    wakeup = Wakeup()
    wakeup.set()
    with wakeup:
        pass
    wakeup.set()
    assert signal.set_wakeup_fd(-1) == -1
