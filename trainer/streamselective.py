"""What each `min_confidence` of the monitor is worth: how many segments it names, and how many of the names are right.

Risk and coverage as in `trainer.selective` (Geifman & El-Yaniv 2017), of segments instead of clips. A segment counts as
named if its `end`, which sums up all of it, names a label. No threshold changes which segments there are, or what their
`end` finds most likely.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.selective import THRESHOLDS, WANTED_ACCURACY
from trainer.streamfigures import owner_of, segments_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.pipeline.smoother import DecisionRule
    from monitor.records import EmotionEvent
    from trainer.conversations import Scene


def thresholds_beside(decision: DecisionRule) -> tuple[float, ...]:
    """All hundredths, 0-1, and what `decision` has, where that is none of them; rising."""
    return tuple(sorted({*map(float, THRESHOLDS), decision.min_confidence}))


def named_under(scene: Scene, events: Iterable[EmotionEvent], thresholds: Sequence[float]) -> NDArray[np.int64]:
    """Segments with speech, those of them whose `end` names a label, those named right; int64 (thresholds, 3).

    Args:
        scene: what was said, and when.
        events: what the flushed stream made of it, under any `min_confidence`.
        thresholds: of `min_confidence`.
    """
    owned = [(one, owner) for one in segments_of(events) if (owner := owner_of(one, scene.spoken)) is not None]
    confidences = np.array([one.confidence for one, _ in owned])
    right = np.array([one.answer == scene.spoken[owner].turn.label for one, owner in owned], bool)
    named = confidences >= np.array(thresholds)[:, None]
    return np.stack([np.full(len(thresholds), len(owned)), named.sum(axis=1), (named & right).sum(axis=1)], axis=1)


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
