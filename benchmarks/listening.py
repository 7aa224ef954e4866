"""Audio in real time for a running process, and what it takes to hear it."""

from __future__ import annotations

import time
from itertools import chain
from typing import IO, TYPE_CHECKING

from benchmarks.measurement import Measurement, Target
from benchmarks.process import Counters, Usage
from benchmarks.recording import RATE_HZ, quiet_room

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.recording import Recording

PERCENT = "% of a core"
PER_S = "a second"
PIECE_S = 0.03
"""Audio is written in pieces of this length: of one VAD frame, as the monitor takes it from a microphone."""
TARGETS = {"speech": Target(0.3), "talk": Target(0.3), "silence": Target(0.1)}
"""By stretch, of processor time in `PERCENT`: whatever the audio comes from."""
_SETTLE_S = 2.0
"""After it a start, or what the audio before has left behind, is over."""


class Feed:
    """Plays into a pipe or FIFO, raw s16le, as if it were heard; the stream begins with the first call."""

    def __init__(self, pipe: IO[bytes], piece_s: float = PIECE_S) -> None:
        """Nothing is played yet."""
        self._pipe = pipe
        self._n_piece = round(piece_s * RATE_HZ)
        self._n_played = 0
        self.started_s: float | None = None
        """When sample 0 was heard, on the clock of `time.monotonic`."""
        self.written_s: list[float] = []
        """The moment before each piece was written, on that clock."""

    def play(self, samples: NDArray[np.int16]) -> None:
        """Write each piece of int16 samples when its last sample is heard; what is no whole piece is left out."""
        if self.started_s is None:
            self.started_s = time.monotonic()
        for at in range(0, len(samples) - self._n_piece + 1, self._n_piece):
            piece = samples[at : at + self._n_piece].astype("<i2").tobytes()
            self._n_played += self._n_piece
            time.sleep(max(self.started_s + self._n_played / RATE_HZ - time.monotonic(), 0))
            self.written_s.append(time.monotonic())
            self._pipe.write(piece)
            self._pipe.flush()

    def written_at(self, sample: int) -> float:
        """The moment before the piece was written that ends with, or holds, the sample before `sample`."""
        return self.written_s[(sample - 1) // self._n_piece]


def usages(pid: int, feed: Feed, samples: NDArray[np.int16], n_rounds: int) -> list[Usage]:
    """What the process uses in each of `n_rounds` equal parts of the samples, played to it after a while of silence."""
    feed.play(quiet_room(round(_SETTLE_S * RATE_HZ)))
    n_part = len(samples) // n_rounds
    found, start = [], Counters.of(pid)
    for at in range(0, n_part * n_rounds, n_part):
        feed.play(samples[at : at + n_part])
        end = Counters.of(pid)
        found.append(Usage.between(start, end))
        start = end
    return found


def stretches(recording: Recording, share: float = 1.0) -> dict[str, NDArray[np.int16]]:
    """By name, each as int16 (n,): speech without a pause, talk, a quiet room; or that share of each from its start."""
    found = {"speech": recording.speech, "talk": recording.talk, "silence": recording.room}
    return {name: samples[: round(share * len(samples))] for name, samples in found.items()}


def usages_by_stretch(
    pid: int, feed: Feed, heard: Mapping[str, NDArray[np.int16]], n_rounds: int
) -> dict[str, list[Usage]]:
    """What the process uses in each of them, one after the other."""
    return {name: usages(pid, feed, samples, n_rounds) for name, samples in heard.items()}


def listening_rows(group: str, found: Mapping[str, Sequence[Usage]], note: str) -> list[Measurement]:
    """Processor time, held against its target, and wake-ups in each stretch; the note stands at the first."""
    rows = (
        usage_rows(group, name, parts, TARGETS[name], "" if n else note)
        for n, (name, parts) in enumerate(found.items())
    )
    return list(chain.from_iterable(rows))


def usage_rows(
    group: str, name: str, found: Sequence[Usage], target: Target | None = None, note: str = ""
) -> list[Measurement]:
    """Two figures: processor time and wake-ups."""
    cpu, wakeups = (tuple(u.core_percent for u in found), tuple(u.wakeups_per_s for u in found))
    return [
        Measurement(name=f"{name}: CPU", group=group, unit=PERCENT, values=cpu, target=target, note=note),
        Measurement(name=f"{name}: wake-ups", group=group, unit=PER_S, values=wakeups),
    ]


def thread_rows(group: str, found: Mapping[str, Sequence[Usage]]) -> list[Measurement]:
    """Processor time by thread: stretches in the order in which they were heard, in each the busiest first."""
    names = {name for parts in found.values() for part in parts for name in part.threads_percent}
    rows = [
        Measurement(
            name=f"{heard}: {name}",
            group=group,
            unit=PERCENT,
            values=tuple(part.threads_percent.get(name, 0.0) for part in parts),
        )
        for heard, parts in found.items()
        for name in names
    ]
    rows = [row for row in rows if any(row.values)]
    order = list(found)
    return sorted(rows, key=lambda row: (order.index(row.name.partition(":")[0]), -row.median))
