"""Can the microphone be opened, and what comes from it?"""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from monitor.assembly import model_path
from monitor.card import read_model_file
from monitor.checkup import chain
from monitor.checkup.service import active_unit
from monitor.errors import NoInputError
from monitor.pipeline.gate import dbfs
from monitor.registry import resolve
from monitor.sources import SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from monitor.checkup import Finding, Outcome
    from monitor.config import AudioSettings, Settings
    from monitor.sources import SourceStatus

_LISTEN_S = 2.0
_PATIENCE_S = 8.0
"""Opening takes 2 s at most where the sound server is well."""
_PATIENCE_WITH_COMMAND_S = 25.0
"""ffmpeg listens to a camera for 5 s and more before it writes anything."""
_FULL_SCALE = 2**15
_CLIPPED_SHARE = 1e-3
"""Of the samples at full scale; single ones are no harm."""


def check_microphone(settings: Settings) -> Iterator[Finding]:
    """One step: open it, and listen for two seconds. Nothing of what is heard is kept."""
    return chain([("microphone", lambda: _listen(settings))])


def _listen(settings: Settings) -> Outcome:
    rate_hz = read_model_file(model_path(settings)).card.features.rate_hz
    try:
        samples, status = _heard(settings.audio, rate_hz)
    except NoInputError as error:
        unit = active_unit()
        if not unit:
            raise
        # A bare ALSA device has room for one.
        raise NoInputError(f"{error}; {unit} runs and may hold it: stop it for this check") from None
    return _judged(samples, status)


def _heard(settings: AudioSettings, rate_hz: int) -> tuple[NDArray[np.int16], SourceStatus]:
    """What is heard at `rate_hz`, and how the microphone was doing.

    Raises:
        MonitorError: it can not be opened, or the sound server hangs.
    """
    microphone = resolve(SOURCES["microphone"])(settings, rate_hz, wait_for_device=False)
    wanted, heard, status = round(_LISTEN_S * rate_hz), np.empty(0, dtype=np.int16), microphone.status()
    patience_s = _PATIENCE_WITH_COMMAND_S if settings.command else _PATIENCE_S
    alarm = threading.Timer(patience_s, microphone.stop)
    alarm.daemon = True
    alarm.start()
    with closing(microphone.blocks()) as blocks:
        for block in blocks:
            heard, status = np.concatenate([heard, block.samples]), microphone.status()
            if len(heard) >= wanted:
                break
    alarm.cancel()
    if len(heard) < wanted:
        remedy = "[audio] command" if settings.command else "whether the sound server hangs"
        if status.failure:
            raise NoInputError(status.failure)
        found = f"{len(heard) / rate_hz:.1f} s of audio in {patience_s:g} s, wanted {_LISTEN_S:g} s"
        raise NoInputError(f"'{microphone.name}' brought {found}; see {remedy}")
    return heard, status


def _judged(samples: NDArray[np.int16], status: SourceStatus) -> Outcome:
    signal = samples.astype(np.float64) / _FULL_SCALE
    level, peak = dbfs(float(np.mean(signal**2))), dbfs(float(np.max(signal**2)))
    channels = f"{status.channels} channel{'s' if status.channels != 1 else ''}"
    device = f"'{status.device}', {status.rate_hz} Hz, {channels}"
    if np.ptp(samples) == 0:
        return "warning", f"{device}: nothing but digital silence; is it muted, or is another device meant?"
    text = f"{device}: level {level:.1f} dBFS, peak {peak:.1f} dBFS"
    clipped = float(np.mean(np.abs(signal) >= (_FULL_SCALE - 1) / _FULL_SCALE))
    if clipped > _CLIPPED_SHARE:
        return "warning", f"{text}; {clipped:.1%} of it is clipped: turn the input down"
    return "ok", text
