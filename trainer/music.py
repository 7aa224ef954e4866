"""Music, computed: melodies, chords, basses and drums of instruments that do not exist; nobody speaks in it.

Recorded music is somebody's, and none of the corpora holds any; but held tones with overtones are what a gate takes for
vowels. Every piece differs in scale, pace, instruments and what plays; none is a tune of `trainer.artificial`, which
models are judged by. A piece is a pure function of its number.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import soundfile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PIECE_S = 10.0
RATE_HZ = 16_000
_NAME = "music"
"""Change it when the code below computes other samples: pieces, and what is made of them, are kept on disk by name."""
_SEED = 0x4D757369
_PEAK = 0.5
_SCALES = (
    (0, 2, 4, 5, 7, 9, 11),  # major
    (0, 2, 3, 5, 7, 8, 10),  # minor
    (0, 2, 4, 7, 9),  # pentatonic
    (0, 3, 5, 6, 7, 10),  # blues
    (0, 1, 4, 5, 7, 8, 11),  # double harmonic
)
_A4_HZ, _A4 = 440.0, 69
"""Numbers of notes are those of MIDI."""
_CHORD = (0, 2, 4)
"""Steps of the scale that sound together."""


def piece(number: int) -> NDArray[np.float64]:
    """Piece `number`, mono at `RATE_HZ`, float64 in -1 to 1, shape (n,), `PIECE_S` long."""
    rng = np.random.default_rng([_SEED, number])
    scale, root = _SCALES[rng.integers(len(_SCALES))], int(rng.integers(36, 48))
    beat_s = 60.0 / rng.uniform(60, 180)
    # Always a melody or chords: drums alone are clicks, which there are recordings of.
    with_melody = _chance(rng, 0.8)
    parts = []
    if with_melody:
        parts.append(_line(scale, root + 12 * int(rng.integers(1, 4)), beat_s, rng, leap=3))
    if not with_melody or _chance(rng, 0.6):
        parts.append(_chords(scale, root + 12, beat_s, rng))
    if _chance(rng, 0.5):
        parts.append(_line(scale, root - 12 * int(rng.integers(0, 2)), beat_s, rng, leap=1))
    if _chance(rng, 0.4):
        parts.append(_drums(beat_s, rng))
    mixed: NDArray[np.float64] = sum(
        (rng.uniform(0.3, 1.0) * part / max(float(np.abs(part).max()), 1e-9) for part in parts),
        start=np.zeros(_n_samples()),
    )
    return mixed * (_PEAK / max(float(np.abs(mixed).max()), 1e-9))


def written_pieces(n: int, folder: Path) -> list[Path]:
    """The first `n` pieces as files below `folder`, written where they are missing."""
    place = folder / _NAME
    paths = [place / f"{_NAME}-{number:03d}.wav" for number in range(n)]
    for number, path in enumerate(paths):
        if not path.exists():
            place.mkdir(parents=True, exist_ok=True)
            # Two trainings at once may write the same piece; renaming is atomic: it is whole or not there.
            unfinished = path.with_suffix(f".{os.getpid()}.part")
            soundfile.write(unfinished, piece(number), RATE_HZ, subtype="PCM_16", format="WAV")
            unfinished.replace(path)
    return paths


def _chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def _n_samples() -> int:
    return round(PIECE_S * RATE_HZ)


def _hz(scale: tuple[int, ...], root: int, step: int) -> float:
    """Frequency of the note that lies so many steps of the scale above the root."""
    octave, degree = divmod(step, len(scale))
    frequency: float = _A4_HZ * 2 ** ((root + 12 * octave + scale[degree] - _A4) / 12)
    return frequency


class _Instrument:
    """Overtones, attack, decay and vibrato, drawn once: its notes sound alike."""

    def __init__(self, rng: np.random.Generator) -> None:
        n = int(rng.integers(1, 16))
        roll_off, odd_alone = rng.uniform(0.5, 2.0), _chance(rng, 0.25)
        numbers = np.arange(1, n + 1)
        self._amplitudes = numbers**-roll_off * rng.uniform(0.5, 1.0, n)
        if odd_alone:  # as a clarinet
            self._amplitudes[1::2] = 0
        self._numbers = numbers
        self._attack_s = 10 ** rng.uniform(-2.7, -0.8)
        self._decay_s = 10 ** rng.uniform(-1.0, 0.6)
        self._sustained = rng.uniform(0, 1) if _chance(rng, 0.6) else 0.0
        self._vibrato_hz, self._vibrato = rng.uniform(3, 7), rng.choice([0.0, rng.uniform(0.002, 0.02)])
        self._breath = rng.choice([0.0, rng.uniform(0, 0.05)])
        self._rng = rng

    def note(self, hz: float, seconds: float) -> NDArray[np.float64]:
        """One note, float64, shape (n,); overtones above half the rate are left out."""
        t = np.arange(max(round(seconds * RATE_HZ), 2)) / RATE_HZ
        bend = self._vibrato / (2 * np.pi * self._vibrato_hz) * np.sin(2 * np.pi * self._vibrato_hz * t)
        heard = self._numbers * hz * (1 + self._vibrato) < RATE_HZ / 2
        phases = 2 * np.pi * hz * self._numbers[heard, None] * (t + bend)
        tone = (self._amplitudes[heard, None] * np.sin(phases)).sum(axis=0)
        tone += self._breath * self._rng.standard_normal(len(t))
        envelope = np.minimum(t / self._attack_s, 1.0)
        envelope *= self._sustained + (1 - self._sustained) * np.exp(-t / self._decay_s)
        # No click at the end.
        released: NDArray[np.float64] = tone * envelope * np.minimum((t[-1] - t) / 0.01, 1.0)
        return released


def _add(track: NDArray[np.float64], at_s: float, sound: NDArray[np.float64]) -> None:
    start = round(at_s * RATE_HZ)
    part = track[start : start + len(sound)]
    part += sound[: len(part)]


def _line(scale: tuple[int, ...], root: int, beat_s: float, rng: np.random.Generator, leap: int) -> NDArray[np.float64]:
    """A melody or a bass: one note after the other, some held longer, some rests; steps of `leap` at most."""
    track, instrument = np.zeros(_n_samples()), _Instrument(rng)
    step, at_s, legato = 0, 0.0, rng.uniform(0.5, 1.1)
    lengths = np.array([0.25, 0.5, 1.0, 2.0])
    shares = rng.dirichlet(np.ones(len(lengths)))
    while at_s < PIECE_S:
        seconds = beat_s * float(rng.choice(lengths, p=shares))
        step = int(np.clip(step + rng.integers(-leap, leap + 1), -len(scale), 2 * len(scale)))
        if _chance(rng, 0.9):
            _add(track, at_s, rng.uniform(0.5, 1.0) * instrument.note(_hz(scale, root, step), legato * seconds))
        at_s += seconds
    return track


def _chords(scale: tuple[int, ...], root: int, beat_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Three notes at a time, held for some beats, struck together or one after the other."""
    track, instrument = np.zeros(_n_samples()), _Instrument(rng)
    held_s, spread_s = beat_s * int(rng.integers(1, 5)), rng.choice([0.0, beat_s / 4])
    for at_s in np.arange(0.0, PIECE_S, held_s):
        step = int(rng.integers(0, len(scale)))
        for i, above in enumerate(_CHORD):
            _add(track, at_s + i * spread_s, instrument.note(_hz(scale, root, step + above), held_s))
    return track


def _drums(beat_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A low drum on the beat, a noise between beats, and a short one on every half."""
    track = np.zeros(_n_samples())
    t = np.arange(round(0.2 * RATE_HZ)) / RATE_HZ
    low = np.sin(2 * np.pi * 50 * t + 30 * (1 - np.exp(-t / 0.03))) * np.exp(-t / 0.08)
    for i, at_s in enumerate(np.arange(0.0, PIECE_S, beat_s / 2)):
        noise = np.diff(rng.standard_normal(len(t) + 1))
        _add(track, at_s, 0.15 * noise * np.exp(-t / 0.02))
        if i % 4 == 0:
            _add(track, at_s, low)
        if i % 4 == 2:  # noqa: PLR2004 - the beat between
            _add(track, at_s, 0.4 * noise * np.exp(-t / 0.06))
    return track
