"""The microphone against a fake sound system: names, formats, loss, stalls, and the clock that finds silent losses."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter

import numpy as np
import pytest
from fakes import FakeDevice, FakeSoundSystem
from hypothesis import given, settings
from hypothesis import strategies as st
from sources.reading import Reading
from waiting import wait_until

from monitor.config import AudioSettings
from monitor.errors import MissingDependencyError, MissingLibraryError, NoInputError, PermissionDeniedError
from monitor.sources import microphone, portaudio
from monitor.sources.capture import CaptureClock, left_behind
from monitor.sources.microphone import Microphone, input_devices
from monitor.sources.portaudio import InputDevice, find_device

RATE_HZ = 16_000


@pytest.fixture
def system(monkeypatch):
    fake = FakeSoundSystem()
    monkeypatch.setitem(sys.modules, "sounddevice", fake.module())
    monkeypatch.setattr(microphone, "_SHORTEST_WAIT_S", 0.1)
    monkeypatch.setattr(microphone, "_LONGEST_WAIT_S", 0.3)
    monkeypatch.setattr(microphone, "_FIRST_BLOCK_S", 0.5)
    monkeypatch.setattr(microphone, "_JOIN_S", 0.3)
    yield fake
    fake.resume()
    # Who hung is counted over the whole process: the next test must find nobody.
    wait_until(lambda: not left_behind())


class Listener(Reading):
    """Reads a microphone of the fake sound system."""

    def __init__(self, **options):
        super().__init__(Microphone(AudioSettings(**{"stall_s": 0.5, **options}), RATE_HZ))

    def __exit__(self, *error):
        self.microphone.stop()
        self._thread.join(3.0)
        assert not self._thread.is_alive()

    def wait(self, wanted, timeout_s=6.0):
        deadline = time.monotonic() + timeout_s
        while not wanted():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)

    def hear(self, n_samples):
        """Wait for so many more samples."""
        before = self.n_samples
        self.wait(lambda: self.n_samples >= before + n_samples)

    @property
    def gaps(self):
        return [(block.lost_samples, block.gap_cause) for block in self.blocks if block.lost_samples]


def _device(index, name, api="ALSA", default=False):
    return InputDevice(index, name, api, 2, 48_000, default)


_DEVICES = [
    _device(0, "USB Audio: - (hw:1,0)"),
    _device(1, "USB Audio: second (hw:2,0)"),
    _device(2, "pulse", default=True),
    _device(3, "Pulse Eight Mic"),
    _device(4, "Pulse Eight Mic", "JACK"),
]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [("", 2), ("pulse", 2), ("PULSE", 2), ("eight", 3), ("Pulse Eight Mic", 3), ("hw:1", 0), ("second", 1)],
)
def test_a_device_is_found_by_part_of_its_name(wanted, index):
    assert find_device(wanted, _DEVICES).index == index


def test_without_a_default_the_first_input_is_taken():
    assert find_device("", _DEVICES[:2]).index == 0


def test_a_name_that_fits_several_lists_them():
    with pytest.raises(NoInputError) as caught:
        find_device("usb audio", _DEVICES)
    assert "'USB Audio: - (hw:1,0)', 'USB Audio: second (hw:2,0)'" in str(caught.value)
    assert "pulse" not in str(caught.value)


def test_a_name_that_fits_none_lists_those_that_exist():
    with pytest.raises(NoInputError, match=r"'webcam'.*'pulse', 'Pulse Eight Mic'$"):
        find_device("webcam", _DEVICES)


def test_no_device_at_all(monkeypatch):
    with pytest.raises(NoInputError, match="no audio input"):
        find_device("", [])
    monkeypatch.setattr(portaudio, "sound_devices_denied", lambda: True)
    with pytest.raises(PermissionDeniedError, match="group 'audio'"):
        find_device("", [])


def test_only_inputs_are_listed(system):
    system.known = [FakeDevice("Speakers", channels=0, outputs=2), FakeDevice("Mic", 1, 48_000, api=1)]
    system.default = 1
    assert input_devices() == [InputDevice(1, "Mic", "JACK", 1, 48_000, True)]
    system.default = -1
    assert [device.is_default for device in input_devices()] == [False]


def _pitch_hz(blocks):
    samples = np.concatenate([block.samples for block in blocks]).astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return spectrum.argmax() * RATE_HZ / len(samples)


@pytest.mark.parametrize(
    ("formats", "opened_with"),
    [
        (None, (16_000, 1)),
        ({(48_000, 1)}, (48_000, 1)),
        ({(48_000, 2)}, (48_000, 2)),
        ({(48_000, 6)}, (48_000, 6)),
    ],
)
def test_what_the_device_cannot_do_is_converted(system, formats, opened_with):
    system.known = [FakeDevice("Mic", 6, 48_000, formats=formats)]
    with Listener() as listener:
        listener.hear(8_000)
        status = listener.microphone.status()
    assert system.opened[0] == ("Mic", 16_000, 1)
    assert (status.device, status.rate_hz, status.channels) == ("Mic", *opened_with)
    assert status.failure == ""
    assert abs(_pitch_hz(listener.blocks) - 440) < 3
    assert listener.gaps == []


def test_sample_numbers_keep_up_with_the_clock_over_a_loss(system, caplog):
    caplog.set_level(logging.INFO)
    with Listener() as listener:
        listener.hear(4_800)
        assert listener.microphone.name == "Fake Mic"
        system.working = False
        listener.wait(lambda: listener.gaps)
        assert len(listener.blocks[-1].samples) == 0
        time.sleep(1.0)
        assert "gone" in caplog.text or "cannot be opened" in listener.microphone.status().failure
        system.working = True
        listener.hear(4_800)
        assert listener.microphone.status().reopens >= 2
        assert listener.microphone.status().failure == ""
    lost = sum(n for n, _ in listener.gaps)
    assert {cause for _, cause in listener.gaps} == {"device"}
    assert len(listener.gaps) == 2
    assert lost > RATE_HZ
    elapsed = listener.times[-1] - listener.times[0]
    numbered = (listener.blocks[-1].end_sample - listener.blocks[0].end_sample) / RATE_HZ
    assert abs(elapsed - numbered) < 0.5
    assert listener.microphone.status().lost_samples == lost
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == len(set(warnings)) == 2
    assert "listening to 'Fake Mic' again" in caplog.text


def test_whoever_has_the_first_audio_after_an_outage_finds_no_failure_any_more(system):
    """Who waits for news asks then, and would be told of what was before."""
    source = Microphone(AudioSettings(stall_s=0.5), RATE_HZ)
    blocks = source.blocks()
    next(blocks)
    system.working = False
    next(block for block in blocks if block.lost_samples)
    assert source.status().failure
    system.working = True
    next(block for block in blocks if len(block.samples))
    failure = source.status().failure
    source.stop()
    assert list(blocks) == []
    assert failure == ""


def test_a_device_that_comes_later_is_found(system):
    system.devices = system.known = []
    with Listener(device="usb") as listener:
        listener.wait(lambda: "no audio input" in listener.microphone.status().failure)
        assert listener.microphone.name == "usb"
        system.devices = [FakeDevice("Built-in")]
        listener.wait(lambda: "there are: 'Built-in'" in listener.microphone.status().failure)
        system.devices = [FakeDevice("Built-in"), FakeDevice("USB Mic")]
        listener.hear(1_600)
        assert listener.microphone.name == "USB Mic"
    assert listener.blocks[0].start_sample == 0
    assert listener.gaps == []
    assert not system.scanned_under_open_streams


def test_a_stream_that_hangs_is_left_behind_and_its_burst_thrown_away(system):
    with Listener() as listener:
        listener.hear(3_200)
        system.hang()
        listener.wait(lambda: listener.gaps)
        assert listener.gaps[0][0] >= 0.4 * RATE_HZ
        listener.wait(lambda: listener.microphone.status().hanging >= 2)
        assert "no audio" in listener.microphone.status().failure
        system.resume()
        listener.hear(3_200)
        listener.wait(lambda: system.n_open == 1)
        assert listener.microphone.status().hanging == 0
    assert not system.scanned_under_open_streams
    elapsed = listener.times[-1] - listener.times[0]
    numbered = (listener.blocks[-1].end_sample - listener.blocks[0].end_sample) / RATE_HZ
    assert abs(elapsed - numbered) < 0.5
    listener.wait(lambda: system.n_open == 0)


def test_threads_in_a_hanging_sound_system_do_not_pile_up(system, monkeypatch):
    monkeypatch.setattr(microphone, "HANGING_MAX", 2)
    with Listener() as listener:
        listener.hear(1_600)
        system.hang()
        listener.wait(lambda: listener.microphone.status().hanging == 2)
        time.sleep(1.0)
        assert listener.microphone.status().hanging == 2
        assert listener.microphone.status().reopens == 1
        system.resume()
        listener.hear(1_600)


def test_a_microphone_that_takes_the_place_of_one_that_hangs_does_not_start_portaudio_again(system):
    """As a reload does; what hangs would come back into a PortAudio that is gone."""
    with Listener() as before:
        before.hear(1_600)
        system.hang()
        before.wait(lambda: before.gaps)
    with Listener(device="webcam") as listener:
        listener.wait(lambda: listener.microphone.status().reopens >= 3)
        assert system.n_scans == 0
        assert listener.microphone.status().hanging >= 1
        system.resume()
        listener.wait(lambda: system.n_scans)
        assert listener.microphone.status().hanging == 0
    assert not system.scanned_under_open_streams


def test_microphones_that_reloads_left_behind_count_together(system, monkeypatch):
    monkeypatch.setattr(microphone, "HANGING_MAX", 3)
    system.hang()
    for n_hanging in (1, 2, 3, 3):
        with Listener() as listener:
            listener.wait(lambda n=n_hanging: listener.microphone.status().hanging >= n)
    with Listener() as listener:
        listener.wait(lambda: "hangs" in listener.microphone.status().failure)
        assert listener.microphone.status().hanging == 3
        assert listener.microphone.status().failure
        system.resume()
        listener.hear(1_600)


def test_stop_returns_at_once_though_the_sound_system_hangs(system):
    listener = Listener(stall_s=5.0)
    with listener:
        listener.hear(1_600)
        system.hang()
        started = time.monotonic()
        listener.microphone.stop()
        assert time.monotonic() - started < 0.3
    assert time.monotonic() - started < 1.5


def test_stop_closes_the_stream(system):
    with Listener() as listener:
        listener.hear(1_600)
    assert system.n_open == 0


def test_stop_before_blocks(system):
    source = Microphone(AudioSettings(), RATE_HZ)
    source.stop()
    source.stop()
    assert list(source.blocks()) == []
    assert system.opened == []


def test_a_missing_input_ends_the_command_that_does_not_wait(system):
    system.known = []
    with pytest.raises(NoInputError, match="no audio input"):
        list(Microphone(AudioSettings(), RATE_HZ, wait_for_device=False).blocks())


@pytest.fixture
def denied(system, monkeypatch):
    """Whether this user may open no microphone; nobody is logged in."""
    is_denied = [True]
    monkeypatch.setattr(portaudio, "sound_devices_denied", lambda: is_denied[0])
    monkeypatch.setattr(microphone, "has_session", lambda: False)
    return is_denied


@pytest.mark.usefixtures("denied")
def test_who_may_open_no_microphone_is_told_so_in_the_end(system, monkeypatch):
    monkeypatch.setattr(microphone, "_DENIED_S", 0.5)
    system.devices = system.known = []
    started = time.monotonic()
    with pytest.raises(PermissionDeniedError, match="group 'audio'"):
        list(Microphone(AudioSettings(), RATE_HZ).blocks())
    assert 0.4 < time.monotonic() - started < 5.0


@pytest.mark.usefixtures("denied")
def test_in_a_session_its_sound_server_is_waited_for(system, monkeypatch):
    monkeypatch.setattr(microphone, "has_session", lambda: True)
    monkeypatch.setattr(microphone, "_DENIED_S", 0.2)
    system.devices = system.known = []
    with Listener() as listener:
        time.sleep(1.0)
        assert "group 'audio'" in listener.microphone.status().failure
        system.devices = [FakeDevice("Pulse")]
        listener.hear(1_600)


def test_a_denial_long_after_the_start_is_not_for_good(system, denied, monkeypatch):
    """Between a device's coming and its rights, hours after another that went: once is not for ever."""
    monkeypatch.setattr(microphone, "_DENIED_S", 2.0)
    denied[0] = False
    system.devices = system.known = []
    with Listener() as listener:
        listener.wait(lambda: "no audio input" in listener.microphone.status().failure)
        time.sleep(2.5)
        denied[0] = True
        listener.wait(lambda: "group 'audio'" in listener.microphone.status().failure)
        denied[0], system.devices = False, [FakeDevice("Mic")]
        listener.hear(1_600)


