"""Sample numbers to wall-clock time."""

import pytest

from monitor.clock import LiveClock, RecordingClock


class Hands:
    """Monotonic and wall time, moved by hand."""

    def __init__(self):
        self.mono, self.offset = 100.0, 1_000_000.0

    def clock(self):
        return LiveClock(16000, lambda: self.mono, lambda: self.mono + self.offset)


def test_a_recording_goes_with_its_samples():
    clock = RecordingClock(50.0, 16000)
    assert clock.wall_s(24000) == 51.5
    assert clock.latency_s(24000) is None


def test_live_samples_are_stamped_by_the_fastest_block():
    hands = Hands()
    clock = hands.clock()
    for i, delay in enumerate([0.3, 0.02, 0.2, 0.05]):
        hands.mono = 100 + 0.1 * (i + 1) + delay
        clock.observe(1600 * (i + 1))
    assert clock.wall_s(3200) == pytest.approx(1_000_100.22)
    assert clock.latency_s(6400) == pytest.approx(0.03)


def test_a_burst_after_a_stall_is_not_stamped_as_now():
    hands = Hands()
    clock = hands.clock()
    hands.mono = 101.0
    clock.observe(16000)
    hands.mono = 121.0  # twenty seconds later five seconds arrive at once
    clock.observe(16000 * 6)
    assert clock.wall_s(16000 * 6) == pytest.approx(1_000_106.0)


def test_a_slow_crystal_does_not_drift_away():
    hands = Hands()
    clock = hands.clock()
    for second in range(1, 3600):
        hands.mono = 100 + second * 1.001
        clock.observe(16000 * second)
    assert clock.latency_s(16000 * 3599) < 0.1


def test_restart_forgets_the_numbering():
    hands = Hands()
    clock = hands.clock()
    clock.observe(0)
    hands.mono = 160.0
    clock.restart()
    clock.observe(16000 * 10)
    assert clock.wall_s(16000 * 10) == pytest.approx(1_000_160.0)


def test_a_step_of_the_wall_clock_moves_stamps_and_not_durations():
    hands = Hands()
    clock = hands.clock()
    clock.observe(0)
    hands.offset += 86_400
    assert clock.wall_s(16000) - clock.wall_s(0) == pytest.approx(1.0)


def test_a_file_piped_in_at_once_never_goes_back_in_time():
    hands = Hands()
    clock = hands.clock()
    stamps = []
    for second in range(1, 100):
        hands.mono += 0.001
        clock.observe(16000 * second)
        stamps.append(clock.wall_s(16000 * second))
    assert stamps == sorted(stamps)
    assert stamps[-1] - stamps[9] == pytest.approx(89, abs=0.1)
    assert clock.latency_s(16000 * 99) == 0


def test_what_has_waited_is_stamped_by_the_newest_that_waits_behind_it():
    """A slow reader's ring holds ten seconds when the numbering begins anew."""
    hands = Hands()
    clock = hands.clock()
    clock.observe(0)
    hands.mono = 160.0
    clock.restart()
    read, waiting = 16000 * 50, 16000 * 10
    clock.observe(read + waiting)
    assert clock.wall_s(read) == pytest.approx(1_000_150.0)
    assert clock.latency_s(read) == pytest.approx(10.0)
