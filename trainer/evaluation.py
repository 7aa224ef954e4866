"""The honest figures of a model file: test speakers' clips through the daemon's own path, as recorded and changed.

No TensorFlow here: it and the small interpreter do not get on within one process. What needs both, parity, is asked of
`trainer.parity` in a process of its own.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from monitor.errors import ModelError, NoInputError
from monitor.model import EmotionModel
from trainer.calibration import calibration_figures, without_temperature
from trainer.conditions import LEVELS_DBFS, ORIGINAL, open_conditions
from trainer.corpora import find
from trainer.evaluationpictures import draw_evaluation
from trainer.evaluationtables import tables_of
from trainer.figures import figures_by, figures_of, predictions_of
from trainer.invariances import figures_under, level_spread
from trainer.judging import judge
from trainer.labels import VOCABULARY, label_scheme
from trainer.runs import RECORDINGS_HELD_OUT, versions, write_arrays, write_json
from trainer.selective import selective_figures
from trainer.subprocesses import run_module

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.card import ModelCard
    from trainer.conditions import Condition
    from trainer.corpora import Utterance
    from trainer.figures import Predictions
    from trainer.judging import JudgedClip
    from trainer.labels import LabelScheme

__all__ = ["LEVELS_DBFS", "ORIGINAL", "RESULT", "evaluate_file", "evaluation_of", "level_spread"]

Speakers = Literal["test", "validation"]
RESULT = "evaluation.json"
TEMPERATURE = "temperature"
"""Key of a card's provenance: what the network's logits are divided by in its graph; absent without calibration."""
GENDER_TEMPERATURE = "gender_temperature"
"""The same of the gender's logits, where labels are by gender."""
COMMITTEE = "committee"
"""Key of a card's provenance: how many networks answer together."""
HELD_OUT = "held-out"
"""Folder beside a model that was trained on everybody: the sibling that its figures are of."""
JUDGED_SIBLING = "judged_sibling"
"""Key of a card's provenance: identity of that sibling."""


def evaluate_file(path: Path, network: Path | None, root: Path, out: Path, speakers: Speakers = "test") -> int:
    """Judge the model file at `path`, print the tables, write `evaluation.json` and the pictures into `out`.

    Raises:
        MonitorError: the model is refused, or none of the speakers is there.
    """
    result = evaluation_of(path, network or path.with_suffix(".keras"), root, speakers)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / RESULT, result)
    pictures = draw_evaluation(result, out)
    print(tables_of(result))
    print(f"{out / RESULT}: written, with {', '.join(picture.name for picture in pictures)}")
    return 0


def evaluation_of(
    path: Path, network: Path, root: Path, speakers: Speakers = "test", only: Sequence[str] | None = None
) -> dict[str, Any]:
    """All figures of a model file, JSON-ready; parity too where `network`, the `.keras` it was made from, is there.

    Args:
        path: of the model file.
        network: need not exist.
        root: data directory.
        speakers: models and their settings are chosen on the validation speakers; the test speakers judge the choice.
        only: conditions that clips are heard under beside as recorded; None: all of `trainer.conditions.CONDITIONS`.

    Raises:
        ModelError: the model is refused, or its card names no such speakers.
        NoInputError: none of them is there.
    """
    model = EmotionModel.load(path)
    scheme = label_scheme(str(model.card.provenance.get("label_scheme", "emotion-7")))
    utterances = unheard_utterances(model.card, scheme, root, speakers)
    conditions = {name: one for name, one in open_conditions(root).items() if only is None or name in only}
    judged = judge(path, utterances, root, tuple(conditions), f"{speakers} clips")
    heard = _Heard(utterances, judged, scheme, tuple(conditions))
    chosen = _validation(path, model.card, scheme, root) if speakers == "test" else None
    return {
        "model": model.card.name,
        "identity": model.identity,
        "tflite_sha256": model.card.tflite_sha256,
        "quantisation": model.card.quantisation,
        "labels": list(model.labels),
        "command": f"ser-train evaluate {path.name}" + ("" if speakers == "test" else f" --speakers {speakers}"),
        "speakers": speakers,
        "protocol": "each clip as one stream through the daemon's pipeline; mean posterior of its windows, weighed by "
        "the speech in them; no window is a wrong answer; speakers never heard in training",
        "versions": versions(),
        "conditions": _conditions(conditions),
        "recordings_held_out": bool(model.card.provenance.get(RECORDINGS_HELD_OUT)),
        "corpora": heard.corpora(),
        "all": heard.together(),
        "calibration": heard.calibration(model.card),
        "selective": selective_figures(heard.answers()[ORIGINAL], chosen),
        "parity": _parity(network, utterances, judged, model.card) if network.is_file() and heard.any_window else None,
    }


