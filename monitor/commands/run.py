"""`ser-monitor`: listen, and report until the input ends or a signal comes."""

from __future__ import annotations

import gc
import logging
import os
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.assembly import Assembly
from monitor.commands.options import configuration_of
from monitor.daemon import Daemon
from monitor.demo import clip_path
from monitor.errors import ConfigError, NoInputError, UsageError
from monitor.librarynoise import LibraryNoise
from monitor.logs import set_up_logging
from monitor.registry import resolve
from monitor.sources import SOURCES

if TYPE_CHECKING:
    import argparse
    from contextlib import AbstractContextManager

    from monitor.config import Configuration, Settings
    from monitor.sources import Source

MICROPHONE = "mic"
DEMO = "demo"
STDIN = "-"
_RAW_RATE_HZ = 16000


def run(options: argparse.Namespace) -> int:
    """Run the monitor; 0 at the end of the input or after a signal."""
    _refuse_strangers(options)
    configuration = configuration_of(options)
    set_up_logging(configuration.settings.log.level)
    with _noise_of(options.input):
        clean = _listen(options, configuration)
    if not clean:
        # A thread hangs in a write or in the sound library: nothing may wait for it any more.
        os._exit(0)
    return 0


def _listen(options: argparse.Namespace, configuration: Configuration) -> bool:
    """Until the input ends or a signal comes; False when a thread hangs."""
    assembly = Assembly(
        configuration.settings,
        lambda current, rate_hz: _source(options, current, rate_hz),
        stdout=options.stdout or options.format is not None,
        output_format=options.format,
        start_s=_start_s(options.start_time),
        paced=options.realtime,
    )
    daemon = Daemon(
        assembly.hearing,
        assembly.sinks,
        reload=None if _on_terminal() else _Reload(options, assembly, configuration),
    )
    assembly.daemon = daemon
    # Modules, model and settings stay until the end: a collector that went through them all would hold up what is heard
    # meanwhile.
    gc.freeze()
    try:
        return daemon.run()
    finally:
        # At the end even what an error's traceback holds is let go: soxr's binding complains of what it finds alive.
        gc.unfreeze()


def _noise_of(source: str) -> AbstractContextManager[object]:
    """For what libraries print meanwhile: a sound system's words are worth a line, those of a decoder are not."""
    if source == MICROPHONE:
        return LibraryNoise()
    is_noisy = source not in (STDIN, DEMO) and resolve("monitor.sources.audiofile:prints_complaints")(Path(source))
    return LibraryNoise(logging.DEBUG) if is_noisy else nullcontext()


class _Reload:
    """Reads the configuration again, as often as it is asked for."""

    def __init__(self, options: argparse.Namespace, assembly: Assembly, configuration: Configuration) -> None:
        """Begin with the `configuration` that `assembly` was made from."""
        self._options, self._assembly, self._file = options, assembly, configuration.file

    def __call__(self, daemon: Daemon) -> None:
        """Go on with what holds now.

        Raises:
            MonitorError: it cannot be used, or the file in use has gone; then all stays as it was.
        """
        # Without it another file, or the defaults, would hold: nobody who removes a file by mistake wants that.
        if self._file is not None and not os.path.lexists(self._file):
            raise ConfigError(f"the configuration file {self._file} has gone; put it back, or restart without it")
        configuration = configuration_of(self._options)
        self._assembly.reload(configuration.settings, daemon)
        self._file = configuration.file


def _on_terminal() -> bool:
    """Where a terminal holds us, SIGHUP says that it is gone; elsewhere it asks to read the configuration again."""
    return sys.stdin is not None and sys.stdin.isatty()


def _source(options: argparse.Namespace, settings: Settings, rate_hz: int) -> Source:
    source: Source
    if options.input == MICROPHONE:
        source = resolve(SOURCES["microphone"])(settings.audio, rate_hz)
    elif options.input == STDIN:
        if sys.stdin is None:
            raise NoInputError("standard input is closed, wanted raw s16le audio; pipe it in")
        raw_rate_hz, channels = options.rate or _RAW_RATE_HZ, options.channels or 1
        source = resolve(SOURCES["rawpcm"])(sys.stdin.buffer, raw_rate_hz, channels, rate_hz)
    else:
        path = clip_path() if options.input == DEMO else Path(options.input)
        source = resolve(SOURCES["audiofile"])(path, rate_hz, realtime=options.realtime)
    return source


def _refuse_strangers(options: argparse.Namespace) -> None:
    """Flags that mean nothing for this input are a mistake, not to be passed over.

    Raises:
        UsageError: naming the flag.
    """
    recording = options.input not in (MICROPHONE, STDIN)
    for flag, given, fits, what in (
        ("--device", options.device, options.input == MICROPHONE, "the microphone"),
        ("--rate", options.rate, options.input == STDIN, "--input -"),
        ("--channels", options.channels, options.input == STDIN, "--input -"),
        ("--realtime", options.realtime, recording, "recordings"),
        ("--start-time", options.start_time, recording, "recordings"),
    ):
        if given and not fits:
            raise UsageError(f"{flag} goes with {what}, the input is {options.input!r}; leave one of them out")


def _start_s(start_time: str | None) -> float | None:
    if start_time is None:
        return None
    try:
        moment = datetime.fromisoformat(start_time)
    except ValueError:
        raise UsageError(f"--start-time: found {start_time!r}, wanted ISO 8601, e.g. 2026-11-20T13:04:23Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
