"""Features of whole clips: one file each, one registry line each.

Unlike `monitor.pipeline.features` these see the clip as a whole, as earlier projects computed them; `daemon` is the
bridge to the daemon's own. All bear silence, clips shorter than a frame and clipping: their values are finite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from trainer.entries import make_entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from trainer.recipe import Settings

FEATURES = {
    "mfcc": "trainer.features.mfcc:Mfcc",
    "mel": "trainer.features.mel:Mel",
    "spectrogram": "trainer.features.spectrogram:Spectrogram",
    "chroma": "trainer.features.chroma:Chroma",
    "contrast": "trainer.features.contrast:Contrast",
    "tonnetz": "trainer.features.tonnetz:Tonnetz",
    "psf-mfcc": "trainer.features.psfmfcc:PsfMfcc",
    "psf-filterbank": "trainer.features.psffilterbank:PsfFilterbank",
    "psf-fft": "trainer.features.psffft:PsfFft",
    "daemon": "trainer.features.daemon:Daemon",
    "voice": "trainer.features.voice:Voice",
    "egemaps": "trainer.features.egemaps:Egemaps",
}


class ClipFeature(Protocol):
    """Turns one clip into coefficients."""

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """One for each column of the result; they depend on the settings alone."""
        ...

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """A clip, float32 (n,) in -1 to 1 with n of 1 at least, to float32 (frames, coefficients), frames 1 at least.

        Raises:
            ConfigError: the settings do not fit `rate_hz`.
        """
        ...


def make_feature(settings: Settings) -> ClipFeature:
    """One feature from its settings; `name` says which.

    Raises:
        ConfigError: it is unknown, or a setting is unknown, of the wrong type or out of range.
        MissingDependencyError: it needs a package that is not installed.
    """
    feature: ClipFeature = make_entry(settings, FEATURES, "feature")
    return feature


def numbered(stem: str, count: int) -> tuple[str, ...]:
    """`stem-1` to `stem-count`, for coefficients that have no names of their own."""
    return tuple(f"{stem}-{i + 1}" for i in range(count))
