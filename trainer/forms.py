"""The forms of a trained network: float32, float16, 8-bit weights, 8-bit arithmetic; made and measured."""

from __future__ import annotations

import datetime as dt
import hashlib
import platform
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from monitor.card import Licence, ModelCard, Probe, write_model_file
from monitor.model import EmotionModel, probe_features
from trainer.beginning import told_beginning
from trainer.labels import label_scheme
from trainer.material import heard, labels_of
from trainer.metrics import agreement, clip_predictions, score
from trainer.modelcard import NOTICE
from trainer.noises import LICENCES as NOISES
from trainer.nonspeech import heard_as_speech
from trainer.rooms import LICENCES as ROOMS
from trainer.runs import write_arrays
from trainer.subprocesses import run_module
from trainer.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.material import HeardWindows, Material
    from trainer.recipe import Recipe
    from trainer.runs import RunFolder

FORMS = ("float32", "float16", "dynamic", "int8")
TOLERANCES = {"float32": 1e-3, "float16": 1e-3, "dynamic": 0.05, "int8": 0.05}
"""How far the probe may lie off on another machine: 8-bit kernels round differently."""
_REPRESENTATIVE_CLIPS = 200
_TIMED_WINDOWS = 300
_ROUNDS = 3


class Measured(msgspec.Struct, frozen=True):
    """One form of the network, measured with the installed interpreter."""

    form: str
    size_bytes: int
    window_ms: float
    """Median time of one window with one thread."""
    validation_uar: float
    """0-1, mean over the corpora's validation speakers."""
    agreement: float
    """Share of the validation windows with the same label as Keras, 0-1."""


def forms_table(measured: Sequence[Measured]) -> str:
    """The comparison for people."""
    head = ["form", "kB", "ms a window", "validation UAR %", "windows as Keras %"]
    return table(head, [_row(one) for one in measured])


def read_forms(path: Path) -> list[Measured]:
    """The comparison that `ser-train export` wrote."""
    return msgspec.convert(msgspec.json.decode(path.read_bytes())["forms"], list[Measured])


def machine() -> str:
    """Where times were measured."""
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"


@dataclass(frozen=True, slots=True)
class Product:
    """What becomes a model file."""

    recipe: Recipe
    """Its name and labels are the model's."""
    network: Path
    """The deployed network."""
    temperatures: tuple[str, ...] = ("temperature",)
    """Keys of the run's figures: what its logits are divided by in its graph."""


