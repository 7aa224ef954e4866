"""FeatureSpec: one frozen object that the trainer, the model file and the monitor share."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Positive = Annotated[int, Meta(gt=0, le=1 << 20)]


class FeatureSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How samples become frames of features.

    Attributes:
        name: a key of the feature registry, `mfcc` or `logfbank`.
        rate_hz: sample rate of the audio.
        frame_samples: length of a frame (25 ms at 16 kHz: 400).
        hop_samples: distance between frame starts (10 ms at 16 kHz: 160).
        n_fft: length of the Fourier transform, at least `frame_samples`.
        n_filters: triangular mel filters.
        n_cepstra: cepstra kept by `mfcc`; ignored by `logfbank`.
        low_hz: lower edge of the filterbank.
        high_hz: upper edge of the filterbank.
        preemphasis: coefficient of y[n] = x[n] - c x[n-1].
        lifter: cepstral lifter length of `mfcc`; 0 is none.
        window_function: taper of each frame.
        full_scale: value of a full-scale sample; 32768 is int16. Other scales shift the energies by a constant.
    """

    name: Literal["mfcc", "logfbank"] = "mfcc"
    rate_hz: Positive = 16000
    frame_samples: Positive = 400
    hop_samples: Positive = 160
    n_fft: Positive = 512
    n_filters: Positive = 40
    n_cepstra: Positive = 40
    low_hz: Annotated[float, Meta(ge=0)] = 20.0
    high_hz: Annotated[float, Meta(gt=0)] = 8000.0
    preemphasis: Annotated[float, Meta(ge=0, le=1)] = 0.97
    lifter: Annotated[int, Meta(ge=0)] = 0
    window_function: Literal["hamming", "hann", "rectangular"] = "hamming"
    full_scale: Literal[32768] = 32768

    def __post_init__(self) -> None:
        """Refuse combinations that cannot be computed.

        Raises:
            ValueError: with the two values that do not fit.
        """
        for wanted, holds in (
            (
                f"n_fft {self.n_fft} must be at least frame_samples {self.frame_samples}",
                self.n_fft >= self.frame_samples,
            ),
            (
                f"hop_samples {self.hop_samples} must not exceed frame_samples {self.frame_samples}",
                self.hop_samples <= self.frame_samples,
            ),
            (
                f"n_cepstra {self.n_cepstra} must not exceed n_filters {self.n_filters}",
                self.n_cepstra <= self.n_filters,
            ),
            (f"low_hz {self.low_hz} must be below high_hz {self.high_hz}", self.low_hz < self.high_hz),
            (
                f"high_hz {self.high_hz} must not exceed half of rate_hz {self.rate_hz}",
                self.high_hz <= self.rate_hz / 2,
            ),
            ("numbers must be finite", math.isfinite(self.low_hz + self.high_hz + self.preemphasis)),
        ):
            if not holds:
                raise ValueError(wanted)

    @property
    def n_coefficients(self) -> int:
        """Numbers a frame."""
        return self.n_cepstra if self.name == "mfcc" else self.n_filters

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values, all fields."""
        return {name: getattr(self, name) for name in self.__struct_fields__}
