"""`ser-train results`: what the monitor's own models reach, on one page, from the files that other verbs wrote.

Nothing is measured here: each section quotes the command, and the model or revision, whose figures it shows. A section
whose files are not at hand stays as it was on the page, as long as it is of the model that is there now. What is known
of a model as a stream, and of its recipe on other people and corpora, goes into its card too.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from monitor.errors import ConfigError, NoInputError
from monitor.model import SHIPPED_MODELS, EmotionModel
from trainer.cardcompletion import complete_cards
from trainer.crossvalsections import crossval_sections
from trainer.evaluation import HELD_OUT
from trainer.evaluation import RESULT as EVALUATION
from trainer.evaluationtables import (
    calibration_words,
    gender_table,
    language_table,
    points,
    recall_table,
    threshold_words,
)
from trainer.export import FORMS_FILE, GENDER_PREFIX, export_folder
from trainer.forms import forms_table, read_forms
from trainer.pagesections import joined, split_sections
from trainer.runs import RunFolder
from trainer.shortcomings import bound_of, condition_name, parts_of, shortcomings, stream_shortcomings
from trainer.streamevaluation import NAMING, PICTURE
from trainer.streamevaluation import RESULT as STREAM
from trainer.streamtables import naming_words, stream_tables
from trainer.streamtasks import NEUTRAL
from trainer.tables import percent, shares, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.card import ModelCard

PAGE = "results.md"
_PLACES = ("RAVDESS", "A corpus", *(f"`{name}`" for name in SHIPPED_MODELS))
"""How the headings begin, in the order of the page."""


def write_results(runs: Path, models: Path, docs: Path) -> int:
    """Write `results.md` and its picture into `docs`.

    Args:
        runs: where `crossval`, `export` and `evaluate` wrote by default.
        models: where `export` wrote.
        docs: of the page.

    Raises:
        NoInputError: nothing of what it shows is there.
    """
    of_models = (section for name in SHIPPED_MODELS for section in _model(name, runs, models, docs))
    made = [*crossval_sections(runs, docs), *of_models]
    if not made:
        raise NoInputError(
            f"{runs}: no results; wanted some of ser-train crossval, or of ser-train evaluate models/{HELD_OUT}/emotion"
            ".tflite"
        )
    docs.mkdir(parents=True, exist_ok=True)
    sections = {**_kept(docs / PAGE, models), **split_sections("\n\n".join(made))[1]}
    in_order = [text for place in _PLACES for heading, text in sections.items() if re.match(place, heading)]
    (docs / PAGE).write_text(joined(_HEAD, in_order), encoding="utf-8")
    print(f"{docs / PAGE}: written")
    for name in SHIPPED_MODELS:
        complete_cards(name, sections, models, docs)
    return 0


def _kept(page: Path, models: Path) -> dict[str, str]:
    """Sections of the page as it is, without those of models that are no longer there."""
    if not page.is_file():
        return {}
    _, sections = split_sections(page.read_text(encoding="utf-8"))
    there = {
        name: EmotionModel.load(path).identity for name in SHIPPED_MODELS if (path := _judged(models, name)).is_file()
    }

    def holds(heading: str, text: str) -> bool:
        name = next((name for name in SHIPPED_MODELS if heading.startswith(f"`{name}`")), None)
        return name is None or there.get(name, "no model") in text

    return {heading: text for heading, text in sections.items() if holds(heading, text)}


def _judged(models: Path, name: str) -> Path:
    """The model file that is judged: the sibling that never heard the test speakers, where there is one."""
    sibling = models / HELD_OUT / f"{name}.tflite"
    return sibling if sibling.is_file() else models / sibling.name


_HEAD = """# What the monitor's models reach

