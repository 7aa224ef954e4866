"""Microphones without hardware, of a private PulseAudio: what is played into its null sink, or written to its line.

The null sink's monitor is the default input of PortAudio. It is paced by a clock, as a sound card is, but only
PulseAudio knows when a sample is heard there. The line is a FIFO: what is written is heard at once, and nothing else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING

from benchmarks.measurement import NotAvailableError
from benchmarks.recording import RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAMS = ("pulseaudio", "pactl", "pacat")
_LINE = "line"
_START_S = 10.0
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class SoundServer:
    """One that runs; what is played to it is heard by processes in its environment."""

    environment: dict[str, str]
    folder: Path
    """Its own."""

    @property
    def line_environment(self) -> dict[str, str]:
        """Processes in it hear the line."""
        return {**self.environment, "PULSE_SOURCE": _LINE}

    @contextmanager
    def line(self) -> Iterator[IO[bytes]]:
        """What is written there, raw s16le at `RATE_HZ`, is heard; opened as soon as somebody listens.

        Nothing that is written is heard by nobody, so that the first sample is the listener's first.

        Raises:
            NotAvailableError: nobody listens.
        """
        until_s = time.monotonic() + _START_S
        while not self._line_runs():
            if time.monotonic() > until_s:
                raise NotAvailableError("nobody listens to PulseAudio's pipe source")
            time.sleep(_LOOK_S)
        with (self.folder / _LINE).open("wb", buffering=0) as fifo:
            yield fifo

    def _line_runs(self) -> bool:
        command = ["pactl", "list", "short", "sources"]
        listed = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False).stdout
        return any(_LINE in line.split() and "RUNNING" in line.split() for line in listed.splitlines())

    @contextmanager
    def player(self) -> Iterator[subprocess.Popen[bytes]]:
        """A process whose standard input, raw s16le at `RATE_HZ`, is played into the microphone."""
        form = (f"--rate={RATE_HZ}", "--channels=1", "--format=s16le", "--latency-msec=100")
        command = ["pacat", "--playback", "--device=mic", "--raw", *form]
        with subprocess.Popen(command, env=self.environment, stdin=subprocess.PIPE) as process:
            try:
                yield process
            finally:
                process.terminate()


@contextmanager
def sound_server() -> Iterator[SoundServer]:
    """Runs as long as it is needed.

    Raises:
        NotAvailableError: something that it needs is not installed, or it does not start.
    """
    if missing := [name for name in _PROGRAMS if shutil.which(name) is None]:
        raise NotAvailableError(f"{', '.join(missing)} not installed (Debian: pulseaudio pulseaudio-utils)")
    # A socket's path may have 107 bytes only: not in a folder that is deep already.
    with TemporaryDirectory(prefix="ser-pulse-", dir="/tmp") as folder:
        environment = _environment(folder)
        with subprocess.Popen(_command(folder), env=environment, stderr=subprocess.DEVNULL) as server:
            try:
                _wait(server, environment)
                yield SoundServer(environment, Path(folder))
            finally:
                server.kill()


def _environment(folder: str) -> dict[str, str]:
    plugged = "pcm.!default {type pulse}\nctl.!default {type pulse}\n"
    (Path(folder) / "asound.conf").write_text(f"</usr/share/alsa/alsa.conf>\n{plugged}")
    home = dict.fromkeys(("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "PULSE_RUNTIME_PATH"), folder)
    names = {"PULSE_SERVER": f"unix:{folder}/native", "PULSE_SOURCE": "mic.monitor"}
    return {**os.environ, **home, **names, "ALSA_CONFIG_PATH": f"{folder}/asound.conf"}


def _command(folder: str) -> list[str]:
    modules = (
        f"module-native-protocol-unix socket={folder}/native",
        f"module-null-sink sink_name=mic rate={RATE_HZ} channels=1",
        f"module-pipe-source source_name={_LINE} file={folder}/{_LINE} format=s16le rate={RATE_HZ} channels=1",
    )
    loads = [word for module in modules for word in ("-L", module)]
    return ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", *loads]


def _wait(server: subprocess.Popen[bytes], environment: dict[str, str]) -> None:
    until_s = time.monotonic() + _START_S
    while subprocess.run(["pactl", "info"], env=environment, capture_output=True, check=False).returncode:
        if server.poll() is not None or time.monotonic() > until_s:
            raise NotAvailableError("PulseAudio does not start")
        time.sleep(_LOOK_S)
