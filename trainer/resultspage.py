"""`ser-train results`: what the monitor's own models reach, on one page, from the files that other verbs wrote.

Nothing is measured here: each section quotes the command whose figures it shows; without these files it is left out.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from monitor.errors import ConfigError, NoInputError
from monitor.model import EmotionModel
from trainer.crossval import RESULT as CROSSVAL
from trainer.evaluation import HELD_OUT
from trainer.evaluation import RESULT as EVALUATION
from trainer.evaluationtables import calibration_words, gender_table, language_table, recall_table, threshold_words
from trainer.shortcomings import bound_of, condition_name, parts_of, shortcomings
from trainer.streamevaluation import PICTURE
from trainer.streamevaluation import RESULT as STREAM
from trainer.streamtables import stream_tables
from trainer.tables import percent, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.card import ModelCard

PAGE, STREAM_PICTURE = "results.md", "stream.png"
_MILLION = 1_000_000
_MODELS = {"emotion": "emotion/export", "gender-emotion": "emotion/export-by-gender"}
"""Name of a shipped model to where its export was judged: there, unless `evaluate` judged it again."""
_PUBLISHED = (
    ("AlexNet embeddings, SVM", "pre-trained", None, 0.458),
    ("eGeMAPS functionals (openSMILE), SVM", "none", None, 0.473),
    ("CNN and LSTM", "none", None, 0.567),
    ("GResNet", "none", None, 0.597),
    ("AlexNet, fine-tuned", "pre-trained on pictures", 61e6, 0.617),
    ("ResLSTM-SA (arXiv 2606.03359), mean of its runs; the best: 65.2", "none", 0.047e6, 0.623),
    ("CNN14 (PANNs), fine-tuned", "AudioSet", 81e6, 0.766),
    ("wav2vec2-xlsr, fine-tuned", "speech in 53 languages", 317e6, 0.818),
)
"""System, what it was trained on before, parameters, UAR: eight emotions of RAVDESS, speech, the published folds."""


def write_results(runs: Path, models: Path, docs: Path) -> int:
    """Write `results.md` and its picture into `docs`.

    Args:
        runs: where `crossval` and `evaluate` wrote by default.
        models: where `export` wrote.
        docs: of the page.

    Raises:
        NoInputError: nothing of what it shows is there.
    """
    sections = [*_crossvals(runs), *(section for name in _MODELS for section in _model(name, runs, models, docs))]
    if not sections:
        raise NoInputError(
            f"{runs}: no results; wanted some of ser-train crossval, or of ser-train evaluate models/{HELD_OUT}/emotion"
            ".tflite"
        )
    docs.mkdir(parents=True, exist_ok=True)
    (docs / PAGE).write_text("\n\n".join([_HEAD, *sections]) + "\n", encoding="utf-8")
    print(f"{docs / PAGE}: written")
    return 0


_HEAD = """# What the monitor's models reach

