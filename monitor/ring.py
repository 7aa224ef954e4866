"""Ring buffer between the capture thread and the worker: one writer, one reader, and every lost sample is counted.

A full ring overwrites its oldest samples, because a live monitor that lags is worse than one that skips. What was
overwritten, and what the writer knows it never received, reaches the reader as a gap with true sample numbers.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.records import AudioBlock
from monitor.sources import MUTED_GAP

if TYPE_CHECKING:
    from numpy.typing import NDArray

OVERFLOW = "overflow"
"""Cause of a gap: the reader was too slow and the ring overwrote audio."""


@dataclass(slots=True)
class _Loss:
    """Samples missing just before the stored sample number `position`."""

    position: int
    by_cause: Counter[str]


class Ring:
    """Holds the newest samples, int16 mono.

    At any moment `read_samples + queued_samples + lost_samples` is what was written plus what was marked as a gap.
    """

    def __init__(self, capacity_samples: int) -> None:
        """Start empty, at sample 0.

        Raises:
            ValueError: no room for a single sample.
        """
        if capacity_samples < 1:
            raise ValueError(f"a ring of {capacity_samples} samples holds nothing; give it at least 1")
        self._store = np.empty(capacity_samples, dtype=np.int16)
        self._changed = threading.Condition()
        # Positions count stored samples only and never wrap; the place in the store is the remainder.
        self._head = 0
        self._tail = 0
        self._losses: deque[_Loss] = deque()
        self._next_sample = 0
        self._read = 0
        self._lost: Counter[str] = Counter()
        self._closed = False
        self._nudged = False

    def write(self, samples: NDArray[np.int16]) -> None:
        """Append samples, int16 (n,); where room is missing the oldest are lost. After `close` nothing is taken."""
        with self._changed:
            if self._closed:
                return
            surplus = self._head - self._tail + len(samples) - len(self._store)
            if surplus > 0:
                samples = self._drop_oldest(surplus, samples)
            self._put(samples)
            self._changed.notify()

    def mark_gap(self, lost_samples: int, cause: str) -> None:
        """Say that `lost_samples` never arrived between the last sample written and the next one."""
        with self._changed:
            if self._closed or lost_samples <= 0:
                return
            self._lost[cause] += lost_samples
            if not self._losses or self._losses[-1].position != self._head:
                self._losses.append(_Loss(self._head, Counter()))
            self._losses[-1].by_cause[cause] += lost_samples
            self._changed.notify()

    def read(self, max_samples: int, timeout_s: float) -> AudioBlock | None:
        """The oldest samples, at most `max_samples` and never across a gap; waits up to `timeout_s` for the first.

        A gap of which a part was muted comes as two: what was lost, and then what nobody was to hear.

        Returns:
            A block; an empty one where only a gap is known so far, so that speech can be closed at once. None when
            the time is over, after a `nudge`, or when the ring is `ended`.
        """
        with self._changed:
            self._changed.wait_for(self._is_news, timeout_s)
            self._nudged = False
            return self._take(max_samples)

    def nudge(self) -> None:
        """End the reader's wait, or its next one: something else is to be looked after."""
        with self._changed:
            self._nudged = True
            self._changed.notify()

    def close(self) -> None:
        """No more will be written: the reader drains what is left, then finds the ring `ended`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Closed and drained."""
        with self._changed:
            return self._closed and self._head == self._tail and not self._losses

    @property
    def read_samples(self) -> int:
        """Samples handed to the reader."""
        return self._read

    @property
    def end_sample(self) -> int:
        """Number of the next sample to be written."""
        with self._changed:
            return self._read + self._head - self._tail + self._lost.total()

    @property
    def queued_samples(self) -> int:
        """Samples waiting for the reader."""
        with self._changed:
            return self._head - self._tail

    @property
    def lost_samples(self) -> int:
        """Samples overwritten or marked as a gap, those included that the reader has not been told of yet."""
        with self._changed:
            return self._lost.total()

    def lost_by_cause(self) -> dict[str, int]:
        """`lost_samples`, by cause."""
        with self._changed:
            return dict(self._lost)

    def _is_news(self) -> bool:
        return self._head > self._tail or bool(self._losses) or self._closed or self._nudged

    def _drop_oldest(self, surplus: int, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Lose `surplus` samples, the stored ones first; returns what is left of `samples`."""
        from_store = min(surplus, self._head - self._tail)
        unstored = surplus - from_store
        self._tail += from_store
        merged = Counter({OVERFLOW: surplus})
        # Gaps inside the overwritten stretch lie before the new tail too: one longer gap takes their place.
        while self._losses and self._losses[0].position <= self._tail:
            merged += self._losses.popleft().by_cause
        self._losses.appendleft(_Loss(self._tail, merged))
        self._lost[OVERFLOW] += surplus
        return samples[unstored:]

    def _put(self, samples: NDArray[np.int16]) -> None:
        start = self._head % len(self._store)
        n_before_wrap = min(len(samples), len(self._store) - start)
        self._store[start : start + n_before_wrap] = samples[:n_before_wrap]
        self._store[: len(samples) - n_before_wrap] = samples[n_before_wrap:]
        self._head += len(samples)

    def _take(self, max_samples: int) -> AudioBlock | None:
        lost = self._next_loss()
        # What is left of the gap, or a later one, bounds the block.
        end = min(self._head, self._tail + max_samples, *(later.position for later in self._losses))
        if not lost and end == self._tail:
            return None
        start_sample = self._next_sample + lost.total()
        samples = self._copy(end)
        self._next_sample = start_sample + len(samples)
        # A gap of several causes carries the name of the one that took most.
        cause = lost.most_common(1)[0][0] if lost else ""
        return AudioBlock(samples, start_sample, lost.total(), cause, self._waiting())

    def _next_loss(self) -> Counter[str]:
        """What is to be told of a gap that begins here, by cause; muted time that it holds besides is told next."""
        if not self._losses or self._losses[0].position != self._tail:
            return Counter()
        by_cause = self._losses.popleft().by_cause
        muted = Counter({cause: n for cause, n in by_cause.items() if cause == MUTED_GAP})
        if not muted or muted == by_cause:
            return by_cause
        self._losses.appendleft(_Loss(self._tail, muted))
        return by_cause - muted

    def _waiting(self) -> int:
        """Samples behind the reader, those included that are known to be missing there."""
        return self._head - self._tail + sum(loss.by_cause.total() for loss in self._losses)

    def _copy(self, end: int) -> NDArray[np.int16]:
        start, n = self._tail % len(self._store), end - self._tail
        wrapped = max(start + n - len(self._store), 0)
        samples: NDArray[np.int16] = np.concatenate([self._store[start : start + n], self._store[:wrapped]])
        self._tail = end
        self._read += n
        return samples
