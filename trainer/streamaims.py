"""What is wanted of the monitor as a stream, and what a setting is worth by it."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_OCTAVE_POINTS = 5.0
"""A figure at twice its aim costs as much as 5 points of UAR."""
_SHARE_POINTS = 25.0
"""A share of one costs as much as 25 points of UAR."""
MARGIN_POINTS = 0.5
"""Defaults stay where another setting is not worth so much more: by so few speakers, less is chance."""
_UNKNOWN_FACTOR = 8.0
"""A figure that nothing could be counted for, such as the delay where no clip was ever right, is that bad."""


@dataclass(frozen=True, slots=True)
class Aim:
    """An upper limit."""

    figure: str
    about: str
    at_most: float


DELAY = Aim("right_delay_median_s", "median delay to the first right label, of the clips that get one, s", 1.5)
CHANGES = Aim("changes_per_min", "label changes within a clip, a minute", 4.0)
FALSE = Aim("false_per_h", "false segments, an hour of sounds without speech", 5.0)
GAPS = Aim("false_per_h", "false segments, an hour of the gaps between clips", FALSE.at_most)
LOSS = Aim("loss_points", "clip UAR less segment UAR, points", 3.0)
STREAM_LOSS = Aim("stream_loss_points", "the same, clips heard in the same sounds and room, points", 3.0)
AIMS = (DELAY, CHANGES, GAPS, LOSS, STREAM_LOSS)
"""That each condition is held against."""


def worth(conditions: Mapping[str, Mapping[str, Any]], neutral: Mapping[str, Any], noise: Mapping[str, Any]) -> float:
    """What a setting is worth, in points of UAR.

    The mean over the conditions of the segment UAR (0-100), less 25 for each of these shares at 1: clips that never get
    their label, speech that is missed, ordinary speech that is called an intense emotion; less 5 for each doubling
    beyond their aims of median delay and changes (means over the conditions), of false segments in the gaps of all
    conditions, and of those in sounds alone. The loss against the clip UAR is in the UAR already: clips heard alone do
    not change with the setting. What windows cost does not count.

    Args:
        conditions: condition to `trainer.streamfigures.figures_of`.
        neutral: of `neutral_figures`.
        noise: of `noise_figures`.
    """
    shares = (
        known_mean(figures["never_right"] for figures in conditions.values()),
        known_mean(figures["missed"] for figures in conditions.values()),
        neutral["intense"],
    )
    return (
        100 * (known_mean(figures["uar"] for figures in conditions.values()) or 0.0)
        - _SHARE_POINTS * sum(share or 0.0 for share in shares)
        - sum(_beyond(figures[aim.figure], aim) for aim in (DELAY, CHANGES) for figures in conditions.values())
        / max(len(conditions), 1)
        - _beyond(_in_gaps(conditions), GAPS)
        - (_beyond(noise["false_per_h"], FALSE) if noise["hours"] else 0.0)
    )


def keeps_aims(row: Mapping[str, Any], defaults: Mapping[str, Any]) -> bool:
    """Whether a setting meets the aims of delay, changes and false segments, or misses none by more than the defaults.

    Delay and changes under each condition, false segments in the gaps of all conditions, and in sounds alone. Losses
    are in the UAR of `worth`. `row` and `defaults` have its `conditions` and `noise`.
    """
    pairs = [
        (row["conditions"][name][aim.figure], figures[aim.figure], aim)
        for name, figures in defaults["conditions"].items()
        for aim in (DELAY, CHANGES)
    ]
    pairs.append((_in_gaps(row["conditions"]), _in_gaps(defaults["conditions"]), GAPS))
    if defaults["noise"]["hours"]:
        pairs.append((row["noise"]["false_per_h"], defaults["noise"]["false_per_h"], FALSE))
    return all(_beyond(found, aim) <= _beyond(own, aim) for found, own, aim in pairs)


def _in_gaps(conditions: Mapping[str, Mapping[str, Any]]) -> float:
    """False segments an hour: over all conditions, as one in the ten minutes of one would be more than the aim."""
    return known_mean(figures[GAPS.figure] for figures in conditions.values()) or 0.0


def _beyond(value: float | None, aim: Aim) -> float:
    factor = _UNKNOWN_FACTOR if value is None else value / aim.at_most
    return _OCTAVE_POINTS * log2(factor) if factor > 1 else 0.0


def known_mean(values: Iterable[float | None]) -> float | None:
    """Mean of the figures that are there; None for none."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
