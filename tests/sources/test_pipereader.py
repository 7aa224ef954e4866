"""A pipe is read by who wants its audio: it is slept over, can be stopped, and its end is noticed at once."""

import io
import os
import threading
import time

import pytest

from monitor.limits import PIPE_BYTES_MAX
from monitor.sources.pipereader import PipeReader

LONG_S = 30.0
"""Nothing here takes so long."""


@pytest.fixture
def ends():
    """A reader, and the number to write to."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as stream:
        yield PipeReader(stream), writing
    try:
        os.close(writing)
    except OSError:
        return


def took_s(work):
    """Seconds of a call, and what it gave."""
    started_s = time.monotonic()
    found = work()
    return time.monotonic() - started_s, found


def test_what_comes_is_slept_over(ends):
    reader, writing = ends
    os.write(writing, b"ab")
    threading.Timer(0.1, os.write, (writing, b"cd")).start()
    seconds, found = took_s(lambda: reader.read(100, 0.4))
    assert found == b"abcd"
    assert seconds >= 0.4


def test_without_a_rest_the_first_bytes_are_enough(ends):
    reader, writing = ends
    threading.Timer(0.1, os.write, (writing, b"ab")).start()
    seconds, found = took_s(lambda: reader.read(100, 0.0))
    assert found == b"ab"
    assert 0.05 < seconds < LONG_S


def test_the_writers_end_is_noticed_during_a_rest_and_what_it_left_is_read(ends):
    reader, writing = ends
    os.write(writing, b"ab")
    threading.Timer(0.1, os.close, (writing,)).start()
    seconds, found = took_s(lambda: reader.read(100, LONG_S))
    assert found == b"ab"
    assert seconds < LONG_S / 2
    assert reader.read(100, LONG_S) == b""


@pytest.mark.parametrize("rest_s", [0.0, LONG_S])
def test_stop_ends_a_read_and_all_later_ones(ends, rest_s):
    reader, writing = ends
    threading.Timer(0.1, reader.stop).start()
    seconds, found = took_s(lambda: reader.read(100, rest_s))
    assert found == b""
    assert seconds < LONG_S / 2
    os.write(writing, b"ab")
    assert reader.read(100, 0.0) == b""


def test_a_writer_that_is_away_is_waited_for_without_work(ends):
    reader, writing = ends
    threading.Timer(1.5, os.write, (writing, b"ab")).start()
    before_s = time.thread_time()
    assert reader.read(100, 0.0) == b"ab"
    assert time.thread_time() - before_s < 0.2
    assert reader.tended_at_s is not None


@pytest.mark.skipif(
    not hasattr(os, "uname") or os.uname().sysname != "Linux", reason="other systems' pipes stay as wide"
)
def test_the_pipe_is_made_wide_enough_for_a_busy_worker(ends):
    reader, writing = ends
    os.set_blocking(writing, False)
    assert os.write(writing, bytes(PIPE_BYTES_MAX)) == reader.holds_bytes
    # Users who may not have so much keep what they have.
    assert reader.holds_bytes in {PIPE_BYTES_MAX, 1 << 16}


def test_a_stream_in_memory_is_always_ready():
    reader = PipeReader(io.BytesIO(b"abc"))
    assert [reader.read(2, LONG_S) for _ in range(3)] == [b"ab", b"c", b""]
