"""How many microphones were carried, as far as the steps made tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.many.figures import StepFigures
    from benchmarks.many.processes import Way
    from benchmarks.many.scene import Load

_NEAR_SHARE = 0.25
"""So much above the number carried, the first one that is late is near enough."""


def carried(steps: Sequence[StepFigures], way: Way, load: Load) -> int:
    """The largest number of microphones with which no event was late, and with none below it; 0 where there is none."""
    most = 0
    for step in sorted(steps, key=lambda step: step.n):
        if step.way == way and (in_time := step.carries(load)) is not None:
            if not in_time:
                break
            most = step.n
    return most


def first_late(steps: Sequence[StepFigures], way: Way, load: Load) -> int | None:
    """The smallest number of microphones with which events were late, or the step failed; None where there is none."""
    return min((step.n for step in steps if step.way == way and step.carries(load) is False), default=None)


def end_word(steps: Sequence[StepFigures], way: Way, n: int) -> str:
    """How the step of a number that was not carried went: `late` or `failed`."""
    return "failed" if any(step.failure for step in steps if (step.way, step.n) == (way, n)) else "late"


def middle_of(steps: Sequence[StepFigures], way: Way, load: Load) -> int | None:
    """A number between the last that was carried and the first that was not; None where these are near enough."""
    late, most = first_late(steps, way, load), carried(steps, way, load)
    if late is None or late - most <= max(_NEAR_SHARE * most, 1):
        return None
    return (late + most) // 2
