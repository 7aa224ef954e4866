"""A recipe: everything that decides what a model becomes, in one TOML file, typed; unknown keys are refused."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from monitor.pipeline.features.spec import FeatureSpec
from monitor.pipeline.windows import WindowRule

Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(gt=0)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
NON_SPEECH = "non-speech"
"""Stands for the corpus of recordings that nobody speaks in."""
Recordings = Literal["training", "held-out"]
"""What an augmentation plays: what models may train with, or what they are judged by."""
Settings = dict[str, Any]
"""Settings of one entry of a registry: `name` says which, the rest is typed by the entry itself."""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the recipe."""


class WindowTable(Table, frozen=True, kw_only=True):
    """The windows that are classified; see `monitor.pipeline.windows.WindowRule`."""

    frames: Count = 300
    hop_frames: Count = 50
    min_speech_s: NotNegative = 1.0
    min_final_speech_s: NotNegative = 0.25

    @property
    def rule(self) -> WindowRule:
        """As the pipeline takes it."""
        # None is left out: there is no model yet that would tell where somebody speaks.
        return WindowRule(self.frames, self.hop_frames, self.min_speech_s, self.min_final_speech_s, settled_hops=1)


class CorpusUse(Table, frozen=True, kw_only=True):
    """How one corpus is used.

    Attributes:
        test: speakers that are only tested on.
        validation: speakers that everything is chosen by.
        left_out: speakers that are neither trained on nor judged by.
        weight: share of the drawn windows, relative to the other corpora.
        copies: cached versions of a training clip; the first is plain, the others are augmented.
    """

    test: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    weight: NotNegative = 1.0
    copies: Count = 1


class NonSpeechTable(Table, frozen=True, kw_only=True):
    """Recordings without speech, for which the network gets one more output; see `trainer.nonspeech`.

    Attributes:
        share: of the windows of a batch.
        copies: cached versions of a recording, as in `CorpusUse`.
        pieces: of computed music beside the recordings; see `trainer.music`.
    """

    share: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    copies: Count = 4
    pieces: Annotated[int, Meta(ge=0)] = 0


class TasksTable(Table, frozen=True, kw_only=True):
    """What else is told from the features that the emotion is told from; see `trainer.heads`. 0: there is no such head.

    These heads learn on features that do not learn from them: the emotion is as good as without them.

    Attributes:
        gender: weight of the loss of telling women from men; clips of unknown gender do not count.
        speech_activity: weight of the loss of telling where in the window somebody speaks.
    """

    gender: NotNegative = 0.0
    speech_activity: NotNegative = 0.0


class AdapterTable(Table, frozen=True, kw_only=True):
    """Small networks beside a finished one, which stays as it is: they alone learn; see `trainer.adapter`.

    Attributes:
        units: hidden units of each.
        steps: time steps of the network that speech activity in one of them is told from; a fifth of a second each in
            the shipped one.
    """

    units: Count = 16
    steps: Count = 3


class FrontEndTable(Table, frozen=True, kw_only=True):
    """The first layers of the network: log energies to maps of about unit spread that do not know the level.

    Attributes:
        floor: what lies further below the window's level is cut off, in nepers of power (1 is 4.34 dB).
        scale: nepers that become one.
        shift: added at the end.
    """

    floor: Annotated[float, Meta(lt=0)] = -14.0
    scale: Positive = 5.0
    shift: float = 1.6


class AugmentTable(Table, frozen=True, kw_only=True):
    """Augmentations in the order they are applied; see `trainer.augment`.

    Attributes:
        lead_s: digital silence before each clip.
        tail_s: digital silence after it.
        plain: what the plain copy goes through instead of `voice`, `recording` and `level`.
        voice: on the clip alone.
        recording: on the clip with the silence around it.
        level: after it, the recorder's level.
        twin: in place of `level`, for a second version of the same copy; the network is taught to answer both alike,
            see `TrainingTable.consistency`. Empty: copies have no twin.
        energies: on the log filterbank energies of each drawn window.
        maps: on batches behind the front-end.
    """

    lead_s: NotNegative = 3.0
    tail_s: NotNegative = 0.6
    plain: tuple[Settings, ...] = ()
    voice: tuple[Settings, ...] = ()
    recording: tuple[Settings, ...] = ()
    level: tuple[Settings, ...] = ()
    twin: tuple[Settings, ...] = ()
    energies: tuple[Settings, ...] = ()
    maps: tuple[Settings, ...] = ()


