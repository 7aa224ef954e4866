"""The whole service: a microphone of a real sound server, and a real broker."""

import signal
import socket
import subprocess
import sys
import time
from datetime import datetime
from itertools import pairwise

import pytest
import soundfile
from live.conftest import frail_pulse  # noqa: F401 - a fixture
from mqtt.program import NODE, SER, Monitor, speech
from waiting import wait_until

pytestmark = pytest.mark.live

BASE = f"ser-monitor/{NODE}"


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "speech.wav"
    soundfile.write(path, speech()[: 10 * 16_000], 16_000)
    return path


def environment(broker, server, **changes):
    to_broker = {k: v for k, v in broker.environment(**changes).items() if k.startswith("SER_MONITOR")}
    return {**server.environment, **to_broker}


def listening(witness, **options):
    return witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] in ("listening", "speech"), **options)


def test_mute_closes_the_microphone_and_unmute_opens_it(broker, frail_pulse, wav):  # noqa: F811
    witness = broker.watch(f"{BASE}/#")
    with Monitor(environment=environment(broker, frail_pulse, allow_remote_unmute="true")) as monitor:
        listening(witness, timeout_s=20)
        wait_until(lambda: frail_pulse.n_recorders() == 1)
        player = frail_pulse.play_in_background(wav)
        witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "new", timeout_s=20)
        witness.publish(f"{BASE}/mute/set", "ON")
        witness.wait_for(f"{BASE}/mute/state", lambda seen: seen.text == "ON")
        wait_until(lambda: frail_pulse.n_recorders() == 0)
        witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "end", timeout_s=2)
        player.kill()
        witness.publish(f"{BASE}/mute/set", "OFF")
        wait_until(lambda: frail_pulse.n_recorders() == 1)
        witness.clear()
        frail_pulse.play(wav)
        witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "end", timeout_s=20)
        code, took_s = monitor.end()
        assert (code, took_s < 5) == (0, True), monitor.log


def test_another_microphone_on_reload_costs_less_than_a_second(broker, frail_pulse, wav):  # noqa: F811
    witness = broker.watch(f"{BASE}/#")
    with Monitor(environment=environment(broker, frail_pulse)) as monitor:
        listening(witness, timeout_s=20)
        time.sleep(1)
        monitor.configure("[audio]\nring_s = 5.0\n")
        monitor.reload()
        monitor.wait_for_log("configuration read again")
        time.sleep(2)
        witness.clear()
        witness.publish(f"{BASE}/request/health_check", b"")
        health = witness.wait_for(f"{BASE}/response/health_check").json["data"]
        assert 0 <= health["audio_lost_s"] < 1
        assert health["audio_age_s"] < 1
        assert frail_pulse.n_recorders() == 1
        frail_pulse.play(wav)
        witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "end", timeout_s=20)


def test_sigterm_ends_in_order_while_the_sound_server_hangs(broker, frail_pulse):  # noqa: F811
    witness = broker.watch(f"{BASE}/#")
    with Monitor(environment=environment(broker, frail_pulse)) as monitor:
        listening(witness, timeout_s=20)
        frail_pulse.suspend()
        time.sleep(1)
        code, took_s = monitor.end()
        assert code == 0, monitor.log
        assert took_s < 5
        witness.wait_for(f"{BASE}/availability", lambda seen: seen.text == "offline")


def test_a_sound_server_that_hangs_for_good_ends_the_process_with_75(broker, frail_pulse):  # noqa: F811
    witness = broker.watch(f"{BASE}/#")
    with Monitor(environment=environment(broker, frail_pulse), config="[audio]\nstall_s = 1\nstall_exit_s = 3\n") as it:
        listening(witness, timeout_s=20)
        frail_pulse.suspend()
        witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] == "no_audio", timeout_s=6)
        assert it.process.wait(30) == 75, it.log
        witness.wait_for(f"{BASE}/availability", lambda seen: seen.text == "offline")


def test_without_a_sound_server_it_waits_and_says_so(broker, frail_pulse):  # noqa: F811
    frail_pulse.kill()
    witness = broker.watch(f"{BASE}/#")
    with Monitor(environment=environment(broker, frail_pulse)) as monitor:
        status = witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] == "no_audio", timeout_s=20)
        assert status.json["reason"]
        frail_pulse.start()
        listening(witness, timeout_s=20)
        assert monitor.process.poll() is None


