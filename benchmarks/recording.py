"""The audio that everything here is measured on: minutes of speech and minutes of a quiet room, in turn.

And what people do between the two: talk, in sentences with pauses between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from benchmarks.everyhop import EveryHop
from monitor.demo import clip_path
from monitor.model import EmotionModel, shipped_model
from monitor.pipeline import GateRule, Pipeline
from monitor.pipeline.gate import VAD_FRAME_MS, Gate, GateTimes, Level, WebrtcDetector
from monitor.records import AudioBlock, SpeechEnded, SpeechStarted
from monitor.sources import LONGEST_BLOCK_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.records import AnalysisWindow, PipelineEvent

RATE_HZ = 16_000
DURATION_S = 600
STRETCH_S = 60
"""Speech and room take turns of this length, speech first."""
N_ROUNDS = 7
BLOCK_S = LONGEST_BLOCK_S
"""Audio is given to a pipeline in blocks as long as the program's own."""
_ROOM_DBFS = -70.0
SENTENCES_S = (4.5, 4.0, 5.0)
"""Sentences of talk, over and over: shorter than the two windows after which fewest are classified."""
PAUSE_S = 0.7
"""After each: the gate closes, so that the next sentence starts anew, and the pause is no rest."""
_MS_PER_S = 1000
_FULL_SCALE = 32768


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What is heard, and the windows that are classified in it."""

    samples: NDArray[np.int16]
    """int16, shape (n,), mono, at `RATE_HZ`."""
    window_ends: NDArray[np.int64]
    """int64, shape (windows,), rising: the sample behind the last one of each window that our pipeline classifies."""
    window_samples: int
    """Length of each window."""
    stretch_s: float = STRETCH_S
    n_rounds: int = N_ROUNDS
    """How often a figure is to be taken."""

    @staticmethod
    def compose(duration_s: float = DURATION_S, stretch_s: float = STRETCH_S, n_rounds: int = N_ROUNDS) -> Recording:
        """The same at each call."""
        samples = composed(duration_s, stretch_s)
        return Recording(samples, windows(samples), _model_window_samples(), stretch_s, n_rounds)

    @property
    def duration_s(self) -> float:
        """Of the whole."""
        return len(self.samples) / RATE_HZ

    @property
    def speech(self) -> NDArray[np.int16]:
        """int16: the first stretch of speech."""
        return self.samples[: round(self.stretch_s * RATE_HZ)]

    @property
    def room(self) -> NDArray[np.int16]:
        """int16: the first stretch of a quiet room."""
        start, end = round(self.stretch_s * RATE_HZ), round(2 * self.stretch_s * RATE_HZ)
        return self.samples[start:end]

    @property
    def talk(self) -> NDArray[np.int16]:
        """int16: a stretch of talk; it is no part of the whole."""
        return sentences(round(self.stretch_s * RATE_HZ))

    def window(self, end: int) -> NDArray[np.int16]:
        """int16, shape (window_samples,): the window that ends at sample `end`; digital silence before the start."""
        found = self.samples[max(end - self.window_samples, 0) : end]
        return np.pad(found, (self.window_samples - len(found), 0))


def composed(duration_s: float = DURATION_S, stretch_s: float = STRETCH_S) -> NDArray[np.int16]:
    """Speech and a quiet room in turn, int16 (n,) at `RATE_HZ`; half of it is speech if it is whole turns long.

    Speech is the bundled clip without its pauses, over and over: the most that there can be to hear. It is not the most
    that there can be to do, since windows are left out of long speech: see `sentences`.
    """
    n_stretch, n_whole = round(stretch_s * RATE_HZ), round(duration_s * RATE_HZ)
    n_turns = -(-n_whole // (2 * n_stretch))
    speech, room = np.resize(unbroken_speech(), n_turns * n_stretch), quiet_room(n_turns * n_stretch)
    turns: NDArray[np.int16] = np.concatenate([speech.reshape(n_turns, -1), room.reshape(n_turns, -1)], axis=1)
    return turns.ravel()[:n_whole]


def clip() -> NDArray[np.int16]:
    """The bundled clip, int16 (n,) at `RATE_HZ`."""
    samples, _ = soundfile.read(clip_path(), dtype="int16")
    return np.asarray(samples, dtype=np.int16)


@cache
def unbroken_speech() -> NDArray[np.int16]:
    """The clip's speech without its pauses, int16 (n,): what the gate lets through, whatever a model says of it."""
    heard, gate = clip(), default_gate()
    n_frame = RATE_HZ * VAD_FRAME_MS // _MS_PER_S
    starts, ends = [], []
    for at in range(0, len(heard) - n_frame + 1, n_frame):
        frame = heard[at : at + n_frame]
        change = gate.step(at, at + n_frame, voiced=gate.is_voiced(frame, Level.of(frame)))
        if isinstance(change, SpeechStarted):
            starts.append(change.at_sample)
        elif isinstance(change, SpeechEnded):
            ends.append(change.at_sample)
    return np.concatenate([heard[start:end] for start, end in zip(starts, [*ends, len(heard)], strict=False)])


def sentences(n_samples: int) -> NDArray[np.int16]:
    """Talk: the clip's speech in sentences, each with a pause of a quiet room behind it, int16 (n_samples,).

    More to do than in speech without a pause: fewer windows are left out, and each sentence has one more at its end.
    """
    lengths = cycle(round(seconds * RATE_HZ) for seconds in SENTENCES_S)
    said, heard = np.resize(unbroken_speech(), n_samples), quiet_room(n_samples)
    start = 0
    while start < n_samples:
        end = start + next(lengths)
        heard[start:end] = said[start:end]
        start = end + round(PAUSE_S * RATE_HZ)
    return heard


def default_gate() -> Gate:
    """The gate as it is set by default, at sample 0."""
    rule = GateRule()
    times = (ms * RATE_HZ // _MS_PER_S for ms in (rule.onset_ms, rule.hangover_ms, rule.preroll_ms))
    return Gate(WebrtcDetector(rule.mode, RATE_HZ), rule.floor_dbfs, GateTimes(*times))


def quiet_room(n_samples: int) -> NDArray[np.int16]:
    """White noise at -70 dBFS, int16 (n_samples,)."""
    noise = np.random.default_rng(0).standard_normal(n_samples) * _FULL_SCALE * 10 ** (_ROOM_DBFS / 20)
    samples: NDArray[np.int16] = np.rint(noise).astype(np.int16)
    return samples


def windows(samples: NDArray[np.int16]) -> NDArray[np.int64]:
    """Where the windows end that the shipped model classifies in `samples` at every hop, int64 (windows,)."""
    pipeline = _Listening(EveryHop.shipped())
    pipeline.push(AudioBlock(samples, 0))
    pipeline.flush()
    return np.array(pipeline.ends, dtype=np.int64)


class _Listening(Pipeline):
    """Notes each window, those that hold no speech for the model included: they make no event."""

    ends: list[int]

    def _restart(self, at_sample: int) -> None:
        self.ends = []
        super()._restart(at_sample)

    def _classify(self, window: AnalysisWindow | None, *, follow: bool = True) -> list[PipelineEvent]:
        if window is not None:
            self.ends.append(window.end_sample)
        return super()._classify(window, follow=follow)


def _model_window_samples() -> int:
    model = EmotionModel.load(shipped_model())
    return (model.window.window_frames - 1) * model.spec.hop_samples + model.spec.frame_samples
