"""`ser-train plot`: fetches what a plot shows, from the corpora, from recordings, or from what runs left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from monitor.errors import ConfigError, NoInputError
from trainer.audio import read_samples
from trainer.augment import CLIP, clip_chain
from trainer.compare import METRIC, systems_of
from trainer.compare import RESULT as COMPARISON
from trainer.crossval import present
from trainer.evaluation import RESULT as EVALUATION
from trainer.evaluationpictures import inputs_of as evaluation_inputs
from trainer.figures import joined, read_predictions
from trainer.labels import label_scheme
from trainer.material import labelled
from trainer.plots import DESCRIPTIONS, PLOTS, drawn
from trainer.recipefile import find_recipes
from trainer.runpictures import LOG, inputs_of
from trainer.streamevaluation import RESULT as STREAM
from trainer.streamselective import naming_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.corpora import Utterance
    from trainer.figures import Predictions
    from trainer.recipefile import AnyRecipe

RATE_HZ = 16_000
_HOP = 160
_FFT = 512
_MELS = 64
_FILTERS = 26
_SHOWN_AUGMENTATIONS: Mapping[str, Mapping[str, Any]] = {
    "pitch": {"min_semitones": 3.0, "max_semitones": 3.0},
    "stretch": {"min_factor": 0.8, "max_factor": 0.8},
    "speed": {"min_factor": 1.2, "max_factor": 1.2},
    "inject": {"amount": 0.1},
    "background": {"min_snr_db": 10.0, "max_snr_db": 10.0, "coloured_probability": 1.0},
    "bandlimit": {},
    "shift": {"max_share": 0.3},
}
"""Strong enough to be seen."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be drawn, and of what."""

    sources: Sequence[Path]
    """Recordings, or folders of runs and experiments."""
    recipe: AnyRecipe
    root: Path | None
    """Data directory; None where nobody named one that is there."""
    seed: int = 0


def draw(name: str, wanted: Wanted, out: Path, suffix: str) -> int:
    """Draw the plot `name` into the folder `out` as `NAME.png` or `NAME.svg`; `list` says which there are.

    Raises:
        ConfigError: there is no such plot.
        NoInputError: what it shows is not there.
    """
    if name == "list":
        width = max(map(len, PLOTS))
        print("\n".join(f"{plot:<{width}}  {DESCRIPTIONS[plot]}; of {_OF[plot][1]}" for plot in PLOTS))
        return 0
    if name not in PLOTS:
        raise ConfigError(f"plot '{name}' is unknown; known: {', '.join(PLOTS)}")
    from trainer.plots.style import save, warned  # noqa: PLC0415 - matplotlib

    inputs = _OF[name][0](wanted)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.{suffix}"
    save(warned(drawn(name, **inputs), _warning(wanted.sources)), path)
    print(f"{path}: written")
    return 0


def _warning(sources: Sequence[Path]) -> str:
    """What the figures of a cross-validation or of a trial are worth, where somebody stood on both sides."""
    for path in (path for source in sources for path in (source / "crossval.json", source / "metrics.json")):
        if path.is_file():
            found = msgspec.json.decode(path.read_bytes())
            caption = str(found.get("caption") or found.get("protocol") or "")
            return caption if "LEAKY" in caption else ""
    return ""


def _classes(wanted: Wanted) -> dict[str, Any]:
    utterances, scheme = _utterances(wanted), label_scheme(wanted.recipe.labels)
    return {
        "corpora": [utterance.corpus for utterance in utterances],
        "labels": [scheme.label_of(utterance.emotion, utterance.gender) or "" for utterance in utterances],
        "genders": [utterance.gender for utterance in utterances],
    }


def _waveform(wanted: Wanted) -> dict[str, Any]:
    return {"clips": _clips(wanted), "rate_hz": RATE_HZ}


