"""When a live writer's bytes come, known from those that came with the least delay."""

import pytest

from monitor.sources.arrival import Arrival

BYTES_PER_S = 32_000
PIECE_S = 0.03
BLOCK_S = 0.51


def walk(arrival, seconds, *, from_s=100.0, pace=1.0, busy_s=0.0):
    """Read blocks of a writer in pieces of 30 ms that begins at `from_s`; how late each was complete, and the reads."""
    now_s, n_read, n_reads, late_s = from_s, 0, 0, []
    end = 0.0
    while end < seconds:
        end += BLOCK_S
        while n_read < round(end * BYTES_PER_S):
            missing = round(end * BYTES_PER_S) - n_read
            now_s += arrival.rest_s(missing, now_s)
            # What is not there yet is waited for.
            now_s = max(now_s, from_s + (n_read // (PIECE_S * BYTES_PER_S) + 1) * PIECE_S / pace)
            n_there = int((now_s - from_s + 1e-9) * pace / PIECE_S) * round(PIECE_S * BYTES_PER_S)
            arrival.came(n_there - n_read, now_s, drained=True)
            n_read, n_reads = n_there, n_reads + 1
        arrival.probed()
        late_s.append(now_s - from_s - end / pace)
        now_s += busy_s
    return late_s, n_reads


def test_blocks_are_read_when_they_are_complete_and_never_later_for_having_slept():
    late_s, n_reads = walk(Arrival(BYTES_PER_S), 600)
    assert max(late_s) <= 0.0011
    n_blocks = len(late_s)
    assert n_reads <= n_blocks + 21 * 2 * 5 + 20  # once in half a minute, the last pieces one by one


def settled(arrival):
    """A tenth of a second has come by ten o'clock, and two blocks are over."""
    arrival.came(3_200, 10.0, drained=True)
    arrival.probed()
    arrival.probed()


@pytest.mark.parametrize("pace", [1.0005, 0.9995])
def test_a_crystal_that_is_fast_or_slow_is_followed(pace):
    late_s, n_reads = walk(Arrival(BYTES_PER_S), 600, pace=pace)
    assert max(late_s) <= PIECE_S + 0.02
    assert n_reads <= 2.5 * len(late_s)


def test_a_busy_reader_is_not_made_later():
    late_s, _ = walk(Arrival(BYTES_PER_S), 60, busy_s=0.9 * BLOCK_S)
    assert max(late_s) <= 0.0011


def test_nothing_is_slept_over_before_anything_came():
    assert Arrival(BYTES_PER_S).rest_s(10_000, 5.0) == 0.0


def test_what_is_left_in_the_pipe_says_nothing_of_when_it_came():
    arrival = Arrival(BYTES_PER_S)
    settled(arrival)
    arrival.came(3_200, 20.0, drained=False)
    assert arrival.rest_s(6_400, 10.0) == pytest.approx(0.3 + 0.001)


def test_a_writer_that_paused_is_slept_over_again():
    arrival = Arrival(BYTES_PER_S)
    settled(arrival)
    arrival.came(3_200, 25.0, drained=True)
    assert arrival.rest_s(16_000, 25.0) == pytest.approx(0.501)