def unheard_utterances(card: ModelCard, scheme: LabelScheme, root: Path, part: Speakers) -> list[Utterance]:
    """Clips of the speakers that the model's card keeps for validation or testing, of the corpora that are here.

    Raises:
        ModelError: the card names none.
        NoInputError: none is here.
    """
    speakers = {corpus: set(parts.get(part, ())) for corpus, parts in card.provenance.get("speakers", {}).items()}
    if not any(speakers.values()):
        wanted = "a model exported by ser-train"
        if sibling := card.provenance.get(JUDGED_SIBLING):
            wanted = f"its sibling {sibling}, which some were kept from: models/{HELD_OUT}/{card.name}.tflite"
        raise ModelError(f"model {card.name}: its card names no {part} speakers; wanted {wanted}")
    found: list[Utterance] = []
    for corpus in (corpus for corpus, names in speakers.items() if names):
        try:
            holding = find(corpus, root)
        except NoInputError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        found += [
            u
            for u in holding.utterances
            if u.speaker in speakers[corpus] and scheme.label_of(u.emotion, u.gender) is not None
        ]
    if not found:
        raise NoInputError(f"{root}: no clip of the {part} speakers of {card.name}; see ser-train corpora")
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """All clips with what was made of them."""

    utterances: Sequence[Utterance]
    judged: Sequence[JudgedClip]
    scheme: LabelScheme
    conditions: tuple[str, ...]

    @property
    def any_window(self) -> bool:
        """Whether the model found speech anywhere."""
        return any(len(clip.heard.windows) for clip in self.judged)

    def answers(self, corpus: str | None = None) -> dict[str, Predictions]:
        """`original` and each condition to the answers, to all clips or to those of one corpus."""
        pairs = [(u, j) for u, j in zip(self.utterances, self.judged, strict=True) if corpus in (None, u.corpus)]
        utterances = [u for u, _ in pairs]
        posteriors = np.array([j.posteriors for _, j in pairs])
        return {
            name: predictions_of(utterances, self.scheme, posteriors[:, i])
            for i, name in enumerate((ORIGINAL, *self.conditions))
        }

    def corpora(self) -> dict[str, dict[str, Any]]:
        """Figures of each corpus, in the order of the clips."""
        languages = {u.corpus: u.language for u in self.utterances}
        return {
            corpus: {"language": language, **figures_under(self.answers(corpus))}
            for corpus, language in languages.items()
        }

    def together(self) -> dict[str, Any]:
        """Figures of all clips, by language and by speaker too."""
        answers = self.answers()
        return {
            **figures_under(answers),
            "per_language": figures_by(answers[ORIGINAL], [u.language for u in self.utterances]),
            "per_speaker": figures_of(answers[ORIGINAL])["per_speaker"],
        }

    def calibration(self, card: ModelCard) -> dict[str, Any]:
        """Calibration of the clips as recorded, and what it would be without the temperature.

        From the mean of a committee the temperature of its members cannot be taken back, nor from an emotion's times a
        gender's.
        """
        before, temperature = None, _number(card, TEMPERATURE)
        by_gender = all(self.scheme.label_of(emotion) is None for emotion in VOCABULARY)
        if temperature is not None and card.provenance.get(COMMITTEE, 1) == 1 and not by_gender:
            means = np.array([_mean_without(clip, temperature) for clip in self.judged])
            before = predictions_of(self.utterances, self.scheme, means)
        return calibration_figures(self.answers()[ORIGINAL], before, temperature, _number(card, GENDER_TEMPERATURE))


def _mean_without(clip: JudgedClip, temperature: float) -> NDArray[np.float64]:
    """Mean posteriors of a clip as recorded, float64 (labels,), the temperature of each window taken back."""
    heard = clip.heard
    if not len(heard.posteriors):
        return np.zeros(clip.posteriors.shape[1])
    restored = without_temperature(heard.posteriors, temperature)
    mean: NDArray[np.float64] = np.average(restored, axis=0, weights=heard.speech_ratios)
    return mean


def _number(card: ModelCard, key: str) -> float | None:
    found = card.provenance.get(key)
    return None if found is None else float(found)


def _conditions(conditions: Mapping[str, Condition]) -> dict[str, dict[str, Any]]:
    return {name: {"about": one.about, "bound_points": one.bound_points} for name, one in conditions.items()}


def _validation(path: Path, card: ModelCard, scheme: LabelScheme, root: Path) -> Predictions | None:
    """The answers to the validation speakers as recorded, by whom thresholds are chosen; None where none is here."""
    try:
        utterances = unheard_utterances(card, scheme, root, "validation")
    except (ModelError, NoInputError):
        return None
    judged = judge(path, utterances, root, (), "validation clips")
    return predictions_of(utterances, scheme, np.array([clip.posteriors[0] for clip in judged]))


def _parity(
    network: Path, utterances: Sequence[Utterance], judged: Sequence[JudgedClip], card: ModelCard
) -> dict[str, Any]:
    """Figures of `trainer.parity`.

    Raises:
        MonitorError: it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        streamed, result = Path(folder) / "streamed.npz", Path(folder) / "parity.json"
        write_arrays(streamed, _streamed(utterances, judged, card))
        run_module("trainer.parity", network, streamed, result)
        figures: dict[str, Any] = msgspec.json.decode(result.read_bytes())
    return figures


def _streamed(
    utterances: Sequence[Utterance], judged: Sequence[JudgedClip], card: ModelCard
) -> dict[str, NDArray[Any]]:
    """What `trainer.parity` compares with, as arrays."""
    counts = [len(j.heard.windows) for j in judged]
    return {
        "spec": np.frombuffer(msgspec.json.encode(card.features), np.uint8),
        "paths": np.array([str(u.path) for u in utterances]),
        "clip": np.repeat(np.arange(len(judged)), counts),
        "windows": np.concatenate([j.heard.windows for j in judged]),
        "ends": np.concatenate([j.heard.end_samples for j in judged]),
        "posteriors": np.concatenate([j.heard.posteriors for j in judged]),
        "speech_ratios": np.concatenate([j.heard.speech_ratios for j in judged]),
    }
