"""What has to be computed for a second of audio, counted from the feature's settings and the network's operators.

Nothing is measured here. Counted is what no way of writing it can avoid: every frame once, filters without their
zeros, weights read once a window. Bytes are those that each stage reads and writes once, as float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from python_speech_features import base

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.interpreter import Operator
    from monitor.pipeline.features.spec import FeatureSpec

_FLOAT_BYTES = 4
_SAMPLE_BYTES = 2


class Kind(Enum):
    """What is counted; each has a rate of its own, see `benchmarks.rates`."""

    TRANSFORM = "real transforms"
    MULTIPLY_ADD = "multiply-adds"
    ELEMENT = "element operations"
    LOGARITHM = "logarithms"
    BYTE = "bytes read or written"


@dataclass(frozen=True, slots=True)
class Work:
    """One part of what is to be computed: for a frame, a window, or a second of audio."""

    part: str
    kind: Kind
    n: float
    n_bytes: float
    """Read and written."""

    def times(self, factor: float) -> Work:
        """So many times as much."""
        return Work(self.part, self.kind, self.n * factor, self.n_bytes * factor)


def frame_work(spec: FeatureSpec) -> list[Work]:
    """The features of one frame.

    Pre-emphasis is counted once a sample, the taper once a sample of every frame; the power spectrum takes three
    operations a bin.
    """
    n_bins = spec.n_fft // 2 + 1
    taken_apart = 2 * spec.hop_samples + spec.frame_samples
    works = [
        Work(
            "pre-emphasis and taper",
            Kind.ELEMENT,
            taken_apart,
            _SAMPLE_BYTES * spec.hop_samples + _FLOAT_BYTES * spec.frame_samples,
        ),
        Work("transform", Kind.TRANSFORM, 1, _FLOAT_BYTES * (spec.frame_samples + 2 * n_bins)),
        Work("power spectrum", Kind.ELEMENT, 3 * n_bins, _FLOAT_BYTES * 3 * n_bins),
        _product("filterbank", filter_weights(spec), n_bins, spec.n_filters),
        Work("logarithm", Kind.LOGARITHM, spec.n_filters, _FLOAT_BYTES * 2 * spec.n_filters),
    ]
    if spec.name == "mfcc":
        works.append(_product("cosine transform", spec.n_filters * spec.n_cepstra, spec.n_filters, spec.n_cepstra))
    return works


def _product(part: str, n_weights: int, n_inputs: int, n_outputs: int) -> Work:
    """A vector by a matrix whose weights stay in the cache."""
    return Work(part, Kind.MULTIPLY_ADD, n_weights, _FLOAT_BYTES * (n_inputs + n_outputs))


def filter_weights(spec: FeatureSpec) -> int:
    """Weights of the filterbank that are not zero."""
    filters = base.get_filterbanks(spec.n_filters, spec.n_fft, spec.rate_hz, spec.low_hz, spec.high_hz)
    return int(np.count_nonzero(filters))


def power_work(n_samples: int) -> Work:
    """Mean square of int16 samples: a multiplication and an addition each. Levels that nobody is told have no peak."""
    return Work("mean square", Kind.ELEMENT, 2 * n_samples, _SAMPLE_BYTES * n_samples)


def network_work(operators: Iterable[Operator]) -> Work:
    """One window through the network: multiply-adds, and every weight read once."""
    operators = tuple(operators)
    n_bytes = _FLOAT_BYTES * sum(_weights(operator) for operator in operators)
    return Work("network", Kind.MULTIPLY_ADD, sum(_multiply_adds(operator) for operator in operators), n_bytes)


def _multiply_adds(operator: Operator) -> int:
    """Of convolutions and matrix products; what else a network does is small, and left out."""
    outputs = math.prod(operator.output_shapes[0]) if operator.output_shapes else 0
    if operator.name in ("CONV_2D", "FULLY_CONNECTED"):
        # Weights are (outputs, ..., inputs): what one output takes is all but the first dimension.
        return outputs * math.prod(operator.input_shapes[1][1:])
    if operator.name == "DEPTHWISE_CONV_2D":
        _, height, width, _ = operator.input_shapes[1]
        return outputs * height * width
    if operator.name == "BATCH_MATMUL":
        return outputs * operator.input_shapes[0][-1]
    return 0


def _weights(operator: Operator) -> int:
    if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        return sum(math.prod(shape) for shape in operator.input_shapes[1:])
    return 0


def work_in_silence() -> list[Work]:
    """A second of audio while the gate is shut and nobody votes for speech: nothing that can be counted.

    The detector's vote is no arithmetic that a specification counts; power is asked for where somebody may speak.
    """
    return []


def work_in_speech(spec: FeatureSpec, windows_per_s: float, operators: Iterable[Operator]) -> list[Work]:
    """A second of audio in which somebody may speak throughout, every frame is in some window, and so many are due."""
    frames_per_s = spec.rate_hz / spec.hop_samples
    frames = [work.times(frames_per_s) for work in frame_work(spec)]
    return [power_work(spec.rate_hz), *frames, network_work(operators).times(windows_per_s)]
