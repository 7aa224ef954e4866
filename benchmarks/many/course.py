"""Which numbers of microphones are tried, one way and the other, and when it is enough."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from benchmarks.many.figures import StepFigures
from benchmarks.many.limit import first_late, middle_of
from benchmarks.many.resources import available_mb
from benchmarks.many.scene import LOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.many.figures import LoadFigures
    from benchmarks.many.processes import Way
    from benchmarks.many.scene import Load

    Measure = Callable[[Way, int, Sequence[Load]], StepFigures]

_ASCENDING = (1, 8, 64, 256, 512, 1024)
"""Few, since a step takes half a minute however small it is. Afterwards it is looked between them."""
NUMBERS: dict[Way, tuple[int, ...]] = {"processes": _ASCENDING, "together": _ASCENDING}
QUICK: dict[Way, tuple[int, ...]] = {"processes": (4,), "together": (4,)}
_MEMORY_SHARE = 0.8
"""Of what is free, as much may be taken."""
_WORTH = 1.2
"""So many times the last number is worth a step, where memory does not suffice for the next one."""
_SPARE_S = 12.0
"""To start and end a step, beside the processes' own start."""
_FULL_SHARE = 0.8
_FAILURES = (RuntimeError, OSError, subprocess.SubprocessError)
"""Of a machine that is asked too much, `TimeoutError` among them: a step that was not carried."""


@dataclass(slots=True)
class Course:
    """The steps so far, and what the next ones may be."""

    measure: Measure
    report: Callable[[StepFigures], None]
    numbers: dict[Way, tuple[int, ...]]
    n_cores: int
    """For the monitors."""
    play_s: float
    """How long a step plays."""
    until_s: float
    """No step begins that would be over later, by time.monotonic()."""
    _steps: list[StepFigures] = field(default_factory=list, init=False)
    _ended: dict[Way, str] = field(default_factory=dict, init=False)
    """Ways of which no larger number can be tried, and why."""

    def run(self) -> tuple[list[StepFigures], str]:
        """All steps, ascending, both ways in turn; and why there are no more.

        A step that fails counts as late, and ends its way upwards.
        """
        for way, n in self._plan():
            self._ascend(way, n)
        reasons = [*self._ended.values(), *self._narrow()]
        return sorted(self._steps, key=lambda step: (step.n, step.way)), "; ".join(reasons) or "all numbers were tried"

    def _plan(self) -> list[tuple[Way, int]]:
        """Both ways in turn: what else the machine does meets both."""
        return sorted(((way, n) for way, numbers in self.numbers.items() for n in numbers), key=lambda one: one[1])

    def _ascend(self, way: Way, n: int) -> None:
        """The next number, or as many as memory allows."""
        if way in self._ended or not self._open_loads(way, n):
            return
        if (most := self._most(way)) is not None and most < n:
            self._ended[way] = f"there is no memory for {n} ({way})"
            last = self._last(way)
            if last is None or most < _WORTH * last.n:
                return
            n = most
        if reason := self._forbids(way, n):
            self._ended[way] = reason
        else:
            self._take(way, n)

    def _narrow(self) -> list[str]:
        """Between the last number carried and the first one that was not, where these are far apart."""
        while middle := self._middle():
            if reason := self._forbids(*middle):
                return [reason]
            self._take(*middle)
        return []

    def _middle(self) -> tuple[Way, int] | None:
        # All speak at once: that is the limit to count with, should time not suffice for more.
        for load in reversed(LOADS):
            for way in self.numbers:
                if n := middle_of(self._steps, way, load):
                    return way, n
        return None

    def _open_loads(self, way: Way, n: int) -> list[Load]:
        """Those that are not late with fewer already: that is played no more."""
        late = {load: first_late(self._steps, way, load) for load in LOADS}
        return [load for load, number in late.items() if number is None or number > n]

    def _take(self, way: Way, n: int) -> None:
        """One step; late while the machine was busy with something else, it is tried once more."""
        loads = self._open_loads(way, n)
        step = self._measured(way, n, loads)
        if step.late and not step.failure and not self._is_full(step) and not self._forbids(way, n):
            again = self._measured(way, n, loads)
            if not again.failure:
                kept = {load: min(step.loads[load], again.loads[load], key=_lateness) for load in loads}
                step = replace(step, loads=kept)
        self._steps.append(step)
        self.report(step)

    def _measured(self, way: Way, n: int, loads: Sequence[Load]) -> StepFigures:
        try:
            return self.measure(way, n, loads)
        except _FAILURES as error:
            return StepFigures.failed(way, n, str(error) or type(error).__name__)

    def _is_full(self, step: StepFigures) -> bool:
        """Whether the monitors themselves took what the cores give: one process is held to a single one by Python."""
        n_cores = 1 if step.way == "together" else self.n_cores
        most_percent = max(load.cpu_percent for load in step.loads.values())
        return most_percent > _FULL_SHARE * 100 * n_cores

    def _last(self, way: Way) -> StepFigures | None:
        """The largest number so far of which the figures are known."""
        return max(
            (one for one in self._steps if one.way == way and not one.failure), key=lambda one: one.n, default=None
        )

    def _most(self, way: Way) -> int | None:
        """How many memory allows; None where nothing is known of it."""
        last = self._last(way)
        return None if last is None else int(_MEMORY_SHARE * available_mb() * last.n / last.pss_mb)

    def _forbids(self, way: Way, n: int) -> str:
        """Why there is no time for a step; empty where there is."""
        last = self._last(way)
        start_s = last.ready_s * n / last.n if last else 0.0
        if time.monotonic() + start_s + self.play_s + _SPARE_S > self.until_s:
            return f"the time was over before {n} ({way})"
        return ""


def _lateness(figures: LoadFigures) -> tuple[float, float]:
    return (figures.lost_s, figures.latency_p95_ms)
