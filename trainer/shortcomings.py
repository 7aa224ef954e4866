"""What a model can not do, read from the figures of its evaluation, and of it as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.conditions import LEVELS, ORIGINAL
from trainer.streamaims import AIMS, FALSE
from trainer.tables import percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MIN_RECALL = 0.50
"""A label that is missed more often than found is not one to rely on."""
MIN_UAR = 0.60
"""Recall of a corpus, language or gender below which it is named."""


def shortcomings(result: Mapping[str, Any]) -> list[str]:
    """One line for each thing that the model does worse than it should; none where all is well.

    Args:
        result: of `trainer.evaluation.evaluation_of`.
    """
    return [*_weak_labels(result), *_weak_groups(result), *_conditions(result), *_confidence(result)]


def _weak_labels(result: Mapping[str, Any]) -> Iterator[str]:
    """Labels that are mostly missed, and labels that nobody spoke."""
    for corpus, figures in result["corpora"].items():
        where = f"{corpus} ({figures['language']})"
        weak = {label: recall for label, recall in figures["recall"].items() if recall is not None}
        weak = {label: recall for label, recall in weak.items() if recall < MIN_RECALL}
        if weak:
            found = ", ".join(f"{label} {100 * recall:.0f} %" for label, recall in weak.items())
            yield f"{where}: recognises less than {100 * MIN_RECALL:.0f} % of {found}"
        absent = [label for label, recall in figures["recall"].items() if recall is None]
        if absent:
            yield f"{where}: nobody spoke {', '.join(absent)}: not judged there"


def _weak_groups(result: Mapping[str, Any]) -> Iterator[str]:
    """Corpora, languages and genders that are recognised badly."""
    groups = {
        "corpus": {name: figures["levels"][ORIGINAL] for name, figures in result["corpora"].items()},
        "language": result["all"]["per_language"],
        "gender": result["all"]["per_gender"],
    }
    for kind, figures in groups.items():
        for name, one in figures.items():
            if one["uar"] < MIN_UAR:
                yield f"{kind} {name}: UAR {100 * one['uar']:.1f} %, below {100 * MIN_UAR:.0f} %"


def _conditions(result: Mapping[str, Any]) -> Iterator[str]:
    """Conditions that cost more than they may."""
    if not result["recordings_held_out"]:
        yield "noise and rooms of the test may have been heard in training: trained before they were held out"
    for corpus, figures in parts_of(result).items():
        for name, one in {**figures["levels"], **figures["world"]}.items():
            bound = bound_of(result, name)
            if bound is not None and one["loss_points"] > bound:
                interval = one["loss_interval_points"]
                between = f" (95 % interval {interval[0]:.1f} to {interval[1]:.1f})" if interval else ""
                yield (
                    f"{corpus}, {condition_name(name)}: loses {one['loss_points']:.1f} points of UAR{between}, "
                    f"wanted {bound:g} at most"
                )


def _confidence(result: Mapping[str, Any]) -> Iterator[str]:
    """Confidence that cannot be believed."""
    calibration, selective = result["calibration"], result["selective"]
    ece, wanted = calibration["after"]["ece"], selective["wanted_accuracy"]
    if ece > calibration["max_ece"]:
        yield f"confidence is {ece:.3f} off accuracy on average (ECE), wanted {calibration['max_ece']:g} at most"
    chosen = selective["chosen"]
    if chosen is not None and (chosen["accuracy"] or 0) < wanted:
        yield (
            f"answers of confidence {chosen['threshold']:.2f} or more are right in {percent(chosen['accuracy'])} %, "
            f"wanted {100 * wanted:.0f} %: the threshold was chosen on the validation speakers"
        )
    if selective["own"] is None:
        yield f"no threshold of confidence makes {100 * wanted:.0f} % of the answers right"


def stream_shortcomings(result: Mapping[str, Any]) -> list[str]:
    """One line for each thing that the monitor does worse with this model than it should, live.

    Args:
        result: of `trainer.streamevaluation.stream_evaluation`.
    """
    return [*_aims_not_met(result), *_unheard(result["conditions"]), *_wrong_names(result)]


def _aims_not_met(result: Mapping[str, Any]) -> Iterator[str]:
    for aim in AIMS:
        beyond = {name: one[aim.figure] for name, one in result["conditions"].items() if one[aim.figure] is not None}
        listed = ", ".join(f"{name} {_beside(v, aim.at_most)}" for name, v in beyond.items() if v > aim.at_most)
        if listed:
            yield f"{aim.about}: {listed}; wanted {aim.at_most:g} at most"
    alone = result["noise"]["false_per_h"] or 0
    if alone > FALSE.at_most:
        yield f"{FALSE.about}: {_beside(alone, FALSE.at_most)}; wanted {FALSE.at_most:g} at most"


def _unheard(conditions: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What no aim is set for, and nobody should be silent about."""
    never = _range(one["never_right"] for one in conditions.values())
    if never:
        yield f"clips that never get their own label shown: {never}; the delay is of the others"
    missed = _range(one["missed"] for one in conditions.values())
    if missed:
        yield f"speech in no segment: {missed}"


def _wrong_names(result: Mapping[str, Any]) -> Iterator[str]:
    selective = result.get("selective")
    if selective is None:
        return
    wanted, own = selective["wanted_accuracy"], selective["min_confidence"]
    right = {name: one["selective_accuracy"] for name, one in result["conditions"].items()}
    short = {name: share for name, share in right.items() if (share or 0) < wanted}
    listed = ", ".join(
        f"{name} - %" if share is None else f"{name} {_beside(100 * share, 100 * wanted)} %"
        for name, share in short.items()
    )
    if listed:
        yield f"named with `min_confidence` {own:g} and right: {listed}; wanted {100 * wanted:.0f} %"


def _beside(value: float, limit: float) -> str:
    """Two digits, or as many as tell it from the limit."""
    digits = next((n for n in range(2, 6) if round(value, n) != limit), 6)
    return f"{value:.{digits}f}"


def _range(shares: Iterable[float | None]) -> str:
    """`5.1 to 12.6 %` of what is known, or nothing where all of it is zero."""
    known = [share for share in shares if share is not None]
    return f"{percent(min(known))} to {percent(max(known))} %" if any(known) else ""


def parts_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of each corpus and, where there are several, of all clips together."""
    several = len(result["corpora"]) > 1
    return {**result["corpora"], **({"all": result["all"]} if several else {})}


def bound_of(result: Mapping[str, Any], condition: str) -> float | None:
    """Points that a condition may cost; None for `original`."""
    found = result["conditions"].get(condition)
    return None if found is None else float(found["bound_points"])


def condition_name(name: str) -> str:
    """For people: a level says that it is one."""
    return f"speech at {name} dBFS" if name in LEVELS and name != ORIGINAL else name
