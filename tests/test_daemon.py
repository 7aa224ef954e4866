"""The daemon joins the parts: order of events, gaps, failures, stopping."""

import threading
import time

import numpy as np
import pytest
from fake_classifier import FeatureHash, LoudIsSpeech, talk
from waiting import wait_until

from monitor import watch
from monitor.clock import RecordingClock
from monitor.daemon import Daemon, Hearing
from monitor.errors import BadAudioError, OutputFailedError
from monitor.pipeline import Pipeline
from monitor.records import AudioBlock, EmotionEvent, Gap
from monitor.sinks.schema import Identity
from monitor.sources import SourceStatus


class Blocks:
    """A source of prepared blocks; an exception among them is raised."""

    name = "blocks"

    def __init__(self, blocks, live=False, endless=False):
        self._blocks, self.live, self._endless, self._stopped = blocks, live, endless, threading.Event()
        self.waits = not live
        self.mutes = []

    def status(self):
        return SourceStatus(device=self.name)

    def mute(self, *, muted):
        self.mutes.append(muted)

    def attend(self, rhythm):
        """Its blocks are what they are."""

    def blocks(self):
        for block in self._blocks:
            if isinstance(block, Exception):
                raise block
            if self._stopped.is_set():
                return
            yield block
        if self._endless:
            self._stopped.wait(30)

    def stop(self):
        self._stopped.set()


class Recording:
    name = "recording"
    events_only = False

    def __init__(self, error=None):
        self.reports, self._error = [], error

    def write(self, report):
        if self._error:
            raise self._error
        self.reports.append(report)

    def close(self):
        pass


def cut(samples, start=0, lost=0, cause=""):
    blocks = [AudioBlock(samples[i : i + 1600], start + i) for i in range(0, len(samples), 1600)]
    if lost:
        blocks[0] = AudioBlock(blocks[0].samples, start, lost, cause)
    return blocks


def daemon_of(source, sink):
    identity = Identity("node", "fake@00000000", "abcdef", 16000)
    hearing = Hearing(
        source=source,
        pipeline=Pipeline(FeatureHash(), detector=LoudIsSpeech),
        clock=RecordingClock(0.0, 16000),
        identity=identity,
    )
    return Daemon(hearing, [sink])


def events(sink, kind=EmotionEvent):
    return [report.event for report in sink.reports if isinstance(report.event, kind)]


def test_a_recording_runs_to_its_end_and_speech_at_the_end_is_closed():
    sink = Recording()
    assert daemon_of(Blocks(cut(talk(-1, 2))), sink).run()
    assert [event.type for event in events(sink)][0 :: len(events(sink)) - 1] == ["new", "end"]
    payloads = [report.payload for report in sink.reports if isinstance(report.event, EmotionEvent)]
    assert {payload["id"] for payload in payloads} == {"abcdef-000001"}


def test_a_gap_reaches_the_sinks_between_end_and_new():
    sink = Recording()
    blocks = [*cut(talk(-1, 2)), *cut(talk(-1, 2), start=48_000 + 5000, lost=5000, cause="overflow")]
    daemon_of(Blocks(blocks), sink).run()
    order = [getattr(e, "type", "gap") for e in events(sink, EmotionEvent | Gap)]
    assert [kind for kind in order if kind != "update"] == ["new", "end", "gap", "new", "end"]


def test_the_source_is_told_where_blocks_may_end_and_when_the_gate_is_about_to_move():
    quiet = np.zeros(16_000, np.int16)
    samples = np.concatenate([quiet, talk(-1, 2), quiet, quiet])
    attended = {}

    class Attended(Blocks):
        rhythm = None

        def blocks(self):
            for block in super().blocks():
                yield block
                # The worker comes for the next block: it has judged this one.
                attended[block.end_sample] = self.rhythm

        def attend(self, rhythm):
            self.rhythm = rhythm

    daemon_of(Attended(cut(samples)), Recording()).run()
    assert not attended[16_000].speaking
    assert attended[48_000].speaking
    about_to_close = attended[67_200]  # a tenth of a second after the last voice
    assert about_to_close.speaking
    assert about_to_close.turn_sample == pytest.approx(64_000 + 0.5 * 16_000, abs=480)
    assert not attended[len(samples)].speaking


def test_whoever_mutes_is_told_long_before_the_next_look_is_due():
    daemon = daemon_of(Blocks(cut(talk(-1)), live=True, endless=True), Recording())
    took_s = []

    def mute():
        wait_until(lambda: daemon.status is not None)  # the next look is more than two seconds away
        for muted in (True, False):
            asked_s = time.monotonic()
            daemon.mute(muted)
            wait_until(lambda muted=muted: (daemon.status.state == "muted") is muted)
            took_s.append(time.monotonic() - asked_s)
        daemon.stop()

    thread = threading.Thread(target=mute)
    thread.start()
    daemon.run()
    thread.join()
    assert max(took_s) < 1.5


class Scripted(Blocks):
    """A live source that goes on when the daemon has said what the script waits for."""

    failure = ""

    def __init__(self, script):
        super().__init__([], live=True)
        self._script = script

    def status(self):
        return SourceStatus(device=self.name, failure=self.failure)

    def blocks(self):
        yield from self._script(self)


@pytest.fixture
def rarely(monkeypatch):
    """The main thread looks once, and for an hour not again, unless it is asked to."""
    monkeypatch.setattr(watch, "_LOOK_EVERY_S", 3600.0)
    monkeypatch.setattr(watch, "_FIRST_LOOK_S", 0.05)


