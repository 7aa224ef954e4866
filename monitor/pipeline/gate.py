"""The gate: marks speech, frame by frame, with onset, hangover, pre-roll, an energy floor and one above the background.

It marks and does not cut: what is classified is decided by the windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import webrtcvad

from monitor.pipeline.background import Background
from monitor.pipeline.voiced import VoicedCount
from monitor.records import SpeechEnded, SpeechStarted

if TYPE_CHECKING:
    from numpy.typing import NDArray

VAD_FRAME_MS = 30
"""webrtcvad takes 10, 20 or 30 ms; the longest costs least and votes steadiest."""
VAD_RATES_HZ = (8000, 16000, 32000, 48000)
"""Sample rates that webrtcvad knows."""
_FULL_SCALE = 32768.0


class SpeechDetector(Protocol):
    """Votes on single frames."""

    def is_speech(self, frame: NDArray[np.int16]) -> bool:
        """Whether the VAD frame, int16 (n,), sounds like speech. May depend on the frames before it."""
        ...


class WebrtcDetector:
    """webrtcvad: a Gaussian mixture over six sub-bands; adapts to the background, so it is made anew on reset."""

    def __init__(self, mode: int, rate_hz: int) -> None:
        """Aggressiveness `mode` 0-3 at 8, 16, 32 or 48 kHz."""
        self._vad = webrtcvad.Vad(mode)
        self._rate_hz = rate_hz

    def is_speech(self, frame: NDArray[np.int16]) -> bool:
        """Whether the frame, int16 (n,) of 10, 20 or 30 ms, sounds like speech."""
        return bool(self._vad.is_speech(frame.tobytes(), self._rate_hz))


class GateState(Enum):
    """Where the gate is."""

    SILENCE = "silence"
    ONSET = "onset"
    """Voiced, but not yet for long enough."""
    SPEECH = "speech"
    HANGOVER = "hangover"
    """Unvoiced, but not yet for long enough."""


@dataclass(frozen=True, slots=True)
class GateTimes:
    """Durations in samples."""

    onset_samples: int
    hangover_samples: int
    preroll_samples: int
    recall_samples: int = 0
    """A segment may begin or end so far back, see `VoicedCount`."""


class Level(NamedTuple):
    """Power of a stretch of audio. A tuple, as there is one for every VAD frame: made in less than half of the time."""

    mean_square: float
    """0-1, relative to full scale."""
    peak: float
    """0-1, relative to full scale."""

    @staticmethod
    def of(samples: NDArray[np.int16]) -> Level:
        """Measure int16 samples, shape (n,), n > 0."""
        return Level.of_each(samples[np.newaxis])[0]

    @staticmethod
    def of_each(frames: NDArray[np.int16]) -> list[Level]:
        """Measure each row of int16 samples, shape (frames, n), n > 0."""
        highest, lowest = np.maximum.reduce(frames, axis=1).tolist(), np.minimum.reduce(frames, axis=1).tolist()
        return [
            Level(mean_square, max(high, -low) / _FULL_SCALE)
            for mean_square, high, low in zip(mean_squares(frames), highest, lowest, strict=True)
        ]


def mean_squares(frames: NDArray[np.int16]) -> list[float]:
    """Of each row of int16 samples, shape (frames, n), n > 0: 0-1, relative to full scale."""
    # Sums of so many squares of 16 bits are exact in float64: in whatever order they are added, or cut in blocks.
    wide = frames.astype(np.float64)
    full_square = frames.shape[1] * _FULL_SCALE**2
    # Python's numbers from here on: for a few frames numpy's own arithmetic costs more than all of the above.
    return [square_sum / full_square for square_sum in np.einsum("ij,ij->i", wide, wide).tolist()]


def dbfs(mean_square: float) -> float:
    """Mean square, 0-1, as dB relative to full scale; -inf for digital silence."""
    return 10 * math.log10(mean_square) if mean_square > 0 else float("-inf")


class Gate:
    """Follows the votes through four states; checked once a VAD frame."""

    def __init__(self, detector: SpeechDetector, floor_dbfs: float, times: GateTimes, min_snr_db: float = 0.0) -> None:
        """Start in silence at sample 0.

        Args:
            detector: votes.
            floor_dbfs: what is softer is no speech.
            times: durations.
            min_snr_db: what is less louder than the background is no speech; 0 does not ask.
        """
        self._detector = detector
        self._floor_mean_square = 10 ** (floor_dbfs / 10)
        self._background = Background() if min_snr_db else None
        self._min_ratio = 10 ** (min_snr_db / 10)
        self._times = times
        self.state = GateState.SILENCE
        self._run_start = 0
        self.voiced = VoicedCount(times.recall_samples)
        self._previous_end = 0

    @property
    def is_open(self) -> bool:
        """Whether speech is under way, pauses shorter than the hangover included."""
        return self.state is GateState.SPEECH or self.state is GateState.HANGOVER

    @property
    def turn_sample(self) -> int | None:
        """It opens or closes with the VAD frame that reaches this sample, if votes stay as they are or fail to come.

        None in silence.
        """
        if self.state is GateState.SILENCE:
            return None
        if self.state is GateState.ONSET:
            return self._run_start + self._times.onset_samples
        return self.voiced.end_sample + max(self._times.hangover_samples, 1)

    @property
    def asks_power(self) -> bool:
        """Whether it needs the power of every frame; else of those alone that have the detector's vote."""
        return self._background is not None

    def is_voiced(self, frame: NDArray[np.int16], level: Level) -> bool:
        """The detector's vote on a VAD frame, int16 (n,), and the floors."""
        vote = self.vote(frame)
        return self.is_loud(level.mean_square) and vote

    def vote(self, frame: NDArray[np.int16]) -> bool:
        """What the detector says of a VAD frame, int16 (n,). It is to see every one: it has a memory."""
        return self._detector.is_speech(frame)

    def is_loud(self, mean_square: float) -> bool:
        """Whether a VAD frame of this power is above the floors; a background that is asked is to see every one."""
        floor = self._floor_mean_square
        if self._background is not None:
            self._background.push(mean_square)
            floor = max(floor, self._min_ratio * self._background.mean_square)
        return mean_square >= floor

    def step(
        self, start: int, end: int, *, voiced: bool, mean_square: float = 0.0
    ) -> SpeechStarted | SpeechEnded | None:
        """Take the vote on the frame from sample `start` to `end`, and its power."""
        if voiced:
            return self._take_voiced(start, end, mean_square)
        return self._take_unvoiced(end)

    def close(self) -> SpeechEnded | None:
        """The stream ends or breaks: speech that is under way ends with its last voiced frame."""
        was_open = self.is_open
        self.state = GateState.SILENCE
        return self._ended() if was_open else None

    def _take_voiced(self, start: int, end: int, mean_square: float) -> SpeechStarted | None:
        if self.state is GateState.SILENCE:
            self.state, self._run_start, self._previous_end = GateState.ONSET, start, self.voiced.end_sample
            self.voiced.begin(start)
        self.voiced.push(start, end, mean_square)
        if self.state is not GateState.ONSET:
            self.state = GateState.SPEECH
            return None
        if end - self._run_start < self._times.onset_samples:
            return None
        self.state = GateState.SPEECH
        return SpeechStarted(max(self._run_start - self._times.preroll_samples, self._previous_end, 0))

    def _take_unvoiced(self, end: int) -> SpeechEnded | None:
        if self.state is GateState.ONSET:
            self.state = GateState.SILENCE
        elif self.is_open:
            self.state = GateState.HANGOVER
            if end - self.voiced.end_sample >= self._times.hangover_samples:
                self.state = GateState.SILENCE
                return self._ended()
        return None

    def _ended(self) -> SpeechEnded:
        end_sample = self.voiced.end_sample
        return SpeechEnded(end_sample, self.voiced.until(end_sample).n_samples)
