"""Analysis windows: which stretches of the stream are classified, and their features.

Windows lie on a grid of one hop that starts with the stream, not with the speech: where exactly the gate opens, which
depends a little on loudness, then moves no window. Each ends with the VAD frame in which its point of the grid lies:
cut at the point itself, it would be up to 20 ms old when that frame is complete. A window is due when enough of it is
voiced. The longer speech goes on without a pause the fewer are cut, down to those that overlap by half: each next one
would hold little new. A last one closes the speech, so that a short word is heard too. What lies before the stream's
start is digital silence.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.pipeline.frames import FrameStream
from monitor.records import AnalysisWindow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.pipeline.features.spec import FeatureSpec


@dataclass(frozen=True, slots=True)
class WindowRule:
    """The shape of a window and when one is classified."""

    window_frames: int
    hop_frames: int
    min_speech_s: float = 1.0
    """Voiced time that a window needs while speech goes on."""
    min_final_speech_s: float = 0.25
    """Voiced time that the last window needs."""
    settled_hops: int = 3
    """At most so many hops lie between those of long speech without a pause, as far as they overlap by half."""


class Windows:
    """Cuts windows out of the stream while speech goes on."""

    def __init__(self, spec: FeatureSpec, rule: WindowRule) -> None:
        """Start before sample 0."""
        self._spec = spec
        self._rule = rule
        self._stream = FrameStream(spec)
        # Frames of digital silence, as the window sees them before the stream's start.
        silence = FrameStream(spec)
        silence.push(np.zeros(spec.frame_samples))
        self._silence = silence.take(1).astype(np.float32)[0]
        self.reset()

    def reset(self) -> None:
        """Forget all audio: the next sample is number 0."""
        self._stream.reset()
        self._values = np.tile(self._silence, (self._rule.window_frames, 1))
        self._votes: deque[tuple[int, int]] = deque()
        self._voted_samples = 0
        self.next_due = 0
        """A window is due by this sample, while speech goes on."""
        self._speech_start = 0
        self._hops = 1
        self._last_end = 0
        self._last_voiced_end = 0

    def push(self, samples: NDArray[np.int16], end: int, *, voiced: bool) -> None:
        """Take one VAD frame, int16 (n,), that ends at sample `end`."""
        self._stream.push(samples)
        if voiced:
            n_samples = len(samples)
            self._votes.append((end - n_samples, end))
            self._voted_samples += n_samples
            self._last_voiced_end = end

    def idle(self) -> None:
        """No speech: pass over the frames that no later window can reach, uncomputed. To be called now and then."""
        self._forget_votes(self._last_voiced_end - self.n_samples)
        self._pass_over()

    def start(self, at_sample: int, now: int) -> None:
        """Speech started at sample `at_sample` and was noticed at `now`: windows are due from the next grid point."""
        self.next_due = (now // self.hop_samples + 1) * self.hop_samples
        self._speech_start = at_sample
        self._hops = 1
        # A window that ended later told of the speech before: of this one none has been heard yet.
        self._last_end = min(self._last_end, at_sample)
        self._forget_votes(at_sample)

    def due(self, end: int) -> AnalysisWindow | None:
        """The window that became due by sample `end`, or None. At most one a call: call it each VAD frame."""
        if end < self.next_due:
            return None
        self.next_due += self.hop_samples
        hops, self._hops = self._hops, 1
        window = None
        if self._last_voiced_end > self._last_end:
            window = self._cut(end, self._rule.min_speech_s, hops)
        if window is None:
            # Barks or knocks can hold the gate open for hours without ever filling a window.
            self._pass_over()
        return window

    def last(self, end: int) -> AnalysisWindow | None:
        """The window that closes the speech at sample `end`; None where the last one saw all of it."""
        if self._last_voiced_end <= self._last_end:
            return None
        due_before = self.next_due - self._hops * self.hop_samples
        # Less than it would have stood for, had it become due.
        hops = min(max(-(-(end - due_before) // self.hop_samples), 1), self._hops)
        return self._cut(end, self._rule.min_final_speech_s, hops)

    def settle(self, now: int) -> None:
        """Speech goes on without a pause up to sample `now`: less of it is new in each next window."""
        # On the grid of the stream as well: when exactly speech fills a window then moves none of the later ones.
        step = self.hop_samples * self._hops_apart(now - self._speech_start)
        due, self.next_due = self.next_due, -(-self.next_due // step) * step
        self._hops += (self.next_due - due) // self.hop_samples

    def _hops_apart(self, spoken_samples: int) -> int:
        """From one window to the next: two once speech has filled half of one, all it may be when it has filled two."""
        overlapping = max(self._rule.window_frames // (2 * self._rule.hop_frames), 1)
        most = min(self._rule.settled_hops, overlapping)
        if 2 * spoken_samples < self.n_samples:
            return 1
        return min(most, 2) if spoken_samples < 2 * self.n_samples else most

    @property
    def hop_samples(self) -> int:
        """Distance of the windows, until the speech fills half of one."""
        return self._rule.hop_frames * self._spec.hop_samples

    @property
    def n_samples(self) -> int:
        """Length of a window."""
        return (self._rule.window_frames - 1) * self._spec.hop_samples + self._spec.frame_samples

    def _cut(self, end: int, min_speech_s: float, hops: int = 1) -> AnalysisWindow | None:
        last_frame = (end - self._spec.frame_samples) // self._spec.hop_samples
        window_end = last_frame * self._spec.hop_samples + self._spec.frame_samples
        window_start = window_end - self.n_samples
        voiced = self._voiced_samples(window_start)
        if last_frame < 0 or voiced == 0 or voiced < min_speech_s * self._spec.rate_hz:
            return None
        self._last_end = end
        self._roll(last_frame)
        ratio = min(voiced / self.n_samples, 1.0)
        return AnalysisWindow(self._values, max(window_start, 0), window_end, ratio, hops)

    def _voiced_samples(self, window_start: int) -> int:
        self._forget_votes(window_start)
        # Only the first of them can reach over the window's start.
        outside = max(window_start - self._votes[0][0], 0) if self._votes else 0
        return self._voted_samples - outside

    def _forget_votes(self, until: int) -> None:
        """Those on frames that end by sample `until`."""
        while self._votes and self._votes[0][1] <= until:
            start, end = self._votes.popleft()
            self._voted_samples -= end - start

    def _pass_over(self) -> None:
        """Skip the frames that no later window can reach."""
        # One window of samples is kept: speech that starts now may look back that far.
        surplus = self._stream.n_ready - self._rule.window_frames
        if surplus >= self._rule.hop_frames:
            self._stream.skip(surplus)

    def _roll(self, last_frame: int) -> None:
        """Bring the window's rows up to `last_frame`: the rows shift, new frames are computed once."""
        wanted = last_frame + 1 - self._stream.next_frame
        surplus = wanted - self._rule.window_frames
        if surplus > 0:
            self._stream.skip(surplus)
        fresh = self._stream.take(min(wanted, self._rule.window_frames)).astype(np.float32)
        if len(fresh):
            # A new array each time: windows that were handed out keep theirs.
            self._values = np.concatenate([self._values[len(fresh) :], fresh])
