"""All figures of an experiment, from what it answered to each clip: the one place they are computed.

Whoever judges clips, a network or a classical model, in one fold or many, leaves `Predictions`; figures, tables and
plots are made of them later, and can be made again without training.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from monitor.errors import ConfigError, NoInputError, RefusedError
from trainer.calibration import bins_of
from trainer.metrics import COVERAGE, NO_ANSWER, macro_f1, reliability, score, uar_interval
from trainer.runs import write_arrays

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.corpora import Utterance
    from trainer.labels import LabelScheme

Aspect = Literal["emotion", "gender"]
UNKNOWN = "unknown"
"""Gender of speakers whose corpus does not say."""
_GENDERS = ("female", "male")
_TOLERANCE = 1e-3
"""Posteriors computed in float32 add up to 1 within this."""
_TEXTS = ("names", "corpus", "speakers", "genders", "labels")


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What was answered to each clip of an experiment."""

    names: tuple[str, ...]
    """Of the clips: see `trainer.corpora.Utterance.name`."""
    corpus: tuple[str, ...]
    """Of each clip."""
    speakers: tuple[str, ...]
    """Of each clip; unique within its corpus."""
    genders: tuple[str, ...]
    """Of each clip's speaker: `f`, `m`, or empty where the corpus does not say."""
    truth: NDArray[np.int64]
    """int64, shape (clips,): numbers of labels."""
    posteriors: NDArray[np.float64]
    """float64, shape (clips, labels): rows add up to 1, or are all zeros where nothing was answered."""
    labels: tuple[str, ...]
    """In the order of the posteriors."""
    folds: NDArray[np.int64] | None = None
    """int64, shape (clips,): the fold each clip was judged in, counted from 0; None without folds."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together.

        Raises:
            ValueError: naming what does not fit.
        """
        n = len(self.names)
        lengths = {
            "corpus": len(self.corpus),
            "speakers": len(self.speakers),
            "genders": len(self.genders),
            "truth": len(self.truth),
            "posteriors": len(self.posteriors),
            "folds": n if self.folds is None else len(self.folds),
        }
        if wrong := [f"{length} {name}" for name, length in lengths.items() if length != n]:
            raise ValueError(f"{n} clips, but {', '.join(wrong)}; wanted one a clip")
        if self.posteriors.shape != (n, len(self.labels)):
            raise ValueError(f"posteriors of shape {self.posteriors.shape}; wanted {(n, len(self.labels))}")
        if n and not (self.truth.min() >= 0 and self.truth.max() < len(self.labels)):
            raise ValueError(f"truth from {self.truth.min()} to {self.truth.max()}; wanted 0 to {len(self.labels) - 1}")
        sums = self.posteriors.sum(axis=1)
        fit = np.isclose(sums, 1, rtol=0, atol=_TOLERANCE) | ~self.posteriors.any(axis=1)
        if not (fit.all() and (self.posteriors >= 0).all()):
            first = int(np.argmin(fit & (self.posteriors >= 0).all(axis=1)))
            raise ValueError(
                f"{self.names[first]}: posteriors {self.posteriors[first].tolist()}; wanted 0 or more, adding up to 1, "
                "or only zeros for no answer"
            )

    @property
    def predicted(self) -> NDArray[np.int64]:
        """int64, shape (clips,): number of the label with the highest posterior, or `NO_ANSWER`."""
        return np.where(self.posteriors.any(axis=1), self.posteriors.argmax(axis=1), NO_ANSWER)

    @property
    def speaker_keys(self) -> tuple[str, ...]:
        """`RAVDESS/02` of each clip: unique over the corpora."""
        return tuple(f"{corpus}/{speaker}" for corpus, speaker in zip(self.corpus, self.speakers, strict=True))

    def of(self, chosen: NDArray[np.bool_]) -> Self:
        """The clips where `chosen`, bool (clips,), is true."""
        numbers = np.flatnonzero(chosen)
        return replace(
            self,
            names=tuple(self.names[i] for i in numbers),
            corpus=tuple(self.corpus[i] for i in numbers),
            speakers=tuple(self.speakers[i] for i in numbers),
            genders=tuple(self.genders[i] for i in numbers),
            truth=self.truth[numbers],
            posteriors=self.posteriors[numbers],
            folds=None if self.folds is None else self.folds[numbers],
        )

    def save(self, path: Path) -> None:
        """Write all of it as `.npz`, in one go."""
        arrays: dict[str, Any] = {name: np.array(getattr(self, name), dtype=np.str_) for name in _TEXTS}
        arrays |= {"truth": self.truth, "posteriors": self.posteriors}
        if self.folds is not None:
            arrays["folds"] = self.folds
        write_arrays(path, arrays)