@pytest.mark.parametrize("outage_s", [12, pytest.param(300, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
def test_without_a_sound_server_it_is_ready_and_tries_again_without_a_flood(broker, frail_pulse, outage_s):  # noqa: F811
    frail_pulse.kill()
    witness = broker.watch(f"{BASE}/#")
    address = f"{frail_pulse.environment['XDG_RUNTIME_DIR']}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(20)
        with Monitor(environment={**environment(broker, frail_pulse), "NOTIFY_SOCKET": address}) as monitor:
            assert systemd.recv(4096).startswith(b"READY=1")
            witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] == "no_audio", timeout_s=20)
            time.sleep(outage_s)
            witness.publish(f"{BASE}/request/health_check", b"")
            health = witness.wait_for(f"{BASE}/response/health_check").json["data"]
            # Waits of 1 s that grow to 30 s.
            assert max(3, outage_s / 35) <= health["reopens"] <= 5 + outage_s / 5
            assert monitor.log.count("trying again") == 1
            assert len(monitor.log.splitlines()) < 10, monitor.log
            frail_pulse.start()
            listening(witness, timeout_s=45)
            assert monitor.end()[0] == 0, monitor.log


def test_a_microphone_that_does_not_exist_is_named_with_those_that_do(broker, frail_pulse):  # noqa: F811
    witness = broker.watch(f"{BASE}/#")
    with Monitor(environment=environment(broker, frail_pulse), config='[audio]\ndevice = "webcam"\n') as monitor:
        status = witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] == "no_audio", timeout_s=20)
        assert status.json["reason"] == "no input is named 'webcam'; there are: 'pulse', 'default'"
        time.sleep(5)  # it goes on trying
        assert monitor.process.poll() is None
        assert monitor.log.count("'webcam'") == 1
        monitor.configure('[audio]\ndevice = "pulse"\n')
        monitor.reload()
        assert listening(witness, timeout_s=20).json["device"] == "pulse"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("seconds", [10, pytest.param(600, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_digital_silence_is_no_event_and_costs_next_to_nothing(broker, frail_pulse, seconds):  # noqa: F811
    witness = broker.watch(f"{BASE}/#")
    with Monitor(environment=environment(broker, frail_pulse)) as monitor:
        listening(witness, timeout_s=20)
        time.sleep(2)
        before_s, started_s = monitor.processor_s(), time.monotonic()
        time.sleep(seconds)
        busy = (monitor.processor_s() - before_s) / (time.monotonic() - started_s)
        # Measured: 0.013 of a core.
        assert busy < 0.1
        witness.publish(f"{BASE}/request/health_check", b"")
        health = witness.wait_for(f"{BASE}/response/health_check").json["data"]
        assert health["state"] in _HEARING
        assert health["events"] == 0
        assert not witness.of(f"{BASE}/event")


def test_a_frozen_broker_costs_no_audio_of_a_microphone(broker, frail_pulse, tmp_path):  # noqa: F811
    """Publishing never blocks the audio path: a microphone does not wait."""
    path = tmp_path / "talk.wav"
    soundfile.write(path, speech(), 16_000)
    witness = broker.watch(f"{BASE}/#")
    config = "[audio]\nring_s = 1.0\n"
    with Monitor(environment=environment(broker, frail_pulse), config=config) as monitor:
        listening(witness, timeout_s=20)
        player = frail_pulse.play_in_background(path)
        witness.wait_for(f"{BASE}/event", timeout_s=20)
        broker.suspend()
        time.sleep(10)  # ten times what the ring holds
        broker.resume()
        player.wait(60)
        witness.clear()
        witness.publish(f"{BASE}/request/health_check", b"")
        health = witness.wait_for(f"{BASE}/response/health_check", timeout_s=20).json["data"]
        assert health["audio_lost_s"] == 0
        assert health["dropped"] == 0
        assert monitor.process.poll() is None


def test_mute_in_the_middle_of_a_reload_reaches_the_microphone_that_comes(broker, frail_pulse):  # noqa: F811
    witness = broker.watch(f"{BASE}/#")
    with Monitor(environment=environment(broker, frail_pulse, allow_remote_unmute="true")) as monitor:
        listening(witness, timeout_s=20)
        for number, wanted in enumerate(["ON", "OFF", "ON"]):
            monitor.configure(f"[audio]\nring_s = {5 + number}.0\n")
            monitor.reload()
            witness.publish(f"{BASE}/mute/set", wanted)
            witness.wait_for(f"{BASE}/mute/state", lambda seen, wanted=wanted: seen.text == wanted)
            monitor.wait_for_log("configuration read again")
            wait_until(lambda wanted=wanted: frail_pulse.n_recorders() == (0 if wanted == "ON" else 1))
            time.sleep(1)
            assert frail_pulse.n_recorders() == (0 if wanted == "ON" else 1)
            witness.clear()


# It remembers a loss for a while.
_HEARING = ("listening", "speech", "degraded")


class Interrupted:
    """A monitor that hears somebody speak when its sound goes away, and what it says of that."""

    def __init__(self, broker, server, wav, config=None):
        self.server = server
        self.witness = broker.watch(f"{BASE}/#")
        self.monitor = Monitor(environment=environment(broker, server), config=config)
        self._wav = wav
        self._spans = []

    def __enter__(self):
        self.monitor.__enter__()
        listening(self.witness, timeout_s=20)
        self._player = self.server.play_in_background(self._wav)
        self.witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "new", timeout_s=20)
        return self

    def __exit__(self, *error):
        self._player.kill()
        self._player.wait()
        self.monitor.__exit__(*error)

    def expect_no_audio(self, within_s=6.0):
        """It is noticed in time, and the event under way ends with a gap."""
        found = self.witness.wait_for(
            f"{BASE}/status", lambda seen: seen.json["state"] == "no_audio", timeout_s=within_s
        )
        self.witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "end" and seen.json["gap_s"] > 0)
        self._player.kill()
        return found

    def expect_to_hear_again(self, within_s=10.0):
        """In the same process, with events whose times fit together."""
        self._spans += self._ended()
        self.witness.clear()
        self.witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] in _HEARING, timeout_s=within_s)
        assert self.monitor.process.poll() is None
        self.server.play(self._wav)
        self.witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "end", timeout_s=10)

    def spans(self):
        """Start and end of each event that ended, in seconds."""
        return [*self._spans, *self._ended()]

    def _ended(self):
        ended = [seen.json for seen in self.witness.of(f"{BASE}/event") if seen.json["type"] == "end"]
        starts = [datetime.fromisoformat(event["start"]).timestamp() for event in ended]
        return [(start, start + event["duration_s"]) for start, event in zip(starts, ended, strict=True)]


