"""Mel-frequency cepstra as python_speech_features computes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from msgspec import Meta
from python_speech_features import mfcc

from trainer.features import numbered
from trainer.features.psfframes import PsfFilters
from trainer.recipe import Count  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from numpy.typing import NDArray


class PsfMfcc(PsfFilters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`python_speech_features.mfcc`.

    Attributes:
        n_cepstra: cepstra kept; the library keeps no more than there are filters.
        lifter: cepstral lifter length; 0 is none.
        append_energy: the first cepstrum is replaced by the log of the frame's energy.
    """

    n_cepstra: Count = 13
    lifter: Annotated[int, Meta(ge=0)] = 22
    append_energy: bool = True

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """`psf-mfcc-1` is the level."""
        return numbered("psf-mfcc", min(self.n_cepstra, self.n_filters))

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """float32 (n,) to float32 (frames, cepstra)."""
        cepstra = mfcc(
            self.scaled(samples),
            samplerate=rate_hz,
            winlen=self.frame_s,
            winstep=self.hop_s,
            numcep=self.n_cepstra,
            nfilt=self.n_filters,
            nfft=self.fft_length(rate_hz),
            lowfreq=self.low_hz,
            highfreq=self.checked_high_hz(rate_hz),
            preemph=self.preemphasis,
            ceplifter=self.lifter,
            appendEnergy=self.append_energy,
            winfunc=self.window_function,
        )
        return np.asarray(cepstra, np.float32)
