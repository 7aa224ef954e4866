"""The pipeline in this process: what a second of audio costs, and which stage of it takes how much."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.everyhop import EveryHop
from benchmarks.listening import PERCENT
from benchmarks.measurement import OURS, PER_WINDOW, Measurement
from benchmarks.recording import BLOCK_S, RATE_HZ, clip, default_gate
from monitor.pipeline import Pipeline
from monitor.pipeline.gate import VAD_FRAME_MS, GateState, Level, mean_squares
from monitor.pipeline.segments import Segments
from monitor.pipeline.smoother import DecisionRule, Smoother
from monitor.pipeline.voiced import Voiced
from monitor.pipeline.windows import Windows
from monitor.records import AudioBlock, EmotionEvent, Estimate, SpeechStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from benchmarks.recording import Recording
    from monitor.records import PipelineEvent, SpeechEnded

WINDOWS = "CPU of a window"
GROUP = "pipeline alone"
STAGES = "pipeline, by stage"
_MS_PER_S = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What one stage hands to the next in a stretch of audio, so that each can be run alone."""

    frames: list[NDArray[np.int16]]
    """VAD frames."""
    votes: list[bool]
    changes: list[SpeechStarted | SpeechEnded | None]
    is_open: list[bool]
    windows: list[NDArray[np.float32]]
    """Features of the windows that became due, (frames, coefficients)."""
    estimates: list[Estimate]


def measure(recording: Recording) -> list[Measurement]:
    """The whole, its stages, a window, and how soon something is said."""
    model = EveryHop.shipped()
    rows, stages = [], []
    for name, samples in (("speech", recording.speech), ("silence", recording.room)):
        heard = hear(samples, model)
        whole, own = [], []
        for _ in range(recording.n_rounds):
            whole.append(cpu_s(partial(run, Pipeline(model), samples)))
            own.append(cpu_s(partial(run, Pipeline(model.model), samples)))
        rows.append(Measurement(name=name, group=GROUP, unit=PERCENT, values=_percent(own, samples)))
        if heard.windows:
            note = "none left out of long speech"
            every = _percent(whole, samples)
            name_every = f"{name}, a window every hop"
            rows.append(Measurement(name=name_every, group=GROUP, unit=PERCENT, values=every, note=note))
        stages += _stage_rows(name, samples, heard, model, whole)
        if heard.windows:
            rows = [*_window_rows(heard, model, whole), *rows]
    return [*rows, _first_event(model), *stages]


def run(pipeline: Pipeline, samples: NDArray[np.int16]) -> list[PipelineEvent]:
    """All events of int16 samples, given in blocks of `BLOCK_S`; levels are not told, as over MQTT by default."""
    pipeline.tells_levels = False
    n_block = round(BLOCK_S * RATE_HZ)
    blocks = (AudioBlock(samples[at : at + n_block], at) for at in range(0, len(samples), n_block))
    return [event for block in blocks for event in pipeline.push(block)]


def cpu_s(work: Callable[[], object]) -> float:
    """Processor time of this process for one call."""
    start_s = time.process_time()
    work()
    return time.process_time() - start_s


def _percent(seconds: Sequence[float], samples: NDArray[np.int16]) -> tuple[float, ...]:
    return tuple(100 * one * RATE_HZ / len(samples) for one in seconds)


def _window_rows(heard: Heard, model: EveryHop, whole: Sequence[float]) -> list[Measurement]:
    n_windows = len(heard.windows)
    alone = [cpu_s(partial(_features, heard, model)) + cpu_s(partial(_model, heard, model)) for _ in whole]
    every = tuple(_MS_PER_S * one / n_windows for one in whole)
    part = tuple(_MS_PER_S * one / n_windows for one in alone)
    note = f"gate and all, {n_windows} windows"
    return [
        Measurement(name=OURS, group=WINDOWS, unit=PER_WINDOW, values=every, note=note),
        Measurement(name="ours, features and model only", group=WINDOWS, unit=PER_WINDOW, values=part),
    ]


