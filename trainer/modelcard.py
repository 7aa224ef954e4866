"""The model card for people, in Markdown, from the card inside the model file and the figures of its evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.conditions import LEVELS
from trainer.evaluation import HELD_OUT, JUDGED_SIBLING
from trainer.evaluationpictures import PICTURES as SHOWN
from trainer.evaluationtables import (
    calibration_words,
    condition_table,
    coverage_table,
    gender_table,
    language_table,
    recall_table,
    threshold_words,
)
from trainer.labels import AFFECT_CITATION
from trainer.shortcomings import MIN_RECALL, MIN_UAR, parts_of, shortcomings
from trainer.tables import confusion_table, score_table, table

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.card import ModelCard

_PICTURES = "pictures"
NOTICE = (
    "Emotion is inferred from how a voice sounds; it is not a reading of what someone feels. Trained and tested on "
    "acted speech only. Tell the people who are listened to. In the EU, inferring emotions at work and in education is "
    "prohibited (AI Act, Regulation (EU) 2024/1689, Art. 5(1)(f)) save for medical or safety reasons. "
    "The corpora allow non-commercial research use only; so do these weights."
)


def card_path(model: Path) -> Path:
    """Of the card for people, beside the model file."""
    return model.with_suffix(".md")


def pictures_path(model: Path) -> Path:
    """Of the folder of its pictures."""
    return model.parent / _PICTURES / model.stem


def markdown(card: ModelCard, identity: str, result: dict[str, Any], forms: str) -> str:
    """The whole card.

    Args:
        card: of the shipped file.
        identity: of the shipped file, as events carry it.
        result: of `trainer.evaluation.evaluation_of`.
        forms: the comparison of forms, as a table.
    """
    sections = (
        f"# {card.name}\n\n{card.description}",
        card.notice,
        _what(card, identity),
        _speakers(card),
        _figures(card, result),
        _conditions(card, result),
        _people(card, result),
        _confusion(card, result),
        _confidence(card, result),
        _shortcomings(card, result),
        _parity(card, result),
        _forms(card, forms),
        _licences(card),
        _provenance(card),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _what(card: ModelCard, identity: str) -> str:
    spec = card.features
    seconds = card.window_frames * spec.hop_samples / spec.rate_hz
    hop_s = card.hop_frames * spec.hop_samples / spec.rate_hz
    affect = [
        [label, f"{card.affect[label][0]:+.2f}", f"{card.affect[label][1]:+.2f}"]
        for label in card.labels
        if label in card.affect
    ]
    return (
        "## What it is\n\n"
        f"- `{identity}`, {card.quantisation}, made {card.created}\n"
        f"- hears {seconds:g} s of speech at {spec.rate_hz} Hz, every {hop_s:g} s; "
        f"{spec.n_coefficients} {spec.name} coefficients a frame\n"
        f"- says how likely each of these is: {', '.join(card.labels)}\n\n"
        f"Valence and arousal of an event are means of these coordinates ({AFFECT_CITATION}):\n\n"
        + table(["label", "valence", "arousal"], affect)
    )


def _speakers(card: ModelCard) -> str:
    parts = ("train", "validation", "test")
    rows = [
        [corpus, *(" ".join(speakers.get(part, ())) or "-" for part in parts)]
        for corpus, speakers in card.provenance["speakers"].items()
    ]
    counts = ", ".join(f"{part} {n}" for part, n in card.provenance["clips"].items())
    about = f"No speaker is in two columns. Clips: {counts}."
    if sibling := card.provenance.get(JUDGED_SIBLING):
        about += (
            " Nobody is left to judge it by, so **all figures below are those of its sibling** "
            f"[`{sibling}`]({HELD_OUT}/{card.name}.md): the same recipe without the speakers that are named there."
        )
    return f"## Speakers\n\n{about}\n\n" + table(["corpus", *parts], rows)


def _figures(card: ModelCard, result: dict[str, Any]) -> str:
    about = (
        f"Test speakers: {result['protocol']}. UAR (unweighted average recall) in %; speech is brought to the level "
        "named, with the rounding and clipping of 16 bits; in brackets, the share of answers that this changes, in %; "
        "spread is the highest less the lowest UAR, as recorded included, in points. "
        f"{_command(card)} prints this and all that follows, and draws the pictures:"
    )
    return "\n\n".join(["## How well it recognises", about, score_table(parts_of(result), LEVELS)])


def _conditions(card: ModelCard, result: dict[str, Any]) -> str:
    done = "\n".join(f"- {name}: {one['about']}" for name, one in result["conditions"].items() if name not in LEVELS)
    about = (
        f"The same clips, changed. {_recordings(result)} Loss is UAR as recorded less UAR changed, in points, beside "
        "what was wanted; intervals are 95 % bootstraps over speakers, losses paired. Of two speakers they say little, "
        f"and of one nothing. {_command(card)}:"
    )
    parts = ["## Loudness, noise, rooms, lines", about, done, _picture(card, "conditions")]
    for name, figures in parts_of(result).items():
        parts += [f"{name}:", condition_table(result, figures)]
    return "\n\n".join(parts)


def _people(card: ModelCard, result: dict[str, Any]) -> str:
    parts = ["## By gender and by language", f"Clips as recorded. {_command(card)}:", gender_table(result)]
    return "\n\n".join([*parts, language_table(result), _picture(card, "speakers")])


def _confusion(card: ModelCard, result: dict[str, Any]) -> str:
    parts = ["## What is taken for what", f"Recall in %, clips as recorded. {_command(card)}:", recall_table(result)]
    parts.append(_picture(card, "confusion"))
    for corpus, figures in result["corpora"].items():
        counts = confusion_table(figures["confusion"], result["labels"])
        parts += [f"{corpus}, clips at the original level, rows truth, columns answer:", counts]
        if len(result["corpora"]) > 1:
            parts.append(_picture(card, "confusion", corpus))
    return "\n\n".join(parts)


def _confidence(card: ModelCard, result: dict[str, Any]) -> str:
    about = (
        "Confidence is the highest posterior of a clip, the mean of its windows; the monitor's `min_confidence` is "
        f"compared with a mean over the last seconds instead, which moves more. {_command(card)}:"
    )
    return "\n\n".join(
        [
            "## How far its confidence can be believed",
            about,
            calibration_words(result),
            _picture(card, "reliability"),
            coverage_table(result),
            threshold_words(result).replace("\n", "  \n"),
            _picture(card, "coverage"),
        ]
    )


def _shortcomings(card: ModelCard, result: dict[str, Any]) -> str:
    found = shortcomings(result) or ["nothing below the limits of this section"]
    about = (
        f"Labels with less than {100 * MIN_RECALL:.0f} % recall, corpora, languages and genders below "
        f"{100 * MIN_UAR:.0f} % UAR, conditions that cost more than was wanted, confidence that cannot be believed. "
        f"{_command(card)} prints the list. All of it is acted speech; other languages, children, several voices at "
        "once and emotion that nobody plays were not tested."
    )
    return "\n\n".join(["## What it can not do", about, "\n".join(f"- {line}" for line in found)])


def _recordings(result: dict[str, Any]) -> str:
    if result["recordings_held_out"]:
        return "Noise and rooms are recordings that it was not trained with."
    return "Noise and rooms are recordings that it may have been trained with."


def _command(card: ModelCard) -> str:
    """That printed the figures: of the sibling, where there is one."""
    return f"`{_quoted(card, 'uar')}`"


def _quoted(card: ModelCard, name: str) -> str:
    return next(metric.command for metric in card.metrics if metric.name == name)


def _picture(card: ModelCard, name: str, corpus: str = "") -> str:
    words = SHOWN[name][0].upper() + SHOWN[name][1:]
    file = f"{_PICTURES}/{card.name}/{name}{f'-{corpus}' if corpus else ''}.png"
    return f"![{words}{f', {corpus}' if corpus else ''}]({file})"


def _parity(card: ModelCard, result: dict[str, Any]) -> str:
    parity = result["parity"]
    if not parity:
        return ""
    return (
        "## Parity\n\n"
        f"Over {parity['clips']} test clips ({parity['windows']} windows): Keras and TFLite give the same label for "
        f"{parity['keras_tflite_clips']:.2%} of the clips and {parity['keras_tflite_windows']:.2%} of the windows "
        f"(posteriors differ by at most {parity['max_difference']:.1g}); Keras on features that python_speech_features "
        f"computes of the whole clip and the stream agree on {parity['batch_streaming_clips']:.2%} of the clips "
        f"({_command(card)})."
    )


def _forms(card: ModelCard, forms: str) -> str:
    where = next(metric.on for metric in card.metrics if metric.name == "window_ms")
    return (
        f"## Why {card.quantisation}\n\nThe fastest form that gives at least 99.5 % of the validation speakers' "
        "windows the label that Keras gives, and loses at most half a point of UAR "
        f"({where}; `ser-train export` prints it). What the forms take on arm64, where no board was measured: "
        f"docs/performance.md, What a Raspberry Pi would need.\n\n{forms}"
    )


def _licences(card: ModelCard) -> str:
    lines = [f"- {licence.source}: {licence.licence}. {licence.citation}" for licence in card.licences]
    return (
        "## Licences of the corpora\n\n"
        "The weights are derived from them: non-commercial research use only.\n\n" + "\n".join(lines)
    )


def _provenance(card: ModelCard) -> str:
    facts = card.provenance
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"## Where it comes from\n\nRecipe `{facts['recipe']}` ({facts['recipe_digest']}), seed {facts['seed']}, "
        f"revision `{facts['revision'] or 'unknown'}`, Python {facts['python']}, {versions}. "
        f"Made again by {_commands(card)}."
    )


def _commands(card: ModelCard) -> str:
    name, export = card.provenance["recipe"], _quoted(card, "validation_uar")
    stages = _stages(card.provenance)
    first = _training(stages, "")
    if JUDGED_SIBLING not in card.provenance:
        return f"{first} and `{export}`"
    option = " --by-gender" if " --by-gender" in export else ""
    everyone = _training(stages, "-everyone")
    return f"{first}, `{export}`, {everyone} and `ser-train export runs/{name}-everyone{option}`"


def _stages(told: dict[str, Any]) -> list[str]:
    """The recipes that a network was trained by, one after the other; `told`: of the last of them."""
    return [*(_stages(told["began_with"]) if "began_with" in told else []), told["recipe"]]


def _training(stages: list[str], run: str) -> str:
    """Commands that train the stages; `run`: what the folders of their runs end with."""
    commands = [f"ser-train train {name}{f' --everyone runs/{name}' if run else ''}" for name in stages]
    begun = [f" --begin-with runs/{earlier}{run}" for earlier in stages[:-1]]
    return ", ".join(f"`{command}{option}`" for command, option in zip(commands, ["", *begun], strict=True))