Written by `ser-train results` from the files of the commands that stand beside the figures. Nobody who is tested on was
trained on; intervals are 95 % bootstraps over speakers. Earlier systems, under their own protocols and with new
speakers: [earlier.md](earlier.md). What was tried: [experiments.md](experiments.md)."""


def _model(name: str, runs: Path, models: Path, docs: Path) -> Iterator[str]:
    """What `export` or `evaluate` found of one model, and of it as a stream."""
    judged = _judged(models, name)
    if not judged.is_file():
        return
    model = EmotionModel.load(judged)
    # Where its export was judged; `evaluate` may have judged it again.
    exported = export_folder(runs / model.card.provenance["recipe"], by_gender=name.startswith(GENDER_PREFIX))
    places = (runs / f"evaluate-{name}" / EVALUATION, exported / EVALUATION)
    evaluations, stream = [path for path in places if path.is_file()], runs / f"stream-{name}"
    if evaluations:
        result = _first_of(evaluations, model)
        yield _evaluated(result, model.card, judged)
        yield _made_of(result, model, judged, exported)
    if (stream / STREAM).is_file():
        docs.mkdir(parents=True, exist_ok=True)
        begin = "" if name == "emotion" else f"{name}-"
        for picture in (PICTURE, NAMING):
            if not (stream / picture).is_file():
                raise NoInputError(f"{stream / picture}: no such file; run ser-train evaluate --stream again")
            shutil.copyfile(stream / picture, docs / f"{begin}{picture}")
        yield _streamed(_of(stream / STREAM, model), begin, judged, _chosen(runs, model, judged))


def _first_of(paths: Sequence[Path], model: EmotionModel) -> dict[str, Any]:
    """The first of these figures that are of this model; where none is, the error of the first, as of `_of`."""
    errors = []
    for path in paths:
        try:
            return _of(path, model)
        except ConfigError as error:
            errors.append(error)
    raise errors[0]


def _chosen(runs: Path, model: EmotionModel, judged: Path) -> str:
    """What the validation speakers' stream says of `min_confidence`; nothing where they were not asked."""
    path = runs / f"stream-{model.card.name}-validation" / STREAM
    if not path.is_file():
        return ""
    result = _of(path, model, "validation")
    selective = result["selective"]
    own = selective["min_confidence"]
    fits = selective["lowest"] == own
    chosen = "is" if fits else f"is {own:g}, the monitor's default, and was not"
    shares = ", ".join(f"{name} {percent(one['selective_accuracy'])}" for name, one in result["conditions"].items())
    return (
        f"`min_confidence` {chosen} chosen on the validation speakers (`ser-train evaluate {_shown(judged)} --stream "
        f"--speakers validation`). {naming_words(result)} Right of the names from {own:g} on there, in %: {shares}."
    )


def _of(path: Path, model: EmotionModel, part: str = "test") -> dict[str, Any]:
    """Figures of this very model, of the speakers of `part`, under the monitor's defaults.

    Raises:
        ConfigError: they are of others.
    """
    result: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    if result.get("tflite_sha256") == model.card.tflite_sha256:
        # `export` judges a file before the figures are in its card: the same network, not yet its final name.
        result["identity"] = model.identity
    found = f"{result['identity']}, {result['speakers']} speakers"
    wanted = f"{model.identity}, {part} speakers"
    if "--tuned" in result["command"]:
        found += ", other settings than the monitor's"
    if found != wanted:
        raise ConfigError(f"{path}: figures of {found}; wanted {wanted}: run ser-train evaluate again")
    return result


def _evaluated(result: dict[str, Any], card: ModelCard, judged: Path) -> str:
    name = card.name
    parts = parts_of(result)
    rows = [
        [corpus, str(one["clips"]), percent(one["uar"]), shares(one["uar_interval"]), percent(one["war"])]
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
    losses = (
        "Points of UAR lost against the clips as recorded; the interval is of all. Those of corpora, which say little "
        f"of two speakers: [card](../models/{name}.md#loudness-noise-rooms-lines)."
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
            losses,
            _losses(result),
            f"![Under each condition]({pictures}/conditions.png)",
            "### How far its confidence can be believed",
            calibration_words(result),
            threshold_words(result).replace("\n", "  \n"),
            f"![Risk and coverage]({pictures}/coverage.png)",
            "### What it can not do",
            "\n".join(f"- {line}" for line in [*shortcomings(result), *_unjudged(card)])
            or "- nothing below the limits of its card",
        ]
    )