def gap(start, n_samples):
    return AudioBlock(np.empty(0, np.int16), start + n_samples, n_samples, "device")


@pytest.mark.usefixtures("rarely")
@pytest.mark.parametrize("n_gaps", [0, 1])
def test_that_a_microphone_is_gone_and_there_again_is_told_at_once(n_gaps):
    """A resampler brings nothing for the first block it is given: the gap is told before there is any audio."""

    def script(source):
        yield AudioBlock(np.zeros(1600, np.int16), 0)
        wait_until(lambda: daemon.status is not None)
        source.failure = "gone"
        yield gap(1600, 1600)
        wait_until(lambda: daemon.status.reason == "gone")
        for number in range(n_gaps):
            before = daemon.status
            yield gap(3200 + 1600 * number, 1600)
            wait_until(lambda before=before: daemon.status is not before)
        source.failure = ""
        lost = 0 if n_gaps else 1600
        yield AudioBlock(np.zeros(1600, np.int16), 3200 + 1600 * n_gaps + lost, lost, "device")
        wait_until(lambda: daemon.status.state == "degraded")

    daemon = daemon_of(Scripted(script), Recording())
    daemon.run()
    assert daemon.status.state == "degraded"  # some was lost


@pytest.mark.usefixtures("rarely")
def test_that_a_microphone_that_was_not_there_at_the_start_has_come_is_told_at_once():
    def script(source):
        source.failure = "no audio input"
        wait_until(lambda: daemon.status is not None and daemon.status.state == "no_audio")
        source.failure = ""
        yield AudioBlock(np.zeros(1600, np.int16), 0)
        wait_until(lambda: daemon.status.state == "listening")

    daemon = daemon_of(Scripted(script), Recording())
    daemon.run()
    assert daemon.status.state == "listening"


@pytest.mark.usefixtures("rarely")
@pytest.mark.parametrize(("n_samples", "n_lost"), [(1600, 1600), (0, 0)])
def test_losses_in_the_flow_and_blocks_that_a_resampler_leaves_empty_ask_for_no_looks(n_samples, n_lost):
    """A machine that is too slow has a loss in every block."""
    samples, seen = np.zeros(n_samples, np.int16), set()

    def script(_source):
        wait_until(lambda: daemon.status is not None)
        for number in range(50):
            yield AudioBlock(samples, number * (n_samples + n_lost) + n_lost, n_lost, "overflow" if n_lost else "")
            time.sleep(0.01)
            seen.add(daemon.status)

    daemon = daemon_of(Scripted(script), Recording())
    daemon.run()
    assert len(seen) <= 3


@pytest.mark.parametrize("step", ["elapsed_s", "output_status"])
def test_who_mutes_in_the_middle_of_a_look_is_told_by_the_next_one(monkeypatch, step):
    """Whichever step of it they come behind: what that look has read may be older, and the next is not passed over."""
    daemon = daemon_of(Blocks([], live=True), Recording())
    take, asked = getattr(watch, step), []

    def take_and_mute(*given):
        taken = take(*given)
        if not asked:
            asked.append(True)
            daemon.mute(True)
        return taken

    monkeypatch.setattr(watch, step, take_and_mute)
    for _ in range(2):
        daemon.meanwhile()
    assert asked
    assert daemon.status.state == "muted"


def test_a_look_that_nobody_asked_for_is_passed_over_until_it_is_due(monkeypatch):
    now_s, looked_s = [1000.0], []
    monkeypatch.setattr(watch, "elapsed_s", lambda: now_s[0])
    daemon = daemon_of(Blocks([], live=True), Recording())
    for _ in range(150):  # fifteen seconds
        before = daemon.status
        daemon.meanwhile()
        if daemon.status is not before:
            looked_s.append(now_s[0])
        now_s[0] += 0.1
    assert len(looked_s) == 5


def test_a_source_that_breaks_off_still_ends_its_speech_and_is_reported():
    sink = Recording()
    with pytest.raises(BadAudioError, match="cut short"):
        daemon_of(Blocks([*cut(talk(-1, 2)), BadAudioError("cut short")]), sink).run()
    assert events(sink)[-1].type == "end"


def test_a_sink_that_fails_ends_the_run():
    sink = Recording(OutputFailedError("disk full"))
    source = Blocks(cut(talk(-1, 2)), live=True, endless=True)
    before = time.monotonic()
    with pytest.raises(OutputFailedError, match="disk full"):
        daemon_of(source, sink).run()
    assert time.monotonic() - before < 5


def test_stop_ends_open_speech():
    sink = Recording()
    daemon = daemon_of(Blocks(cut(talk(-1, 2)), live=True, endless=True), sink)
    threading.Timer(0.5, daemon.stop).start()
    before = time.monotonic()
    assert daemon.run()
    assert time.monotonic() - before < 5
    assert events(sink)[-1].type == "end"


def test_a_hanging_sink_does_not_hold_up_the_stop():
    hang = threading.Event()

    class Hanging(Recording):
        def write(self, report):
            hang.wait(30)

    daemon = daemon_of(Blocks([AudioBlock(np.zeros(16000, dtype=np.int16), 0)], live=True, endless=True), Hanging())
    threading.Timer(0.3, daemon.stop).start()
    before = time.monotonic()
    assert daemon.run() is False
    assert time.monotonic() - before < 5
    hang.set()
