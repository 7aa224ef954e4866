"""The pipeline and its stages, each to be run alone, in this process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.recording import BLOCK_S, RATE_HZ, default_gate
from monitor.pipeline import Pipeline
from monitor.pipeline.gate import VAD_FRAME_MS, GateState, Level, mean_squares
from monitor.pipeline.segments import Segments
from monitor.pipeline.smoother import DecisionRule, Smoother
from monitor.pipeline.voiced import Voiced
from monitor.pipeline.windows import Windows
from monitor.records import AudioBlock, Estimate, SpeechStarted

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.everyhop import EveryHop
    from monitor.pipeline.gate import Gate
    from monitor.records import PipelineEvent, SpeechEnded

_MS_PER_S = 1000
N_FRAME = RATE_HZ * VAD_FRAME_MS // _MS_PER_S
"""Samples of a VAD frame."""
N_BLOCK_FRAMES = round(BLOCK_S * _MS_PER_S / VAD_FRAME_MS)
"""VAD frames of a block."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What one stage hands to the next in a stretch of audio, so that each can be run alone."""

    frames: NDArray[np.int16]
    """VAD frames, int16 (n, samples)."""
    votes: list[bool]
    changes: list[SpeechStarted | SpeechEnded | None]
    is_open: list[bool]
    windows: list[NDArray[np.float32]]
    """Features of the windows that became due, (frames, coefficients)."""
    estimates: list[Estimate]

    def is_silent(self, start: int, end: int) -> bool:
        """Whether nobody spoke before VAD frame `start`, nor has a vote up to frame `end`."""
        before = start > 0 and (self.is_open[start - 1] or self.votes[start - 1])
        return not before and not any(self.votes[start:end])


def run(pipeline: Pipeline, samples: NDArray[np.int16]) -> list[PipelineEvent]:
    """All events of int16 samples, given in blocks of `BLOCK_S`; levels are not told, as over MQTT by default."""
    pipeline.tells_levels = False
    n_block = round(BLOCK_S * RATE_HZ)
    blocks = (AudioBlock(samples[at : at + n_block], at) for at in range(0, len(samples), n_block))
    return [event for block in blocks for event in pipeline.push(block)]


def hear(samples: NDArray[np.int16], model: EveryHop) -> Heard:
    """Run the stages once and keep what each says."""
    frames = samples[: len(samples) - len(samples) % N_FRAME].reshape(-1, N_FRAME)
    gate = default_gate()
    heard = Heard(frames, [], [], [], [], [e for e in run(Pipeline(model), samples) if isinstance(e, Estimate)])
    for number, frame in enumerate(frames):
        level = Level.of(frame)
        vote = gate.is_voiced(frame, level)
        start = number * N_FRAME
        heard.votes.append(vote)
        heard.changes.append(gate.step(start, start + N_FRAME, voiced=vote, mean_square=level.mean_square))
        heard.is_open.append(gate.is_open)
    heard.windows.extend(_features(heard, model)())
    return heard


def _gate(heard: Heard, _model: EveryHop) -> Callable[[], None]:
    return partial(_vote, heard, default_gate())


def _vote(heard: Heard, gate: Gate) -> None:
    """As the pipeline does it: power is measured where there are votes, a block's frames at once."""
    now = 0
    for at in range(0, len(heard.frames), N_BLOCK_FRAMES):
        frames = heard.frames[at : at + N_BLOCK_FRAMES]
        votes = [gate.vote(frame) for frame in frames]
        if gate.state is GateState.SILENCE and not any(votes):
            now += frames.size
            continue
        for frame, vote, power in zip(frames, votes, mean_squares(frames), strict=True):
            start, now = now, now + len(frame)
            gate.step(start, now, voiced=gate.is_loud(power) and vote, mean_square=power)


def _features(heard: Heard, model: EveryHop) -> Callable[[], list[NDArray[np.float32]]]:
    return partial(_cut, heard, Windows(model.spec, model.window))


def _cut(heard: Heard, windows: Windows) -> list[NDArray[np.float32]]:
    """As the pipeline does it: a block in which nobody may speak is passed on as a whole."""
    found = []
    for at in range(0, len(heard.frames), N_BLOCK_FRAMES):
        end = min(at + N_BLOCK_FRAMES, len(heard.frames))
        if heard.is_silent(at, end):
            windows.push(heard.frames[at:end].reshape(-1), N_FRAME * end, voiced=False)
        else:
            for number in range(at, end):
                found += _cut_at(heard, number, windows)
        if not heard.is_open[end - 1]:
            windows.idle()
    return found


def _cut_at(heard: Heard, number: int, windows: Windows) -> list[NDArray[np.float32]]:
    """What one VAD frame makes due."""
    now = N_FRAME * (number + 1)
    windows.push(heard.frames[number], now, voiced=heard.votes[number])
    change = heard.changes[number]
    if isinstance(change, SpeechStarted):
        windows.start(change.at_sample, now)
    elif heard.is_open[number] and now >= windows.next_due and (window := windows.due(now)) is not None:
        return [window.values]
    return []


def _model(heard: Heard, model: EveryHop) -> Callable[[], None]:
    return partial(_answer, heard, model)


def _answer(heard: Heard, model: EveryHop) -> None:
    for values in heard.windows:
        model.answer(values)


def _decisions(heard: Heard, model: EveryHop) -> Callable[[], None]:
    rule = DecisionRule()
    segments = Segments(model.labels, RATE_HZ, rule.min_confidence, 0)
    segments.start(0)
    return partial(_decide, heard, Smoother(model.labels, rule), segments)


def _decide(heard: Heard, smoother: Smoother, segments: Segments) -> None:
    for estimate in heard.estimates:
        smoother.update(estimate.posteriors, estimate.end_sample / RATE_HZ)
        segments.estimated(estimate, estimate.end_sample, Voiced(1, 0.1, estimate.end_sample))


STAGE_RUNS: dict[str, Callable[[Heard, EveryHop], Callable[[], object]]] = {
    "gate": _gate,
    "windows and features": _features,
    "model": _model,
    "smoothing and segments": _decisions,
}
"""Each stage alone, over what came before it: made afresh; what is to be timed is the call of the result."""
