"""`ser-monitor devices`: the inputs by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import NoInputError
from monitor.sinks.output import print_line
from monitor.sources.microphone import input_devices

if TYPE_CHECKING:
    import argparse


def run(_options: argparse.Namespace) -> int:
    """Print one line a device, its name first.

    Raises:
        NoInputError: there is none, or no PortAudio.
    """
    devices = input_devices()
    if not devices:
        raise NoInputError("no input device found; connect a microphone or start the sound server")
    width = max(len(device.name) for device in devices)
    for device in devices:
        mark = "  (default)" if device.is_default else ""
        print_line(f"{device.name:<{width}}  {device.host_api}, {device.channels} ch, {device.rate_hz} Hz{mark}")
    return 0
