"""`python -m benchmarks.timed_worker ARGUMENTS`: ser-monitor, whose worker notes what it takes, stage by stage.

At its end it writes that into the file that `BENCH_STAGES` names. Not for people: `hear` starts it.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from benchmarks.broker import Subscriber, broker
from benchmarks.listening import Feed
from benchmarks.live import TOPICS
from benchmarks.program import broker_settings, program
from benchmarks.recording import RATE_HZ, quiet_room
from benchmarks.stageclock import OUTSIDE, StageClock, TimedPipeline
from monitor import assembly
from monitor.cli import main
from monitor.daemon import Daemon

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from monitor.records import AudioBlock, PipelineEvent

READING = "waking up, reading the pipe"
COUNTING = "clock, losses, counts"
REPORTING = "events to the sinks"
SETTLE_S = 2.0
"""What happens before is not counted."""
_FILE = "BENCH_STAGES"


class Taken(msgspec.Struct, frozen=True):
    """By one run."""

    stage_ns: dict[str, int]
    n_samples: int
    n_blocks: int


class _Notes:
    """Taken on the worker's thread."""

    def __init__(self) -> None:
        self.clock = StageClock()
        self.n_samples = self.n_blocks = 0

    def came(self, block: AudioBlock) -> None:
        """The worker takes this block; what it took for reading it counts with the one before."""
        if block.start_sample < SETTLE_S * RATE_HZ:
            self.clock.stage_ns.clear()
            return
        self.n_samples += len(block.samples)
        self.n_blocks += 1

    @property
    def taken(self) -> Taken:
        """Until now."""
        stages = {READING if name == OUTSIDE else name: ns for name, ns in self.clock.stage_ns.items()}
        return Taken(stages, self.n_samples, self.n_blocks)


def hear(samples: NDArray[np.int16]) -> Taken:
    """What the worker of the whole program takes for int16 samples that come from a pipe in real time.

    Raises:
        NotAvailableError: there is no broker.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "stages.json"
        environment = {**os.environ, _FILE: str(file)}
        with (
            broker() as port,
            Subscriber(port, TOPICS) as subscriber,
            program(
                ("--input", "-"), broker_settings(port), module="benchmarks.timed_worker", environment=environment
            ) as running,
        ):
            subscriber.wait_for("/status")
            feed = Feed(running.pipe)
            feed.play(quiet_room(round(SETTLE_S * RATE_HZ)))
            feed.play(samples)
        return msgspec.json.decode(file.read_bytes(), type=Taken)


def _note() -> _Notes:
    """From now on the program's pipelines and its worker are timed."""
    notes = _Notes()
    setattr(assembly, "Pipeline", partial(TimedPipeline, notes.clock))  # noqa: B010 - as in named_threads
    listen, report = Daemon._hear, Daemon._report  # noqa: SLF001 - what the worker does for a block, and for events

    def _hear(daemon: Daemon, block: AudioBlock) -> None:
        notes.came(block)
        notes.clock.during(COUNTING, partial(listen, daemon, block))

    def _report(daemon: Daemon, events: list[PipelineEvent]) -> None:
        notes.clock.during(REPORTING, partial(report, daemon, events))

    setattr(Daemon, "_hear", _hear)  # noqa: B010
    setattr(Daemon, "_report", _report)  # noqa: B010
    return notes


if __name__ == "__main__":
    noted = _note()
    try:
        code = main()
    finally:
        Path(os.environ[_FILE]).write_bytes(msgspec.json.encode(noted.taken))
    sys.exit(code)