@pytest.mark.parametrize("outage_s", [3, pytest.param(10, marks=[pytest.mark.long, pytest.mark.timeout(300)])])
def test_a_killed_sound_server_ends_the_event_with_a_gap(broker, frail_pulse, wav, outage_s):  # noqa: F811
    with Interrupted(broker, frail_pulse, wav) as it:
        frail_pulse.kill()
        it.expect_no_audio()
        time.sleep(outage_s)
        frail_pulse.start()
        it.expect_to_hear_again()
        code, _ = it.monitor.end()
    assert code == 0, it.monitor.log


@pytest.mark.parametrize("outage_s", [3, pytest.param(10, marks=[pytest.mark.long, pytest.mark.timeout(300)])])
def test_a_microphone_that_is_unplugged_is_found_again(broker, frail_pulse, wav, outage_s):  # noqa: F811
    with Interrupted(broker, frail_pulse, wav) as it:
        frail_pulse.control("unload-module", "module-null-sink")
        it.expect_no_audio()
        time.sleep(outage_s)
        frail_pulse.control("load-module", "module-null-sink", "sink_name=mic", "rate=16000", "channels=1")
        it.expect_to_hear_again()
        code, _ = it.monitor.end()
    assert code == 0, it.monitor.log
    # PortAudio and ALSA print five lines and more at every attempt.
    lines = it.monitor.log.splitlines()
    complaints = [line for line in lines if "a library says" in line]
    assert len(complaints) == len(set(complaints)), it.monitor.log
    assert all("ser-monitor: " in line for line in lines), it.monitor.log


