"""A recipe for whole clips: what earlier emotion-recognition projects did, as opposed to the daemon's windows.

Audio → clip (cut, masked, normalised) → features, concatenated → pooled over time, or windows of frames → a classical
model or a network. `trainer.recipe` holds the daemon's own kind of recipe.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from monitor.errors import ConfigError
from trainer.recipe import CorpusUse, Count, NotNegative, Positive, Settings, Share, Table


class ClipTable(Table, frozen=True, kw_only=True):
    """From file to samples, float32 in -1 to 1.

    Attributes:
        rate_hz: resampled to.
        offset_s: left out at the start.
        seconds: cut or padded with zeros to this length; 0 keeps the whole clip.
        envelope_threshold: parts whose envelope (mean of |samples| around them, full scale 1) lies below are cut out;
            0 keeps everything.
        envelope_window_s: over which the envelope is averaged.
        normalise: to a peak of 1, to an RMS of 0.1, or not at all.
    """

    rate_hz: Count = 22_050
    offset_s: NotNegative = 0.0
    seconds: NotNegative = 0.0
    envelope_threshold: NotNegative = 0.0
    envelope_window_s: Positive = 0.1
    normalise: Literal["none", "peak", "rms"] = "none"


class LayoutTable(Table, frozen=True, kw_only=True):
    """What the model sees of a clip's features.

    Attributes:
        pooled: each coefficient's mean over time, a vector; otherwise frames by coefficients.
        window_frames: length of the windows that are classified; 0 is the whole clip, which then needs `clip.seconds`.
            A clip's result is the mean posterior of its windows.
        windows_per_clip: random windows drawn of each clip and epoch in training.
        scaling: by mean and deviation, or by the range, of the training clips: each coefficient for itself, or all
            together.
    """

    pooled: bool = False
    window_frames: Annotated[int, Meta(ge=0)] = 0
    windows_per_clip: Count = 1
    scaling: Literal["none", "standard", "standard-global", "range", "range-global"] = "standard"


class ScheduleTable(Table, frozen=True, kw_only=True):
    """The learning rate over the training.

    Attributes:
        name: constant; one-cycle rises and falls once, the momentum against it; cosine falls after a warm-up.
        warmup_share: share of the steps over which it rises.
        first_factor: the rate at step 0, relative to the highest.
        last_factor: at the end.
    """

    name: Literal["constant", "one-cycle", "cosine"] = "constant"
    warmup_share: Share = 0.3
    first_factor: Share = 0.04
    last_factor: Share = 1e-5


class FitTable(Table, frozen=True, kw_only=True):
    """How a network is trained on clips.

    Attributes:
        epochs: passes over the training clips, at most.
        optimizer: of Keras.
        learning_rate: the highest of the schedule.
        class_weights: errors on rare labels count more, so that all labels count alike.
        balanced: labels are drawn equally often instead.
        patience: epochs without a better validation UAR after which training stops; 0 never stops early.
        keep: the weights of the last epoch, or of the one with the best validation UAR.
        mixup: concentration of the beta distribution that examples are mixed by; 0 is off.
        frequency_mask: coefficients that a mask hides at most (SpecAugment); 0 is off.
        time_mask: frames that a mask hides at most; 0 is off.
    """

    epochs: Count
    batch_size: Count = 32
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adam"
    learning_rate: Positive = 1e-3
    momentum: Share = 0.9
    weight_decay: NotNegative = 0.0
    schedule: ScheduleTable = ScheduleTable()
    class_weights: bool = False
    balanced: bool = False
    label_smoothing: Share = 0.0
    patience: Annotated[int, Meta(ge=0)] = 0
    keep: Literal["last", "best"] = "best"
    mixup: NotNegative = 0.0
    frequency_mask: Annotated[int, Meta(ge=0)] = 0
    time_mask: Annotated[int, Meta(ge=0)] = 0


class Headline(Table, frozen=True, kw_only=True):
    """What the project that did it first stated, and how it had divided the clips.

    Attributes:
        value: 0-1.
        metric: what it counts.
        protocol: how it was measured: see `trainer.protocols`.
        source: where it was stated.
    """

    value: Share
    metric: Literal["war", "uar"] = "war"
    protocol: str = "random"
    source: str = ""


class ClipRecipe(Table, frozen=True, kw_only=True):
    """A whole recipe; exactly one of `baseline` and `architecture`, the latter with `fit`."""

    schema: Literal[1] = 1
    kind: Literal["clip"] = "clip"
    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_\-]*$", max_length=64)]
    description: str = ""
    seed: Annotated[int, Meta(ge=0)] = 0
    labels: str | dict[str, str] = "emotion-7"
    corpora: Annotated[dict[str, CorpusUse], Meta(min_length=1)]
    stand_in: str = ""
    """Corpus that `compare` and `crossval` take where none of `corpora` is here; every output says so."""
    clip: ClipTable = ClipTable()
    features: Annotated[tuple[Settings, ...], Meta(min_length=1)]
    layout: LayoutTable = LayoutTable()
    augment: tuple[tuple[Settings, ...], ...] = ()
    """Each entry is a chain of augmentations and makes one more version of every training clip."""
    baseline: Settings | None = None
    architecture: Settings | None = None
    fit: FitTable | None = None
    headline: Headline | None = None
    """None where none was stated."""

    @property
    def own_protocol(self) -> str:
        """How the project that did it first divided the clips; see `trainer.protocols`."""
        return self.headline.protocol if self.headline else "random"

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            ConfigError: naming the tables.
        """
        if (self.baseline is None) == (self.architecture is None):
            raise ConfigError(f"recipe '{self.name}': wanted exactly one of the tables baseline and architecture")
        if (self.architecture is None) != (self.fit is None):
            raise ConfigError(f"recipe '{self.name}': the tables architecture and fit go together")
        if not self.layout.pooled and not self.layout.window_frames and not self.clip.seconds:
            raise ConfigError(f"recipe '{self.name}': layout.window_frames is 0, so clip.seconds must be given")

    def replaced(self, **changes: Any) -> Self:
        """A copy with other values."""
        return msgspec.structs.replace(self, **changes)

    def digest(self) -> str:
        """First digits of a hash over all that decides a model: two recipes with the same digest train the same one."""
        plain = self.replaced(description="", headline=None, stand_in="")
        return hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()[:16]
