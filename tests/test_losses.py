"""Lost is what should have been heard and was not: muted time is none, whatever happens meanwhile."""

import pytest
from fake_classifier import FeatureHash, LoudIsSpeech, talk
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_daemon import Blocks, Recording, events

from monitor import losses
from monitor.clock import RecordingClock
from monitor.daemon import Daemon, Hearing
from monitor.health import OutputStatus
from monitor.pipeline import Pipeline
from monitor.records import AudioBlock, EmotionEvent, Gap
from monitor.sinks.schema import Identity
from monitor.sources import MUTED_GAP

RATE_HZ = 16_000


class Script(Blocks):
    """Plays what is written: blocks, and between them whatever is to be done."""

    def blocks(self):
        for step in self._blocks:
            if callable(step):
                step()
            else:
                yield step
        if self._endless:
            self._stopped.wait(30)


def hearing_of(source):
    return Hearing(
        source=source,
        pipeline=Pipeline(FeatureHash(), detector=LoudIsSpeech),
        clock=RecordingClock(0.0, RATE_HZ),
        identity=Identity("node", "fake@00000000", "abcdef", RATE_HZ),
    )


class Monitor:
    """A monitor whose source does as a script says; `speak` adds to it."""

    def __init__(self):
        self.steps, self.sink, self.at = [], Recording(), 0
        self.source = Script(self.steps, live=True)
        self.daemon = Daemon(hearing_of(self.source), [self.sink])

    def speak(self, seconds=1.0, lost_s=0.0, cause="", *, loud=True):
        """Speech, or background, behind a gap."""
        lost, n_samples = round(lost_s * RATE_HZ), round(seconds * RATE_HZ)
        samples = talk(seconds + 0.001 if loud else -seconds - 0.001)[:n_samples]  # it rounds down
        self.at += lost
        for i in range(0, max(n_samples, 1), 1600):
            self.steps.append(AudioBlock(samples[i : i + 1600], self.at, lost, cause if lost else ""))
            self.at, lost = self.at + len(samples[i : i + 1600]), 0

    def mute(self, muted):
        self.steps.append(lambda: self.daemon.mute(muted))

    def listen_in(self):
        """Lengths of the blocks that will be listened to."""
        pushed, push = [], self.daemon.hearing.pipeline.push
        self.daemon.hearing.pipeline.push = lambda block: pushed.append(len(block.samples)) or push(block)
        return pushed

    def run(self):
        assert self.daemon.run()

    @property
    def lost_s(self):
        """As the status tells it."""
        return self.daemon._health.status(self.source, OutputStatus(), None, muted=False).audio_lost_s

    def gaps_s(self, *, muted):
        return sum(gap.lost_samples for gap in events(self.sink, Gap) if (gap.cause == MUTED_GAP) == muted) / RATE_HZ


@pytest.fixture
def monitor():
    return Monitor()


def test_a_gap_behind_muted_time_does_not_make_it_lost(monitor, caplog):
    monitor.speak()
    monitor.mute(True)
    monitor.speak(20)
    monitor.mute(False)
    monitor.speak(1, lost_s=0.5, cause="overflow")
    monitor.run()
    assert (monitor.lost_s, monitor.gaps_s(muted=False), monitor.gaps_s(muted=True)) == (0.5, 0.5, 20.0)
    assert "0.50 s of audio lost (overflow)" in caplog.text


def test_a_gap_that_is_known_when_it_is_muted_is_lost_and_what_follows_is_not(monitor):
    monitor.speak()
    monitor.mute(True)
    monitor.speak(0, lost_s=2.0, cause="device")
    monitor.speak(10)
    monitor.mute(False)
    monitor.speak()
    monitor.run()
    assert (monitor.lost_s, monitor.gaps_s(muted=False), monitor.gaps_s(muted=True)) == (2.0, 2.0, 10.0)


def test_speech_that_muting_ends_ends_without_a_gap(monitor):
    """Muted and heard again between two blocks: only the source knows."""
    monitor.speak(3)
    monitor.speak(3, lost_s=0.2, cause=MUTED_GAP)
    monitor.run()
    ends = [event for event in events(monitor.sink, EmotionEvent) if event.type == "end"]
    assert [event.gap_samples for event in ends] == [0, 0]
    assert (monitor.lost_s, monitor.gaps_s(muted=True)) == (0.0, 0.2)


@pytest.fixture
def hands(monkeypatch):
    """Time, moved by hand."""
    now_s = [1000.0]
    monkeypatch.setattr(losses, "elapsed_s", lambda: now_s[0])
    return now_s


