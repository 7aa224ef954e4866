"""The pipeline in this process: what a second of audio costs, and which stage of it takes how much."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.everyhop import EVERY_HOP, EveryHop
from benchmarks.listening import PERCENT
from benchmarks.measurement import Measurement
from benchmarks.recording import RATE_HZ, clip
from benchmarks.stageruns import STAGE_RUNS, hear, run
from monitor.pipeline import Pipeline
from monitor.records import EmotionEvent, SpeechStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.recording import Recording

GROUP = "pipeline alone"
STAGES = f"pipeline, by stage, {EVERY_HOP}"
_SHIPPED, _WHOLE = "as shipped", EVERY_HOP


def measure(recording: Recording) -> list[Measurement]:
    """The whole, as shipped and with a window at every hop, how soon something is said, and the stages."""
    model = EveryHop.shipped()
    speech, silence = (_taken(heard, model, recording.n_rounds) for heard in (recording.speech, recording.room))
    whole = [
        _row("speech", GROUP, speech[_SHIPPED]),
        _row(f"speech, {EVERY_HOP}", GROUP, speech[_WHOLE], note="none left out of long speech"),
        _row("silence", GROUP, silence[_SHIPPED]),
    ]
    stages = [*_stage_rows("speech", speech), *_stage_rows("silence", silence)]
    return [*whole, _first_event(model), *stages]


def cpu_s(work: Callable[[], object]) -> float:
    """Processor time of this process for one call."""
    start_s = time.process_time()
    work()
    return time.process_time() - start_s


def _taken(samples: NDArray[np.int16], model: EveryHop, n_rounds: int) -> dict[str, list[float]]:
    """% of a core by what was run, one value a round: all take turns."""
    heard = hear(samples, model)
    # Each is made anew in every round, before the clock runs: it has a memory.
    runs: dict[str, Callable[[], Callable[[], object]]] = {
        _SHIPPED: lambda: partial(run, Pipeline(model.model), samples),
        _WHOLE: lambda: partial(run, Pipeline(model), samples),
        **{name: partial(stage, heard, model) for name, stage in STAGE_RUNS.items()},
    }
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(n_rounds):
        for name, make in runs.items():
            found[name].append(100 * cpu_s(make()) * RATE_HZ / len(samples))
    return found


def _stage_rows(heard_in: str, taken: Mapping[str, Sequence[float]]) -> list[Measurement]:
    """Each stage alone on what it gets; the rest is what the whole took beyond them in the same round."""
    stages = {name: taken[name] for name in STAGE_RUNS}
    rest = [max(whole - sum(parts), 0.0) for whole, *parts in zip(taken[_WHOLE], *stages.values(), strict=True)]
    return [_row(f"{heard_in}: {name}", STAGES, values) for name, values in {**stages, "rest": rest}.items()]


def _row(name: str, group: str, values: Sequence[float], note: str = "") -> Measurement:
    return Measurement(name=name, group=group, unit=PERCENT, values=tuple(values), note=note)


def _first_event(model: EveryHop) -> Measurement:
    onset = None
    for event in run(Pipeline(model), clip()):
        if isinstance(event, SpeechStarted) and onset is None:
            onset = event.at_sample
        elif isinstance(event, EmotionEvent) and onset is not None:
            delay_s = ((event.decided_sample - onset) / RATE_HZ,)
            return Measurement(name="onset of speech to first event", group=GROUP, unit="s of audio", values=delay_s)
    return Measurement.missing("onset of speech to first event", GROUP, "no event in the bundled clip")
