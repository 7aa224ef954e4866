"""What leaves the process while people talk: looked at from outside, by the system calls that it makes."""

from __future__ import annotations

import os
import time

import pytest
import soundfile
from mqtt.program import NODE, RATE_HZ, Monitor, speech
from mqtt.systemcalls import SystemCalls, quiet, require_strace, strace
from waiting import wait_until

BASE = f"ser-monitor/{NODE}"
JACK = "/dev/shm/jack_"  # noqa: S108 - a library's own place
_SHORT_S, _LONG_S = 20, 300
_ANNOUNCED = 12_000
"""Bytes said once, of the monitor itself."""


@pytest.fixture(params=[_SHORT_S, pytest.param(_LONG_S, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def talk_s(request):
    return request.param


@pytest.fixture
def trace(tmp_path):
    require_strace()
    return tmp_path / "trace"


def calls_of(trace, monitor):
    """All calls up to the end of the process, which is asked to end."""
    code, _ = monitor.end(timeout_s=20)
    assert code == 0, monitor.log
    # The tracer is a process of its own, and may be a little behind.
    wait_until(lambda: f"{monitor.process.pid} +++ exited" in _squeezed(trace), 20)
    calls = SystemCalls(trace.read_text(errors="replace"))
    assert len(calls) > 100, "the trace holds nothing: it proves nothing"
    return calls


def _squeezed(trace):
    return " ".join(trace.read_text(errors="replace").split())


def files_of(calls):
    return {to for to in calls.bytes_written if to.startswith("/")}


def bytes_sent(calls):
    """To the network."""
    return sum(n for to, n in calls.bytes_written.items() if to.startswith(("TCP", "UDP")))


def at_most(seconds):
    """Bytes of text that may be said in that time: less than the thriftiest codec's 750 a second."""
    return _ANNOUNCED + 600 * seconds


def test_nothing_is_written_and_only_the_broker_is_spoken_to(broker, trace, talk_s):
    witness = broker.watch(f"{BASE}/#")
    environment = quiet(broker.environment(host="127.0.0.1"))
    arguments = ("--input", "-", "--stdout", "--format", "json", "--log-level", "debug")
    began_s = time.monotonic()
    with Monitor(*arguments, environment=environment, prefix=strace(trace)) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "end", timeout_s=60)
        time.sleep(talk_s)
        calls = calls_of(trace, monitor)
        own = {str(monitor.folder / "output"), str(monitor.folder / "log")}
    assert calls.files_written <= {os.devnull}
    assert calls.peers == {f"{broker.port} at 127.0.0.1"}
    # Standard output and the log were given to it; a pipe wakes its own threads.
    assert files_of(calls) <= {*own, os.devnull}
    assert 0 < bytes_sent(calls) < at_most(time.monotonic() - began_s)


def test_a_trace_of_an_arm_machine_is_understood():
    """It has no readlink, open or unlink: what is only looked at must not pass for written, nor the other way round."""
    calls = SystemCalls(
        '7 readlinkat(AT_FDCWD</>, "/usr/bin/python", "python3", 4096) = 7\n'
        '7 openat(AT_FDCWD</>, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 3</etc/hosts>\n'
        '7 unlinkat(AT_FDCWD</>, "/var/gone", 0) = 0\n'
        '7 symlinkat("there", AT_FDCWD</>, "/var/link") = 0\n'
        '7 openat(AT_FDCWD</>, "/var/new", O_WRONLY|O_CREAT, 0666) = 3</var/new>\n'
    )
    assert calls.files_written == {"/var/gone", "/var/link", "/var/new"}


@pytest.mark.live
def test_a_microphone_adds_the_sound_server_and_nothing_else(broker, trace, pulse, tmp_path, talk_s):
    soundfile.write(tmp_path / "speech.wav", speech(), RATE_HZ)
    witness = broker.watch(f"{BASE}/#")
    to_broker = {k: v for k, v in broker.environment(host="127.0.0.1").items() if k.startswith("SER_MONITOR")}
    environment = quiet({**pulse.environment, **to_broker})
    began_s = time.monotonic()
    with Monitor(environment=environment, prefix=strace(trace)) as monitor:
        witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] == "listening", timeout_s=60)
        pulse.play(tmp_path / "speech.wav")
        while time.monotonic() < began_s + talk_s:
            pulse.play(tmp_path / "speech.wav")
        witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "end", timeout_s=60)
        calls = calls_of(trace, monitor)
        own = {str(monitor.folder / "log")}
    # The JACK library, which PortAudio asks whether it is wanted, keeps something about itself there.
    assert {path for path in calls.files_written if not path.startswith(JACK)} <= {os.devnull}
    broker_end, sound_end = f"{broker.port} at 127.0.0.1", pulse.environment["PULSE_SERVER"].removeprefix("unix:")
    assert {end for end in calls.peers if not end.startswith(JACK)} == {broker_end, sound_end}
    assert {path for path in files_of(calls) if not path.startswith(JACK)} <= {*own, os.devnull}
    assert 0 < bytes_sent(calls) < at_most(time.monotonic() - began_s)