def predictions_of(
    utterances: Sequence[Utterance], scheme: LabelScheme, posteriors: NDArray[np.float64]
) -> Predictions:
    """The answers to clips, with what is known of the clips.

    Args:
        utterances: all with a label of `scheme`.
        scheme: gives the order of the labels.
        posteriors: shape (clips, labels); a row of zeros is no answer.
    """
    return Predictions(
        names=tuple(u.name for u in utterances),
        corpus=tuple(u.corpus for u in utterances),
        speakers=tuple(u.speaker for u in utterances),
        genders=tuple(u.gender for u in utterances),
        truth=np.array([scheme.labels.index(scheme.label_of(u.emotion, u.gender) or "") for u in utterances], np.int64),
        posteriors=posteriors,
        labels=scheme.labels,
    )


def read_predictions(path: Path) -> Predictions:
    """What `Predictions.save` wrote.

    Raises:
        NoInputError: there is no such file.
        RefusedError: it is not one of these, or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            texts = {name: tuple(map(str, arrays[name])) for name in _TEXTS}
            return Predictions(
                **texts,
                truth=arrays["truth"].astype(np.int64),
                posteriors=arrays["posteriors"].astype(np.float64),
                folds=arrays["folds"].astype(np.int64) if "folds" in arrays else None,
            )
    except FileNotFoundError:
        raise NoInputError(f"no such predictions: {path}; make them with ser-train crossval") from None
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise RefusedError(f"{path}: no predictions of this trainer ({error}); make them again") from None


def joined(parts: Sequence[Predictions]) -> Predictions:
    """All clips of several predictions over the same labels, numbered by fold: part 0 is fold 0.

    Raises:
        ValueError: there is none, or their labels differ.
    """
    if len({part.labels for part in parts}) != 1:
        found = " and ".join(str(list(part.labels)) for part in parts) or "nothing"
        raise ValueError(f"predictions over {found}; wanted the same labels in one or more")
    return Predictions(
        names=sum((part.names for part in parts), ()),
        corpus=sum((part.corpus for part in parts), ()),
        speakers=sum((part.speakers for part in parts), ()),
        genders=sum((part.genders for part in parts), ()),
        truth=np.concatenate([part.truth for part in parts]),
        posteriors=np.concatenate([part.posteriors for part in parts]),
        labels=parts[0].labels,
        folds=np.repeat(np.arange(len(parts)), [len(part.names) for part in parts]),
    )


def gender_of(label: str) -> str:
    """`female` of `female_angry`.

    Raises:
        ConfigError: the label has no gender.
    """
    return _halves(label)[0]


def emotion_of(label: str) -> str:
    """`angry` of `female_angry`.

    Raises:
        ConfigError: the label has no gender.
    """
    return _halves(label)[1]


def collapsed(predictions: Predictions, aspect: Aspect) -> Predictions:
    """The same answers asked for the emotion alone, or for the gender alone; posteriors are added up.

    The emotion with the highest sum need not be that of the highest label: sad by either gender can outweigh one happy.

    Raises:
        ConfigError: the labels are not gendered (`female_angry`).
    """
    part = {"emotion": emotion_of, "gender": gender_of}[aspect]
    names = [part(label) for label in predictions.labels]
    labels = tuple(dict.fromkeys(names))
    number = np.array([labels.index(name) for name in names], dtype=np.int64)
    posteriors = np.zeros((len(predictions.names), len(labels)))
    np.add.at(posteriors.T, number, predictions.posteriors.T)
    return replace(predictions, truth=number[predictions.truth], posteriors=posteriors, labels=labels)


def figures_of(predictions: Predictions) -> dict[str, Any]:
    """Every figure, JSON-ready; shares are 0-1, and None where nothing can be counted.

    A clip without an answer counts as wrong everywhere but in the calibration, where it states no confidence.

    Raises:
        NoInputError: there is no clip.
    """
    if not predictions.names:
        raise NoInputError("no clip was judged, so there are no figures; wanted at least one")
    bins = reliability(predictions.truth, predictions.posteriors)
    confusion = _confusion(predictions)
    return {
        **_overall(predictions),
        "labels": list(predictions.labels),
        "confusion": confusion.tolist(),
        "recall": recalls(confusion, predictions.labels),
        "ece": bins.ece,
        "reliability": bins_of(bins),
        "interval": {"coverage": COVERAGE, "of": "uar", "over": "speakers"},
        "per_corpus": figures_by(predictions, predictions.corpus),
        "per_gender": figures_by(predictions, gender_names(predictions)),
        "per_speaker": {name: _of_speaker(part) for name, part in _parts(predictions, predictions.speaker_keys)},
        "per_fold": _per_fold(predictions),
    }


def figures_by(predictions: Predictions, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The overall figures of the clips with the same key, in the order of the keys; one key a clip."""
    return {name: _overall(part) for name, part in _parts(predictions, keys)}


