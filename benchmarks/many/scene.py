"""What is played to whom, and when each event is due. Without numpy: see `streams`, which makes the audio."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from benchmarks.many.configuration import environment
from benchmarks.many.player import PIECE_SAMPLES, RATE_HZ, SLOT_S, Order, Part

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Load = Literal["usual", "speech"]
LOADS: tuple[Load, ...] = ("usual", "speech")
"""In the order in which they are played."""
VARIANTS = 10
"""Of the usual stretch: as many as it has tenths."""
QUIET_S = 1.5
"""Before the first stretch and behind the last one."""
SPREAD_S = 3.0
"""The last microphone begins so much later than the first. Windows are due every half second, second or second and a
half from a stream's begin on: they are spread evenly over the least time that all of these divide."""
_GOLDEN = 0.618034
"""Its multiples lie evenly, however many there are."""
_COMPOSE_S = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """When a stream holds what, in seconds from its first sample."""

    usual_s: float
    speech_s: float

    def stretch(self, load: Load) -> tuple[float, float]:
        """Begin and end of a load."""
        if load == "usual":
            return QUIET_S, QUIET_S + self.usual_s
        # For none does it begin before the last one's usual stretch is over, and told.
        begin_s = QUIET_S + self.usual_s + SPREAD_S + QUIET_S
        return begin_s, begin_s + self.speech_s

    def duration_s(self, loads: Sequence[Load]) -> float:
        """How long to play until the last of the loads is over, and told."""
        return self.stretch(loads[-1])[1] + QUIET_S

    def load_at(self, sample: int) -> Load:
        """To which load a moment belongs, the quiet behind it included."""
        return "usual" if sample < self.stretch("speech")[0] * RATE_HZ else "speech"


@dataclass(frozen=True, slots=True)
class Decision:
    """An event as the pipeline decides it, told by its like at the subscriber."""

    segment: int
    type: str
    emotion: str
    at_sample: int
    """How far the stream was heard when it was decided."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Streams in a folder."""

    folder: Path
    plan: Plan
    decisions: list[list[Decision]]
    """Of each variant, in order."""

    @classmethod
    def compose(cls, folder: Path, plan: Plan) -> Scene:
        """Have them made, in a process of its own."""
        command = [sys.executable, "-m", "benchmarks.many.streams", str(folder), str(plan.usual_s), str(plan.speech_s)]
        subprocess.run(command, check=True, env=environment(), timeout=_COMPOSE_S)
        found = json.loads((folder / "decisions.json").read_text(encoding="utf-8"))
        return cls(folder, plan, [[Decision(**one) for one in variant] for variant in found])

    def expected(self, number: int, loads: Sequence[Load]) -> list[Decision]:
        """The events of microphone `number`, from 0."""
        return [one for one in self.decisions[variant_of(number)] if self.plan.load_at(one.at_sample) in loads]

    def order(self, inputs: Sequence[int], loads: Sequence[Load], start_s: float) -> Order:
        """What the player is to play into these pipes."""
        parts = [
            Part(descriptor, str(self.folder / f"{variant_of(number)}.raw"), begin_slots(number))
            for number, descriptor in enumerate(inputs)
        ]
        return Order(start_s, round(self.plan.duration_s(loads) * RATE_HZ / PIECE_SAMPLES), parts)


def variant_of(number: int) -> int:
    """Which stream microphone `number` hears: the first speaks in the middle, the others at other times."""
    return (VARIANTS // 2 + 3 * number) % VARIANTS


def begin_slots(number: int) -> int:
    """How much later than the first one microphone `number` was switched on, in units of `SLOT_S`."""
    return round(number * _GOLDEN % 1 * SPREAD_S / SLOT_S)


def begin_s(number: int) -> float:
    """The same in seconds."""
    return begin_slots(number) * SLOT_S
