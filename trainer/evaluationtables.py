"""The figures of a model file's evaluation for people: printed by `ser-train evaluate`, and part of the model card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.conditions import LEVELS
from trainer.shortcomings import bound_of, condition_name, parts_of, shortcomings
from trainer.tables import confusion_table, percent, score_table, shares, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHOWN_THRESHOLDS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def tables_of(result: dict[str, Any]) -> str:
    """All of it."""
    title = (
        f"{result['identity']} ({result['quantisation']}), {result['speakers']} speakers, UAR in %; "
        "in brackets, % of the answers that another level changes"
    )
    parts = [title, score_table(parts_of(result), LEVELS)]
    for name, figures in parts_of(result).items():
        about = "losses against the clips as recorded in points of UAR, 95 % intervals over speakers"
        parts += [f"{name}: {about}", condition_table(result, figures)]
    parts += ["by gender", gender_table(result), "by language", language_table(result)]
    parts += ["recall in %", recall_table(result)]
    for corpus, figures in result["corpora"].items():
        parts += [f"{corpus}, original level, rows truth", confusion_table(figures["confusion"], result["labels"])]
    parts += [calibration_words(result), coverage_table(result), threshold_words(result)]
    parity = result["parity"]
    if parity:
        parts.append(
            f"parity over {parity['clips']} clips: Keras = TFLite on {parity['keras_tflite_clips']:.2%} of clips "
            f"(posteriors differ by {parity['max_difference']:.1g} at most), "
            f"batch features = streaming on {parity['batch_streaming_clips']:.2%}"
        )
    if lines := shortcomings(result):
        parts.append("what it can not do\n" + "\n".join(f"- {line}" for line in lines))
    return "\n\n".join(parts)


def condition_table(result: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """UAR and loss under each condition of one corpus, or of all: `figures` of `trainer.invariances`."""
    head = ["condition", "UAR", "95 % CI", "loss", "95 % CI", "wanted", "changed %", "unanswered"]
    rows = []
    for name, one in {**figures["levels"], **figures["world"]}.items():
        bound = bound_of(result, name)
        rows.append(
            [
                condition_name(name),
                percent(one["uar"]),
                shares(one["uar_interval"]),
                "-" if bound is None else f"{one['loss_points']:+.1f}",
                "-" if bound is None else points(one["loss_interval_points"]),
                "-" if bound is None else f"<= {bound:g}",
                "-" if bound is None else percent(one["changed"]),
                str(one["unanswered"]),
            ]
        )
    return table(head, rows)


def gender_table(result: Mapping[str, Any]) -> str:
    """UAR of each corpus by gender."""
    rows = [
        [name, gender, *_group(one)]
        for name, figures in parts_of(result).items()
        for gender, one in figures["per_gender"].items()
    ]
    return table(["corpus", "gender", *_GROUP], rows)


def language_table(result: Mapping[str, Any]) -> str:
    """UAR of each language, over its corpora."""
    rows = []
    for language, one in result["all"]["per_language"].items():
        corpora = [name for name, figures in result["corpora"].items() if figures["language"] == language]
        rows.append([language, " ".join(corpora), *_group(one)])
    return table(["language", "corpora", *_GROUP], rows)


def recall_table(result: Mapping[str, Any]) -> str:
    """Recall of each label in each corpus, in %."""
    parts = parts_of(result)
    rows = [[label, *(percent(figures["recall"][label]) for figures in parts.values())] for label in result["labels"]]
    return table(["label", *parts], rows)


def calibration_words(result: Mapping[str, Any]) -> str:
    """One sentence."""
    calibration = result["calibration"]
    before = calibration["before"]
    words = f"Expected calibration error of clips (15 bins): {_ece(calibration['after'])}"
    if calibration["temperature"] is None:
        return f"{words}; the graph holds no temperature; wanted {calibration['max_ece']:g} at most."
    # Files from before labels by gender had one of their own do not tell it.
    gender = calibration.get("gender_temperature")
    of_gender = "" if gender is None else f", the gender's {gender:g},"
    without = "" if before is None else f", {_ece(before)} without"
    return (
        f"{words} with the temperature {calibration['temperature']:g}{of_gender} in the graph{without}; "
        f"wanted {calibration['max_ece']:g} at most."
    )


def coverage_table(result: Mapping[str, Any]) -> str:
    """Which share of the clips is answered at some thresholds, and which share of the answers is right."""
    curve = result["selective"]["curve"]
    columns = zip(curve["thresholds"], curve["coverage"], curve["accuracy"], strict=True)
    rows = [
        [f"{threshold:.2f}", percent(coverage), percent(accuracy)]
        for threshold, coverage, accuracy in columns
        if threshold in _SHOWN_THRESHOLDS
    ]
    return table(["confidence of", "answered %", "of these right %"], rows)


def threshold_words(result: Mapping[str, Any]) -> str:
    """Which threshold makes enough of the answers right, here and as chosen on the validation speakers."""
    selective, speakers = result["selective"], result["speakers"]
    wanted = f"{100 * selective['wanted_accuracy']:.0f} %"
    own = selective["own"]
    lines = [
        f"Lowest threshold with {wanted} of the answers right on the {speakers} speakers: {_threshold(own)}."
        if own
        else f"No threshold makes {wanted} of the answers right on the {speakers} speakers."
    ]
    if selective["chosen"]:
        chosen_by, chosen = selective["chosen_by"], selective["chosen"]
        lines.append(f"On the validation speakers: {_threshold(chosen_by)}.")
        lines.append(f"That one on the {speakers} speakers: {_threshold(chosen)}.")
    return "\n".join(lines)


_GROUP = ("speakers", "clips", "UAR", "95 % CI", "WAR")


def _group(one: Mapping[str, Any]) -> list[str]:
    interval = shares(one["uar_interval"])
    return [str(one["speakers"]), str(one["clips"]), percent(one["uar"]), interval, percent(one["war"])]


def _threshold(one: Mapping[str, Any]) -> str:
    return (
        f"{one['threshold']:.2f}, answers {percent(one['coverage'])} % ({shares(one['coverage_interval'])}), "
        f"right in {percent(one['accuracy'])} % ({shares(one['accuracy_interval'])})"
    )


def _ece(one: Mapping[str, Any]) -> str:
    interval = one["ece_interval"]
    return f"{one['ece']:.3f}" + (f" (95 % CI {interval[0]:.3f}-{interval[1]:.3f})" if interval else "")


def points(interval: Sequence[float] | None) -> str:
    """Of a loss, which can be negative: `+1.9 to +7.4`, or `-` for none."""
    return f"{interval[0]:+.1f} to {interval[1]:+.1f}" if interval else "-"
