"""Mel filterbank energies as python_speech_features computes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from python_speech_features import fbank

from trainer.features import numbered
from trainer.features.psfframes import PsfFilters

if TYPE_CHECKING:
    from numpy.typing import NDArray


class PsfFilterbank(PsfFilters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`python_speech_features.logfbank`, or `fbank` where `log` is off."""

    log: bool = True

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """From the lowest filter to the highest."""
        return numbered("filter", self.n_filters)

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """float32 (n,) to float32 (frames, n_filters)."""
        # `logfbank` itself knows no window function.
        energies, _ = fbank(
            self.scaled(samples),
            samplerate=rate_hz,
            winlen=self.frame_s,
            winstep=self.hop_s,
            nfilt=self.n_filters,
            nfft=self.fft_length(rate_hz),
            lowfreq=self.low_hz,
            highfreq=self.checked_high_hz(rate_hz),
            preemph=self.preemphasis,
            winfunc=self.window_function,
        )
        return np.asarray(np.log(energies) if self.log else energies, np.float32)
