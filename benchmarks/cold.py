"""What the pipeline costs when it has slept before each block, stage by stage: `python -m benchmarks.cold`.

The same pipeline hears the same blocks, as long as the program's own, in several ways: one after the other; each when
it was heard, asleep in between, as the program does it; awake in between; and one after the other, where a large array
is gone through in between, so that the caches hold that. Only the pipeline's own processor time counts. Beside them
stands the worker of the whole program, which hears the same audio from a pipe.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks import timed_worker
from benchmarks.listening import PERCENT
from benchmarks.measurement import NotAvailableError
from benchmarks.recording import RATE_HZ, Recording
from benchmarks.stageclock import STAGES, StageClock, TimedPipeline
from monitor.model import EmotionModel, shipped_model
from monitor.records import AudioBlock
from monitor.sources.blockreading import block_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.pipeline import Pipeline
    from monitor.pipeline.classifier import Classifier

_STRETCH_S = 60.0
_LARGE_BYTES = 1 << 26
"""Twice the last cache of the machines at hand."""
_NS_PER_S = 1e9


def one_after_the_other() -> Callable[[float], None]:
    """Nothing happens in between."""
    return lambda _heard_s: None


def asleep() -> Callable[[float], None]:
    """Sleeps until the block was heard."""
    start_s = time.monotonic()
    return lambda heard_s: time.sleep(max(start_s + heard_s - time.monotonic(), 0))


def awake() -> Callable[[float], None]:
    """Does not let go of the core until the block was heard."""
    start_s = time.monotonic()

    def wait(heard_s: float) -> None:
        while time.monotonic() - start_s < heard_s:
            pass

    return wait


def displaced() -> Callable[[float], None]:
    """Goes through more than the caches hold."""
    large = np.zeros(_LARGE_BYTES, dtype=np.uint8)

    def go_through(_heard_s: float) -> None:
        np.add(large, 1, out=large)

    return go_through


WAYS: dict[str, Callable[[], Callable[[float], None]]] = {
    "one after the other": one_after_the_other,
    "asleep in between": asleep,
    "awake in between": awake,
    "caches displaced": displaced,
}
"""Makes what happens before each block: it is called with the moment at which the block's last sample is heard, in
seconds since the first one."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One stretch, heard in one way."""

    percent: dict[str, float]
    """Of a core, by stage."""
    blocks_per_s: float

    @property
    def whole_percent(self) -> float:
        """Of all stages."""
        return sum(self.percent.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """A table for speech, one for a quiet room."""
    options = _parser().parse_args(arguments)
    recording = Recording.compose(duration_s=2 * options.seconds, stretch_s=options.seconds)
    model = EmotionModel.load(shipped_model())
    for name, samples in (("Speech", recording.speech), ("A quiet room", recording.room)):
        found = {way: hear(model, samples, WAYS[way]) for way in options.way or WAYS}
        if not options.way:
            found |= _in_the_program(samples)
        print_table(name, found)
    return 0


def _in_the_program(samples: NDArray[np.int16]) -> dict[str, Heard]:
    try:
        taken = timed_worker.hear(samples)
    except NotAvailableError as error:
        print(f"without the program: {error}", file=sys.stderr)
        return {}
    duration_s = taken.n_samples / RATE_HZ
    percent = {stage: 100 * ns / _NS_PER_S / duration_s for stage, ns in taken.stage_ns.items()}
    return {"the program's worker": Heard(percent, taken.n_blocks / duration_s)}


def hear(
    model: Classifier, samples: NDArray[np.int16], way: Callable[[], Callable[[float], None]] = one_after_the_other
) -> Heard:
    """What it costs to hear `samples`, int16 (n,), in one of `WAYS`; the first time is not counted."""
    _push_all(TimedPipeline(StageClock(), model), samples, one_after_the_other())
    clock = StageClock()
    n_blocks = _push_all(TimedPipeline(clock, model), samples, way())
    duration_s = len(samples) / RATE_HZ
    percent = {stage: 100 * clock.stage_ns[stage] / _NS_PER_S / duration_s for stage in STAGES}
    return Heard(percent, n_blocks / duration_s)


def blocks(pipeline: Pipeline, samples: NDArray[np.int16]) -> Iterator[AudioBlock]:
    """As the program cuts them for this pipeline, of a pipe whose audio comes in its own time."""
    at = 0
    while at < len(samples):
        rhythm = pipeline.rhythm if at else None
        end = at + max(round(RATE_HZ * block_s(rhythm, at, RATE_HZ, exact=True, ahead=False)), 1)
        yield AudioBlock(samples[at:end], at)
        at = end


def print_table(name: str, found: Mapping[str, Heard]) -> None:
    """Stages by way, in % of a core and in times what the first way takes."""
    first = next(iter(found.values()))
    print(f"{name}, {first.blocks_per_s:.1f} blocks a second\n")
    print(f"| {PERCENT} | {' | '.join(found)} |\n| --- |{' ---: |' * len(found)}")
    wholes = [one.whole_percent for one in found.values()]
    _print_row("whole", wholes)
    for stage in (*STAGES, timed_worker.READING, timed_worker.COUNTING, timed_worker.REPORTING):
        values = [one.percent.get(stage, 0.0) for one in found.values()]
        if any(values):
            _print_row(stage, values)
    print()


def _print_row(name: str, values: Sequence[float]) -> None:
    first, *others = values
    print(f"| {name} | {' | '.join([_cell(first), *(_cell(value, first) for value in others)])} |")


def _cell(percent: float, first: float = 0.0) -> str:
    """With how many times the first way's it is, where either has any."""
    if not percent:
        return "-"
    return f"{percent:.4f}, {percent / first:.1f} times" if first else f"{percent:.4f}"


def _push_all(pipeline: Pipeline, samples: NDArray[np.int16], between: Callable[[float], None]) -> int:
    n_blocks = 0
    for block in blocks(pipeline, samples):
        between(block.end_sample / RATE_HZ)
        pipeline.push(block)
        n_blocks += 1
    return n_blocks


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold", description=__doc__)
    parser.add_argument("--seconds", type=float, default=_STRETCH_S, help="of speech, and of silence (%(default)g)")
    parser.add_argument("--way", action="append", choices=list(WAYS), help="only this one; may be repeated")
    return parser


if __name__ == "__main__":
    sys.exit(main())
