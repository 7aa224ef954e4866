"""`make bench-arm64`: arm64 instructions that the program takes, and an estimate of what small boards would need.

No board is measured: qemu counts the instructions that the program executes, from its start to its end, on raw audio
of two lengths. The difference is what audio costs; the rest is the start. Instructions are then divided by an assumed
rate.

That is arithmetic and Python alone, in caches that stay warm: qemu counts nothing of the kernel's, and the pipe is
never waited for, so that no wake-up is in it. A second estimate adds what docs/bench.json has for the program in real
time beyond its pipeline, as so many times what the pipeline takes in silence.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.arm64 import RELEASES
from benchmarks.counter import Counter, obstacle
from benchmarks.listeningcost import measured_extra
from benchmarks.userland import PROCESSOR
from monitor.demo import clip_path
from monitor.model import EmotionModel, shipped_model
from monitor.pipeline import Pipeline
from monitor.records import AudioBlock, EmotionEvent

LENGTHS_S = (30, 120)
QUIET_DBFS = -70
_PROGRAM = ("-m", "monitor.cli", "--input", "-", "--rate", "16000", "--format", "json")

Samples = NDArray[np.int16]


@dataclass(frozen=True)
class Board:
    """What is assumed of a board; the processors' clocks are their makers' figures."""

    name: str
    processor: str
    clocks_ghz: tuple[float, float]
    """Lowest and highest under load."""
    instructions_per_cycle: tuple[float, float]
    """Lowest and highest, for an interpreter and small matrix products: assumed, not measured."""

    def seconds(self, instructions: float) -> tuple[float, float]:
        """The least and the most of a core's time that they take."""
        pairs = zip(self.clocks_ghz, self.instructions_per_cycle, strict=True)
        lowest, highest = (clock_ghz * rate * 1e9 for clock_ghz, rate in pairs)
        return instructions / highest, instructions / lowest


BOARDS = (
    Board("Raspberry Pi 4", "Cortex-A72, decodes 3 instructions a cycle, out of order", (1.5, 1.8), (0.8, 1.5)),
    Board("Raspberry Pi Zero 2 W", "Cortex-A53, issues 2 instructions a cycle, in order", (1.0, 1.0), (0.4, 0.9)),
)


@dataclass(frozen=True)
class Cost:
    """Instructions of one kind of audio."""

    per_second: float
    """Of audio."""
    start: float
    """From the start of the program to its end, if there were no audio."""


def main(arguments: list[str]) -> int:
    """Print two tables: what was counted, and the estimate."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--release", choices=RELEASES, default=RELEASES[0], help="of Debian (%(default)s)")
    release = parser.parse_args(arguments).release
    if reason := obstacle():
        sys.stderr.write(f"instructions cannot be counted here: {reason}\n")
        return 1
    with TemporaryDirectory() as folder:
        counter = Counter.of(release, Path(folder))
        costs = {name: cost(counter, audio) for name, audio in (("speech", speech()), ("silence", silence()))}
    print(f"{release} arm64, {PROCESSOR} as qemu emulates it; ser-monitor --input - --format json\n")
    print_counts(costs)
    print_estimate(costs)
    return 0


def speech() -> Samples:
    """The clip's speech without its pauses, repeated."""
    model = EmotionModel.load(shipped_model())
    clip, rate_hz = soundfile.read(clip_path(), dtype="int16")
    pipeline = Pipeline(model)
    events = [*pipeline.push(AudioBlock(clip, 0)), *pipeline.flush()]
    ends = [event for event in events if isinstance(event, EmotionEvent) and event.type == "end"]
    talk = np.concatenate([clip[end.start_sample : end.end_sample] for end in ends])
    return np.resize(talk, max(LENGTHS_S) * rate_hz)


def silence() -> Samples:
    """A quiet room."""
    rate_hz = soundfile.info(clip_path()).samplerate
    noise = np.random.default_rng(0).standard_normal(max(LENGTHS_S) * rate_hz)
    samples: Samples = np.rint(noise * 32768 * 10 ** (QUIET_DBFS / 20)).astype(np.int16)
    return samples


def cost(counter: Counter, audio: Samples) -> Cost:
    """Of audio, by two lengths of it."""
    short_s, long_s = LENGTHS_S
    short, long = (counter.count(*_PROGRAM, stdin=audio[: len(audio) * s // long_s].tobytes()) for s in LENGTHS_S)
    per_second = (long - short) / (long_s - short_s)
    return Cost(per_second, short - per_second * short_s)


def print_counts(costs: dict[str, Cost]) -> None:
    """What was counted."""
    print(f"{'million instructions':<28}{'a second of audio':>20}{'start':>12}")
    for name, one in costs.items():
        print(f"{name:<28}{one.per_second / 1e6:>20.1f}{one.start / 1e6:>12.0f}")


def print_estimate(costs: dict[str, Cost]) -> None:
    """What boards would need."""
    for board in BOARDS:
        clocks, rates = ("-".join(f"{one:g}" for one in sorted({*pair})) for pair in _assumed(board))
        print(f"\nEstimate, {board.name}: {board.processor}; assumed {rates} instructions a cycle at {clocks} GHz")
        for name, one in costs.items():
            for what, times in {"arithmetic and Python alone": 0.0, **measured_extra(name)}.items():
                least, most = board.seconds(one.per_second + times * costs["silence"].per_second)
                print(f"{name}, {what:<36}{least * 100:>10.1f} - {most * 100:.1f} % of a core")
        least, most = board.seconds(min(one.start for one in costs.values()))
        print(f"{'start':<44}{least:>10.1f} - {most:.1f} s of a core")


def _assumed(board: Board) -> tuple[tuple[float, float], tuple[float, float]]:
    return board.clocks_ghz, board.instructions_per_cycle


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