def _fft(wanted: Wanted) -> dict[str, Any]:
    clips = {name: _power(samples).mean(axis=0) for name, samples in _clips(wanted).items()}
    return {
        "clips": {name: 10 * np.log10(np.maximum(power, 1e-12)) for name, power in clips.items()},
        "frequencies_hz": np.arange(_FFT // 2 + 1) * RATE_HZ / _FFT,
    }


def _spectrogram(wanted: Wanted) -> dict[str, Any]:
    from trainer.features.spectrogram import Spectrogram  # noqa: PLC0415 - librosa

    feature = Spectrogram(n_fft=_FFT, hop_samples=_HOP, values="db", reference="max")
    return {"clips": _featured(wanted, feature), "hop_s": _HOP / RATE_HZ, "rate_hz": RATE_HZ}


def _mel(wanted: Wanted) -> dict[str, Any]:
    from librosa import mel_frequencies  # noqa: PLC0415

    from trainer.features.mel import Mel  # noqa: PLC0415 - librosa

    feature = Mel(n_fft=_FFT, hop_samples=_HOP, n_mels=_MELS, values="db", reference="max")
    centres_hz = mel_frequencies(n_mels=_MELS + 2, fmin=0.0, fmax=RATE_HZ / 2)[1:-1]
    return {"clips": _featured(wanted, feature), "hop_s": _HOP / RATE_HZ, "centres_hz": centres_hz}


def _filterbank(wanted: Wanted) -> dict[str, Any]:
    from trainer.features.psffilterbank import PsfFilterbank  # noqa: PLC0415

    return {"clips": _featured(wanted, PsfFilterbank(n_filters=_FILTERS)), "hop_s": 0.01}


def _mfcc(wanted: Wanted) -> dict[str, Any]:
    from trainer.features.psfmfcc import PsfMfcc  # noqa: PLC0415

    feature = PsfMfcc(n_filters=_FILTERS)
    return {"clips": {n: c[:, 1:] for n, c in _featured(wanted, feature).items()}, "hop_s": 0.01, "first": 1}


def _augmentation(wanted: Wanted) -> dict[str, Any]:
    samples = next(iter(_clips(wanted).values()))
    after = {}
    for name in (name for name in CLIP if name in _SHOWN_AUGMENTATIONS):
        (step,) = clip_chain([{"name": name, **_SHOWN_AUGMENTATIONS[name]}], wanted.root)
        after[name] = step(samples, RATE_HZ, np.random.default_rng(wanted.seed))
    return {"before": samples, "after": after, "rate_hz": RATE_HZ}


def _training(wanted: Wanted) -> dict[str, Any]:
    from trainer.plots.training import read_log  # noqa: PLC0415 - matplotlib

    return {"records": read_log(_one(wanted, "the folder of a run") / LOG)}


def _rates(wanted: Wanted) -> dict[str, Any]:
    """A training of its own: `ser-train train RECIPE --find-rate` draws it."""
    raise NoInputError(f"rates are measured by a training: ser-train train {wanted.recipe.name} --find-rate")


def _stream(wanted: Wanted) -> dict[str, Any]:
    """A judgement of its own: `ser-train evaluate MODEL --stream` draws it."""
    del wanted
    raise NoInputError("streams are heard when they are judged: ser-train evaluate MODEL --stream")


def _answers(name: str) -> Callable[[Wanted], dict[str, Any]]:
    return lambda wanted: inputs_of(name, _predictions(wanted))


def _embedding(wanted: Wanted) -> dict[str, Any]:
    from trainer.plots.embedding import points_of  # noqa: PLC0415 - scikit-learn

    predictions = _predictions(wanted)
    likely = np.log(np.maximum(predictions.posteriors, 1e-6))
    points, axis_names = points_of(likely)
    return {
        "points": points,
        "axis_names": axis_names,
        "labels": [predictions.labels[number] for number in predictions.truth],
        "marks": [{"f": "female", "m": "male"}.get(gender, "unknown") for gender in predictions.genders],
        "mark_name": "gender",
    }


def _comparison(wanted: Wanted) -> dict[str, Any]:
    path = _one(wanted, "the folder of ser-train compare") / COMPARISON
    if not path.is_file():
        raise NoInputError(f"{path}: no such file; make it with ser-train compare")
    rows = msgspec.json.decode(path.read_bytes())["systems"]
    return {"systems": systems_of(rows), "metric": METRIC}


def _evaluated(name: str) -> Callable[[Wanted], dict[str, Any]]:
    return lambda wanted: evaluation_inputs(name, _evaluation(wanted))


def _naming(wanted: Wanted) -> dict[str, Any]:
    path = _one(wanted, _STREAM) / STREAM
    if not path.is_file():
        raise NoInputError(f"{path}: no such file; make it with ser-train evaluate --stream")
    return naming_inputs(msgspec.json.decode(path.read_bytes()))


def _evaluation(wanted: Wanted) -> dict[str, Any]:
    path = _one(wanted, _EVALUATION) / EVALUATION
    if not path.is_file():
        raise NoInputError(f"{path}: no such file; make it with ser-train evaluate")
    result: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return result


_CLIPS = "recordings, or the recipe's corpora: one clip a label"
_EVALUATION = "the folder of ser-train evaluate"
_STREAM = "the folder of ser-train evaluate --stream"
_RUN = "the folder of a run on clips or of a cross-validation"
_OF: Mapping[str, tuple[Callable[[Wanted], dict[str, Any]], str]] = {
    "classes": (_classes, "the recipe's corpora"),
    "waveform": (_waveform, _CLIPS),
    "fft": (_fft, _CLIPS),
    "spectrogram": (_spectrogram, _CLIPS),
    "mel": (_mel, _CLIPS),
    "filterbank": (_filterbank, _CLIPS),
    "mfcc": (_mfcc, _CLIPS),
    "augmentation": (_augmentation, "a recording, or a clip of the recipe's corpora"),
    "training": (_training, "the folder of a run"),
    "rates": (_rates, "ser-train train --find-rate"),
    "confusion": (_answers("confusion"), _RUN),
    "reliability": (_answers("reliability"), _RUN),
    "embedding": (_embedding, _RUN),
    "speakers": (_answers("speakers"), _RUN),
    "comparison": (_comparison, "the folder of ser-train compare"),
    "stream": (_stream, "ser-train evaluate --stream"),
    "naming": (_naming, _STREAM),
    "coverage": (_evaluated("coverage"), _EVALUATION),
    "conditions": (_evaluated("conditions"), _EVALUATION),
}
"""Plot to the function that fetches its inputs, and what it is drawn of."""


def _utterances(wanted: Wanted) -> list[Utterance]:
    if wanted.root is None:
        raise NoInputError("no corpora here: name their folder with --data, or recordings to draw")
    recipe, _ = present(wanted.recipe, wanted.root)
    _, utterances = labelled(recipe, wanted.root)
    if not utterances:
        raise NoInputError(f"{wanted.root}: no clip of the corpora of recipe '{wanted.recipe.name}'")
    return utterances


def _clips(wanted: Wanted) -> dict[str, NDArray[np.float32]]:
    """Title to samples at `RATE_HZ`: the recordings, or one clip a label of one speaker."""
    if wanted.sources:
        return {path.stem: read_samples(path, RATE_HZ) for path in wanted.sources}
    scheme = label_scheme(wanted.recipe.labels)
    chosen: dict[str, Path] = {}
    for utterance in _utterances(wanted):
        label = scheme.label_of(utterance.emotion, utterance.gender)
        if label is not None:
            chosen.setdefault(label, utterance.path)
    ordered = [label for label in scheme.labels if label in chosen]
    return {label: read_samples(chosen[label], RATE_HZ) for label in ordered}


def _featured(
    wanted: Wanted, feature: Callable[[NDArray[np.float32], int], NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    return {name: feature(samples, RATE_HZ) for name, samples in _clips(wanted).items()}


def _power(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    from trainer.features.spectrogram import Spectrogram  # noqa: PLC0415 - librosa

    return Spectrogram(n_fft=_FFT, hop_samples=_HOP, values="power")(samples, RATE_HZ)


def _predictions(wanted: Wanted) -> Predictions:
    """Of a run, or of the first seed of a cross-validation, all folds together."""
    folder = _one(wanted, _RUN)
    found = sorted([*folder.glob("predictions.npz"), *folder.glob("predictions-seed-*.npz")])
    if not found:
        raise NoInputError(f"{folder}: no predictions here; wanted {_RUN}")
    return joined([read_predictions(found[0])])


def _one(wanted: Wanted, what: str) -> Path:
    if len(wanted.sources) != 1:
        raise NoInputError(f"found {len(wanted.sources)} sources, wanted one: {what}")
    return wanted.sources[0]


def recipe_named(name: str) -> AnyRecipe:
    """The first recipe of a file or name; of a suite, all variants draw on the same corpora."""
    return find_recipes([name])[0]
