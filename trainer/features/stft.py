"""The short-time Fourier transform that librosa's features begin with, and its settings."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import librosa
import msgspec
import numpy as np

from monitor.errors import ConfigError
from trainer.recipe import Count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class Stft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Frames centred on every `hop_samples`, 1 + n // hop_samples of them; the clip is padded with zeros at both ends.

    Attributes:
        n_fft: length of a frame and of its transform.
        hop_samples: distance between frames.
        win_samples: length of the window function within the frame; 0 is all of it.
        window: the window function.
    """

    n_fft: Count = 2048
    hop_samples: Count = 512
    win_samples: int = 0
    window: Literal["hann", "hamming", "blackman", "boxcar"] = "hann"

    def __post_init__(self) -> None:
        """Refuse a window that does not fit the frame.

        Raises:
            ValueError: it is longer, or less than nothing.
        """
        if not 0 <= self.win_samples <= self.n_fft:
            raise ValueError(f"win_samples {self.win_samples} must be 0 to n_fft {self.n_fft}")

    def magnitudes(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """A clip, float32 (n,), to float32 (n_fft // 2 + 1, frames)."""
        with quiet():
            spectra = librosa.stft(
                samples,
                n_fft=self.n_fft,
                hop_length=self.hop_samples,
                win_length=self.win_samples or None,
                window=self.window,
            )
        return np.asarray(np.abs(spectra), np.float32)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep librosa from warning of clips shorter than a frame, and of silence, where no pitch is found: both are usual.

    Raises:
        ConfigError: librosa refuses the settings, e.g. a band above half the rate.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=")
        warnings.filterwarnings("ignore", message="Trying to estimate tuning from empty frequency set")
        warnings.filterwarnings("ignore", message="Empty filters detected in mel frequency basis")
        try:
            yield
        except librosa.ParameterError as error:
            raise ConfigError(f"feature: {error}; correct the recipe") from None


def in_db(power: NDArray[np.float32], reference: Literal["one", "max"], range_db: float) -> NDArray[np.float32]:
    """Power in dB, any shape; nothing lies more than `range_db` below the loudest, 0 sets no limit but 1e-10 of power.

    The reference is a power of one, or the loudest value of the clip.
    """
    loudest = max(float(power.max(initial=0.0)), 1e-10)
    decibels: NDArray[np.float32] = librosa.power_to_db(
        power, ref=loudest if reference == "max" else 1.0, top_db=range_db or None
    )
    return decibels.astype(np.float32)
