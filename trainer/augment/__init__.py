"""Augmentations: one file each, one registry line each. Four stages, in this order.

1. `voice`: the clip alone, before there is anything around it (speed, reverberation).
2. `recording`: the clip with silence before and after it; its speech has RMS 1 when the stage begins, samples in
   int16 scale when it ends (noise, gain).
3. `energies`: log filterbank energies of a batch of windows (equalisation, frequency warp, noise).
4. `maps`: what the network sees behind its front-end, with the targets (masks, mixup).

Stages 1 and 2 are computed once and cached, 3 and 4 for each batch.

Recipes for whole clips have chains instead, on float32 clips of any level: see `CLIP`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from trainer.entries import make_entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from trainer.recipe import Settings

    Samples = NDArray[np.float32]
    Batch = NDArray[np.float32]

WAVEFORM = {
    "speed": "trainer.augment.speed:Speed",
    "reverb": "trainer.augment.reverb:Reverb",
    "noise": "trainer.augment.noise:Noise",
    "gain": "trainer.augment.gain:Gain",
    "pitch": "trainer.augment.pitch:Pitch",
    "stretch": "trainer.augment.stretch:Stretch",
    "shift": "trainer.augment.shift:Shift",
    "inject": "trainer.augment.inject:Inject",
    "bandlimit": "trainer.augment.bandlimit:Bandlimit",
    "codec": "trainer.augment.codec:Codec",
    "background": "trainer.augment.background:Background",
}
"""Stages `voice` and `recording`."""
_NEED_A_LEVEL = frozenset({"noise", "gain"})
"""They take speech of RMS 1."""
CLIP = {name: entry for name, entry in WAVEFORM.items() if name not in _NEED_A_LEVEL}
"""Chains of whole clips: these are free of scale, a clip twice as loud comes out twice as loud."""
ENERGIES = {
    "equalise": "trainer.augment.equalise:Equalise",
    "warp": "trainer.augment.warp:Warp",
    "floor": "trainer.augment.floor:Floor",
    "mixstyle": "trainer.augment.mixstyle:MixStyle",
}
MAPS = {
    "mask": "trainer.augment.mask:Mask",
    "mixup": "trainer.augment.mixup:Mixup",
}


class WaveformAugmentation(Protocol):
    """Changes one clip."""

    def __call__(self, samples: Samples, rate_hz: int, rng: np.random.Generator) -> Samples:
        """float32 (n,) to float32 (m,)."""
        ...


class EnergiesAugmentation(Protocol):
    """Changes a batch of windows."""

    def __call__(self, energies: Batch, rng: np.random.Generator) -> Batch:
        """Natural log filterbank energies, float32 (batch, frames, filters), to the same shape."""
        ...


class MapsAugmentation(Protocol):
    """Changes a batch behind the front-end, and its targets."""

    def __call__(self, maps: Batch, targets: Batch, rng: np.random.Generator) -> tuple[Batch, Batch]:
        """float32 (batch, frames, filters) and (batch, labels) to the same shapes."""
        ...


class NeedsRecordings(Protocol):
    """An augmentation that plays recordings of its own into the clip."""

    def opened(self, root: Path) -> WaveformAugmentation:
        """The same with the recordings read from below `root`."""
        ...


def waveform_chain(stage: Sequence[Settings], root: Path | None) -> list[WaveformAugmentation]:
    """The augmentations of a stage, ready to use; `root` None leaves recordings unread, for checking settings only.

    Raises:
        ConfigError: one is unknown or its settings are not valid.
    """
    return _opened([make(settings, WAVEFORM) for settings in stage], root)


def clip_chain(steps: Sequence[Settings], root: Path | None) -> list[WaveformAugmentation]:
    """The augmentations of one chain of a whole clip's; `root` and errors as in `waveform_chain`."""
    return _opened([make(settings, CLIP) for settings in steps], root)


def energies_chain(stage: Sequence[Settings]) -> list[EnergiesAugmentation]:
    """The augmentations of stage `energies`; errors as in `waveform_chain`."""
    return [make(settings, ENERGIES) for settings in stage]


def maps_chain(stage: Sequence[Settings]) -> list[MapsAugmentation]:
    """The augmentations of stage `maps`; errors as in `waveform_chain`."""
    return [make(settings, MAPS) for settings in stage]


def _opened(chain: list[WaveformAugmentation], root: Path | None) -> list[WaveformAugmentation]:
    if root is None:
        return chain
    return [step.opened(root) if hasattr(step, "opened") else step for step in chain]


def make(settings: Settings, registry: Mapping[str, str]) -> Any:
    """One augmentation from its settings; `name` says which.

    Raises:
        ConfigError: it is unknown at this stage, or a setting is unknown, of the wrong type or out of range.
    """
    return make_entry(settings, registry, "augmentation", " at this stage")
