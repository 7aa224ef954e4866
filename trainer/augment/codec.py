"""Codec: the clip encoded and decoded again, as calls and downloads are."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
import soundfile
import soxr

from trainer.recipe import Share

if TYPE_CHECKING:
    from numpy.typing import NDArray

Name = Literal["mp3", "vorbis", "opus", "mulaw", "alaw", "8bit"]

_FORMATS: dict[str, tuple[str, str]] = {
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "vorbis": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mulaw": ("WAV", "ULAW"),
    "alaw": ("WAV", "ALAW"),
    "8bit": ("WAV", "PCM_U8"),
}
_RATES_HZ: dict[str, tuple[int, ...]] = {
    "mp3": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    "opus": (8000, 12000, 16000, 24000, 48000),
}
"""Rates a codec knows; the others know all."""
_PEAK = 0.5
"""Codecs hear and round absolute levels: every clip is coded at the same peak, with room for what coding adds."""
_MAX_COMPRESSION = 0.99
"""libsndfile refuses 1 for MP3."""
_BLOCK_SAMPLES = 4096
"""libsndfile overflows its stack where Vorbis is given a long clip at once."""


class Codec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of `codecs` at a uniform strength; free of scale.

    Attributes:
        probability: of being applied.
        codecs: drawn from evenly.
        min_compression: weakest, 0 is the codec's best quality; mulaw, alaw and 8bit know only one.
        max_compression: strongest, 1 is its worst.
        telephone: mulaw and alaw run at 8 kHz, as on the telephone.
    """

    probability: Share = 1.0
    codecs: tuple[Name, ...] = ("mp3", "vorbis", "opus", "mulaw")
    min_compression: Share = 0.3
    max_compression: Share = 0.9
    telephone: bool = True

    def __post_init__(self) -> None:
        """Refuse no codec, and an empty range.

        Raises:
            ValueError: saying which.
        """
        if not self.codecs:
            raise ValueError("codecs is empty; wanted one at least")
        if self.min_compression > self.max_compression:
            raise ValueError(f"min_compression {self.min_compression} is above max_compression {self.max_compression}")

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (n,) to float32 (n,)."""
        if rng.random() >= self.probability:
            return samples
        name = self.codecs[rng.integers(len(self.codecs))]
        compression = rng.uniform(self.min_compression, self.max_compression)
        peak = float(np.abs(samples).max(initial=0))
        if not peak:
            return samples
        coded_hz = self._rate(name, rate_hz)
        resampled = soxr.resample(samples * np.float32(_PEAK / peak), rate_hz, coded_hz)
        coded = _round_trip(resampled, name, coded_hz, compression)
        played = soxr.resample(coded, coded_hz, rate_hz)[: len(samples)]
        return np.pad(played, (0, len(samples) - len(played))).astype(np.float32) * np.float32(peak / _PEAK)

    def _rate(self, name: str, rate_hz: int) -> int:
        """The codec's lowest rate that loses nothing of the clip, or its highest."""
        if name in {"mulaw", "alaw"} and self.telephone:
            return 8000
        rates = _RATES_HZ.get(name, (rate_hz,))
        return next((rate for rate in rates if rate >= rate_hz), rates[-1])


def _round_trip(samples: NDArray[np.float32], name: str, rate_hz: int, compression: float) -> NDArray[np.float32]:
    """float32 (n,) to about as many."""
    container, subtype = _FORMATS[name]
    strength = {} if container == "WAV" else {"compression_level": min(compression, _MAX_COMPRESSION)}
    coded = BytesIO()
    with soundfile.SoundFile(coded, "w", rate_hz, 1, subtype, format=container, **strength) as file:
        for start in range(0, len(samples), _BLOCK_SAMPLES):
            file.write(samples[start : start + _BLOCK_SAMPLES])
    coded.seek(0)
    decoded: NDArray[np.float32] = soundfile.read(coded, dtype="float32")[0]
    return decoded
