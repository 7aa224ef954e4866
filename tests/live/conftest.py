"""A microphone without hardware: a private PulseAudio whose null sink is the default input of PortAudio."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

_ALSA_PLUGINS = ("/usr/lib/*/alsa-lib", "/usr/lib64/alsa-lib", "/usr/lib/alsa-lib")
_START_S = 10.0


class PulseAudio:
    """A sound server of one's own; what is played on its sink is heard by the processes given `environment`."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._process = None
        (folder / "asound.conf").write_text(
            "</usr/share/alsa/alsa.conf>\npcm.!default {type pulse}\nctl.!default {type pulse}\n"
        )
        home = {name: str(folder) for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "PULSE_RUNTIME_PATH")}
        self.environment = {
            **os.environ,
            **home,
            "PULSE_SERVER": f"unix:{folder}/native",
            "PULSE_SOURCE": "mic.monitor",
            "ALSA_CONFIG_PATH": f"{folder}/asound.conf",
        }

    def start(self, sink: bool = True):
        """Start the server; `sink` loads the microphone too."""
        modules = [f"module-native-protocol-unix socket={self._folder}/native"]
        modules += ["module-null-sink sink_name=mic rate=16000 channels=1"] if sink else []
        loads = [word for module in modules for word in ("-L", module)]
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", *loads]
        with (self._folder / "pulseaudio.log").open("w") as log:
            self._process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError((self._folder / "pulseaudio.log").read_text().strip() or "no answer")
            time.sleep(0.1)

    def kill(self):
        """As a crash does; the server stopped or not."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        (self._folder / "native").unlink(missing_ok=True)

    def suspend(self):
        """The server answers nothing any more, and closes nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def control(self, *words):
        """`pactl` with these words; its output."""
        done = subprocess.run(["pactl", *words], env=self.environment, capture_output=True, timeout=10, check=True)
        return done.stdout.decode()

    def n_recorders(self):
        """How many listen to the microphone."""
        return len(self.control("list", "short", "source-outputs").splitlines())

    def play(self, path):
        """Play an audio file into the microphone, and return when it is over."""
        subprocess.run(["paplay", "--device=mic", str(path)], env=self.environment, timeout=600, check=True)

    def play_in_background(self, path):
        """Start to play an audio file into the microphone; the process that plays."""
        return subprocess.Popen(["paplay", "--device=mic", str(path)], env=self.environment)

    def _answers(self):
        done = subprocess.run(["pactl", "info"], env=self.environment, capture_output=True, timeout=10, check=False)
        return done.returncode == 0


def _missing():
    """What this machine lacks, or nothing."""
    programs = [name for name in ("pulseaudio", "pacat", "paplay", "pactl") if shutil.which(name) is None]
    if programs:
        return f"{', '.join(programs)} (Debian: pulseaudio pulseaudio-utils)"
    if ctypes.util.find_library("portaudio") is None:
        return "PortAudio (Debian: libportaudio2)"
    plugin = "libasound_module_pcm_pulse.so"
    if not any(list(Path("/").glob(f"{folder[1:]}/{plugin}")) for folder in _ALSA_PLUGINS):
        return f"{plugin} (Debian: libasound2-plugins)"
    return ""


def _unavailable(reason):
    if os.environ.get("SER_TESTS_REQUIRE_LIVE") == "1":
        pytest.fail(f"live tests are required: {reason}")
    pytest.skip(reason)


def _run_server():
    if missing := _missing():
        _unavailable(f"not installed: {missing}")
    # Not pytest's folder: a socket's path may have 107 bytes only.
    folder = Path(tempfile.mkdtemp(prefix="ser-pulse-"))
    server = PulseAudio(folder)
    try:
        try:
            server.start()
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            _unavailable(f"PulseAudio does not start: {error}")
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def pulse():
    """A sound server for tests that leave it as it is."""
    yield from _run_server()


@pytest.fixture
def frail_pulse():
    """A sound server for a test that kills or stops it."""
    yield from _run_server()
