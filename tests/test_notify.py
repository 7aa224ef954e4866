"""What systemd is told, by a socket of our own in its place."""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from monitor import watch
from monitor.demo import clip_path
from monitor.errors import StuckError
from monitor.health import Health
from monitor.model import shipped_model
from monitor.notify import Notifier
from monitor.sources import SourceStatus
from monitor.watch import Watch

SER = [sys.executable, "-m", "monitor.cli"]
pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets of the kind that systemd uses")


class Ear:
    """Takes notifications."""

    def __init__(self, address):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self.heard = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            message = self._socket.recv(4096).decode()
            self.heard.append((time.monotonic(), message))

    def said(self, start):
        return [message for _, message in self.heard if message.startswith(start)]

    def wait_for(self, start, count=1, timeout_s=20):
        deadline = time.monotonic() + timeout_s
        while len(self.said(start)) < count:
            assert time.monotonic() < deadline, f"no {start}: {self.heard}"
            time.sleep(0.02)


@pytest.fixture
def ear(tmp_path):
    return Ear(str(tmp_path / "notify"))


@pytest.fixture
def monitor(ear, tmp_path):
    """The program as systemd starts it: a watchdog of 2 s, raw audio on standard input."""
    config = tmp_path / "config.toml"
    config.write_text("")
    environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}
    process = subprocess.Popen(
        [*SER, "--config", str(config), "--input", "-", "--format", "json"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    process.config = config
    yield process
    process.kill()
    process.wait()


def feed(process, stop):
    silence = np.zeros(1600, "<i2").tobytes()
    while not stop.wait(0.1):
        try:
            process.stdin.write(silence)
            process.stdin.flush()
        except OSError:
            return


def test_ready_status_reload_watchdog_and_stop(ear, monitor):
    stop = threading.Event()
    threading.Thread(target=feed, args=(monitor, stop), daemon=True).start()
    try:
        ear.wait_for("READY=1")
        ear.wait_for("STATUS=listening 'stdin'")
        ear.wait_for("WATCHDOG=1", count=4)
        monitor.config.write_text("[vad]\nmode = 1\n")
        monitor.send_signal(signal.SIGHUP)
        ear.wait_for("RELOADING=1")
        ear.wait_for("READY=1", count=2)
        order = [message.partition("\n")[0] for _, message in ear.heard if not message.startswith(("STATUS", "WATCH"))]
        assert order == ["READY=1", "RELOADING=1", "READY=1"]
        assert "MONOTONIC_USEC=" in ear.said("RELOADING=1")[0]
        monitor.send_signal(signal.SIGTERM)
        ear.wait_for("STOPPING=1")
        assert monitor.wait(5) == 0
    finally:
        stop.set()


def test_a_systemd_that_takes_nothing_is_waited_for_without_load(tmp_path, monkeypatch):
    deaf = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    deaf.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    notifier = Notifier()
    filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    filler.setblocking(False)
    filler.connect(str(tmp_path / "notify"))
    while select.select([], [filler], [], 0)[1]:
        filler.send(b"STATUS=")
    before_s = time.process_time()
    notifier.watchdog()  # gives up after a second
    assert time.process_time() - before_s < 0.2
    assert deaf.recv(10) == b"STATUS="
    notifier.watchdog()
    while (message := deaf.recv(10)) == b"STATUS=":
        pass
    assert message == b"WATCHDOG=1"


@pytest.fixture
def hanging_trial(tmp_path, monkeypatch):
    """The process in which a foreign model is tried never comes to it."""
    hang = "import sys, time\nif 'monitor.modeltrial' in sys.orig_argv:\n    time.sleep(600)\n"
    (tmp_path / "sitecustomize.py").write_text(hang)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))


def test_pings_go_on_while_a_model_is_tried_and_the_end_does_not_wait_for_it(hanging_trial, ear, monitor, tmp_path):
    stop = threading.Event()
    threading.Thread(target=feed, args=(monitor, stop), daemon=True).start()
    try:
        ear.wait_for("READY=1")
        shutil.copy(shipped_model(), tmp_path / "foreign.tflite")
        monitor.config.write_text(f"[model]\npath = '{tmp_path}/foreign.tflite'\n")
        monitor.send_signal(signal.SIGHUP)
        ear.wait_for("RELOADING=1")
        before = len(ear.said("WATCHDOG=1"))
        ear.wait_for("WATCHDOG=1", count=before + 8)  # at 2 a second, twice as long as the watchdog's patience
        assert len(ear.said("READY=1")) == 1
        monitor.send_signal(signal.SIGTERM)
        assert monitor.wait(5) == 0
        assert b"given up" in monitor.stderr.read()
    finally:
        stop.set()


