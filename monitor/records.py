"""Every record that crosses a room. Frozen; names are past-tense facts; times are sample numbers at the model's rate.

Sample 0 is the first sample of the stream. Lost samples are counted, so sample numbers stay true across a gap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNCERTAIN = "uncertain"
"""The outcome when no label is likely enough."""

MonitorState = Literal["starting", "listening", "speech", "muted", "no_audio", "degraded"]
"""`degraded`: it listens, but audio or events are being lost."""
EventType = Literal["new", "update", "end"]


@dataclass(frozen=True, slots=True, eq=False)
class AudioBlock:
    """Consecutive samples, mono, at the rate the pipeline runs at."""

    samples: NDArray[np.int16]
    """int16, shape (n,), full scale 32768."""
    start_sample: int
    """Number of the first sample of the block."""
    lost_samples: int = 0
    """Samples lost just before this block; they are counted in `start_sample`."""
    gap_cause: str = ""
    """Why samples were lost: `overflow`, `device`, ...; empty when none were."""
    queued_samples: int = 0
    """Samples that had arrived behind this block when it was read, those lost among them included: so old is it."""

    @property
    def end_sample(self) -> int:
        """Number of the sample after the last one."""
        return self.start_sample + len(self.samples)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Where blocks are to end, so that they can be long and yet nothing that is due waits for the rest of one."""

    origin_sample: int
    """VAD frames are counted from here."""
    due_sample: int
    """A window is due at the end of the VAD frame that reaches this sample."""
    hop_samples: int
    """Others are due so far apart, before and behind it."""
    frame_samples: int
    """Length of a VAD frame."""
    speaking: bool
    """Else nothing is due within a block: all that could be late is the news that somebody speaks."""
    turn_sample: int | None = None
    """The gate opens or closes with the VAD frame that reaches this sample, if nothing happens until then."""
    soonest_samples: int | None = None
    """In silence: from the beginning of a word to the first event of it, at least. None: longer than any block."""

    def block_end(self, position: int, longest_samples: int) -> int:
        """Where a block ends that begins at sample `position`: with the frame in which something is due, or before.

        A stretch that is longer than a block is cut evenly.
        """
        since = position - self.origin_sample
        if not self.speaking and self.soonest_samples is not None:
            longest_samples = min(longest_samples, self.soonest_samples)
        due = self._next_due(since) if self.speaking else self._frames_within(since, longest_samples)
        if self.turn_sample is not None:
            turn = self._frame_end(self.turn_sample - self.origin_sample)
            due = turn if since < turn < due else due
        n_blocks = -(-(due - since) // longest_samples)
        if n_blocks == 1:
            return self.origin_sample + due
        # The shorter ones first: two in a row, over the due point, are then no longer than what is due is apart.
        part_end = (since + (due - since) // n_blocks) // self.frame_samples * self.frame_samples
        return self.origin_sample + max(part_end, self._frame_end(since + 1))

    def _frames_within(self, since: int, n_samples: int) -> int:
        """The last end of a VAD frame that is no further than `n_samples` behind `since`, or the next one at all."""
        end = (since + n_samples) // self.frame_samples * self.frame_samples
        return max(end, self._frame_end(since + 1))

    def _next_due(self, since: int) -> int:
        """End of the VAD frame of the next window behind `since`; both counted from the origin."""
        first = (self.due_sample - self.origin_sample) % self.hop_samples
        n_hops = (since - first) // self.hop_samples
        due = self._frame_end(first + n_hops * self.hop_samples)
        return due if due > since else self._frame_end(first + (n_hops + 1) * self.hop_samples)

    def _frame_end(self, sample: int) -> int:
        """End of the VAD frame that reaches `sample`, both counted from the origin."""
        return -(-sample // self.frame_samples) * self.frame_samples


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The gate opened; or somebody speaks again while it is open."""

    at_sample: int
    """Start of the speech, pre-roll included: earlier than the moment of the decision."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The gate closed; or the model sees nobody speak any more."""

    at_sample: int
    """End of the last voiced frame; or of what the model takes for speech."""
    voiced_samples: int
    """Samples in voiced frames since the speech started."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Audio was lost; speech was closed and the stages were reset."""

    at_sample: int
    """The first lost sample."""
    lost_samples: int
    cause: str


@dataclass(frozen=True, slots=True)
class LevelMeasured:
    """How loud the last tenth of a second was."""

    at_sample: int
    """End of the measured stretch."""
    rms_dbfs: float
    """dB relative to full scale (a full-scale square wave is 0 dBFS); -inf for digital silence."""
    peak_dbfs: float


@dataclass(frozen=True, slots=True, eq=False)
class AnalysisWindow:
    """The features that are classified at once."""

    values: NDArray[np.float32]
    """float32, shape (frames, coefficients)."""
    start_sample: int
    end_sample: int
    """End of the window; its frames lie before it."""
    speech_ratio: float
    """Share of the window that the gate found voiced, above 0, at most 1."""
    hops: int = 1
    """It stands for so many: some are left out of long speech."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What the model says of one analysis window."""

    start_sample: int
    end_sample: int
    posteriors: NDArray[np.float64]
    """float64, shape (labels,), sums to 1: the model's softmax for this window alone."""
    smoothed: NDArray[np.float64]
    """float64, shape (labels,), sums to 1: exponential average over the segment's windows."""
    label: str
    """A label of the model, or `uncertain`."""
    confidence: float
    """The smoothed posterior of the label, 0-1; of the most likely one where it is `uncertain`."""
    speech_ratio: float = 1.0
    """Share of the window that the gate found voiced, above 0, at most 1."""
    hops: int = 1
    """As of its window."""

    @property
    def weight(self) -> float:
        """In a mean over windows: by how much speech it stands for."""
        return self.speech_ratio * self.hops


@dataclass(frozen=True, slots=True)
class EmotionEvent:
    """One step in the life of a speech segment: every `new` gets exactly one `end`."""

    type: EventType
    segment: int
    """Number of the segment in this stream, from 1."""
    emotion: str
    """A label of the model, or `uncertain`."""
    confidence: float
    """Score of the emotion, 0-1; of the most likely label where it is `uncertain`."""
    scores: dict[str, float] = field(hash=False)
    """Label to probability. `new`, `update`: smoothed; `end`: mean posterior over the segment's windows, weighed
    by the speech in them."""
    start_sample: int = 0
    end_sample: int = 0
    """`new`, `update`: how far the speech had been classified; `end`: end of the speech, as `SpeechEnded`."""
    decided_sample: int = 0
    """How far the stream had been heard when this was decided: what latency is measured from."""
    speech_samples: int = 0
    """Voiced samples in the segment so far."""
    windows: int = 0
    """Analysis windows classified in the segment so far."""
    level_dbfs: float = float("-inf")
    """RMS of the voiced frames of the segment."""
    gap_samples: int = 0
    """Samples lost at the end of the segment, when a gap closed it."""


@dataclass(frozen=True, slots=True)
class StatusTaken:
    """How the monitor is doing; taken on change and every half minute."""

    state: MonitorState
    reason: str
    """Why nothing is heard or something is lost; empty while all is well."""
    device: str
    """What is listened to: an input's name, a file's, `stdin`."""
    rate_hz: int
    """Sample rate of the open input; 0 while none is open."""
    audio_age_s: float | None
    """Seconds since audio last arrived; None before any has."""
    uptime_s: float
    memory_mb: float | None
    """Resident memory, 10^6 bytes; None where the system does not tell."""
    cpu_percent: float
    """Of one core, over the last 5 s or a little more."""
    inference_p95_ms: float | None
    """95th percentile of the time the model took for one of the last windows; None before any."""
    audio_lost_s: float
    """All audio lost since the start, in seconds."""
    reopens: int
    """Attempts to open the input after the first."""
    reconnects: int
    """Connections to the broker after the first."""
    events: int
    """Emotion events since the start."""
    dropped: int
    """Events and reports dropped because an output did not keep up or was away."""
    queue: int
    """Events that wait for the broker, those not yet acknowledged included."""


PipelineEvent = SpeechStarted | SpeechEnded | Gap | LevelMeasured | Estimate | EmotionEvent
"""Whatever `Pipeline.push` and `Pipeline.flush` return."""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """A pipeline event on its way to the sinks: here sample numbers have become wall-clock time."""

    event: PipelineEvent | StatusTaken
    at_s: float
    """Wall clock of the event's sound, or of the status, seconds since 1970-01-01 UTC."""
    payload: dict[str, Any] | None = None
    """The JSON object users see, for an `EmotionEvent`; made once for all sinks. None for every other event."""
