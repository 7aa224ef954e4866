"""Ours, in a process of its own like every other way: the shipped model with a window at every hop.

A stream cannot be given windows that are cut out: it would compute each frame as often as it lies in one. So it hears
the recording from its start, gate and all, and its clock runs while it is given the half second that makes one of the
chosen windows due: the vote on each VAD frame, the frames that are new, the model, smoothing and
segments. The windows are the very ones that the others get, as they lie in the recording. What it hears in between is
not counted, as it makes other windows due.

In the same way, without gate and decisions, the features that are new and the model alone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.recording import BLOCK_S, RATE_HZ
from monitor.pipeline import Pipeline
from monitor.pipeline.frames import FrameStream
from monitor.records import AudioBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.alternatives.excerpt import Excerpt
    from benchmarks.everyhop import EveryHop

_N_BLOCK = round(BLOCK_S * RATE_HZ)


def stream_cpu_s(excerpt: Excerpt, n_windows: int, model: EveryHop) -> float:
    """CPU seconds of the whole pipeline for the first `n_windows` together."""
    pipeline = Pipeline(model)
    pipeline.tells_levels = False
    return _timed(excerpt, n_windows, pipeline.push, pipeline.push)


def features_cpu_s(excerpt: Excerpt, n_windows: int, model: EveryHop) -> float:
    """CPU seconds of features and model for the first `n_windows` together."""
    stream = FrameStream(model.spec)
    values = np.zeros((model.window.window_frames, model.spec.n_coefficients), dtype=np.float32)

    def roll(block: AudioBlock) -> None:
        nonlocal values
        stream.push(block.samples)
        fresh = stream.take().astype(np.float32)
        values = np.concatenate([values[len(fresh) :], fresh])

    def answer(block: AudioBlock) -> None:
        roll(block)
        model.answer(values)

    return _timed(excerpt, n_windows, roll, answer)


def _timed(
    excerpt: Excerpt,
    n_windows: int,
    pass_by: Callable[[AudioBlock], object],
    answer: Callable[[AudioBlock], object],
) -> float:
    """Give the recording to `pass_by`, up to each stretch, and that to `answer`: what the latter takes, CPU seconds."""
    heard, spent_s = 0, 0.0
    for start, due in excerpt.stretches()[:n_windows]:
        for other in _blocks(excerpt, heard, start):
            pass_by(other)
        block = AudioBlock(excerpt.samples(start, due), start)
        begun_s = time.process_time()
        answer(block)
        spent_s += time.process_time() - begun_s
        heard = due
    return spent_s


def _blocks(excerpt: Excerpt, start: int, end: int) -> Iterator[AudioBlock]:
    for at in range(start, end, _N_BLOCK):
        yield AudioBlock(excerpt.samples(at, min(at + _N_BLOCK, end)), at)
