"""One figure with its spread, or the reason why there is none."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Literal

WINDOWS = "CPU of a window"
PER_WINDOW = "ms a window"
"""The unit of CPU time for one analysis window: what has it is compared with ours, round by round."""
OURS = "ours"
"""Name of the figure in `PER_WINDOW` that the others are compared with."""


class NotAvailableError(Exception):
    """Something that is not needed elsewhere is missing here; what needs it is not measured. The message says what."""


@dataclass(frozen=True, slots=True)
class Target:
    """A bound that was set before anything was measured."""

    bound: float
    side: Literal["at most", "at least"] = "at most"

    def is_met(self, value: float) -> bool:
        """Whether `value` keeps to it; the bound itself does."""
        return value <= self.bound if self.side == "at most" else value >= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What was measured, once a round; without values, `note` says why it was not."""

    name: str
    group: str
    unit: str
    values: tuple[float, ...]
    """One a round, in `unit`; empty: not measured."""
    target: Target | None = None
    """Of the median."""
    times_ours: float | None = None
    """In the unit `PER_WINDOW`: ours is to take so many times less, or None."""
    note: str = ""

    @staticmethod
    def missing(name: str, group: str, reason: str, unit: str = "") -> Measurement:
        """What could not be measured here, and why."""
        return Measurement(name=name, group=group, unit=unit, values=(), note=reason)

    @property
    def is_measured(self) -> bool:
        """Whether there is a figure."""
        return bool(self.values)

    @property
    def median(self) -> float:
        """The figure.

        Raises:
            statistics.StatisticsError: it was not measured.
        """
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest value of all rounds.

        Raises:
            ValueError: it was not measured.
        """
        return min(self.values), max(self.values)

    @property
    def is_met(self) -> bool | None:
        """Whether the median keeps to the target; None where there is none, or no figure."""
        return self.target.is_met(self.median) if self.target and self.is_measured else None