def test_rights_that_come_late_are_enough(system, denied, monkeypatch):
    monkeypatch.setattr(microphone, "_DENIED_S", 5.0)
    system.devices = system.known = []
    with Listener() as listener:
        listener.wait(lambda: "group 'audio'" in listener.microphone.status().failure)
        system.devices, denied[0] = [FakeDevice("Mic")], False
        listener.hear(1_600)


def test_a_sound_system_that_hangs_at_the_start_ends_it_too(system):
    system.hang()
    with pytest.raises(NoInputError, match="hangs"):
        list(Microphone(AudioSettings(stall_s=0.5), RATE_HZ, wait_for_device=False).blocks())


def test_without_sounddevice(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingDependencyError, match="'sounddevice'"):
        Microphone(AudioSettings(), RATE_HZ)


def _broken_sounddevice(tmp_path, monkeypatch, raising):
    (tmp_path / "sounddevice.py").write_text(f"raise {raising}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)


def test_without_portaudio_the_package_is_named(tmp_path, monkeypatch):
    _broken_sounddevice(tmp_path, monkeypatch, "OSError('PortAudio library not found')")
    with pytest.raises(MissingLibraryError, match="PortAudio library not found"):
        input_devices()
    with pytest.raises(MissingLibraryError, match="PortAudio library not found"):
        list(Microphone(AudioSettings(), RATE_HZ, wait_for_device=False).blocks())


def test_a_broken_package_is_not_waited_for(tmp_path, monkeypatch):
    _broken_sounddevice(tmp_path, monkeypatch, "ImportError('no cffi')")
    with pytest.raises(MissingDependencyError, match="no cffi"):
        list(Microphone(AudioSettings(), RATE_HZ).blocks())


def test_overflows_are_counted(system):
    with Listener() as listener:
        listener.hear(1_600)
        system.overflow = True
        listener.hear(3_200)
        assert listener.microphone.status().overflows == 1


def test_a_slow_reader_loses_the_oldest_and_is_told(system):
    source = Microphone(AudioSettings(ring_s=0.3), RATE_HZ)
    blocks = source.blocks()
    first = next(blocks)
    time.sleep(1.0)
    second = next(blocks)
    source.stop()
    assert list(blocks) == []
    assert second.gap_cause == "overflow"
    assert second.start_sample == first.end_sample + second.lost_samples
    assert second.lost_samples >= 0.5 * RATE_HZ
    # The ring was full: what is read is as old as what waits behind it.
    assert len(second.samples) + second.queued_samples == round(0.3 * RATE_HZ)


def test_a_machine_that_slept_for_ten_minutes_has_one_hole_and_hears_on(system, monkeypatch):
    asleep_s = [0.0]
    monkeypatch.setattr(microphone, "elapsed_s", lambda: time.monotonic() + asleep_s[0])
    with Listener(stall_s=3.0) as listener:
        listener.hear(3_200)
        asleep_s[0] = 600.0
        listener.wait(lambda: listener.gaps)
        before = listener.n_samples
        listener.wait(lambda: listener.n_samples >= before + 3_200, timeout_s=10.0)
        assert listener.microphone.status().failure == ""
    holes = [i for i, block in enumerate(listener.blocks) if block.lost_samples]
    # Said at once, and again when audio is back: there is none in between.
    assert holes == list(range(holes[0], holes[0] + len(holes)))
    assert not any(len(listener.blocks[i].samples) for i in holes[:-1])
    assert sum(listener.blocks[i].lost_samples for i in holes) >= 600 * RATE_HZ
    elapsed = 600 + listener.times[-1] - listener.times[0]
    numbered = (listener.blocks[-1].end_sample - listener.blocks[0].end_sample) / RATE_HZ
    assert abs(elapsed - numbered) < 0.5


def _lost_s(listener):
    """By cause, in seconds."""
    lost = Counter()
    for n_samples, cause in listener.gaps:
        lost[cause] += n_samples / RATE_HZ
    return lost


def test_time_muted_in_an_outage_is_not_lost_and_the_outage_is(system):
    with Listener() as listener:
        listener.hear(3_200)
        system.working = False
        listener.wait(lambda: listener.gaps)
        time.sleep(0.5)
        listener.microphone.mute(muted=True)
        time.sleep(2.0)
        system.working = True
        listener.microphone.mute(muted=False)
        listener.hear(3_200)
    lost = _lost_s(listener)
    assert set(lost) == {"device", "muted"}
    assert lost["muted"] > 1.8
    assert lost["device"] > 0.4
    elapsed = listener.times[-1] - listener.times[0]
    heard = (listener.n_samples - len(listener.blocks[0].samples)) / RATE_HZ
    assert lost["device"] + lost["muted"] + heard == pytest.approx(elapsed, abs=0.5)
    assert lost["device"] < elapsed - 1.8


def test_an_outage_behind_muted_time_is_lost_and_muted_time_is_not(system):
    with Listener() as listener:
        listener.hear(3_200)
        listener.microphone.mute(muted=True)
        listener.wait(lambda: system.n_open == 0)
        system.working = False
        time.sleep(2.0)
        listener.microphone.mute(muted=False)
        listener.wait(lambda: listener.microphone.status().failure)
        time.sleep(1.0)
        system.working = True
        listener.hear(3_200)
    lost = _lost_s(listener)
    assert lost["muted"] > 1.8
    assert lost["device"] > 0.8
    elapsed = listener.times[-1] - listener.times[0]
    assert lost["device"] < elapsed - 1.8


def test_muting_while_nothing_comes_loses_what_had_not_come(system):
    with Listener(stall_s=30.0) as listener:
        listener.hear(3_200)
        system.hang()
        time.sleep(2.0)
        listener.microphone.mute(muted=True)
        listener.wait(lambda: listener.gaps)
        system.resume()
    lost_samples, cause = listener.gaps[0]
    assert (cause, lost_samples > 1.5 * RATE_HZ) == ("device", True)


def test_nothing_is_overwritten_while_muted_however_late_the_reader(system):
    source = Microphone(AudioSettings(ring_s=1.0), RATE_HZ)
    blocks = source.blocks()
    next(blocks)
    source.mute(muted=True)
    time.sleep(2.0)
    found = [next(blocks)]
    while not found[-1].lost_samples:
        found.append(next(blocks))
    source.stop()
    assert found[-1].gap_cause == "muted"
    assert found[-1].lost_samples > 1.0 * RATE_HZ
    # What was heard before it was muted, and not a block of what came then.
    assert sum(len(block.samples) for block in found) < 0.8 * RATE_HZ


def _received(clock, arrivals):
    """Lost samples over (time, n_samples) arrivals."""
    return [clock.received(n, now_s) for now_s, n in arrivals]


@settings(deadline=None)
@given(jitter=st.lists(st.floats(0, 0.25), min_size=100, max_size=200))
def test_late_blocks_are_not_lost(jitter):
    arrivals = [(0.1 * (i + 1) + late, 1_600) for i, late in enumerate(jitter)]
    assert not any(_received(CaptureClock(RATE_HZ), arrivals))


def test_a_burst_after_a_pause_is_not_lost():
    arrivals = [(0.1 * i, 1_600) for i in range(30)] + [(6.0, 1_600)] * 30 + [(6.0 + 0.1 * i, 1_600) for i in range(60)]
    assert not any(_received(CaptureClock(RATE_HZ), arrivals))


@pytest.mark.parametrize("drift", [-200e-6, 200e-6])
def test_a_sound_card_that_runs_fast_or_slow_loses_nothing(drift):
    arrivals = [(0.1 * i * (1 + drift), 1_600) for i in range(4 * 36_000)]
    assert not any(_received(CaptureClock(RATE_HZ), arrivals))


@pytest.mark.parametrize("kept", [0.4, 0.9, 0.98])
def test_silent_loss_is_found(kept):
    seconds = 120
    arrivals = [(0.1 * i / kept, 1_600) for i in range(int(seconds * 10 * kept))]
    lost_s = sum(_received(CaptureClock(RATE_HZ), arrivals)) / RATE_HZ
    assert lost_s == pytest.approx((1 - kept) * seconds, abs=2.5)


def test_time_without_a_stream_is_lost():
    clock = CaptureClock(RATE_HZ)
    assert clock.broken(5.0) == 0
    assert _received(clock, [(10.0, 1_600), (10.1, 1_600)]) == [0, 0]
    assert clock.broken(11.1) == RATE_HZ
    assert clock.received(1_600, 20.0) == round(8.8 * RATE_HZ)
    assert clock.received(1_600, 20.1) == 0


def test_a_stream_that_breaks_always_loses_something():
    clock = CaptureClock(RATE_HZ)
    clock.received(1_600, 10.0)
    assert clock.broken(10.0) == 1


def test_audio_that_is_lost_without_a_word_becomes_a_gap(system, caplog):
    system.kept = 0.5
    with Listener() as listener:
        listener.wait(lambda: listener.gaps)
    assert listener.gaps[0][1] == "device"
    assert 0.7 * RATE_HZ < listener.gaps[0][0] < 1.5 * RATE_HZ
    assert "lost 1." in caplog.text
