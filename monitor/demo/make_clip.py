"""Makes `demo.flac`, the bundled clip: `python monitor/demo/make_clip.py`. Needs the program espeak-ng.

All speech is synthesised by espeak-ng from the texts below: nobody was recorded, and the clip is under Apache-2.0 like
the rest of the project. With the same version of espeak-ng (1.51 was used) the same samples come out. Synthetic speech
shows that the monitor runs; it is no proof of what it tells from real voices.
"""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 16_000
NOISE_DBFS = -70.0
"""RMS of the noise under everything: a quiet room, and never digital zero."""
PEAK_LIMIT = 0.9
"""Of full scale; a louder text is refused, not clipped."""

_SEED = 20
_LEAD_S = 0.8
_FULL_SCALE = 32768


@dataclass(frozen=True, slots=True)
class Utterance:
    """One text and how it is spoken."""

    text: str
    voice: str
    """Language and variant of espeak-ng."""
    pitch: int
    """0-99; 50 is the voice's own."""
    words_per_min: int
    level_dbfs: float
    """RMS over the utterance."""
    pause_s: float
    """Quiet after it."""


UTTERANCES = (
    Utterance("Good morning. The train leaves at twenty past nine.", "en-us+m3", 45, 165, -28.0, 1.2),
    Utterance("Oh, what a wonderful surprise to see you here!", "en-us+f3", 78, 190, -24.0, 1.1),
    Utterance("I told you never to touch that again! Get out of here, now!", "en-gb+m1", 66, 205, -20.5, 1.6),
    Utterance("I miss the way it used to be, and I always will.", "en-gb+f4", 28, 118, -40.0, 1.4),
    Utterance("Did you hear that? There is somebody at the door.", "en-us+f2", 88, 210, -31.0, 1.0),
    Utterance("Never mind. Take all the time you need.", "en-gb+m7", 34, 135, -35.0, 1.3),
)


def make_clip() -> NDArray[np.int16]:
    """All utterances with their pauses over a noise floor, int16, shape (n,), at `RATE_HZ`.

    Raises:
        FileNotFoundError: espeak-ng is not installed.
        ValueError: an utterance would come too close to full scale.
    """
    parts = [_silence(_LEAD_S)]
    for utterance in UTTERANCES:
        parts += [_speak(utterance), _silence(utterance.pause_s)]
    speech = np.concatenate(parts)
    noise = np.random.default_rng(_SEED).normal(0.0, 10 ** (NOISE_DBFS / 20), len(speech))
    clip: NDArray[np.int16] = np.round((speech + noise) * _FULL_SCALE).astype(np.int16)
    return clip


def _silence(duration_s: float) -> NDArray[np.float64]:
    return np.zeros(round(duration_s * RATE_HZ))


def _speak(utterance: Utterance) -> NDArray[np.float64]:
    """The utterance at its level, float64, shape (n,), full scale 1."""
    command = ["espeak-ng", "-v", utterance.voice, "-p", str(utterance.pitch), "-s", str(utterance.words_per_min)]
    wav = subprocess.run([*command, "--stdout", utterance.text], check=True, stdout=subprocess.PIPE).stdout
    samples, rate_hz = soundfile.read(io.BytesIO(wav))
    samples = soxr.resample(samples, rate_hz, RATE_HZ)
    samples *= 10 ** (utterance.level_dbfs / 20) / np.sqrt(np.mean(samples**2))
    peak = float(np.abs(samples).max())
    if peak > PEAK_LIMIT:
        raise ValueError(f"{utterance.text!r} peaks at {peak:.2f} of full scale, wanted at most {PEAK_LIMIT}: lower it")
    return np.asarray(samples, dtype=np.float64)


def main() -> None:
    """Write the clip beside this file and say what became of it."""
    path = Path(__file__).with_name("demo.flac")
    try:
        samples = make_clip()
    except FileNotFoundError:
        sys.exit("found no program espeak-ng; install it: sudo apt-get install espeak-ng")
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16", format="FLAC", compression_level=1.0) as file:
        file.title = "ser-monitor demo"
        file.comment = "Synthesised by espeak-ng"
        file.license = "Apache-2.0"
        file.write(samples)
    print(f"{path.name}: {len(samples) / RATE_HZ:.2f} s, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
