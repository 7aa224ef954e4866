"""The queue in front of a sink: bounded, drops the oldest, never blocks the audio path."""

import threading
import time

import pytest

from monitor.records import LevelMeasured, Report, SpeechStarted
from monitor.sinks.outbox import Outbox


def report(n, payload=None):
    return Report(LevelMeasured(n, -20.0, -10.0), float(n), payload)


def close(outbox, timeout_s=5):
    outbox.finish()
    outbox.join(timeout_s)
    return not outbox.is_alive()


class Recording:
    name = "recording"
    events_only = False

    def __init__(self, gate=None, fails_at=None):
        self.seen, self.gate, self.fails_at, self.closed = [], gate, fails_at, False

    def write(self, report):
        if self.gate:
            self.gate.wait(10)
        if self.fails_at is not None and len(self.seen) == self.fails_at:
            raise OSError(28, "No space left on device")
        self.seen.append(report.event.at_sample)

    def close(self):
        self.closed = True


def outbox_of(sink, **options):
    failed = threading.Event()
    outbox = Outbox(sink, failed.set, **({"lossless": False} | options))
    outbox.start()
    return outbox, failed


def test_everything_is_delivered_in_order_and_the_sink_closed():
    sink = Recording()
    outbox, _ = outbox_of(sink)
    for n in range(500):
        outbox.offer(report(n))
    assert close(outbox)
    assert sink.seen == list(range(500))
    assert sink.closed


def test_a_stopped_reader_costs_the_oldest_and_blocks_nobody(caplog):
    gate = threading.Event()
    sink = Recording(gate)
    outbox, _ = outbox_of(sink, bound=100)
    outbox.offer(report(0))
    while outbox._queue:  # the first one is in the sink's hands
        time.sleep(0.001)
    before = time.monotonic()
    for n in range(1, 1101):
        outbox.offer(report(n))
    assert time.monotonic() - before < 1
    gate.set()
    assert close(outbox)
    assert outbox.n_dropped == 1000
    assert sink.seen == [0, *range(1001, 1101)]
    assert len(caplog.records) == 4  # at 1, 10, 100 and 1000


def test_lossless_waits_instead():
    gate = threading.Event()
    sink = Recording(gate)
    outbox, _ = outbox_of(sink, bound=10, lossless=True)
    feeder = threading.Thread(target=lambda: [outbox.offer(report(n)) for n in range(300)])
    feeder.start()
    feeder.join(0.2)
    assert feeder.is_alive()
    gate.set()
    feeder.join(5)
    assert close(outbox)
    assert (sink.seen, outbox.n_dropped) == (list(range(300)), 0)


@pytest.mark.parametrize("lossless", [True, False])
def test_a_failure_is_told_and_ends_the_waiting(lossless):
    sink = Recording(fails_at=3)
    outbox, failed = outbox_of(sink, bound=5, lossless=lossless)
    for n in range(100):
        outbox.offer(report(n))
    assert failed.wait(5)
    assert isinstance(outbox.failure, OSError)
    assert close(outbox)


def test_a_sink_that_hangs_is_left_behind():
    gate = threading.Event()
    outbox, _ = outbox_of(Recording(gate))
    outbox.offer(report(0))
    before = time.monotonic()
    assert not close(outbox, 0.2)
    assert time.monotonic() - before < 2
    gate.set()


def test_levels_go_before_events():
    gate = threading.Event()
    sink = Recording(gate)
    outbox, _ = outbox_of(sink, bound=4)
    outbox.offer(report(0))
    while outbox._queue:
        time.sleep(0.001)
    for n, payload in enumerate([None, {}, None, {}, {}, {}, {}], start=1):
        outbox.offer(report(n, payload))
    gate.set()
    assert close(outbox)
    assert sink.seen == [0, 4, 5, 6, 7]
    assert outbox.n_dropped == 3


def test_what_a_sink_does_not_take_is_not_queued():
    sink = Recording()
    sink.events_only = True
    outbox, _ = outbox_of(sink, bound=2)
    for n in range(100):
        outbox.offer(report(n, {} if n == 7 else None))
    assert close(outbox)
    assert sink.seen == [7]
    assert outbox.n_dropped == 0


def test_a_sink_is_not_woken_by_levels_that_it_does_not_tell():
    sink = Recording()
    sink.wants_levels = False
    outbox, _ = outbox_of(sink)
    outbox.offer(Report(LevelMeasured(1, -20.0, -10.0), 0.0))
    outbox.offer(Report(SpeechStarted(2), 0.0))
    assert close(outbox)
    assert sink.seen == [2]


def test_a_sink_is_asked_what_it_wants():
    sink, asked = Recording(), []
    sink.wants = lambda event: asked.append(event) or False
    outbox = Outbox(sink, lambda: None, lossless=False)
    outbox.offer(Report(SpeechStarted(5), 0.0))
    assert asked == [SpeechStarted(5)]
    assert not outbox._queue
