"""A `ser-monitor` process that publishes to a test's broker, and audio to feed it with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import soundfile

from monitor.demo import clip_path

SER = [sys.executable, "-m", "monitor.cli"]
NODE = "kitchen"
RATE_HZ = 16_000


def speech():
    """The bundled clip, int16 at 16 kHz."""
    samples, rate_hz = soundfile.read(clip_path(), dtype="int16")
    assert rate_hz == RATE_HZ
    return samples


class Monitor:
    """One process; ended with its context."""

    def __init__(self, *arguments, environment, node=NODE, config=None, found=None, prefix=()):
        """`environment` as `Broker.environment` makes it. `config` is the file's text.

        `prefix` are words before the command, of a program that starts another one.

        `found` is where the file is, if the program is to find it in a standard place instead of being told.
        What it prints is kept: `--format json` among the arguments lets `printed` tell what it said.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="ser-monitor-"))
        self.config = found or self.folder / "config.toml"
        self.configure(config or "")
        self._log = self.folder / "log"
        command = [*prefix, *SER, *([] if found else ["--config", str(self.config)]), *arguments]
        variables = {**environment, "SER_MONITOR__NODE": node} if node else environment
        self._output = self.folder / "output"
        with self._log.open("wb") as log, self._output.open("wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=log, env=variables)
        self._talking = threading.Event()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._talking.set()
        self.process.kill()
        self.process.wait()

    @property
    def log(self):
        return self._log.read_text()

    @property
    def printed(self):
        """The events so far."""
        whole_lines = self._output.read_text().split("\n")[:-1]
        return [json.loads(line) for line in whole_lines]

    def processor_s(self):
        """User and system time so far; Linux only."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def configure(self, text):
        """Another configuration file."""
        self.config.write_text(text)

    def send(self, name):
        self.process.send_signal(getattr(signal, name))

    def reload(self):
        self.send("SIGHUP")

    def end(self, timeout_s=5.0):
        """SIGTERM; the exit status and how long it took."""
        before = time.monotonic()
        self.send("SIGTERM")
        return self.process.wait(timeout_s + 5), time.monotonic() - before

    def talk(self, samples=None, *, repeat=True, pace=1.0, times=None):
        """Feed audio into its standard input at `pace` times real time, on a thread that is returned.

        Again and again, or once; or so many `times`, and then the input ends.
        """
        samples = speech() if samples is None else samples
        left = times or (float("inf") if repeat else 1)

        def feed():
            nonlocal left
            started, fed = time.monotonic(), 0
            while left and not self._talking.is_set():
                left -= 1
                for at in range(0, len(samples), RATE_HZ // 10):
                    piece = samples[at : at + RATE_HZ // 10]
                    time.sleep(max(started + fed / RATE_HZ / pace - time.monotonic(), 0))
                    try:
                        self.process.stdin.write(piece.astype("<i2").tobytes())
                        self.process.stdin.flush()
                    except (OSError, ValueError):
                        return
                    fed += len(piece)
                    if self._talking.is_set():
                        return
            if times:
                self.process.stdin.close()

        thread = threading.Thread(target=feed, daemon=True)
        thread.start()
        return thread

    def be_silent(self, seconds):
        """Digital silence, at once."""
        self.process.stdin.write(np.zeros(round(seconds * RATE_HZ), "<i2").tobytes())
        self.process.stdin.flush()

    def wait_for_log(self, text, timeout_s=15.0):
        """Until the log holds `text`."""
        deadline = time.monotonic() + timeout_s
        while text not in self.log:
            assert time.monotonic() < deadline, f"{text!r} not in:\n{self.log}"
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log}"
            time.sleep(0.05)
