"""Spectra of frames as python_speech_features computes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from python_speech_features import sigproc

from trainer.features import numbered
from trainer.features.psfframes import PsfFrames
from trainer.recipe import Count  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from numpy.typing import NDArray


class PsfFft(PsfFrames, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`sigproc.magspec`, `powspec` or `logpowspec` of the library.

    Attributes:
        n_fft: length of the Fourier transform; a shorter one than the frame cuts it, as the library does.
        values: magnitude, power, dB, or dB relative to the clip's loudest value.
    """

    n_fft: Count = 512
    values: Literal["magnitude", "power", "db", "db-relative"] = "magnitude"

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """From 0 Hz to half the rate."""
        return numbered("fft", self.n_fft // 2 + 1)

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """float32 (n,) to float32 (frames, n_fft // 2 + 1)."""
        frames = self.frames(samples, rate_hz)
        if self.values == "magnitude":
            return np.asarray(sigproc.magspec(frames, self.n_fft), np.float32)
        if self.values == "power":
            return np.asarray(sigproc.powspec(frames, self.n_fft), np.float32)
        return np.asarray(sigproc.logpowspec(frames, self.n_fft, norm=self.values == "db-relative"), np.float32)
