"""Which numbers of microphones are tried, one way and the other, and when it is enough."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.many.resources import available_mb
from benchmarks.many.scene import LOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.many.figures import LoadFigures, StepFigures
    from benchmarks.many.processes import Way
    from benchmarks.many.scene import Load

    Measure = Callable[[Way, int, Sequence[Load]], StepFigures]

NUMBERS: dict[Way, tuple[int, ...]] = {"processes": (1, 2, 4, 8, 16, 32, 64, 128, 256, 512), "together": (1, 8, 64)}
QUICK: dict[Way, tuple[int, ...]] = {"processes": (4,), "together": (4,)}
_MEMORY_SHARE = 0.8
"""Of what is free, as much may be taken."""
_SPARE_S = 12.0
"""To start and end a step, beside the processes' own start."""
_FULL_SHARE = 0.8


@dataclass(slots=True)
class Course:
    """The steps so far, and what the next ones may be."""

    measure: Measure
    report: Callable[[StepFigures], None]
    numbers: dict[Way, tuple[int, ...]]
    n_cores: int
    play_s: float
    """How long a step plays."""
    until_s: float
    """No step begins that would be over later, by time.monotonic()."""

    def run(self) -> tuple[list[StepFigures], str]:
        """All steps, ascending, both ways in turn; and why there are no more."""
        steps: list[StepFigures] = []
        loads: dict[Way, Sequence[Load]] = dict.fromkeys(self.numbers, LOADS)
        for way, n in self._plan():
            if not loads[way]:
                continue
            if reason := self._forbids(way, n, steps):
                return steps, reason
            steps.append(self._step(way, n, loads[way], steps))
            loads[way] = [load for load in loads[way] if not steps[-1].loads[load].late]
        return self._between(steps)

    def _plan(self) -> list[tuple[Way, int]]:
        """Both ways in turn: what else the machine does meets both."""
        return sorted(((way, n) for way, numbers in self.numbers.items() for n in numbers), key=lambda one: one[1])

    def _between(self, steps: list[StepFigures]) -> tuple[list[StepFigures], str]:
        """Once more in the middle, where one number was carried and the next one, twice as many, was not."""
        reason = "all numbers were tried"
        middles = {middle for load in LOADS if (middle := middle_of(steps, load))}
        for n in sorted(middles):
            if forbidden := self._forbids("processes", n, steps):
                reason = forbidden
                break
            steps.append(self._step("processes", n, LOADS, steps))
        return sorted(steps, key=lambda step: (step.n, step.way)), reason

    def _step(self, way: Way, n: int, loads: Sequence[Load], steps: list[StepFigures]) -> StepFigures:
        """One step; late while the machine was busy with something else, it is tried once more."""
        step = self.measure(way, n, loads)
        if step.late and not self._is_full(step) and not self._forbids(way, n, [*steps, step]):
            again = self.measure(way, n, loads)
            kept = {load: min(step.loads[load], again.loads[load], key=_lateness) for load in loads}
            step = replace(step, loads=kept)
        self.report(step)
        return step

    def _is_full(self, step: StepFigures) -> bool:
        """Whether the monitors themselves took what the cores give."""
        most_percent = max(load.cpu_percent + load.broker_cpu_percent for load in step.loads.values())
        return most_percent > _FULL_SHARE * 100 * self.n_cores

    def _forbids(self, way: Way, n: int, steps: Sequence[StepFigures]) -> str:
        """Why a step cannot be made; empty where it can."""
        own = [step for step in steps if step.way == way]
        last = max(own, key=lambda step: step.n) if own else None
        start_s = last.ready_s * n / last.n if last else 0.0
        if time.monotonic() + start_s + self.play_s + _SPARE_S > self.until_s:
            return f"the time was over before {n} ({way})"
        if last and last.pss_mb * n / last.n > _MEMORY_SHARE * available_mb():
            return f"there is no memory for {n} ({way})"
        return ""


def _lateness(figures: LoadFigures) -> tuple[float, float]:
    return (figures.lost_s, figures.latency_p95_ms)


def carried(steps: Sequence[StepFigures], way: Way, load: Load) -> int:
    """The largest number of microphones with which no event was late, and with none below it; 0 where there is none."""
    most = 0
    for step in sorted(steps, key=lambda step: step.n):
        if step.way == way and load in step.loads:
            if step.loads[load].late:
                break
            most = step.n
    return most


def first_late(steps: Sequence[StepFigures], way: Way, load: Load) -> int | None:
    """The smallest number of microphones with which events were late; None where they never were."""
    late = [step.n for step in steps if step.way == way and load in step.loads and step.loads[load].late]
    return min(late, default=None)


def middle_of(steps: Sequence[StepFigures], load: Load) -> int | None:
    """A number of processes between the last that was carried and the first that was not; None where there is none."""
    late, most = first_late(steps, "processes", load), carried(steps, "processes", load)
    return (late + most) // 2 if late is not None and late - most > 1 else None
