"""`ser-monitor`: listen, and report until the input ends or a signal comes."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.assembly import load_model, make_pipeline
from monitor.clock import LiveClock, RecordingClock
from monitor.commands.options import settings_of
from monitor.daemon import Daemon
from monitor.demo import clip_path
from monitor.errors import NoInputError, UsageError
from monitor.logs import set_up_logging
from monitor.registry import resolve
from monitor.sinks.schema import Identity
from monitor.sinks.stdout import make_stdout_sink
from monitor.sources import SOURCES

if TYPE_CHECKING:
    import argparse

    from monitor.clock import StreamClock
    from monitor.config import Settings
    from monitor.model import EmotionModel
    from monitor.sources import Source

MICROPHONE = "mic"
DEMO = "demo"
STDIN = "-"
_RAW_RATE_HZ = 16000


def run(options: argparse.Namespace) -> int:
    """Run the monitor; 0 at the end of the input or after a signal."""
    _refuse_strangers(options)
    settings = settings_of(options)
    set_up_logging(settings.log.level)
    model = load_model(settings)
    source = _source(options, settings, model.spec.rate_hz)
    start_s = _start_s(options.start_time)
    clock = _clock(source, model.spec.rate_hz, start_s, given=options.start_time is not None)
    sink = make_stdout_sink(options.format, sys.stdout, model.labels, model.spec.rate_hz)
    pipeline = make_pipeline(settings, model, limit_events=source.live)
    daemon = Daemon(source, pipeline, [sink], clock, _identity(settings, model, start_s, options.start_time))
    if not daemon.run():
        # A thread hangs in a write or in the sound library: nothing may wait for it any more.
        os._exit(0)
    return 0


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


def _clock(source: Source, rate_hz: int, start_s: float, *, given: bool) -> StreamClock:
    if source.live:
        return LiveClock(rate_hz)
    # The user vouches for a time that was given; a recording played "now" has no time of its own.
    return RecordingClock(start_s, rate_hz, synced=True if given else None)


def _start_s(start_time: str | None) -> float:
    if start_time is None:
        return time.time()
    try:
        moment = datetime.fromisoformat(start_time)
    except ValueError:
        raise UsageError(f"--start-time: found {start_time!r}, wanted ISO 8601, e.g. 2026-11-20T13:04:23Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _identity(settings: Settings, model: EmotionModel, start_s: float, start_time: str | None) -> Identity:
    # Ids must differ between runs, so that a restart never repeats one; a run at a given time repeats itself exactly.
    run_of_its_own = "" if start_time else str(os.getpid())
    seed = f"{settings.node}|{model.identity}|{start_s:.6f}|{run_of_its_own}"
    return Identity(
        node=settings.node,
        model_name=model.identity,
        id_prefix=hashlib.blake2s(seed.encode(), digest_size=3).hexdigest(),
        rate_hz=model.spec.rate_hz,
        affect=dict(model.card.affect),
    )
