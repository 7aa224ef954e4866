"""What all features of python_speech_features share: pre-emphasis, frames and the samples' scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from python_speech_features import sigproc

from monitor.errors import ConfigError
from trainer.recipe import NotNegative, Positive, Share

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_WINDOWS: dict[str, Callable[[int], NDArray[np.float64]]] = {
    "rectangular": np.ones,
    "hamming": np.hamming,
    "hann": np.hanning,
}


class PsfFrames(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Frames from the start of the clip on; the last is padded with zeros.

    Attributes:
        frame_s: length of a frame.
        hop_s: distance between frames.
        preemphasis: coefficient of y[n] = x[n] - c x[n-1]; the library's default.
        window: the window function; the library's default is none.
        full_scale: value of a full-scale sample: 32768 where files were read with scipy, 1 where with librosa.
    """

    frame_s: Positive = 0.025
    hop_s: Positive = 0.01
    preemphasis: Share = 0.97
    window: Literal["rectangular", "hamming", "hann"] = "rectangular"
    full_scale: Literal[1, 32768] = 32768

    @property
    def window_function(self) -> Callable[[int], NDArray[np.float64]]:
        """A length to the window, as the library wants it."""
        return _WINDOWS[self.window]

    def scaled(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """The clip in the scale asked for, float64 (n,)."""
        return samples.astype(np.float64) * self.full_scale

    def frames(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float64]:
        """float32 (n,) to windowed frames, float64 (frames, frame samples)."""
        emphasised = sigproc.preemphasis(self.scaled(samples), self.preemphasis)
        framed: NDArray[np.float64] = sigproc.framesig(
            emphasised, self.frame_s * rate_hz, self.hop_s * rate_hz, self.window_function
        )
        return framed


class PsfFilters(PsfFrames, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Frames and the mel filters over their spectra.

    Attributes:
        n_filters: triangular mel filters.
        n_fft: length of the Fourier transform; a shorter one than the frame cuts it, as the library does; 0 is the
            power of two that holds the frame.
        low_hz: lower edge of the filters.
        high_hz: upper edge; 0 is half the rate.
    """

    n_filters: Annotated[int, Meta(gt=0)] = 26
    n_fft: Annotated[int, Meta(ge=0)] = 512
    low_hz: NotNegative = 0.0
    high_hz: NotNegative = 0.0

    def fft_length(self, rate_hz: int) -> int:
        """`n_fft`, or the power of two that holds a frame."""
        return self.n_fft or 1 << max(round(self.frame_s * rate_hz) - 1, 1).bit_length()

    def checked_high_hz(self, rate_hz: int) -> float:
        """Upper edge of the filters.

        Raises:
            ConfigError: it lies above half the rate, or below the lower edge.
        """
        high_hz = self.high_hz or rate_hz / 2
        if not self.low_hz < high_hz <= rate_hz / 2:
            raise ConfigError(
                f"feature: filters from {self.low_hz:g} to {high_hz:g} Hz; wanted them in order and below "
                f"{rate_hz / 2:g} Hz, half the rate: correct the recipe"
            )
        return high_hz
