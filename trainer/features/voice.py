"""Voice: pitch, level and voice quality, a small set of our own for where openSMILE may not be used.

Jitter and shimmer are left to `egemaps`: they need the single periods of the voice, which frames do not show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import librosa
import numpy as np

from monitor.errors import ConfigError
from trainer.features.pitch import pitch_of
from trainer.features.stft import Stft, quiet
from trainer.recipe import Positive  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_NAMES = (
    "pitch-semitones", "voiced", "harmonicity-db", "level-dbfs", "zero-crossings", "flux", "centroid-hz", "rolloff-hz",
    "flatness", "alpha-ratio-db", "hammarberg-db",
)  # fmt: skip
_SEMITONE_HZ = 27.5
"""Semitones are counted from here, as in eGeMAPS."""
_ALPHA_HZ = (50.0, 1000.0, 5000.0)
_HAMMARBERG_HZ = (0.0, 2000.0, 5000.0)
_FLOOR = 1e-10
"""Power below which there is nothing: -100 dB."""

Statistic = Literal["mean", "std", "p20", "p50", "p80", "range"]


class Voice(Stft, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Eleven numbers a frame, or their statistics over the clip.

    Pitch in semitones above 27.5 Hz, interpolated where the voice pauses (0 where there is none in the clip); voiced 0
    or 1; harmonic-to-noise ratio in dB (Boersma 1993); level in dBFS, -100 at least; zero crossings per sample;
    spectral flux, half-wave rectified, of spectra normalised to sum 1; spectral centroid, roll-off (85 %) and flatness
    of librosa; alpha ratio, the energy in 50-1000 Hz over 1-5 kHz, and Hammarberg index, the strongest peak in 0-2 kHz
    over that in 2-5 kHz, both in dB as eGeMAPS has them (Eyben et al. 2016).

    Attributes:
        low_hz: lowest pitch.
        high_hz: highest pitch.
        pitch: by autocorrelation, or by pYIN (Mauch & Dixon 2014), which is some fifty times slower.
        statistics: over the clip, each of all numbers, instead of the frames; p20 is the 20th percentile, range is p80
            minus p20. Those of the pitch and the harmonicity are over voiced frames only.
    """

    low_hz: Positive = 60.0
    high_hz: Positive = 600.0
    pitch: Literal["autocorrelation", "pyin"] = "autocorrelation"
    statistics: tuple[Statistic, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an empty range of pitch.

        Raises:
            ValueError: with the two edges.
        """
        super().__post_init__()
        if self.low_hz >= self.high_hz:
            raise ValueError(f"low_hz {self.low_hz:g} must be below high_hz {self.high_hz:g}")

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """The eleven, or each with the statistic behind it."""
        return tuple(f"{name}-{kind}" for kind in self.statistics for name in _NAMES) or _NAMES

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """float32 (n,) to float32 (1 + n // hop_samples, 11), or (1, 11 * statistics).

        Raises:
            ConfigError: the pitch reaches above half the rate.
        """
        if self.high_hz >= rate_hz / 2:
            raise ConfigError(
                f"feature 'voice': high_hz {self.high_hz:g}; wanted below {rate_hz / 2:g}, half the rate: "
                "correct the recipe"
            )
        semitones, voiced, harmonicity = self._pitch(samples, rate_hz)
        frames = np.stack([semitones, voiced, harmonicity, *self._timbre(samples, rate_hz)], axis=1)
        if self.statistics:
            frames = np.concatenate([_statistic(kind, frames) for kind in self.statistics])[None]
        return np.asarray(frames, np.float32)

    def _pitch(self, samples: NDArray[np.float32], rate_hz: int) -> tuple[NDArray[np.float64], ...]:
        """Semitones, voiced and harmonicity, each float64 (frames,)."""
        pitch_hz, harmonicity = pitch_of(samples, rate_hz, self.hop_samples, self.low_hz, self.high_hz)
        if self.pitch == "pyin":
            with quiet():
                found, _, _ = librosa.pyin(
                    samples,
                    fmin=self.low_hz,
                    fmax=self.high_hz,
                    sr=rate_hz,
                    frame_length=self.n_fft,
                    hop_length=self.hop_samples,
                )
            pitch_hz = np.nan_to_num(found)
        voiced = pitch_hz > 0
        semitones = np.zeros(len(pitch_hz))
        if voiced.any():
            at = np.flatnonzero(voiced)
            semitones = np.interp(np.arange(len(pitch_hz)), at, 12 * np.log2(pitch_hz[at] / _SEMITONE_HZ))
        return semitones, voiced.astype(np.float64), harmonicity

    def _timbre(self, samples: NDArray[np.float32], rate_hz: int) -> list[NDArray[np.float64]]:
        """The other eight, each float64 (frames,)."""
        magnitudes, n_fft = self.magnitudes(samples), self.n_fft
        power = np.square(magnitudes, dtype=np.float64)
        at_hz = np.fft.rfftfreq(self.n_fft, 1 / rate_hz)
        shares = magnitudes / np.maximum(magnitudes.sum(axis=0, keepdims=True), np.sqrt(_FLOOR))
        rises = np.maximum(np.diff(shares, axis=1, prepend=shares[:, :1]), 0)
        with quiet():
            level = librosa.feature.rms(y=samples, frame_length=n_fft, hop_length=self.hop_samples)[0]
            return [
                10 * np.log10(np.square(level, dtype=np.float64) + _FLOOR),
                librosa.feature.zero_crossing_rate(samples, frame_length=n_fft, hop_length=self.hop_samples)[0],
                np.sqrt(np.sum(np.square(rises), axis=0)),
                librosa.feature.spectral_centroid(S=magnitudes, sr=rate_hz)[0],
                librosa.feature.spectral_rolloff(S=magnitudes, sr=rate_hz)[0],
                librosa.feature.spectral_flatness(S=magnitudes)[0],
                _ratio_db(power, at_hz, _ALPHA_HZ, np.sum),
                _ratio_db(power, at_hz, _HAMMARBERG_HZ, np.max),
            ]


def _ratio_db(
    power: NDArray[np.float64],
    at_hz: NDArray[np.float64],
    edges_hz: tuple[float, float, float],
    over: Callable[..., NDArray[np.float64]],
) -> NDArray[np.float64]:
    """The lower band over the upper one, float64 (frames,) in dB; 0 in silence."""
    low_hz, middle_hz, high_hz = edges_hz
    lower = over(power[(at_hz >= low_hz) & (at_hz < middle_hz)], axis=0, initial=0)
    upper = over(power[(at_hz >= middle_hz) & (at_hz < high_hz)], axis=0, initial=0)
    return np.asarray(10 * np.log10((lower + _FLOOR) / (upper + _FLOOR)), np.float64)


def _statistic(kind: Statistic, frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 (frames, 11) to (11,)."""
    voiced = frames[frames[:, 1] > 0]
    of_voice = _of_columns(kind, voiced if len(voiced) else frames)
    of_all = _of_columns(kind, frames)
    return np.where([name.startswith(("pitch", "harmonicity")) for name in _NAMES], of_voice, of_all)


def _of_columns(kind: Statistic, frames: NDArray[np.float64]) -> NDArray[np.float64]:
    if kind == "mean":
        return np.asarray(frames.mean(axis=0))
    if kind == "std":
        return np.asarray(frames.std(axis=0))
    if kind == "range":
        return np.asarray(np.percentile(frames, 80, axis=0) - np.percentile(frames, 20, axis=0))
    return np.asarray(np.percentile(frames, float(kind[1:]), axis=0))