def _unjudged(card: ModelCard) -> Iterator[str]:
    """Corpora with emotions of which nobody was left to judge the model by."""
    for corpus, of_parts in card.provenance.get("speakers", {}).items():
        if not of_parts.get("test") and corpus != NEUTRAL:
            who = f"{corpus}: all of its speakers ({', '.join(of_parts['train'])})"
            yield f"{who} were trained with; judged only where the whole corpus was left out"


def _made_of(result: Mapping[str, Any], model: EmotionModel, judged: Path, exported: Path) -> str:
    """Sizes, the forms it was chosen from, and whether Keras, TFLite and the stream agree, as far as files tell."""
    lines = ["### What it is made of"]
    metrics, forms = RunFolder(exported.parent).metrics, exported / FORMS_FILE
    if metrics.is_file():
        sizes = msgspec.json.decode(metrics.read_bytes())
        n, operations, size = sizes["parameters"], sizes["multiply_adds"], judged.stat().st_size
        lines.append(f"{n:,} parameters, {operations / 1e6:.1f} M multiply-adds a window, {size / 1e3:.0f} kB.")
    if forms.is_file():
        name, form = model.card.name, model.card.quantisation
        lines.append(
            f"Forms that `ser-train export` made and measured; [why {form}](../models/{name}.md#why-{form}), and what "
            "they take [on arm64](performance.md#what-a-raspberry-pi-would-need):"
        )
        lines.append(forms_table(read_forms(forms)))
    if parity := result.get("parity"):
        forms_agree, streams_agree = parity["keras_tflite_clips"], parity["batch_streaming_clips"]
        lines.append(
            f"The label of a clip is the same by Keras and by TFLite in {forms_agree:.2%} of {parity['clips']} clips, "
            f"and the same by Keras on features of the whole clip and by the stream in {streams_agree:.2%}."
        )
    return "\n\n".join(lines)


def _losses(result: dict[str, Any]) -> str:
    parts = parts_of(result)
    whole = [*parts.values()][-1]
    conditions = {name: None for one in parts.values() for name in {**one["levels"], **one["world"]}}
    rows = [
        [
            condition_name(name),
            *(f"{_condition(one, name)['loss_points']:+.1f}" for one in parts.values()),
            points(_condition(whole, name)["loss_interval_points"]),
            f"<= {bound:g}",
        ]
        for name in conditions
        if (bound := bound_of(result, name)) is not None
    ]
    return table(["condition", *parts, "95 % CI", "wanted"], rows)


def _condition(figures: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = {**figures["levels"], **figures["world"]}[name]
    return found


def _streamed(result: dict[str, Any], begin: str, judged: Path, chosen: str) -> str:
    """`begin`: of the pictures' names; `chosen`: how `min_confidence` was."""
    about = (
        f"`ser-train evaluate {_shown(judged)} --stream` (revision {result['revision']}), with the monitor's defaults; "
        "how they were chosen, and what each figure is: [training.md](training.md#as-a-stream)."
    )
    return "\n\n".join(
        [
            f"## `{result['model']}` as a stream",
            about,
            f"![A conversation, and what the monitor made of it]({begin}{PICTURE})",
            stream_tables(result),
            "### When it names an emotion",
            f"![What each min_confidence is worth]({begin}{NAMING})",
            *([chosen] if chosen else []),
            "### What falls short live",
            "\n".join(f"- {line}" for line in stream_shortcomings(result)) or "- nothing of what was aimed at",
        ]
    )


def _shown(model: Path) -> str:
    """Of the model file, for someone in the repository."""
    return str(Path("models", HELD_OUT if model.parent.name == HELD_OUT else "", model.name))
