"""A program for the live tests: prints what a `Microphone` hears, a JSON line a block, until SIGTERM."""

from __future__ import annotations

import dataclasses
import json
import logging
import signal
import sys

from monitor.config import AudioSettings
from monitor.errors import NoInputError
from monitor.host import elapsed_s
from monitor.sources import microphone, portaudio
from monitor.sources.microphone import Microphone

RATE_HZ = 16_000


def refuse(rate_hz: int) -> None:
    """Pretend that no device can be opened at `rate_hz`, as bare hardware does."""
    start = portaudio.InputStream._start

    def picky(stream):
        if stream.rate_hz == rate_hz:
            raise stream._sounddevice.PortAudioError("Invalid sample rate", -9997)
        return start(stream)

    portaudio.InputStream._start = picky


def pretend_format(rate_hz: int, channels: int) -> None:
    """Pretend that there is bare hardware, which has this format and no other."""
    find, start = portaudio.find_device, portaudio.InputStream._start

    def hardware(wanted, devices):
        return dataclasses.replace(find(wanted, devices), rate_hz=rate_hz, channels=channels)

    def picky(stream):
        if (stream.rate_hz, stream.channels) != (rate_hz, channels):
            raise stream._sounddevice.PortAudioError("Invalid sample rate", -9997)
        return start(stream)

    portaudio.find_device, portaudio.InputStream._start = hardware, picky


def break_streams(after_samples: int, wait_s: float) -> None:
    """Pretend that every stream breaks soon after it was opened."""
    read = portaudio.InputStream.read

    def frail(stream):
        stream.heard = getattr(stream, "heard", 0) + 1_600
        if stream.heard > after_samples + 1_600:
            raise NoInputError("pretended")
        return read(stream)

    portaudio.InputStream.read = frail
    microphone._SHORTEST_WAIT_S = microphone._LONGEST_WAIT_S = wait_s


def main(
    *,
    device="",
    command="",
    stall_s=5.0,
    wait_for_device=True,
    refuse_rate_hz=0,
    only_format=None,
    break_after_samples=0,
    steady_wait_s=1.0,
):
    if refuse_rate_hz:
        refuse(refuse_rate_hz)
    if only_format:
        pretend_format(*only_format)
    if break_after_samples:
        break_streams(break_after_samples, steady_wait_s)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    source = Microphone(
        AudioSettings(device=device, command=command, stall_s=stall_s), RATE_HZ, wait_for_device=wait_for_device
    )
    signal.signal(signal.SIGTERM, lambda *_: source.stop())
    for block in source.blocks():
        line = {
            "start": block.start_sample,
            "lost": block.lost_samples,
            "samples": block.samples.tolist(),
            "at_s": elapsed_s(),
            "status": dataclasses.asdict(source.status()),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