class SamplingTable(Table, frozen=True, kw_only=True):
    """How windows are drawn from the cached clips.

    Attributes:
        first_end_frames: a window ends at least so long after the speech began.
        last_end_frames: and at most so long after it ended.
        end_power: below 1 draws late ends more often; 1 is uniform.
        twin_shift_frames: the window of a twin ends up to so much earlier or later.
        stretch: windows are played slower or faster by up to this share.
        draws_per_window: times a drawn batch is used, each time with other `maps` augmentations.
    """

    first_end_frames: int = 100
    last_end_frames: int = 50
    end_power: Positive = 1.0
    twin_shift_frames: NotNegative = 0.0
    stretch: Share = 0.0
    draws_per_window: Count = 1


class TrainingTable(Table, frozen=True, kw_only=True):
    """AdamW with linear warm-up and cosine decay, on logits, weights averaged over time.

    Attributes:
        steps: batches in all.
        warmup_share: share of the steps over which the rate rises.
        first_rate: learning rate at step 0, relative.
        last_rate: at the end, relative.
        clip_norm: longest gradient of one variable.
        consistency: weight of the divergence between the answers to a window and to its twin.
        averaging: share of the past in the average of the weights; 0 is off.
        renormalise_batches: batches by which batch normalisation is measured anew for the averaged weights.
        validate_every: steps between two looks at the validation speakers.
        checkpoint_every: steps between two states on disk, from which an interrupted run goes on.
        keep: which weights are kept: the last, or those with the best mean validation UAR.
        refit: for cross-validation of what was chosen before: the speakers to choose by are trained on too.
        begins_with: recipe whose finished network the training goes on with; empty: it begins with chance. See
            `trainer.beginning`.
    """

    steps: Count
    batch_size: Count = 64
    learning_rate: Positive = 2e-3
    warmup_share: Share = 0.05
    first_rate: Share = 0.05
    last_rate: Share = 0.002
    weight_decay: NotNegative = 2e-3
    clip_norm: Positive = 2.0
    label_smoothing: Share = 0.1
    consistency: NotNegative = 0.0
    averaging: Share = 0.999
    renormalise_batches: Annotated[int, Meta(ge=0)] = 80
    validate_every: Count = 600
    checkpoint_every: Count = 300
    keep: Literal["last", "best"] = "last"
    refit: bool = False
    begins_with: str = ""


class Recipe(Table, frozen=True, kw_only=True):
    """A whole recipe."""

    schema: Literal[1] = 1
    kind: Literal["stream"] = "stream"
    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_\-]*$", max_length=64)]
    description: str = ""
    seed: Annotated[int, Meta(ge=0)] = 0
    labels: str | dict[str, str] = "emotion-7"
    """A scheme of `trainer.labels`, or from emotions to labels of one's own."""
    features: FeatureSpec = FeatureSpec()
    window: WindowTable = WindowTable()
    corpora: Annotated[dict[str, CorpusUse], Meta(min_length=1)]
    non_speech: NonSpeechTable | None = None
    tasks: TasksTable = TasksTable()
    adapter: AdapterTable | None = None
    front_end: FrontEndTable = FrontEndTable()
    augment: AugmentTable = AugmentTable()
    sampling: SamplingTable = SamplingTable()
    architecture: Settings
    committee: Count = 1
    """Networks of this architecture that are trained side by side from other first weights; their mean answers."""
    training: TrainingTable
    model: str = ""
    """Name of the model that is exported; empty: the recipe's."""

    def replaced(self, **changes: Any) -> Self:
        """A copy with other values."""
        return msgspec.structs.replace(self, **changes)

    def for_everyone(self) -> Self:
        """The same with nobody held out; who is left out stays so."""
        uses = {name: msgspec.structs.replace(use, test=(), validation=()) for name, use in self.corpora.items()}
        return self.replaced(corpora=uses)

    def copies_of(self, corpus: str) -> int:
        """Cached versions of a training clip of `corpus`, which may be `NON_SPEECH`."""
        if corpus == NON_SPEECH and self.non_speech is not None:
            return self.non_speech.copies
        return self.corpora[corpus].copies

    def digest(self) -> str:
        """First digits of a hash over every value: two recipes with the same digest train the same model."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:16]
