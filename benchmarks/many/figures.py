"""What is known of one number of microphones."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.many.processes import Way
    from benchmarks.many.scene import Load

LATE_MS = 500.0
"""The shortest step from one analysis window to the next."""


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """Under one load."""

    cpu_percent: float
    """Of one core, all monitors together."""
    broker_cpu_percent: float
    machine_busy_percent: float
    """Of all cores that the monitors may use, whoever it was."""
    events: int
    """Due, of all microphones."""
    missing: int
    """Of those, never arrived."""
    latency_p50_ms: float
    """From the moment at which the sample that decides an event was due, to the event's arrival at a subscriber of the
    broker. What is missing is infinitely late."""
    latency_p95_ms: float
    lost_s: float
    """Audio lost, of all microphones."""

    @property
    def late(self) -> bool:
        """Whether the machine does not carry it."""
        # Not "greater": no event at all gives NaN, and is late.
        return not self.latency_p95_ms <= LATE_MS or self.lost_s > 0


@dataclass(frozen=True, slots=True)
class StepFigures:
    """One number of microphones, heard one way."""

    way: Way
    n: int
    ready_s: float
    """From the start of the first process until all were connected to the broker."""
    pss_mb: float
    """Proportional set of all processes together: what they take from the machine."""
    rss_mb: float
    """The sum of their resident sets, in which shared pages count several times."""
    dropped: int
    """Messages that the monitors have dropped."""
    player_late_p95_ms: float
    """How late the audio itself was delivered, since the machine was busy; it is part of the latency."""
    loads: dict[Load, LoadFigures]
    failure: str = ""
    """Why there are no figures: all of them are NaN, and no load is there; empty where there are."""

    @classmethod
    def failed(cls, way: Way, n: int, failure: str) -> StepFigures:
        """A step that broke off: the machine does not carry so many."""
        return cls(way, n, math.nan, math.nan, math.nan, 0, math.nan, {}, failure)

    @property
    def late(self) -> bool:
        """Whether under some load the machine did not carry it."""
        return bool(self.failure) or any(load.late for load in self.loads.values())

    def carries(self, load: Load) -> bool | None:
        """Whether all was in time under this load; None where it was not played."""
        if self.failure:
            return False
        return not self.loads[load].late if load in self.loads else None

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not finite is null. Of a failed step, why it failed."""
        if self.failure:
            return {"way": self.way, "n": self.n, "failure": self.failure}
        return {name: _plain(value) for name, value in asdict(self).items() if name != "failure"}


def step_of(fields: dict[str, Any]) -> StepFigures:
    """The reverse of `StepFigures.as_json`."""
    if "failure" in fields:
        return StepFigures.failed(**fields)
    loads = {name: LoadFigures(**{**load, **_latencies(load)}) for name, load in fields["loads"].items()}
    return StepFigures(**{**fields, "loads": loads})


def _latencies(load: dict[str, Any]) -> dict[str, float]:
    names = ("latency_p50_ms", "latency_p95_ms")
    return {name: math.inf if load[name] is None else load[name] for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else None
    return value
