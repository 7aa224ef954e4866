"""All that one run found, and how it is kept as JSON."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.measurement import OURS, PER_WINDOW, Measurement, Target

if TYPE_CHECKING:
    from benchmarks.recording import Recording

_PACKAGES = ("numpy", "paho-mqtt", "tflite-runtime", "ai-edge-litert")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One run."""

    taken: str
    """ISO 8601, UTC."""
    machine: str
    """What it ran on, a line."""
    recording: str
    """What was heard, a line."""
    measurements: tuple[Measurement, ...]

    @staticmethod
    def of(recording: Recording, measurements: list[Measurement]) -> Results:
        """Of this run, on this machine, now."""
        turns = f"{recording.duration_s:g} s, speech and a quiet room in turns of {recording.stretch_s:g} s"
        return Results(
            taken=datetime.now(UTC).isoformat(timespec="seconds"),
            machine=machine(),
            recording=f"{turns}, {len(recording.window_ends)} windows; {recording.n_rounds} rounds, one thread",
            measurements=tuple(measurements),
        )

    def to_json(self) -> bytes:
        """For `from_json`, and for others: plain names and numbers."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    @staticmethod
    def from_json(text: bytes) -> Results:
        """What `to_json` wrote.

        Raises:
            msgspec.ValidationError: it is something else.
        """
        return msgspec.json.decode(text, type=Results)

    @property
    def groups(self) -> dict[str, list[Measurement]]:
        """The figures by group, both in the order in which they came."""
        found: dict[str, list[Measurement]] = {}
        for one in self.measurements:
            found.setdefault(one.group, []).append(one)
        return found

    def times_ours(self, one: Measurement) -> tuple[float, ...]:
        """How many times our processor time for a window it is, by that of the same round.

        Empty where it is no such figure, is ours, or was not taken in the same rounds.
        """
        if one.unit != PER_WINDOW or one.name == OURS:
            return ()
        ours = [m for m in self.measurements if m.name == OURS and m.unit == PER_WINDOW]
        if not ours or len(ours[0].values) != len(one.values):
            return ()
        return tuple(value / our for value, our in zip(one.values, ours[0].values, strict=True))

    def goal(self, one: Measurement) -> tuple[float, Target] | None:
        """The figure that is held against a target, its median or that of how many times ours, and the target."""
        if one.is_measured and one.target is not None:
            return one.median, one.target
        ratios = self.times_ours(one)
        if ratios and one.times_ours is not None:
            return statistics.median(ratios), Target(one.times_ours, "at least")
        return None


def machine() -> str:
    """Processor, system and versions of what counts."""
    packages = ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _version(name)))
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.machine()}; Python {platform.python_version()}, {packages}"
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except ModuleNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next(names, platform.processor() or "unknown processor")
