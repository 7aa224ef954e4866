"""What each `min_confidence` of the monitor is worth: how many segments it names, and how many of the names are right.

Risk and coverage as in `trainer.selective` (Geifman & El-Yaniv 2017), of segments instead of clips. What is compared
with the threshold live is a mean over the last seconds, and a name is kept for a while: so each threshold is heard by
the monitor's own smoother, instead of cutting through one confidence a segment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.selective import THRESHOLDS, WANTED_ACCURACY
from trainer.streamfigures import judge
from trainer.transcript import redecided

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from monitor.pipeline.smoother import DecisionRule
    from trainer.conversations import Scene
    from trainer.transcript import Transcript


def thresholds_beside(decision: DecisionRule) -> tuple[float, ...]:
    """All hundredths, 0-1, and what `decision` has, where that is none of them; rising."""
    return tuple(sorted({*map(float, THRESHOLDS), decision.min_confidence}))


def named_under(
    transcript: Transcript, scene: Scene, labels: tuple[str, ...], rate_hz: int, decision: DecisionRule
) -> NDArray[np.int64]:
    """Segments with speech, those of them whose `end` names a label, those named right; int64 (thresholds, 3).

    Thresholds are those of `thresholds_beside`.

    Args:
        transcript: of the scene.
        scene: what was said, and when.
        labels: of the model.
        rate_hz: of the scene.
        decision: all but its `min_confidence` holds.
    """
    thresholds = thresholds_beside(decision)
    counts = np.zeros((len(thresholds), 3), np.int64)
    for row, threshold in zip(counts, thresholds, strict=True):
        events = redecided(transcript, labels, rate_hz, replace(decision, min_confidence=threshold))
        segments = [one for one in judge(scene, events, rate_hz, frozenset()).answers if one.answer]
        named = [one for one in segments if one.certain]
        row[:] = len(segments), len(named), sum(one.answer == one.truth for one in named)
    return counts


def stream_selective(counts: Mapping[str, NDArray[np.int64]], decision: DecisionRule) -> dict[str, Any]:
    """The curve of each condition, and what is chosen from them; JSON-ready.

    Args:
        counts: condition to the sum of `named_under` over its scenes.
        decision: what the monitor was judged with.

    Returns:
        wanted_accuracy: 0-1.
        min_confidence: of `decision`.
        lowest: the lowest threshold that makes so many of the names right in every condition; None where none does.
        curves: condition to `thresholds`, `coverage` (share of the segments that is named) and `accuracy` (share of
            those that is right), 0-1; None of nothing.
    """
    thresholds = thresholds_beside(decision)
    curves = {name: _curve(thresholds, of_one) for name, of_one in counts.items()}
    enough = (
        threshold
        for i, threshold in enumerate(thresholds)
        if all((curve["accuracy"][i] or 0) >= WANTED_ACCURACY for curve in curves.values())
    )
    return {
        "wanted_accuracy": WANTED_ACCURACY,
        "min_confidence": decision.min_confidence,
        "lowest": next(enough, None),
        "curves": curves,
    }


def naming_inputs(result: Mapping[str, Any]) -> dict[str, Any]:
    """What the plot `naming` shows of the result of `trainer.streamevaluation.stream_evaluation`."""
    return {name: result["selective"][name] for name in ("curves", "wanted_accuracy", "min_confidence")}


def _curve(thresholds: tuple[float, ...], counts: NDArray[np.int64]) -> dict[str, Any]:
    rows = [[int(count) for count in row] for row in counts]
    return {
        "thresholds": list(thresholds),
        "coverage": [named / segments if segments else None for segments, named, _ in rows],
        "accuracy": [right / named if named else None for _, named, right in rows],
    }
