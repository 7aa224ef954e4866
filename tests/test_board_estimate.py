"""What boards would need is estimated from counted instructions: the arithmetic of it."""

import numpy as np
import pytest

from benchmarks.forms import a_window
from benchmarks.instructions import LENGTHS_S, Board, cost


class Counted:
    """A counter of instructions: so many for the start, so many for a byte that is read, or for each window."""

    def __init__(self, start, each):
        self.start, self.each = start, each

    def count(self, *arguments, stdin=b"", **_):
        return self.start + self.each * (len(stdin) or int(arguments[-1]))


def test_a_faster_clock_and_more_instructions_a_cycle_take_less():
    board = Board("a board", "a processor", clocks_ghz=(1.0, 2.0), instructions_per_cycle=(0.5, 1.5))
    assert board.seconds(3e9) == pytest.approx((1.0, 6.0))


def test_the_start_is_told_from_the_audio():
    audio = np.zeros(max(LENGTHS_S) * 16_000, dtype=np.int16)
    found = cost(Counted(start=2_000_000_000, each=1000), audio)
    assert (found.per_second, found.start) == pytest.approx((32_000_000, 2_000_000_000))


def test_the_start_is_told_from_the_windows(tmp_path):
    assert a_window(Counted(start=2_000_000_000, each=20_000_000), tmp_path / "model", "cortex-a72") == 20_000_000
