"""How much of a pipe is read, and when."""

import pytest

from monitor.pipeline import GateRule
from monitor.records import Rhythm
from monitor.sources import (
    LIVE_BLOCK_S,
    LONGEST_BLOCK_AHEAD_S,
    LONGEST_BLOCK_S,
    LONGEST_SPEAKING_BLOCK_AHEAD_S,
    blockreading,
)
from monitor.sources.blockreading import BlockReading, block_s

RATE_HZ = 16_000
BLOCK = 960
"""Bytes of 30 ms."""


def rhythm_of(*, speaking, turn=None):
    return Rhythm(0, 8_000, 8_000, 480, speaking, turn)


@pytest.fixture
def now(monkeypatch):
    """A clock to be set."""
    clock = [0.0]
    monkeypatch.setattr(blockreading, "elapsed_s", lambda: clock[0])
    return clock


def take(reading, n_bytes):
    """As whoever reads does: ask for what is wanted, and get some of it."""
    assert n_bytes <= reading.wanted_bytes()
    reading.came(n_bytes, drained=True)
    return reading.took(n_bytes)


def live(now):
    """A reading whose first blocks came as time goes."""
    reading = BlockReading(RATE_HZ, 2, RATE_HZ)
    for _ in range(2):
        now[0] += LIVE_BLOCK_S
        assert take(reading, BLOCK)
    return reading


def test_a_live_writers_small_pieces_are_slept_over(now):
    reading = live(now)
    assert not take(reading, 320)
    assert reading.rest_s == pytest.approx(0.02, abs=0.0011)
    assert reading.wanted_bytes() == 640
    assert take(reading, 640)
    assert reading.wanted_bytes() == BLOCK


def test_a_wide_pipe_is_read_before_it_is_full(now):
    """48 kHz of eight channels: half a second of it is six times what a pipe holds."""
    reading = BlockReading(48_000, 16, RATE_HZ)
    now[0] += LIVE_BLOCK_S
    assert take(reading, reading.wanted_bytes())
    reading.rhythm = rhythm_of(speaking=False)
    take(reading, reading.wanted_bytes())
    now[0] += LIVE_BLOCK_S
    assert reading.wanted_bytes() > 1 << 18
    assert (reading.rest_s - 0.001) * 48_000 * 16 <= (1 << 15) + LIVE_BLOCK_S * 48_000 * 16


def test_nothing_is_slept_over_before_a_writer_is_known_to_be_live(now):
    reading = BlockReading(RATE_HZ, 2, RATE_HZ)
    assert not take(reading, 320)
    assert reading.rest_s == 0


def test_what_comes_faster_than_it_was_heard_is_not_slept_over(now):
    reading = live(now)
    now[0] += 0.001
    assert take(reading, BLOCK)
    assert not take(reading, 100)
    assert reading.rest_s == 0


def test_a_reader_that_is_late_catches_up_without_sleep(now):
    reading = live(now)
    now[0] += 1.0
    assert take(reading, BLOCK)
    for _ in range(30):  # what waits in the pipe comes at once
        assert take(reading, BLOCK)
    assert not take(reading, 10)
    assert reading.rest_s == 0


@pytest.mark.parametrize("speaking", [True, False])
def test_another_rhythm_holds_from_the_next_block_on(now, speaking):
    reading = live(now)
    assert reading.wanted_bytes() == BLOCK
    reading.rhythm = rhythm_of(speaking=speaking)
    assert reading.wanted_bytes() == BLOCK
    take(reading, BLOCK)
    n_heard = 3 * BLOCK // 2
    assert reading.wanted_bytes() // 2 == reading.rhythm.block_end(n_heard, round(LONGEST_BLOCK_S * RATE_HZ)) - n_heard


def test_blocks_that_are_begun_ahead_are_over_before_the_gate_closes():
    """The one under way when somebody falls silent, and the next, begun by then: the `end` waits for neither."""
    assert GateRule().hangover_ms / 1000 >= 2 * (LONGEST_SPEAKING_BLOCK_AHEAD_S - 0.02)
    assert block_s(rhythm_of(speaking=True), 0, RATE_HZ, exact=True, ahead=True) <= LONGEST_SPEAKING_BLOCK_AHEAD_S
    assert block_s(rhythm_of(speaking=False), 0, RATE_HZ, exact=True, ahead=True) <= LONGEST_BLOCK_AHEAD_S + 0.02


def test_a_block_goes_on_to_the_moment_in_which_the_gate_may_close_and_no_further():
    rhythm = rhythm_of(speaking=True, turn=5_000)
    assert block_s(rhythm, 480, RATE_HZ, exact=True, ahead=False) * RATE_HZ == 5_280 - 480
    assert block_s(rhythm, 5_280, RATE_HZ, exact=True, ahead=False) * RATE_HZ == 8_160 - 5_280


def test_through_a_resampler_blocks_are_long_in_silence_only(now):
    reading = BlockReading(48_000, 2, RATE_HZ)
    reading.rhythm = rhythm_of(speaking=True)
    assert reading.wanted_bytes() == round(LIVE_BLOCK_S * 48_000) * 2
    reading.took(reading.wanted_bytes())
    reading.rhythm = rhythm_of(speaking=False)
    assert reading.wanted_bytes() > round(4 * LIVE_BLOCK_S * 48_000) * 2


@pytest.mark.parametrize(("rate_hz", "frame_bytes"), [(44_100, 4), (8_000, 2), (11_025, 12)])
def test_blocks_hold_whole_frames(now, rate_hz, frame_bytes):
    reading = BlockReading(rate_hz, frame_bytes, RATE_HZ)
    assert reading.wanted_bytes() % frame_bytes == 0
    assert reading.wanted_bytes() > 0
