"""The honest figures of a model file: test speakers' clips through the daemon's own path, at several levels.

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
from trainer.audio import read_clip
from trainer.corpora import find
from trainer.labels import label_scheme
from trainer.metrics import NO_ANSWER, agreement, score
from trainer.runs import versions, write_arrays, write_json
from trainer.speech import at_level
from trainer.streaming import Listener
from trainer.subprocesses import run_module
from trainer.tables import confusion_table, score_table
from trainer.workers import mapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.card import ModelCard
    from trainer.corpora import Utterance
    from trainer.labels import LabelScheme
    from trainer.streaming import HeardClip

ORIGINAL = "original"
Speakers = Literal["test", "validation"]
LEVELS_DBFS = (-50, -35, -20, -10)
"""Speech levels (see `trainer.speech.speech_level`): a whisper across the room to a shout into the microphone."""
CONDITIONS = (ORIGINAL, *map(str, LEVELS_DBFS))
RESULT = "evaluation.json"


@dataclass(frozen=True, slots=True, eq=False)
class JudgedClip:
    """What the daemon made of one clip."""

    predicted: tuple[int, ...]
    """Number of the label with the highest mean posterior, one a condition; `NO_ANSWER` where it heard no speech."""
    heard: HeardClip
    """At the original level."""


def evaluate_file(path: Path, network: Path | None, root: Path, out: Path, speakers: Speakers = "test") -> int:
    """Judge the model file at `path`, print the tables and write `evaluation.json` into `out`.

    Raises:
        MonitorError: the model is refused, or none of the speakers is there.
    """
    result = evaluation_of(path, network or path.with_suffix(".keras"), root, speakers)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / RESULT, result)
    print(tables_of(result))
    print(f"{out / RESULT}: written")
    return 0


def evaluation_of(path: Path, network: Path, root: Path, speakers: Speakers = "test") -> dict[str, Any]:
    """All figures of a model file, JSON-ready; parity too where `network`, the `.keras` it was made from, is there.

    Args:
        path: of the model file.
        network: need not exist.
        root: data directory.
        speakers: models and their settings are chosen on the validation speakers; the test speakers judge the choice.

    Raises:
        ModelError: the model is refused, or its card names no such speakers.
        NoInputError: none of them is there.
    """
    model = EmotionModel.load(path)
    scheme = label_scheme(str(model.card.provenance.get("label_scheme", "emotion-7")))
    utterances = unheard_utterances(model.card, scheme, root, speakers)
    judged = list(mapped(_judge, utterances, f"{speakers} clips", setup=_open_worker, setup_args=(path,)))
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
        "corpora": _corpora(utterances, judged, scheme),
        "parity": _parity(network, utterances, judged, model.card) if network.is_file() else None,
    }


def unheard_utterances(card: ModelCard, scheme: LabelScheme, root: Path, part: Speakers) -> list[Utterance]:
    """Clips of the speakers that the model's card keeps for validation or testing, of the corpora that are here.

    Raises:
        ModelError: the card names none.
        NoInputError: none is here.
    """
    speakers = {corpus: set(parts.get(part, ())) for corpus, parts in card.provenance.get("speakers", {}).items()}
    if not any(speakers.values()):
        raise ModelError(f"model {card.name}: its card names no {part} speakers; wanted a model exported by ser-train")
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


def level_spread(levels: dict[str, dict[str, Any]]) -> float:
    """Highest less lowest UAR over the clips as recorded and at the speech levels, in points (0-100)."""
    uar = [levels[condition]["uar"] for condition in CONDITIONS]
    return float(100 * (max(uar) - min(uar)))


def tables_of(result: dict[str, Any]) -> str:
    """The figures for people."""
    title = (
        f"{result['identity']} ({result['quantisation']}), {result['speakers']} speakers, UAR in %; "
        "in brackets, % of the answers that another level changes"
    )
    parts = [title, score_table(result, CONDITIONS)]
    for corpus, figures in result["corpora"].items():
        parts += [f"{corpus}, original level, rows truth", confusion_table(figures["confusion"], result["labels"])]
    parity = result["parity"]
    if parity:
        parts.append(
            f"parity over {parity['clips']} clips: Keras = TFLite on {parity['keras_tflite_clips']:.2%} of clips "
            f"(posteriors differ by {parity['max_difference']:.1g} at most), "
            f"batch features = streaming on {parity['batch_streaming_clips']:.2%}"
        )
    return "\n\n".join(parts)


_worker: list[tuple[Listener, EmotionModel]] = []
"""The worker process' own; set once by `_open_worker`."""


def _open_worker(path: Path) -> None:
    model = EmotionModel.load(path)
    _worker[:] = [(Listener(model), model)]


def _judge(utterance: Utterance) -> JudgedClip:
    listener, _ = _worker[0]
    samples = read_clip(utterance.path, listener.rate_hz)
    heard = listener.hear(samples)
    others = [listener.hear(at_level(samples, level, listener.rate_hz)) for level in LEVELS_DBFS]
    return JudgedClip(tuple(_best(clip) for clip in (heard, *others)), heard)


def _best(clip: HeardClip) -> int:
    mean = clip.mean_posteriors
    return NO_ANSWER if mean is None else int(mean.argmax())


def _corpora(utterances: Sequence[Utterance], judged: Sequence[JudgedClip], scheme: LabelScheme) -> dict[str, Any]:
    figures = {}
    for corpus in dict.fromkeys(utterance.corpus for utterance in utterances):
        pairs = [(u, j) for u, j in zip(utterances, judged, strict=True) if u.corpus == corpus]
        truth = [scheme.labels.index(scheme.label_of(u.emotion, u.gender) or "") for u, _ in pairs]
        scores = [score(truth, [j.predicted[i] for _, j in pairs], len(scheme.labels)) for i in range(len(CONDITIONS))]
        levels = {
            condition: {
                "uar": s.uar,
                "war": s.war,
                "clips": s.n_clips,
                "unanswered": s.n_unanswered,
                "changed": 1 - agreement([j.predicted[0] for _, j in pairs], [j.predicted[i] for _, j in pairs]),
            }
            for i, (condition, s) in enumerate(zip(CONDITIONS, scores, strict=True))
        }
        figures[corpus] = {
            "speakers": sorted({u.speaker for u, _ in pairs}),
            "levels": levels,
            "level_spread_points": level_spread(levels),
            "confusion": scores[0].confusion.tolist(),
        }
    return figures


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