def changed(monitor, hands, before=lambda: None, between=lambda: None):
    """Another microphone takes its place for two seconds: what is lost in all."""
    after = Monitor()
    after.speak()

    def wait():
        hands[0] += 1.0
        between()
        hands[0] += 1.0

    after.steps.insert(0, wait)

    def change():
        before()
        monitor.daemon.hear(hearing_of(after.source))

    monitor.steps.append(change)
    monitor.run()
    return monitor.lost_s


def test_what_nobody_heard_between_two_sources_is_lost(monitor, hands):
    monitor.speak()
    assert changed(monitor, hands) == pytest.approx(2.0, abs=0.11)


def test_the_source_is_changed_while_muted(monitor, hands):
    """Unmuted an hour later: nothing of that hour was to be heard."""
    monitor.speak()

    def mute_for_an_hour():
        monitor.daemon.mute(True)

    def unmute():
        hands[0] += 3600.0
        monitor.daemon.mute(False)

    assert changed(monitor, hands, mute_for_an_hour, unmute) == 0.0


def test_muted_before_the_next_source_is_heard(monitor, hands):
    monitor.speak()

    def mute_for_an_hour():
        monitor.daemon.mute(True)
        hands[0] += 3600.0
        monitor.daemon.mute(False)

    # The second until it was muted is lost.
    assert changed(monitor, hands, between=mute_for_an_hour) == 1.0


def test_the_source_is_changed_before_it_is_heard_again(monitor, hands):
    monitor.speak()
    monitor.mute(True)
    monitor.speak(0, lost_s=0.1, cause=MUTED_GAP)

    def unmute_after_an_hour():
        hands[0] += 3600.0
        monitor.daemon.mute(False)

    assert changed(monitor, hands, unmute_after_an_hour) == 0.0


def test_an_outage_that_was_told_is_not_lost_twice_when_the_source_changes(monitor, hands):
    monitor.speak()
    monitor.steps.append(lambda: hands.__setitem__(0, hands[0] + 5.0))
    monitor.speak(0, lost_s=5.0, cause="device")
    assert changed(monitor, hands) == pytest.approx(7.0, abs=0.11)


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("speak"), st.integers(0, 40_000), st.booleans()),
        st.tuples(st.just("gap"), st.integers(1, 50_000), st.sampled_from(["device", "overflow", MUTED_GAP])),
        st.tuples(st.just("mute"), st.booleans(), st.none()),
    ),
    max_size=25,
)


def written(monitor, steps):
    """Write the script; samples that are to be heard, that are lost, and that are muted."""
    heard = lost = muted_samples = 0
    muted = False
    for name, value, more in steps:
        if name == "mute":
            monitor.mute(value)
            muted = value
        elif name == "gap":
            monitor.speak(0, lost_s=value / RATE_HZ, cause=more)
            lost, muted_samples = (lost, muted_samples + value) if more == MUTED_GAP else (lost + value, muted_samples)
        else:
            monitor.speak(value / RATE_HZ, loud=more)
            heard, muted_samples = (heard, muted_samples + value) if muted else (heard + value, muted_samples)
    return heard, lost, muted_samples


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(steps=_STEPS)
@example(steps=[("gap", 1, "device"), ("gap", 1039, "device")])  # 65 ms: a sum of floats is rounded either way
def test_whatever_comes_every_sample_is_heard_lost_or_muted_and_every_event_ends(steps):
    monitor = Monitor()
    heard, lost, muted = written(monitor, steps)
    pushed = monitor.listen_in()
    monitor.run()
    assert heard + lost + muted == monitor.at
    assert sum(pushed) == heard
    assert monitor.lost_s == pytest.approx(lost / RATE_HZ, abs=0.0051)
    assert sum(gap.lost_samples for gap in events(monitor.sink, Gap) if gap.cause != MUTED_GAP) == lost
    # What was muted at the end is not told any more: nothing was heard behind it.
    assert sum(gap.lost_samples for gap in events(monitor.sink, Gap) if gap.cause == MUTED_GAP) <= muted
    check_lives(events(monitor.sink))


def check_lives(found):
    """Every `new` has its one `end`, and no event overlaps another or runs backwards."""
    end = number = 0
    is_open = False
    for event in found:
        assert event.start_sample <= event.end_sample
        assert is_open == (event.type != "new")
        if event.type == "new":
            assert event.start_sample >= end
            assert event.segment == number + 1
        number = event.segment if event.type == "new" else number
        assert event.segment == number
        is_open = event.type != "end"
        end = event.end_sample if event.type == "end" else end
    assert not is_open
