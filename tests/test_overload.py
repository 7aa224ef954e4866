"""A worker slower than the audio: the oldest is lost and counted, and the rest is told in order and in time."""

import gc
import threading
import time
from itertools import pairwise

import pytest
from fake_classifier import FeatureHash, LoudIsSpeech, talk
from fakes import FakeDevice
from simulated_microphone import BLOCK, RATE_HZ, SimulatedMicrophone, SlowClassifier, heard_at_s
from sources.test_microphone import system  # noqa: F401 - a fixture
from test_daemon import Recording, events

from monitor.clock import LiveClock
from monitor.config import AudioSettings
from monitor.daemon import Daemon, Hearing
from monitor.health import OutputStatus
from monitor.host import memory_bytes
from monitor.pipeline import Pipeline
from monitor.records import EmotionEvent, Gap
from monitor.sinks.schema import Identity
from monitor.sources.microphone import Microphone

RING_S = 4.0
LATE_S = 2 * BLOCK / RATE_HZ
"""Two blocks."""
HANGOVER_S = 0.5
SLOW = pytest.mark.parametrize("took_s", [0.6, 0.9, 6.0])
"""A window is due every half second: a little too slow, too slow, and longer than the ring lasts."""


def heard(samples, took_s, ring_s=RING_S):
    """What a monitor says whose model takes `took_s` for a window; the monitor, and its microphone."""
    sink, microphone = Recording(), SimulatedMicrophone(samples, ring_s)
    hearing = Hearing(
        source=microphone,
        pipeline=Pipeline(SlowClassifier(microphone, took_s), detector=LoudIsSpeech),
        clock=microphone.clock(),
        identity=Identity("node", "fake@00000000", "abcdef", RATE_HZ),
    )
    daemon = Daemon(hearing, [sink])
    assert daemon.run()
    return sink, microphone, daemon


def talk_for(seconds):
    """Three seconds of speech, one of silence, again and again."""
    return talk(*[part for _ in range(round(seconds / 4)) for part in (-1, 3)])


def late_s(report):
    """How much later than the truth an event is stamped."""
    return report.at_s - heard_at_s(report.event.end_sample)


def emotions(sink):
    return [report for report in sink.reports if isinstance(report.event, EmotionEvent)]


def status_of(daemon):
    """As of now, not of its last look."""
    return daemon._health.status(daemon.hearing.source, OutputStatus(), None, muted=False)


def overflows(sink):
    return [gap for gap in events(sink, Gap) if gap.cause == "overflow"]


@pytest.mark.parametrize("ring_s", [1.0, 4.0, 10.0])
def test_events_behind_an_overflow_carry_the_time_at_which_they_were_heard(ring_s):
    """The audio behind the gap has waited in the ring: it is not as young as the moment in which it is read."""
    sink, _, _ = heard(talk_for(80), took_s=0.9, ring_s=ring_s)
    first_gap = overflows(sink)[0].at_sample
    behind = [report for report in emotions(sink) if report.event.start_sample > first_gap]
    assert len(behind) > 5
    assert max(abs(late_s(report)) for report in behind) <= LATE_S


@SLOW
def test_every_sample_was_read_or_lost_or_waits(took_s):
    sink, microphone, daemon = heard(talk_for(120), took_s)
    lost = sum(gap.lost_samples for gap in events(sink, Gap))
    assert lost > 10 * RATE_HZ
    status = status_of(daemon)
    assert (status.state, status.reason.split(":")[0]) == ("degraded", "audio was lost")
    assert status.audio_lost_s == pytest.approx(lost / RATE_HZ, abs=0.01)
    ring = microphone.ring
    assert ring.read_samples + ring.lost_samples + ring.queued_samples == microphone.n_heard
    assert ring.lost_samples - lost <= took_s * RATE_HZ + BLOCK  # what was overwritten since the last read


@SLOW
def test_what_is_said_comes_in_order_and_never_overlaps(took_s):
    sink, _, _ = heard(talk_for(120), took_s)
    payloads = [report.payload for report in emotions(sink)]
    check_order(payloads)
    assert len({one["id"] for one in payloads}) > 3
    assert any(one["gap_s"] > 0 for one in payloads if one["type"] == "end")


def check_order(payloads):
    """Ids in order, every `new` with its `end`, none before the one before has ended."""
    assert [one["id"] for one in payloads] == sorted(one["id"] for one in payloads)
    by_id = {one["id"]: [] for one in payloads}
    for one in payloads:
        by_id[one["id"]].append(one["type"])
    assert by_id
    for types in by_id.values():
        assert (types[0], types[-1]) == ("new", "end")
        assert set(types[1:-1]) <= {"update"}
    ends = [one for one in payloads if one["type"] == "end"]
    assert all(one["start"] <= one["end"] for one in payloads)
    assert all(before["end"] <= after["start"] for before, after in pairwise(ends))


@SLOW
def test_it_lags_by_what_the_ring_holds_and_not_more(took_s):
    sink, microphone, _ = heard(talk_for(120), took_s)
    latencies_s = [report.payload["latency_s"] for report in emotions(sink)]
    # A gap closes speech with one more window, asked about after the one that took so long.
    assert max(latencies_s) <= RING_S + 2 * took_s + HANGOVER_S + 0.1
    assert microphone.ring.queued_samples <= RING_S * RATE_HZ


def test_memory_stays_flat():
    samples = talk_for(400)
    heard(samples[: 40 * RATE_HZ], took_s=0.9)
    gc.collect()
    before = memory_bytes()
    _, _, daemon = heard(samples, took_s=0.9)
    gc.collect()
    audio = samples.nbytes
    assert audio > 10e6
    assert memory_bytes() - before < audio / 2
    assert status_of(daemon).audio_lost_s > 60


def test_a_microphone_goes_on_being_read_while_the_model_is_late(system):  # noqa: F811
    """The same with threads and true time."""
    system.known = [FakeDevice("Mic")]
    took_s, ring_s, listens_s = 1.2, 1.0, 12.0
    sink = Recording()

    class Late(FeatureHash):
        def answer(self, values):
            time.sleep(took_s)
            return super().answer(values)

    hearing = Hearing(
        source=Microphone(AudioSettings(ring_s=ring_s, stall_s=30.0), RATE_HZ),
        pipeline=Pipeline(Late(), detector=LoudIsSpeech),
        clock=LiveClock(RATE_HZ),
        identity=Identity("node", "fake@00000000", "abcdef", RATE_HZ),
    )
    daemon = Daemon(hearing, [sink])
    threading.Timer(listens_s, daemon.stop).start()
    daemon.run()
    check_order([report.payload for report in emotions(sink)])
    lost_s = sum(gap.lost_samples for gap in events(sink, Gap)) / RATE_HZ
    assert lost_s > 1.0
    assert overflows(sink)
    assert status_of(daemon).audio_lost_s == pytest.approx(lost_s, abs=0.01)
    assert max(report.payload["latency_s"] for report in emotions(sink)) < ring_s + 2 * took_s + HANGOVER_S + 2.0