def test_a_silent_pipe_is_said_and_waited_for(ear, monitor):
    """As a microphone that is missing: its writers may come and go, and nothing of ours hangs."""
    ear.wait_for("READY=1")
    ear.wait_for("STATUS=no audio")
    time.sleep(12)
    before = len(ear.said("WATCHDOG=1"))
    time.sleep(2)
    assert len(ear.said("WATCHDOG=1")) > before


def test_no_ping_from_a_stopped_process(ear, monitor):
    ear.wait_for("WATCHDOG=1")
    monitor.send_signal(signal.SIGSTOP)
    before = len(ear.said("WATCHDOG=1"))
    time.sleep(3)
    assert len(ear.said("WATCHDOG=1")) <= before + 1
    monitor.send_signal(signal.SIGCONT)


def test_children_do_not_inherit_the_socket(ear, monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    notifier = Notifier()
    assert notifier.watchdog_s == 3
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)
    notifier.status("two\nlines")
    ear.wait_for("STATUS=two lines")


def test_another_process_watchdog_is_none_of_ours(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))  # not 1: in a container this process may be that
    assert Notifier().watchdog_s is None


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux' own")
def test_abstract_sockets(monkeypatch):
    name = f"ser-monitor-test-{os.getpid()}"
    ear = Ear(f"\0{name}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    Notifier().ready()
    ear.wait_for("READY=1")


def test_a_socket_that_is_gone_is_no_reason_to_stop(monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    Notifier().ready()


class Source:
    live, waits, name = True, False, "fake"

    def __init__(self, **status):
        self.figures = status

    def status(self):
        return SourceStatus(device="fake", **self.figures)


class Recorder:
    active, watchdog_s = True, 0.1

    def __init__(self):
        self.pings, self.lines = 0, []

    def watchdog(self):
        self.pings += 1

    def status(self, text):
        self.lines.append(text)


@pytest.mark.parametrize(
    ("worker_alive", "worker_turned_s", "tended_s", "pings"),
    [(True, 0, None, 1), (False, 0, None, 0), (True, 60, None, 0), (True, 60, 0, 1), (True, 60, 60, 0)],
)
def test_pings_need_a_worker_that_comes_round(worker_alive, worker_turned_s, tended_s, pings):
    """A microphone that is missing is looked after, and no reason to be killed; a thread that hangs is."""
    now = [1000.0]
    health, notifier = Health(16_000, lambda: now[0]), Recorder()
    now[0] += worker_turned_s
    source = Source(tended_at_s=None if tended_s is None else now[0] - tended_s)
    Watch(health, notifier).look(source, [], None, worker_alive=worker_alive, muted=False)
    assert notifier.pings == pings


class Output:
    """A sink whose thread hangs or not, in its outbox."""

    name, hangs = "mqtt", True

    @property
    def sink(self):
        return self

    n_dropped = 0

    def tend(self):
        return not self.hangs

    def is_alive(self):
        return True


def test_an_output_that_hangs_ends_the_process_and_one_that_comes_round_does_not(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(watch, "elapsed_s", lambda: now[0])
    health, notifier, output = Health(16_000, lambda: now[0]), Recorder(), Output()
    look = Watch(health, notifier)

    def go_on(seconds):
        for _ in range(round(2 * seconds)):
            now[0] += 0.5
            health.turned()
            look.look(Source(), [output], None, worker_alive=True, muted=False)
            look.check_stuck(Source(), float("inf"))

    go_on(2)
    assert notifier.pings == 0
    output.hangs = False
    go_on(30)
    assert notifier.pings > 0
    output.hangs = True
    with pytest.raises(StuckError, match="thread of mqtt hangs"):
        go_on(10)


def test_a_recording_needs_no_systemd():
    done = subprocess.run([*SER, "--input", str(clip_path())], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
