"""The model card for people, in Markdown, from the card inside the model file and the figures of its evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.evaluation import CONDITIONS
from trainer.labels import AFFECT_CITATION
from trainer.tables import confusion_table, score_table, table

if TYPE_CHECKING:
    from monitor.card import ModelCard

NOTICE = (
    "Emotion is inferred from how a voice sounds; it is not a reading of what someone feels. Trained and tested on "
    "acted speech only. Tell the people who are listened to. In the EU, inferring emotions at work and in education is "
    "prohibited (AI Act, Regulation (EU) 2024/1689, Art. 5(1)(f)) save for medical or safety reasons. "
    "The corpora allow non-commercial research use only; so do these weights."
)


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
        _parity(result),
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
    return f"## Speakers\n\nNo speaker is in two columns. Clips: {counts}.\n\n" + table(["corpus", *parts], rows)


def _figures(card: ModelCard, result: dict[str, Any]) -> str:
    about = (
        f"Test speakers: {result['protocol']}. UAR (unweighted average recall) in %; speech is brought to the level "
        "named, with the rounding and clipping of 16 bits; in brackets, the share of answers that this changes, in %; "
        "spread is the highest less the lowest UAR, as recorded included, in points. "
        f"`ser-train evaluate models/{card.name}.tflite` prints:"
    )
    parts = ["## How well it recognises", about, score_table(result, CONDITIONS)]
    for corpus, figures in result["corpora"].items():
        counts = confusion_table(figures["confusion"], result["labels"])
        parts += [f"{corpus}, clips at the original level, rows truth, columns answer:", counts]
    return "\n\n".join(parts)


def _parity(result: dict[str, Any]) -> str:
    parity = result["parity"]
    if not parity:
        return ""
    return (
        "## Parity\n\n"
        f"Over {parity['clips']} test clips ({parity['windows']} windows): Keras and TFLite give the same label for "
        f"{parity['keras_tflite_clips']:.2%} of the clips and {parity['keras_tflite_windows']:.2%} of the windows "
        f"(posteriors differ by at most {parity['max_difference']:.1g}); Keras on features that python_speech_features "
        f"computes of the whole clip and the stream agree on {parity['batch_streaming_clips']:.2%} of the clips."
    )


def _forms(card: ModelCard, forms: str) -> str:
    where = next(metric.on for metric in card.metrics if metric.name == "window_ms")
    return (
        f"## Why {card.quantisation}\n\nThe fastest form that loses at most half a point of UAR on the validation "
        f"speakers ({where}; `ser-train export` prints it).\n\n{forms}"
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
        f"Made again by `ser-train train {facts['recipe']}` and `ser-train export runs/{facts['recipe']}`."
    )