class Workshop:
    """Makes and measures the forms of one network of a run."""

    def __init__(self, run: RunFolder, product: Product, material: Material, out: Path) -> None:
        """Let the daemon's ears hear the validation clips; files go to `out`."""
        recipe = product.recipe
        self._run, self._network, self._recipe, self._material, self._out = run, product.network, recipe, material, out
        self._temperatures = product.temperatures
        self._scheme = label_scheme(recipe.labels)
        self._validation: HeardWindows = heard(material.splits.validation, recipe, "validation")

    def path(self, form: str) -> Path:
        """The model file of a form."""
        return self._out / f"{self._recipe.name}-{form}.tflite"

    def convert(self, forms: Sequence[str] = FORMS) -> None:
        """Write flatbuffers of the forms, and what Keras and they say of the validation windows and the probe.

        Raises:
            MonitorError: the conversion failed.
        """
        windows = self._out / "windows.npz"
        arrays = {
            "representative": heard(self._representative(), self._recipe, "representative").windows,
            "validation": self._validation.windows,
            "probe": self._probe_features(),
        }
        write_arrays(windows, arrays)
        try:
            run_module("trainer.convert", self._network, windows, self._out, *forms)
        finally:
            windows.unlink()

    def measure(self, forms: Sequence[str] = FORMS) -> list[Measured]:
        """Write the model files of the forms, load them as the daemon does, run them over the validation windows."""
        models = [self._assembled(form) for form in forms]
        times = _window_ms(models, self._validation.windows[:_TIMED_WINDOWS])
        return [
            self._measured(form, model, window_ms) for form, model, window_ms in zip(forms, models, times, strict=True)
        ]

    def _assembled(self, form: str) -> EmotionModel:
        """The model file of a converted form, written and loaded."""
        n_labels = len(self._scheme.labels)
        with np.load(self._out / "converted.npz") as converted:
            raw = converted[form]
        card = self._card(form, len(raw))
        probe = Probe(self._probe_features(), (raw[: card.n_outputs] / raw[: card.n_outputs].sum())[:n_labels])
        write_model_file(self.path(form), self._flatbuffer(form), card, probe)
        return EmotionModel.load(self.path(form))

    def _measured(self, form: str, model: EmotionModel, window_ms: float) -> Measured:
        with np.load(self._out / "converted.npz") as converted:
            of_keras = converted["validation"][:, : len(self._scheme.labels)]
        posteriors = np.array([model.answer(window).posteriors for window in self._validation.windows])
        return Measured(
            form,
            self.path(form).stat().st_size,
            window_ms,
            self._mean_uar(posteriors),
            agreement(list(posteriors.argmax(axis=1)), list(of_keras.argmax(axis=1))),
        )

    def _representative(self) -> list[Any]:
        """Training clips that show int8 the range of every tensor."""
        train = self._material.splits.train
        rng = np.random.default_rng(self._recipe.seed)
        chosen = rng.choice(len(train), min(_REPRESENTATIVE_CLIPS, len(train)), replace=False)
        return [train[i] for i in sorted(chosen)]

    def _probe_features(self) -> NDArray[np.float32]:
        return probe_features(self._recipe.features, self._recipe.window.frames)

    def _flatbuffer(self, form: str) -> bytes:
        return (self._out / f"{form}.flatbuffer").read_bytes()

    def _mean_uar(self, posteriors: NDArray[np.float64]) -> float:
        utterances = self._material.splits.validation
        truth = np.array(labels_of(utterances, self._recipe))
        of_labels, weights = heard_as_speech(posteriors, self._validation.speech_ratios, len(self._scheme.labels))
        predicted = clip_predictions(of_labels, self._validation.clip, weights, len(truth))
        corpora = np.array([utterance.corpus for utterance in utterances])
        uar = [
            score(truth[corpora == corpus], predicted[corpora == corpus], len(self._scheme.labels)).uar
            for corpus in dict.fromkeys(corpora)
        ]
        return float(np.mean(uar))

    def _card(self, form: str, n_columns: int) -> ModelCard:
        """`n_columns`: of the network's output."""
        recipe, window = self._recipe, self._recipe.window
        n_outputs = len(self._scheme.labels) + (recipe.non_speech is not None)
        cards = [holding.card for holding in self._material.holdings]
        metrics = msgspec.json.decode(self._run.metrics.read_bytes())
        return ModelCard(
            name=recipe.name,
            created=dt.datetime.now(tz=dt.UTC).date().isoformat(),
            labels=self._scheme.labels,
            non_speech=recipe.non_speech is not None,
            activity_steps=n_columns - n_outputs,
            features=recipe.features,
            window_frames=window.frames,
            hop_frames=window.hop_frames,
            min_speech_s=window.min_speech_s,
            min_final_speech_s=window.min_final_speech_s,
            quantisation=form,  # type: ignore[arg-type]
            tflite_sha256=hashlib.sha256(self._flatbuffer(form)).hexdigest(),
            posterior_tolerance=TOLERANCES[form],
            affect=self._scheme.affect(),
            description=recipe.description,
            notice=NOTICE,
            provenance={
                **msgspec.json.decode(self._run.provenance.read_bytes()),
                **told_beginning(self._run.root),
                "label_scheme": recipe.labels,
                # Runs from before genders had one divide them by nothing.
                **{name: metrics.get(name, 1.0) for name in self._temperatures},
                "committee": recipe.committee,
            },
            licences=(
                *(Licence(source=c.name, licence=c.licence, citation=c.citation) for c in cards),
                *(NOISES if _plays_noise(recipe) else ()),
                *(ROOMS if _plays_rooms(recipe) else ()),
            ),
        )


def _plays_noise(recipe: Recipe) -> bool:
    """Whether recordings of surroundings are heard in the training."""
    return recipe.non_speech is not None or any(step.get("folders") for step in recipe.augment.recording)


def _plays_rooms(recipe: Recipe) -> bool:
    """Whether measured rooms are heard in the training."""
    return any(step.get("folder") for step in (*recipe.augment.voice, *recipe.augment.recording))


def _window_ms(models: Sequence[EmotionModel], windows: NDArray[np.float32]) -> list[float]:
    """Median time of a window for each model, which take turns: what else the machine does then slows all alike."""
    times: list[list[float]] = [[] for _ in models]
    for window in [window for _ in range(_ROUNDS) for window in windows]:
        for model, taken in zip(models, times, strict=True):
            started = time.perf_counter()
            model.answer(window)
            taken.append(time.perf_counter() - started)
    return [1000 * float(np.median(taken)) for taken in times]


def _row(one: Measured) -> list[str]:
    kilobytes, uar, same = one.size_bytes / 1000, 100 * one.validation_uar, 100 * one.agreement
    return [one.form, f"{kilobytes:.0f}", f"{one.window_ms:.2f}", f"{uar:.1f}", f"{same:.2f}"]
