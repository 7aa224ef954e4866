"""What cannot be saved: the gate's detector alone, and loops that read audio and do nothing with it."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from benchmarks.listening import PERCENT, Feed, usage_rows, usages
from benchmarks.measurement import Measurement, NotAvailableError
from benchmarks.recording import RATE_HZ
from benchmarks.soundserver import sound_server
from monitor.pipeline.gate import VAD_FRAME_MS, WebrtcDetector
from monitor.sources import LIVE_BLOCK_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.recording import Recording

GROUP = "floor"
_READS_S = (0.1, LIVE_BLOCK_S)
_PIPE_LOOP = "import os\nwhile os.read(0, {n_bytes}): pass"
_MICROPHONE_LOOP = """
import sounddevice
stream = sounddevice.RawInputStream(samplerate={rate_hz}, channels=1, dtype="int16", latency=0.2)
stream.start()
print("open", flush=True)
while True:
    stream.read({n})
"""


def measure(recording: Recording) -> list[Measurement]:
    """webrtcvad, and empty loops around a pipe and around a microphone."""
    room = recording.room[: len(recording.room) // 4]
    loops = [loop(room, recording.n_rounds, read_s) for loop in (_pipe, _microphone) for read_s in _READS_S]
    return [_detector(recording), *chain.from_iterable(loops)]


def _detector(recording: Recording) -> Measurement:
    n_frame = RATE_HZ * VAD_FRAME_MS // 1000
    values = []
    for _ in range(recording.n_rounds):
        detector = WebrtcDetector(2, RATE_HZ)
        start_s = time.process_time()
        for at in range(0, len(recording.samples) - n_frame + 1, n_frame):
            detector.is_speech(recording.samples[at : at + n_frame])
        values.append(100 * (time.process_time() - start_s) / recording.duration_s)
    return Measurement(
        name="webrtcvad alone", group=GROUP, unit=PERCENT, values=tuple(values), note=f"frames of {VAD_FRAME_MS} ms"
    )


def _pipe(room: NDArray[np.int16], n_rounds: int, read_s: float) -> list[Measurement]:
    script = _PIPE_LOOP.format(n_bytes=2 * round(read_s * RATE_HZ))
    with _python(script) as loop:
        assert loop.stdin is not None
        found = usages(loop.pid, Feed(loop.stdin, read_s), room, n_rounds)
    return usage_rows(GROUP, f"pipe, reads of {read_s:g} s", found, note="os.read and nothing else")


def _microphone(room: NDArray[np.int16], n_rounds: int, read_s: float) -> list[Measurement]:
    name = f"microphone, reads of {read_s:g} s"
    script = _MICROPHONE_LOOP.format(rate_hz=RATE_HZ, n=round(read_s * RATE_HZ))
    try:
        with sound_server() as server, server.player() as player, _python(script, server.environment) as loop:
            assert player.stdin is not None
            _wait_until_open(loop)
            found = usages(loop.pid, Feed(player.stdin), room, n_rounds)
    except NotAvailableError as error:
        return [Measurement.missing(name, GROUP, str(error))]
    return usage_rows(GROUP, name, found, note="sounddevice and nothing else")


def _wait_until_open(loop: subprocess.Popen[bytes]) -> None:
    assert loop.stdout is not None
    if not loop.stdout.readline():
        raise NotAvailableError("PortAudio opens no input (Debian: libportaudio2 libasound2-plugins)")


@contextmanager
def _python(script: str, environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=nothing) as process:
        try:
            yield process
        finally:
            process.kill()