Written by `ser-train results` from the files of the commands that stand beside the figures. Nobody who is tested on was
trained on; intervals are 95 % bootstraps over speakers. Earlier systems, under their own protocols and with new
speakers: [earlier.md](earlier.md). What was tried: [experiments.md](experiments.md)."""


def _crossvals(runs: Path) -> Iterator[str]:
    """The ladder on RAVDESS, and recipes on corpora that they never heard."""
    found = [msgspec.json.decode(path.read_bytes()) for path in sorted(runs.glob(f"*/*/{CROSSVAL}"))]
    ours = [one for one in found if one["cost"]["n_parameters"] is not None]
    if ladder := [one for one in ours if one["protocol"] == "ravdess-5fold"]:
        yield _ladder(ladder)
    for one in ours:
        if one["protocol"] == "leave-one-corpus-out":
            yield _elsewhere(one)


def _ladder(ours: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (uar, [name, "-" if n is None else _millions(n), "-", before, percent(uar), "-"])
        for name, before, n, uar in _PUBLISHED
    ]
    for one in ours:
        cost, folds = one["cost"], one["folds"]
        name = f"**`{one['recipe']}`**, {len(one['seeds'])} seeds, folds {' '.join(_number(fold) for fold in folds)}"
        spread = "" if one["uar_deviation"] is None else f" +- {percent(one['uar_deviation'])}"
        n = cost["multiply_adds"]
        sizes = [_millions(cost["n_parameters"]), "not counted" if n is None else f"{n / 1e6:.1f}"]
        rows.append((one["uar"], [name, *sizes, "none", f"{percent(one['uar'])}{spread}", _interval(one)]))
    rows.sort(key=lambda row: row[0])
    head = ["system", "M parameters", "M multiply-adds a window", "trained before on", "UAR %", "95 % CI"]
    commands = "; ".join(
        f"`ser-train crossval {one['recipe']} --protocol ravdess-5fold --seeds {len(one['seeds'])}` "
        f"(revisions {' '.join(one['revisions'])})"
        for one in ours
    )
    notes = sorted({note for one in ours for note in one["notes"]})
    return "\n\n".join(
        [
            "## RAVDESS: eight emotions, new speakers",
            f"The published folds. UAR is the mean over folds and seeds; our rows by {commands}; others as published.",
            table(head, [row for _, row in rows]),
            *([f"Not as published: {'; '.join(notes)}."] if notes else []),
        ]
    )


def _elsewhere(one: Mapping[str, Any]) -> str:
    """Each corpus by a model that never heard it."""
    seeds = list(one["seeds"].values())
    rows = [
        [
            name,
            str(seeds[0]["per_fold"][str(i)]["clips"]),
            percent(_mean(of["per_fold"][str(i)]["uar"] for of in seeds)),
        ]
        for i, name in enumerate(one["folds"])
    ]
    about = (
        f"Recipe `{one['recipe']}` trained on all other corpora; `ser-train crossval {one['recipe']} --protocol "
        f"leave-one-corpus-out --seeds {len(seeds)}` (revisions {' '.join(one['revisions'])}):"
    )
    return "\n\n".join(["## A corpus that was never heard", about, table(["corpus", "clips", "UAR %"], rows)])


def _model(name: str, runs: Path, models: Path, docs: Path) -> Iterator[str]:
    """What `export` or `evaluate` found of one model, and of it as a stream."""
    evaluations = (runs / f"evaluate-{name}" / EVALUATION, runs / _MODELS[name] / EVALUATION)
    evaluation = next((path for path in evaluations if path.is_file()), evaluations[0])
    stream = runs / f"stream-{name}"
    if not evaluation.is_file() and not (stream / STREAM).is_file():
        return
    judged = models / HELD_OUT / f"{name}.tflite"
    judged = judged if judged.is_file() else models / judged.name
    model = EmotionModel.load(judged)
    if evaluation.is_file():
        yield _evaluated(_of(evaluation, model), model.card, judged)
    if (stream / STREAM).is_file():
        docs.mkdir(parents=True, exist_ok=True)
        picture = docs / (STREAM_PICTURE if name == "emotion" else f"{name}-{STREAM_PICTURE}")
        shutil.copyfile(stream / PICTURE, picture)
        yield _streamed(_of(stream / STREAM, model), picture.name, judged)


def _of(path: Path, model: EmotionModel) -> dict[str, Any]:
    """Figures of this very model, of the test speakers, under the monitor's defaults.

    Raises:
        ConfigError: they are of others.
    """
    result: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    if result.get("tflite_sha256") == model.card.tflite_sha256:
        # `export` judges a file before the figures are in its card: the same network, not yet its final name.
        result["identity"] = model.identity
    found = f"{result['identity']}, {result['speakers']} speakers"
    wanted = f"{model.identity}, test speakers"
    if "--tuned" in result["command"]:
        found += ", other settings than the monitor's"
    if found != wanted:
        raise ConfigError(f"{path}: figures of {found}; wanted {wanted}: run ser-train evaluate again")
    return result


def _evaluated(result: dict[str, Any], card: ModelCard, judged: Path) -> str:
    name = card.name
    parts = parts_of(result)
    rows = [
        [corpus, str(one["clips"]), percent(one["uar"]), _shares(one["uar_interval"]), percent(one["war"])]
        for corpus, one in ((corpus, figures["levels"]["original"]) for corpus, figures in parts.items())
    ]
    licences = ", ".join(f"{licence.source} ({licence.licence})" for licence in card.licences)
    pictures = f"../models/pictures/{name}"
    sibling = "the sibling of the shipped model, same recipe, " if judged.parent.name == HELD_OUT else ""
    about = (
        f"`ser-train evaluate {_shown(judged)}`, model `{result['identity']}`: {sibling}without the speakers that it "
        f"is judged by. All tables, and the confusions of each corpus: [card](../models/{name}.md). "
        f"Trained on {licences}."
    )
    return "\n\n".join(
        [
            f"## `{name}`: {len(card.labels)} labels, corpora of three languages",
            about,
            table(["corpus", "clips", "UAR %", "95 % CI", "WAR %"], rows),
            f"![Confusion matrix]({pictures}/confusion.png)",
            recall_table(result),
            "### By gender and by language",
            gender_table(result),
            language_table(result),
            "### What the world costs",
            "Points of UAR lost against the clips as recorded.",
            _losses(result),
            f"![Under each condition]({pictures}/conditions.png)",
            "### How far its confidence can be believed",
            calibration_words(result),
            threshold_words(result).replace("\n", "  \n"),
            f"![Risk and coverage]({pictures}/coverage.png)",
            "### What it can not do",
            "\n".join(f"- {line}" for line in shortcomings(result)) or "- nothing below the limits of its card",
        ]
    )


def _losses(result: dict[str, Any]) -> str:
    parts = parts_of(result)
    conditions = {name: None for one in parts.values() for name in {**one["levels"], **one["world"]}}
    rows = [
        [
            condition_name(name),
            *(f"{({**one['levels'], **one['world']})[name]['loss_points']:+.1f}" for one in parts.values()),
            f"<= {bound:g}",
        ]
        for name in conditions
        if (bound := bound_of(result, name)) is not None
    ]
    return table(["condition", *parts, "wanted"], rows)


def _streamed(result: dict[str, Any], picture: str, judged: Path) -> str:
    return "\n\n".join(
        [
            f"## `{result['model']}` as a stream",
            f"`ser-train evaluate {_shown(judged)} --stream`, with the monitor's defaults.",
            f"![A conversation, and what the monitor made of it]({picture})",
            stream_tables(result),
        ]
    )


def _shown(model: Path) -> str:
    """Of the model file, for someone in the repository."""
    return str(Path("models", HELD_OUT if model.parent.name == HELD_OUT else "", model.name))


def _interval(one: Mapping[str, Any]) -> str:
    intervals = [figures["uar_interval"] for figures in one["seeds"].values() if figures["uar_interval"]]
    return _shares([_mean(side) for side in zip(*intervals, strict=True)]) if intervals else "-"


def _mean(values: Any) -> float:
    listed = list(values)
    return float(sum(listed) / len(listed))


def _shares(interval: Sequence[float] | None) -> str:
    return f"{percent(interval[0])}-{percent(interval[1])}" if interval else "-"


def _number(fold: str) -> str:
    return fold.removeprefix("fold ").removeprefix("fold-")


def _millions(n: float) -> str:
    """Two digits: `0.047`, `0.3`, `61`, `317`."""
    return f"{n / 1e6:.0f}" if n >= _MILLION else f"{n / 1e6:.2g}"
