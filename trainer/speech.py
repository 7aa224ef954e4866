"""How loud the speech in a clip is, and where it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.pipeline.gate import VAD_FRAME_MS, Gate, GateTimes, Level, WebrtcDetector
from monitor.records import SpeechEnded, SpeechStarted
from trainer.audio import FULL_SCALE, to_int16

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.pipeline import GateRule

_FRAME_MS = 20
_LOUD_PERCENTILE = 95
_ACTIVE_RANGE = 100.0
"""Frames within 20 dB of the loud ones are speech: pauses would pull the level down."""
_MS_PER_S = 1000


def speech_level(samples: NDArray[Any], rate_hz: int) -> float:
    """RMS of the 20 ms frames that lie within 20 dB of the loud ones (their 95th percentile).

    In the samples' own scale; not below 1e-9, so that it can be divided by.
    """
    n = rate_hz * _FRAME_MS // _MS_PER_S
    wide = np.asarray(samples, dtype=np.float64)
    if len(wide) < n:
        wide = np.pad(wide, (0, n - len(wide)))
    power = np.mean(wide[: len(wide) // n * n].reshape(-1, n) ** 2, axis=1)
    active = power[power >= np.percentile(power, _LOUD_PERCENTILE) / _ACTIVE_RANGE]
    return max(float(np.sqrt(np.mean(active))), 1e-9)


def at_level(samples: NDArray[np.int16], level_dbfs: float, rate_hz: int) -> NDArray[np.int16]:
    """The clip with its speech at `level_dbfs`, rounded and clipped to int16 as a microphone amplifier would."""
    gain = FULL_SCALE * 10 ** (level_dbfs / 20) / speech_level(samples, rate_hz)
    return to_int16(samples.astype(np.float64) * gain)


def speech_span(samples: NDArray[np.int16], rate_hz: int, rule: GateRule) -> tuple[int, int] | None:
    """First sample of the first and last sample of the last stretch of speech that the gate finds; None for none."""
    gate = Gate(WebrtcDetector(rule.mode, rate_hz), rule.floor_dbfs, _gate_times(rule, rate_hz), rule.min_snr_db)
    n = rate_hz * VAD_FRAME_MS // _MS_PER_S
    starts: list[int] = []
    ends: list[int] = []
    for start in range(0, len(samples) - n + 1, n):
        frame = samples[start : start + n]
        change = gate.step(start, start + n, voiced=gate.is_voiced(frame, Level.of(frame)))
        if isinstance(change, SpeechStarted):
            starts.append(change.at_sample)
        elif isinstance(change, SpeechEnded):
            ends.append(change.at_sample)
    if (last := gate.close()) is not None:
        ends.append(last.at_sample)
    return (starts[0], ends[-1]) if starts else None


def _gate_times(rule: GateRule, rate_hz: int) -> GateTimes:
    return GateTimes(
        rule.onset_ms * rate_hz // _MS_PER_S,
        rule.hangover_ms * rate_hz // _MS_PER_S,
        rule.preroll_ms * rate_hz // _MS_PER_S,
    )
