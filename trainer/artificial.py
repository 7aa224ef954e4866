"""Sounds that no throat makes, computed: noises, hum, tunes, clicks, and what bad hardware adds."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from monitor.sources.resample import to_int16

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LEVEL_DBFS = -30.0
"""RMS of all but clipped noise: that of quiet speech near a microphone."""
_HUM_HZ = 50.0
_HUM_HARMONICS = (1.0, 0.3, 0.5, 0.1, 0.2)
"""Amplitudes of the mains' first five, as transformers hum."""
_NOTE_S = 0.25
_SCALE_HZ = tuple(220.0 * 2 ** (step / 12) for step in (0, 2, 4, 5, 7, 9, 11, 12))
_CLICKS_PER_S = 4.0
_CLICK_S = 0.002
_CLIPPED_DBFS = 6.0
_OFFSET = 0.25


def artificial(kind: str, seconds: float, rate_hz: int, seed: int = 0) -> NDArray[np.int16]:
    """One of `KINDS`, int16 (n,).

    Args:
        kind: which.
        seconds: how long.
        rate_hz: samples a second.
        seed: of what is random.

    Raises:
        KeyError: there is no such kind.
    """
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    return to_int16(KINDS[kind](round(seconds * rate_hz), rate_hz, rng).astype(np.float32))


def _levelled(samples: NDArray[np.float64], level_dbfs: float = LEVEL_DBFS) -> NDArray[np.float64]:
    rms = np.sqrt(np.mean(samples**2))
    levelled: NDArray[np.float64] = samples * (10 ** (level_dbfs / 20) / max(rms, 1e-12))
    return levelled


def _white(n: int, _rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return _levelled(rng.standard_normal(n))


def _pink(n: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Power falls as 1 / f, from 20 Hz on."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(n, 1 / rate_hz), 20.0))
    return _levelled(np.fft.irfft(spectrum, n))


def _hum(n: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    t = np.arange(n) / rate_hz
    waves = [a * np.sin(2 * np.pi * _HUM_HZ * (k + 1) * t) for k, a in enumerate(_HUM_HARMONICS)]
    return _levelled(np.sum(waves, axis=0) + 1e-3 * rng.standard_normal(n))


def _tune(n: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Notes of a scale in random order, each with overtones and a decay, as of a plucked string."""
    n_note = round(_NOTE_S * rate_hz)
    t = np.arange(n_note) / rate_hz
    decay = np.exp(-t / 0.15)
    notes = [decay * sum(np.sin(2 * np.pi * k * hz * t) / k for k in range(1, 6)) for hz in _SCALE_HZ]
    order = rng.integers(len(notes), size=-(-n // n_note))
    return _levelled(np.concatenate([notes[i] for i in order])[:n])


def _clicks(n: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    samples = 1e-4 * rng.standard_normal(n)
    n_click = max(round(_CLICK_S * rate_hz), 1)
    for at in rng.integers(max(n - n_click, 1), size=round(_CLICKS_PER_S * n / rate_hz)):
        samples[at : at + n_click] += rng.standard_normal(n_click)
    return _levelled(samples)


def _clipped(n: int, _rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """An input that is turned up far too high."""
    return np.clip(_levelled(rng.standard_normal(n), _CLIPPED_DBFS), -1.0, 1.0)


def _offset(n: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Cheap sound cards: a constant beside the noise."""
    return _OFFSET + _white(n, rate_hz, rng)


KINDS: dict[str, Callable[[int, int, np.random.Generator], NDArray[np.float64]]] = {
    "white noise": _white,
    "pink noise": _pink,
    "50 Hz hum": _hum,
    "tunes": _tune,
    "clicks": _clicks,
    "clipped noise": _clipped,
    "DC offset": _offset,
}
