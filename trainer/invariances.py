"""What a condition costs: recall with and without it, on the same clips of the same speakers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.conditions import LEVELS, ORIGINAL
from trainer.figures import figures_by, gender_names, recalls
from trainer.metrics import agreement, loss_interval, score, uar_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainer.figures import Predictions


def condition_figures(original: Predictions, changed: Predictions) -> dict[str, Any]:
    """Figures of the same clips as recorded and changed, JSON-ready.

    Shares are 0-1; `loss_points` is UAR as recorded less UAR changed, 0-100, with its paired 95 % interval; `changed`
    the share of the answers that differ. Intervals are None for fewer than two speakers.
    """
    truth, speakers = original.truth, original.speaker_keys
    before, after = original.predicted, changed.predicted
    first, second = (score(truth, answers, len(original.labels)) for answers in (before, after))
    interval = uar_interval(truth, after, speakers)
    loss = loss_interval(truth, before, after, speakers)
    return {
        "uar": second.uar,
        "uar_interval": None if interval is None else list(interval),
        "war": second.war,
        "clips": second.n_clips,
        "unanswered": second.n_unanswered,
        "changed": 1 - agreement(list(before), list(after)),
        "loss_points": 100 * (first.uar - second.uar),
        "loss_interval_points": None if loss is None else [100 * loss[0], 100 * loss[1]],
    }


def figures_under(answers: Mapping[str, Predictions]) -> dict[str, Any]:
    """All figures of some clips, JSON-ready: at each level, under each other condition, by gender, by label.

    Args:
        answers: condition to predictions of the same clips; `original` is one.
    """
    original = answers[ORIGINAL]
    figures = {name: condition_figures(original, changed) for name, changed in answers.items()}
    confusion = score(original.truth, original.predicted, len(original.labels)).confusion
    levels = {name: figures[name] for name in LEVELS}
    return {
        "speakers": sorted(set(original.speakers if len(set(original.corpus)) == 1 else original.speaker_keys)),
        "levels": levels,
        "level_spread_points": level_spread(levels),
        "world": {name: one for name, one in figures.items() if name not in LEVELS},
        "confusion": confusion.tolist(),
        "recall": recalls(confusion, original.labels),
        "per_gender": figures_by(original, gender_names(original)),
    }


def level_spread(levels: Mapping[str, Mapping[str, Any]]) -> float:
    """Highest less lowest UAR over the clips as recorded and at the speech levels, in points (0-100)."""
    uar = [levels[condition]["uar"] for condition in LEVELS]
    return float(100 * (max(uar) - min(uar)))
