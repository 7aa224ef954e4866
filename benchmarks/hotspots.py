"""Where the pipeline's processor time goes, statement by statement: `python -m benchmarks.hotspots`.

A timer of processor time interrupts now and then, and the statement of ours that is being executed is counted, with
all that libraries do for it. Python looks for interruptions when it calls: operators on arrays are counted with the
next call. A profiler that hooks into every call would make the many small ones dearer by half.

That is the pipeline in a hot loop. With `--live` it is the whole program in real time instead, see `livespots`.
"""

from __future__ import annotations

import argparse
import linecache
import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks.limit import pipeline_percent
from benchmarks.listening import PERCENT
from benchmarks.livespots import print_live
from benchmarks.measurement import NotAvailableError
from benchmarks.recording import Recording
from monitor.model import EmotionModel, shipped_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    import numpy as np
    from numpy.typing import NDArray

_ROOT = Path(__file__).resolve().parent.parent
_PACKAGE = f"{_ROOT / 'monitor'}{os.sep}"
_INTERVAL_S = 0.001
"""Wanted; the kernel interrupts no more often than its clock ticks."""
_N_SAMPLES = 1500
"""So many are taken: what takes a tenth of the time is then known to within a tenth."""
_LEAST_SHARE = 0.01
_STRETCH_S = 60.0


@dataclass(frozen=True, slots=True)
class Spot:
    """A statement."""

    place: str
    """`file:line function`."""
    source: str
    """As it stands in a Markdown table."""
    share: float
    """Of the processor time, 0-1."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Tables of speech, and of a quiet room; 1 where the program cannot be looked at."""
    options = _parser().parse_args(arguments)
    if not options.live:
        print_pipeline(options.seconds)
        return 0
    try:
        print_live(options.seconds)
    except NotAvailableError as error:
        sys.stderr.write(f"the program is not looked at: {error}\n")
        return 1
    return 0


def print_pipeline(stretch_s: float) -> None:
    """Two tables, of audio as long as this."""
    recording = Recording.compose(duration_s=2 * stretch_s, stretch_s=stretch_s)
    model = EmotionModel.load(shipped_model())
    for name, samples in (("Speech", recording.speech), ("A quiet room", recording.room)):
        found, percent = spots(model, samples)
        print(f"{name}: {percent:.4f} {PERCENT}\n")
        print(f"| {PERCENT} | share | where | statement |\n| -: | -: | - | - |")
        for spot in found:
            if spot.share >= _LEAST_SHARE:
                print(f"| {percent * spot.share:.4f} | {100 * spot.share:.0f} % | `{spot.place}` | `{spot.source}` |")
        print()


def spots(model: EmotionModel, samples: NDArray[np.int16], n_samples: int = _N_SAMPLES) -> tuple[list[Spot], float]:
    """Statements that were at work while the pipeline heard `samples`, int16 (n,), again and again; dearest first.

    Args:
        model: shipped or other.
        samples: at the model's rate.
        n_samples: interruptions to wait for.

    Returns:
        the statements, and % of a core that all of them take.
    """
    counts: Counter[tuple[str, int, str]] = Counter()
    before = signal.signal(signal.SIGPROF, lambda _number, frame: counts.update([_ours(frame)]))
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL_S, _INTERVAL_S)
    costs: list[float] = []
    try:
        while counts.total() < n_samples:
            costs.append(pipeline_percent(model, samples))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    found = [_spot(*place, n / counts.total()) for place, n in counts.most_common()]
    return found, sum(costs) / len(costs)


def _ours(frame: FrameType | None) -> tuple[str, int, str]:
    """File, line and function of the innermost frame that is the monitor's own."""
    at = frame
    while at is not None:
        if at.f_code.co_filename.startswith(_PACKAGE):
            # Between two lines, as where a call has just returned, there is none.
            return at.f_code.co_filename, at.f_lineno or at.f_code.co_firstlineno, at.f_code.co_qualname
        at = at.f_back
    return "", 0, "not the monitor's"


def _spot(file: str, line: int, function: str, share: float) -> Spot:
    if not file:
        return Spot(function, "", share)
    place = f"{Path(file).relative_to(_ROOT)}:{line} {function}"
    return Spot(place, linecache.getline(file, line).strip().replace("|", "\\|"), share)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hotspots", description=__doc__)
    parser.add_argument("--live", action="store_true", help="the program in real time, by perf, not the pipeline alone")
    parser.add_argument("--seconds", type=float, default=_STRETCH_S, help="of speech, and of silence (%(default)g)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
