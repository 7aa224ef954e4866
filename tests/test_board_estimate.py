"""What boards would need is estimated from counted instructions: the arithmetic of it."""

import pytest

from benchmarks import instructions
from benchmarks.instructions import LENGTHS_S, Board, cost


def test_a_faster_clock_and_more_instructions_a_cycle_take_less():
    board = Board("a board", "a processor", clocks_ghz=(1.0, 2.0), instructions_per_cycle=(0.5, 1.5))
    assert board.seconds(3e9) == pytest.approx((1.0, 6.0))


def test_the_start_is_told_from_the_audio(monkeypatch):
    start, per_second, rate_hz = 2_000_000_000, 30_000_000, 16_000
    monkeypatch.setattr(instructions, "instructions", lambda _, __, audio: start + per_second * len(audio) // rate_hz)
    found = cost(None, None, [0] * (max(LENGTHS_S) * rate_hz))
    assert (found.per_second, found.start) == pytest.approx((per_second, start))
