"""The ring: every sample's value is its own true number, so a block that lies about its place is found at once."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.ring import OVERFLOW, Ring

_WRAP = 30_000


class Writer:
    """Writes samples that hold their own number."""

    def __init__(self, ring: Ring):
        self.ring = ring
        self.number = 0
        self.written = 0
        self.marked = 0

    def write(self, n):
        self.ring.write((np.arange(self.number, self.number + n) % _WRAP).astype(np.int16))
        self.number += n
        self.written += n

    def gap(self, n, cause="device"):
        self.ring.mark_gap(n, cause)
        self.number += n
        self.marked += n


class Reader:
    """Checks every block against its place in the stream."""

    def __init__(self, ring: Ring):
        self.ring = ring
        self.end = self.newest = 0
        self.lost = 0
        self.read = 0

    def take(self, max_samples, timeout_s=0.0):
        block = self.ring.read(max_samples, timeout_s)
        if block is None:
            return None
        assert len(block.samples) <= max_samples
        assert len(block.samples) or block.lost_samples
        assert block.start_sample == self.end + block.lost_samples
        assert bool(block.gap_cause) == bool(block.lost_samples)
        np.testing.assert_array_equal(block.samples, np.arange(block.start_sample, block.end_sample) % _WRAP)
        self.newest = block.end_sample + block.queued_samples
        self.end = block.end_sample
        self.lost += block.lost_samples
        self.read += len(block.samples)
        return block


def _audit(writer: Writer, reader: Reader):
    ring = writer.ring
    assert ring.read_samples == reader.read
    assert ring.read_samples + ring.queued_samples + ring.lost_samples == writer.written + writer.marked


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 40)),
        st.tuples(st.just("gap"), st.integers(1, 1000)),
        st.tuples(st.just("take"), st.integers(1, 40)),
    ),
    max_size=80,
)


@settings(deadline=None)
@given(capacity=st.integers(1, 30), steps=_STEPS)
def test_any_order_of_writes_gaps_and_reads_keeps_every_sample_number_true(capacity, steps):
    ring = Ring(capacity)
    writer, reader = Writer(ring), Reader(ring)
    for name, n in steps:
        block = getattr(reader if name == "take" else writer, name)(n)
        assert block is None or reader.newest == writer.number
        _audit(writer, reader)
    ring.close()
    while not ring.ended:
        assert reader.take(7) is not None
    assert reader.take(7) is None
    assert reader.end == writer.number
    assert reader.read + reader.lost == writer.written + writer.marked
    assert sum(ring.lost_by_cause().values()) == reader.lost


@settings(deadline=None)
@given(capacity=st.integers(1, 50), sizes=st.lists(st.integers(0, 120), max_size=20))
def test_what_is_left_is_the_newest(capacity, sizes):
    ring = Ring(capacity)
    writer, reader = Writer(ring), Reader(ring)
    for n in sizes:
        writer.write(n)
    assert ring.queued_samples == min(capacity, sum(sizes))
    reader.take(capacity)
    assert reader.end == sum(sizes)


def test_slow_reader_loses_the_oldest_and_nothing_is_uncounted():
    ring = Ring(500)
    writer, reader = Writer(ring), Reader(ring)

    def write_all():
        for i in range(400):
            writer.write(37 + i % 50)
            if i % 97 == 0:
                writer.gap(1000)
            time.sleep(0.0005)
        ring.close()

    thread = threading.Thread(target=write_all)
    thread.start()
    while not ring.ended:
        reader.take(100, 0.05)
        time.sleep(0.002)
    thread.join()
    _audit(writer, reader)
    assert reader.end == writer.number
    assert reader.read + reader.lost == writer.written + writer.marked
    assert ring.lost_by_cause()[OVERFLOW] > 0


def test_block_never_crosses_a_gap():
    ring = Ring(100)
    writer, reader = Writer(ring), Reader(ring)
    writer.write(10)
    writer.gap(5)
    writer.write(10)
    assert len(reader.take(100).samples) == 10
    block = reader.take(100)
    assert (block.start_sample, block.lost_samples, block.gap_cause, len(block.samples)) == (15, 5, "device", 10)


def test_gap_is_told_before_audio_is_back():
    ring = Ring(100)
    writer, reader = Writer(ring), Reader(ring)
    writer.gap(50)
    block = reader.take(10)
    assert (block.start_sample, block.lost_samples, len(block.samples)) == (50, 50, 0)
    writer.gap(20)
    writer.write(1)
    assert reader.take(10).lost_samples == 20


def test_gap_carries_the_cause_that_took_most():
    ring = Ring(10)
    writer, reader = Writer(ring), Reader(ring)
    writer.write(10)
    writer.gap(30)
    writer.write(20)
    block = reader.take(10)
    assert (block.lost_samples, block.gap_cause) == (50, "device")
    assert ring.lost_by_cause() == {"device": 30, OVERFLOW: 20}


def test_what_nobody_was_to_hear_is_a_gap_of_its_own():
    """Told behind what was lost, so that speech under way ends with that."""
    ring = Ring(10)
    writer, reader = Writer(ring), Reader(ring)
    writer.write(10)
    writer.gap(500, "muted")
    writer.write(20)
    writer.gap(30)
    lost, muted, rest = reader.take(100), reader.take(100), reader.take(100)
    assert (lost.lost_samples, lost.gap_cause, len(lost.samples)) == (20, OVERFLOW, 0)
    assert (muted.lost_samples, muted.gap_cause, len(muted.samples)) == (500, "muted", 10)
    assert (rest.lost_samples, rest.gap_cause) == (30, "device")
    assert reader.end == writer.number


def test_gaps_that_nobody_asks_for_take_no_more_room_than_audio():
    ring = Ring(100)
    writer, reader = Writer(ring), Reader(ring)
    for _ in range(1000):
        writer.write(10)
        writer.gap(5)
    assert len(ring._losses) <= 11
    reader.take(10)
    _audit(writer, reader)


def test_read_waits_for_audio_and_wakes_at_once():
    ring = Ring(100)
    threading.Timer(0.05, ring.write, [np.zeros(3, dtype=np.int16)]).start()
    started = time.monotonic()
    assert len(ring.read(10, 5.0).samples) == 3
    assert time.monotonic() - started < 1.0


def test_read_gives_up_after_its_time():
    ring = Ring(100)
    assert ring.read(10, 0.02) is None
    assert not ring.ended


def test_close_wakes_a_waiting_reader_and_later_writes_are_ignored():
    ring = Ring(100)
    threading.Timer(0.05, ring.close).start()
    assert ring.read(10, 5.0) is None
    ring.write(np.ones(4, dtype=np.int16))
    ring.mark_gap(4, "device")
    assert ring.ended
    assert ring.lost_samples == ring.queued_samples == 0


def test_a_ring_without_room_is_refused():
    with pytest.raises(ValueError, match="holds nothing"):
        Ring(0)


def test_a_nudge_ends_the_readers_wait_without_a_block_and_is_not_lost():
    ring = Ring(10)
    threading.Timer(0.1, ring.nudge).start()
    before = time.monotonic()
    assert ring.read(5, 30.0) is None
    ring.nudge()
    assert ring.read(5, 30.0) is None
    assert time.monotonic() - before < 15
    assert not ring.ended