def gender_names(predictions: Predictions) -> list[str]:
    """Gender of each clip's speaker, in words."""
    full = {"f": "female", "m": "male"}
    return [full.get(gender, gender or UNKNOWN) for gender in predictions.genders]


def recalls(confusion: NDArray[np.int64], labels: Sequence[str]) -> dict[str, float | None]:
    """Share of each label's clips that is recognised, 0-1; None where a label does not occur."""
    clips = confusion.sum(axis=1)
    return {label: float(confusion[i, i] / clips[i]) if clips[i] else None for i, label in enumerate(labels)}


def _overall(predictions: Predictions) -> dict[str, Any]:
    interval = uar_interval(predictions.truth, predictions.predicted, predictions.speaker_keys)
    return {
        **_plain(predictions),
        "macro_f1": macro_f1(predictions.truth, predictions.predicted),
        "uar_interval": None if interval is None else list(interval),
        "speakers": len(set(predictions.speaker_keys)),
    }


def _plain(predictions: Predictions) -> dict[str, Any]:
    result = score(predictions.truth, predictions.predicted, len(predictions.labels))
    return {"clips": result.n_clips, "unanswered": result.n_unanswered, "uar": result.uar, "war": result.war}


def _of_speaker(predictions: Predictions) -> dict[str, Any]:
    return {**_plain(predictions), "gender": gender_names(predictions)[0]}


def _per_fold(predictions: Predictions) -> dict[str, Any]:
    if predictions.folds is None:
        return {}
    return {str(fold): _plain(predictions.of(predictions.folds == fold)) for fold in np.unique(predictions.folds)}


def _parts(predictions: Predictions, keys: Sequence[str]) -> list[tuple[str, Predictions]]:
    """Clips with the same key, in the order of the keys."""
    values = np.array(keys)
    return [(str(key), predictions.of(values == key)) for key in np.unique(values)]


def _confusion(predictions: Predictions) -> NDArray[np.int64]:
    return score(predictions.truth, predictions.predicted, len(predictions.labels)).confusion


def _halves(label: str) -> tuple[str, str]:
    gender, _, emotion = label.partition("_")
    if gender not in _GENDERS or not emotion:
        raise ConfigError(f"label '{label}' has no gender; wanted female_… or male_…, as in female_angry")
    return gender, emotion
