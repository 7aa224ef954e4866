"""What this machine computes a second, with one thread, in the libraries that the monitor uses, or in faster ones.

Small kernels with nothing around them, on data that stays in the cache, in float32. A limit made of them is what
arithmetic costs here, not what the hardware's data sheet promises.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import scipy.fft

from benchmarks.interpreter import open_network
from benchmarks.operations import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_KERNEL_S = 0.03
"""CPU time that a kernel is repeated for: long against the clock's steps."""
_N_FRAMES = 50
"""Frames of half a second: as many as a new window brings."""
_N_MATRIX = 256
_N_ELEMENTS = 1 << 15
CONVOLUTION = (32, 32, 64)
"""Height, width and channels of a 3 x 3 convolution that the interpreter computes fastest."""


@dataclass(frozen=True, slots=True)
class _Kernel:
    kind: Kind
    n: float
    """Units of work in a call."""
    call: Callable[[], object]


class Rates:
    """Units of work a second of CPU time, by kind; the caller says when a round is taken, so that others take turns.

    Where there are several kernels of a kind, the fastest counts. The convolution is written as a network by
    TensorFlow; without it, multiply-adds are those of a matrix product.
    """

    def __init__(self, n_fft: int) -> None:
        """Make the kernels; transforms are of `n_fft` samples."""
        self._kernels = _kernels(n_fft)
        self._found: list[list[float]] = [[] for _ in self._kernels]

    def run_round(self) -> None:
        """Measure every kernel once."""
        for kernel, found in zip(self._kernels, self._found, strict=True):
            found.append(kernel.n / cpu_s_a_call(kernel.call))

    def fastest(self) -> dict[Kind, tuple[float, ...]]:
        """One value a round, of the kernel of each kind that has the highest median."""
        fastest: dict[Kind, tuple[float, ...]] = {}
        for kernel, found in zip(self._kernels, self._found, strict=True):
            if statistics.median(found) > statistics.median(fastest.get(kernel.kind, (0.0,))):
                fastest[kernel.kind] = tuple(found)
        return fastest


def cpu_s_a_call(kernel: Callable[[], object]) -> float:
    """CPU seconds of one call, the mean over many."""
    kernel()
    n_calls, start = 0, time.process_time()
    while (elapsed := time.process_time() - start) < _KERNEL_S:
        kernel()
        n_calls += 1
    return elapsed / n_calls


def _kernels(n_fft: int) -> list[_Kernel]:
    random = np.random.default_rng(0)
    frames = random.standard_normal((_N_FRAMES, n_fft)).astype(np.float32)
    square = random.standard_normal((_N_MATRIX, _N_MATRIX)).astype(np.float32)
    values = random.random(_N_ELEMENTS).astype(np.float32) + np.float32(0.5)
    product, result, copy = np.empty_like(square), np.empty_like(values), np.empty_like(values)
    kernels = [
        _Kernel(Kind.TRANSFORM, _N_FRAMES, lambda: scipy.fft.rfft(frames)),
        _Kernel(Kind.MULTIPLY_ADD, _N_MATRIX**3, lambda: np.matmul(square, square, out=product)),
        _Kernel(Kind.ELEMENT, _N_ELEMENTS, lambda: np.multiply(values, values, out=result)),
        _Kernel(Kind.LOGARITHM, _N_ELEMENTS, lambda: np.log(values, out=result)),
        _Kernel(Kind.BYTE, 2 * values.nbytes, lambda: np.copyto(copy, values)),  # read, and written
    ]
    if (network := _convolution()) is not None:
        height, width, channels = CONVOLUTION
        invoke = open_network(network).invoke
        kernels.append(_Kernel(Kind.MULTIPLY_ADD, 9 * height * width * channels**2, invoke))
    return kernels


def _convolution() -> bytes | None:
    """A network of one convolution; None without TensorFlow."""
    if importlib.util.find_spec("tensorflow") is None:
        return None
    with TemporaryDirectory() as folder:
        file = Path(folder) / "convolution.tflite"
        # In a process of its own: TensorFlow would stay in this one, with its threads.
        command = [sys.executable, "-m", "benchmarks.convolution", str(file)]
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        subprocess.run(command, env=quiet, check=True, capture_output=True)
        return file.read_bytes()


def webrtcvad_cpu_s(samples: NDArray[np.int16], rate_hz: int, frame_ms: int, mode: int) -> float:
    """CPU seconds that speech detection alone takes for each second of `samples`, int16 (n,): its measured floor."""
    import webrtcvad  # noqa: PLC0415 - nothing else here needs it

    n_frame = rate_hz * frame_ms // 1000
    whole = samples[: len(samples) - len(samples) % n_frame]
    frames = [frame.tobytes() for frame in whole.reshape(-1, n_frame)]
    vad = webrtcvad.Vad(mode)
    start = time.process_time()
    for frame in frames:
        vad.is_speech(frame, rate_hz)
    return (time.process_time() - start) / (len(whole) / rate_hz)
