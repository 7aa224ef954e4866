"""Nobody reads standard output any more, and a microphone waits for nobody: the rest goes on."""

import fcntl
import json
import os
import threading
from contextlib import suppress

import pytest
from fake_classifier import FeatureHash, LoudIsSpeech, talk
from simulated_microphone import RATE_HZ, SimulatedMicrophone
from test_daemon import Recording, events

from monitor.daemon import Daemon, Hearing
from monitor.limits import REPORTS_MAX
from monitor.pipeline import Pipeline
from monitor.sinks.schema import Identity
from monitor.sinks.stdout import JsonLines
from monitor.watch import output_status

PIPE_BYTES = 4096
MOST_IN_PIPE = PIPE_BYTES // 300
"""No event is so short."""


@pytest.fixture
def stuck_pipe():
    """A small pipe, as a text stream to write to and a descriptor that nobody reads from."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    stream = os.fdopen(writing, "w")
    yield stream, reading
    os.close(reading)  # whoever is blocked in a write finds that nobody reads
    for thread in threading.enumerate():
        if thread.name == "sink-stdout":
            thread.join(5)
    with suppress(OSError):
        stream.close()


def test_a_stopped_reader_holds_up_neither_the_audio_nor_other_outputs(stuck_pipe):
    stream, reading = stuck_pipe
    other = Recording()
    other.events_only = True
    n_utterances = 600
    microphone = SimulatedMicrophone(talk(*[part for _ in range(n_utterances) for part in (-1, 1)]), ring_s=2.0)
    hearing = Hearing(
        source=microphone,
        pipeline=Pipeline(FeatureHash(), detector=LoudIsSpeech),
        clock=microphone.clock(),
        identity=Identity("node", "fake@00000000", "abcdef", RATE_HZ),
    )
    daemon = Daemon(hearing, [JsonLines(stream), other])
    assert daemon.run() is False  # the thread that writes hangs, and was left
    assert not daemon._worker.is_alive()
    stuck = daemon._outboxes[0]
    assert microphone.ring.lost_samples == 0
    assert sum(event.type == "end" for event in events(other)) >= n_utterances - 1
    assert len(stuck._queue) <= REPORTS_MAX
    n_written = len(events(other)) - stuck.n_dropped - len(stuck._queue)
    assert 0 < n_written <= MOST_IN_PIPE + 1
    status = daemon._health.status(microphone, output_status(daemon._outboxes), None, muted=False)
    assert (status.state, status.dropped) == ("degraded", stuck.n_dropped)
    assert f"{stuck.n_dropped} reports dropped" in status.reason
    first = os.read(reading, PIPE_BYTES).split(b"\n")[0]
    assert json.loads(first)["id"] == "abcdef-000001"
