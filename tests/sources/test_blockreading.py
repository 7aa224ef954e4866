"""How much of a pipe is read, and when."""

import pytest

from monitor.sources import LIVE_BLOCK_S, QUIET_BLOCK_S, blockreading
from monitor.sources.blockreading import BlockReading

RATE_HZ = 16_000
BLOCK = 960
"""Bytes of 30 ms."""


@pytest.fixture
def now(monkeypatch):
    """A clock to be set."""
    clock = [0.0]
    monkeypatch.setattr(blockreading, "elapsed_s", lambda: clock[0])
    return clock


def live(now):
    """A reading whose first block came as time goes."""
    reading = BlockReading(RATE_HZ, 2)
    now[0] += LIVE_BLOCK_S
    assert reading.took(BLOCK)
    return reading


def test_a_live_writers_small_pieces_are_slept_over(now):
    reading = live(now)
    assert not reading.took(320)
    assert reading.rest_s == pytest.approx(0.02)
    assert reading.missing_bytes == 640
    assert reading.took(640)
    assert reading.missing_bytes == BLOCK


def test_nothing_is_slept_over_before_a_writer_is_known_to_be_live(now):
    reading = BlockReading(RATE_HZ, 2)
    assert not reading.took(320)
    assert reading.rest_s == 0


def test_what_comes_faster_than_it_was_heard_is_not_slept_over(now):
    reading = live(now)
    now[0] += 0.001
    assert reading.took(BLOCK)
    assert not reading.took(100)
    assert reading.rest_s == 0


def test_a_reader_that_is_late_catches_up_without_sleep(now):
    reading = live(now)
    now[0] += 1.0
    assert reading.took(BLOCK)
    for _ in range(30):  # what waits in the pipe comes at once
        assert reading.took(BLOCK)
    assert not reading.took(10)
    assert reading.rest_s == 0


def test_another_length_holds_from_the_next_block_on(now):
    reading = live(now)
    reading.block_s = QUIET_BLOCK_S
    assert reading.missing_bytes == BLOCK
    reading.took(BLOCK)
    assert reading.missing_bytes == round(QUIET_BLOCK_S * RATE_HZ) * 2


@pytest.mark.parametrize(("rate_hz", "frame_bytes"), [(44_100, 4), (8_000, 2), (11_025, 12)])
def test_blocks_hold_whole_frames(now, rate_hz, frame_bytes):
    reading = BlockReading(rate_hz, frame_bytes)
    assert reading.missing_bytes % frame_bytes == 0
    assert reading.missing_bytes > 0