@pytest.mark.parametrize("outage_s", [8, pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(300)])])
def test_a_sound_server_that_stops_for_a_while_brings_no_old_audio(broker, frail_pulse, wav, outage_s):  # noqa: F811
    with Interrupted(broker, frail_pulse, wav) as it:
        stopped_at = time.time()
        frail_pulse.suspend()
        it.expect_no_audio()
        time.sleep(max(0.0, stopped_at + outage_s - time.time()))
        resumed_at = time.time()
        frail_pulse.resume()
        it.expect_to_hear_again()
        spans = it.spans()
        code, _ = it.monitor.end()
    assert code == 0, it.monitor.log
    for start, end in spans:
        # What was played while the server stood still was heard before or not at all.
        assert end >= start
        assert end < stopped_at + 1.0 or start > resumed_at - 1.0
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize("asleep_s", [5, pytest.param(600, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_a_monitor_that_slept_tells_of_one_hole_and_hears_on(broker, frail_pulse, wav, asleep_s):  # noqa: F811
    """Stopped, as by a machine's suspend: the sound server goes on, and keeps what nobody fetches."""
    with Interrupted(broker, frail_pulse, wav, config="[audio]\nstall_s = 2.0\n") as it:
        stopped_at = time.time()
        it.monitor.send("SIGSTOP")
        time.sleep(asleep_s)
        resumed_at = time.time()
        it.monitor.send("SIGCONT")
        cut = it.witness.wait_for(
            f"{BASE}/event", lambda seen: seen.json["type"] == "end" and seen.json["gap_s"] > 0, timeout_s=10
        )
        assert cut.json["gap_s"] == pytest.approx(resumed_at - stopped_at, abs=2.5)
        it.expect_to_hear_again()
        spans = it.spans()
        it.witness.publish(f"{BASE}/request/health_check", b"")
        health = it.witness.wait_for(f"{BASE}/response/health_check", timeout_s=20).json["data"]
        assert resumed_at - stopped_at - 1 < health["audio_lost_s"] < resumed_at - stopped_at + 10
        code, _ = it.monitor.end()
    assert code == 0, it.monitor.log
    for start, end in spans:
        assert start <= end
        assert end < stopped_at + 1.0 or start > resumed_at - 1.0
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_a_stopped_reader_of_standard_output_holds_nothing_else_up(broker, frail_pulse, tmp_path):  # noqa: F811
    """The microphone does not wait, and the broker is told everything."""
    path = tmp_path / "talk.wav"
    soundfile.write(path, speech(), 16_000)
    witness = broker.watch(f"{BASE}/#")
    variables = environment(broker, frail_pulse) | {"SER_MONITOR__NODE": NODE, "SER_MONITOR__AUDIO__RING_S": "2"}
    # Twelve events do not fit into 4 kB.
    process = subprocess.Popen([*SER, "--format", "json"], env=variables, stdout=subprocess.PIPE, pipesize=4096)
    try:
        listening(witness, timeout_s=20)
        player = frail_pulse.play_in_background(path)
        ends = witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "end", count=6, timeout_s=90)
        player.wait(30)
        assert ends
        witness.clear()
        witness.publish(f"{BASE}/request/health_check", b"")
        health = witness.wait_for(f"{BASE}/response/health_check", timeout_s=20).json["data"]
        assert (health["audio_lost_s"], health["dropped"]) == (0, 0)
        assert health["audio_age_s"] < 2
        before = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - before < 5
        witness.wait_for(f"{BASE}/availability", lambda seen: seen.text == "offline")
        printed = process.stdout.read()
        assert 0 < len(printed) <= 4096
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_another_microphone_while_the_sound_server_hangs_pulls_nothing_from_under_the_old_one(
    broker,
    frail_pulse,  # noqa: F811
    wav,
):
    """The microphone before it still hangs in PortAudio, which must not be ended to look for devices."""
    witness = broker.watch(f"{BASE}/#")
    quick = "[audio]\nstall_s = 1\n"
    with Monitor(environment=environment(broker, frail_pulse), config=quick) as monitor:
        listening(witness, timeout_s=20)
        frail_pulse.suspend()
        witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] == "no_audio", timeout_s=20)
        monitor.configure(f'{quick}device = "webcam"\n')
        monitor.reload()
        monitor.wait_for_log("no input is named 'webcam'")
        time.sleep(8)  # for attempts at which devices are looked for, and to find one that hangs
        assert "no audio from 'webcam'" not in monitor.log
        frail_pulse.resume()
        time.sleep(2)  # for the old one to come back
        witness.clear()
        monitor.configure(f'{quick}device = "pulse"\n')
        monitor.reload()
        witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] in _HEARING, timeout_s=20)
        wait_until(lambda: frail_pulse.n_recorders() == 1)
        player = frail_pulse.play_in_background(wav)
        witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "end", timeout_s=20)
        player.kill()
        player.wait()
        assert monitor.end()[0] == 0, monitor.log