def _stage_rows(
    heard_in: str, samples: NDArray[np.int16], heard: Heard, model: EveryHop, whole: Sequence[float]
) -> list[Measurement]:
    """Each stage alone on what it gets; the rest is the whole without them, by medians."""
    found: dict[str, list[float]] = {}
    for _ in whole:
        for name, stage in STAGE_RUNS.items():
            found.setdefault(name, []).append(cpu_s(partial(stage, heard, model)))
    found["rest"] = [max(float(np.median(whole)) - sum(float(np.median(one)) for one in found.values()), 0.0)]
    return [
        Measurement(name=f"{heard_in}: {name}", group=STAGES, unit=PERCENT, values=_percent(one, samples))
        for name, one in found.items()
    ]


def hear(samples: NDArray[np.int16], model: EveryHop) -> Heard:
    """Run the stages once and keep what each says."""
    n_frame = RATE_HZ * VAD_FRAME_MS // _MS_PER_S
    frames = [samples[at : at + n_frame] for at in range(0, len(samples) - n_frame + 1, n_frame)]
    gate = default_gate()
    heard = Heard(frames, [], [], [], [], [e for e in run(Pipeline(model), samples) if isinstance(e, Estimate)])
    for number, frame in enumerate(frames):
        level = Level.of(frame)
        vote = gate.is_voiced(frame, level)
        start = number * n_frame
        heard.votes.append(vote)
        heard.changes.append(gate.step(start, start + n_frame, voiced=vote, mean_square=level.mean_square))
        heard.is_open.append(gate.is_open)
    heard.windows.extend(_features(heard, model))
    return heard


def _gate(heard: Heard, _model: EveryHop) -> None:
    """As the pipeline does it: power is measured where there are votes, a block's frames at once."""
    gate, now, n_block = default_gate(), 0, round(BLOCK_S * _MS_PER_S / VAD_FRAME_MS)
    for at in range(0, len(heard.frames), n_block):
        frames = heard.frames[at : at + n_block]
        votes = [gate.vote(frame) for frame in frames]
        if gate.state is GateState.SILENCE and not any(votes):
            now += sum(len(frame) for frame in frames)
            continue
        for frame, vote, power in zip(frames, votes, mean_squares(np.stack(frames)), strict=True):
            start, now = now, now + len(frame)
            gate.step(start, now, voiced=gate.is_loud(power) and vote, mean_square=power)


def _features(heard: Heard, model: EveryHop) -> list[NDArray[np.float32]]:
    windows, now, found = Windows(model.spec, model.window), 0, []
    for frame, voiced, change, is_open in zip(heard.frames, heard.votes, heard.changes, heard.is_open, strict=True):
        now += len(frame)
        windows.push(frame, now, voiced=voiced)
        if isinstance(change, SpeechStarted):
            windows.start(change.at_sample, now)
        if not is_open:
            windows.idle()
        elif (window := windows.due(now)) is not None:
            found.append(window.values)
    return found


def _model(heard: Heard, model: EveryHop) -> None:
    for values in heard.windows:
        model.answer(values)


def _decisions(heard: Heard, model: EveryHop) -> None:
    rule = DecisionRule()
    smoother = Smoother(model.labels, rule)
    segments = Segments(model.labels, RATE_HZ, rule.min_confidence, 0)
    segments.start(0)
    for estimate in heard.estimates:
        smoother.update(estimate.posteriors, estimate.end_sample / RATE_HZ)
        segments.estimated(estimate, estimate.end_sample, Voiced(1, 0.1, estimate.end_sample))


STAGE_RUNS: dict[str, Callable[[Heard, EveryHop], object]] = {
    "gate": _gate,
    "windows and features": _features,
    "model": _model,
    "smoothing and segments": _decisions,
}
"""Each stage alone, over what came before it."""


def _first_event(model: EveryHop) -> Measurement:
    onset = None
    for event in run(Pipeline(model), clip()):
        if isinstance(event, SpeechStarted) and onset is None:
            onset = event.at_sample
        elif isinstance(event, EmotionEvent) and onset is not None:
            delay_s = ((event.decided_sample - onset) / RATE_HZ,)
            return Measurement(name="onset of speech to first event", group=GROUP, unit="s of audio", values=delay_s)
    return Measurement.missing("onset of speech to first event", GROUP, "no event in the bundled clip")
