"""Frames of a stream: each is computed at most once, and only when somebody asks for it.

Between two calls the samples that the next frame still needs and the last raw sample (for pre-emphasis) are carried,
so that a stream in any blocks equals python_speech_features on the whole signal. Frames that nobody will look at,
as in silence, are skipped without computing them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.pipeline.features import make_feature

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.pipeline.features.spec import FeatureSpec


class FrameStream:
    """Samples in, feature frames out.

    Frame `k` covers samples `k * hop` to `k * hop + frame` of the stream.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        """Start an empty stream for `spec`."""
        self.spec = spec
        self._feature = make_feature(spec)
        self.reset()

    def reset(self) -> None:
        """Forget all samples: the next one is sample 0 of frame 0."""
        self._pending: list[NDArray[np.int16] | NDArray[np.float64]] = []
        self._n_pending = 0
        self._last_raw: float | None = None
        self.next_frame = 0

    def push(self, samples: NDArray[np.int16] | NDArray[np.float64]) -> None:
        """Append samples in int16 scale, shape (n,)."""
        if n_samples := len(samples):
            # As they are: most of them are passed over, and never become float64.
            self._pending.append(samples)
            self._n_pending += n_samples

    @property
    def n_ready(self) -> int:
        """Whole frames that the samples so far make."""
        excess = self._n_pending - self.spec.frame_samples
        return 0 if excess < 0 else excess // self.spec.hop_samples + 1

    def take(self, n_frames: int | None = None) -> NDArray[np.float64]:
        """Compute the next `n_frames` frames, or all that are ready.

        Returns:
            float64, shape (n, n_coefficients).
        """
        n = self.n_ready if n_frames is None else min(n_frames, self.n_ready)
        if n <= 0:
            return np.empty((0, self.spec.n_coefficients))
        raw = self._join()
        frames = self._frames(raw[: (n - 1) * self.spec.hop_samples + self.spec.frame_samples], n)
        self._advance(raw, n)
        return self._feature.extract(frames)

    def skip(self, n_frames: int) -> None:
        """Pass over the next `n_frames` frames, or all that are ready, without computing them."""
        n = min(n_frames, self.n_ready)
        if n > 0:
            self._drop(n * self.spec.hop_samples)
            self.next_frame += n

    def take_padded_tail(self) -> NDArray[np.float64]:
        """The last, partly filled frame, zero-padded as python_speech_features does at the end of a signal.

        Call it after `take`, when no whole frame is left.

        Returns:
            float64, shape (0 or 1, n_coefficients): none where the last whole frame ended with the signal.
        """
        raw = self._join()
        carried = self.spec.frame_samples - self.spec.hop_samples if self.next_frame else 0
        if len(raw) <= carried:
            return np.empty((0, self.spec.n_coefficients))
        emphasised = self._preemphasise(raw)
        padded = np.zeros((1, self.spec.frame_samples))
        padded[0, : len(raw)] = emphasised
        self._advance(raw, 1)
        return self._feature.extract(padded)

    def _join(self) -> NDArray[np.int16] | NDArray[np.float64]:
        if len(self._pending) != 1:
            joined: NDArray[Any] = np.concatenate(self._pending) if self._pending else np.empty(0)
            self._pending = [joined]
        return self._pending[0]

    def _advance(self, raw: NDArray[np.int16] | NDArray[np.float64], n_frames: int) -> None:
        used = min(n_frames * self.spec.hop_samples, len(raw))
        if used:
            self._last_raw = float(raw[used - 1])
        rest = raw[used:]
        self._pending, self._n_pending = [rest] if len(rest) else [], len(rest)
        self.next_frame += n_frames

    def _drop(self, n_samples: int) -> None:
        """Let go of the oldest samples, without a copy of those that stay: in silence nothing else is done."""
        self._n_pending -= n_samples
        while n_samples >= len(self._pending[0]):
            oldest = self._pending.pop(0)
            n_samples -= len(oldest)
            self._last_raw = float(oldest[-1])
            if not n_samples:
                return
        self._last_raw = float(self._pending[0][n_samples - 1])
        self._pending[0] = self._pending[0][n_samples:]

    def _preemphasise(self, raw: NDArray[np.int16] | NDArray[np.float64]) -> NDArray[np.float64]:
        out = raw.astype(np.float64)
        out[1:] -= self.spec.preemphasis * raw[:-1]
        if self._last_raw is not None:
            out[0] -= self.spec.preemphasis * self._last_raw
        return out

    def _frames(self, raw: NDArray[np.int16] | NDArray[np.float64], n_frames: int) -> NDArray[np.float64]:
        """Overlapping views of `raw`, which ends with the last of them."""
        emphasised = self._preemphasise(raw)
        step = emphasised.itemsize
        # What numpy's sliding_window_view makes, in 0.4 instead of 12 us.
        return np.ndarray(
            (n_frames, self.spec.frame_samples), np.float64, emphasised, strides=(self.spec.hop_samples * step, step)
        )


def features_of(samples: NDArray[np.int16], spec: FeatureSpec) -> NDArray[np.float64]:
    """All whole frames of one signal, e.g. for the trainer.

    Args:
        samples: int16 (or float in int16 scale), shape (n,), at `spec.rate_hz`.
        spec: what to compute.

    Returns:
        float64, shape (frames, n_coefficients).
    """
    stream = FrameStream(spec)
    stream.push(samples)
    return stream.take()
