"""How long after its audio each message is at a subscriber: the whole program in real time, and a real broker.

The same audio goes through a pipeline of this process too: its events are those of the program, in the same order, and
tell at which sample each was decided.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.broker import Subscriber, broker
from benchmarks.listening import Feed
from benchmarks.live import TOPICS
from benchmarks.measurement import Measurement, Target
from benchmarks.program import broker_settings, program, write_settings
from benchmarks.recording import RATE_HZ, clip
from monitor.assembly import make_pipeline
from monitor.config import load_configuration
from monitor.model import EmotionModel, shipped_model
from monitor.records import AudioBlock, EmotionEvent, Estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.broker import Heard
    from benchmarks.recording import Recording

GROUP = "latency of MQTT messages"
_TALK_S = 90
_ARRIVE_S = 10.0
_LOOK_S = 0.02
_MS_PER_S = 1000
# Without smoothing and dwelling, labels change with the windows: many messages in a short time.
_RESTLESS = {"decision": "min_dwell_s = 0\nsmoothing_s = 0\nmax_events_per_min = 0"}


@dataclass(frozen=True, slots=True)
class Decision:
    """An event, and the audio that it waited for."""

    event: EmotionEvent
    decided_sample: int
    """The stream was heard up to here: all that was needed, the rest of a VAD frame included."""
    window_end_sample: int | None
    """Where the analysis window ended that it follows from; None for an `end` that follows from the gate."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """In seconds, one a message."""

    after_last_sample: list[float]
    """Since the last sample that was needed went into the pipe."""
    after_window: list[float]
    """Since the last sample of the analysis window would have been heard; of `new` and `update`."""


def measure(recording: Recording) -> list[Measurement]:
    """Latencies of some dozens of messages.

    Raises:
        NotAvailableError: there is no broker.
    """
    talk = np.resize(clip(), round(min(_TALK_S, recording.duration_s) * RATE_HZ))
    with broker() as port:
        settings = {**broker_settings(port), **_RESTLESS}
        wanted = decisions(talk, settings)
        feed, heard = _hear(talk, settings, port, len(wanted))
    assert feed.started_s is not None
    found = latencies(wanted, heard, feed.written_at, feed.started_s)
    return [
        *_rows("after the last sample needed", found.after_last_sample),
        *_rows("after the window's end", found.after_window, Target(20)),
    ]


def decisions(samples: NDArray[np.int16], settings: Mapping[str, str]) -> list[Decision]:
    """What the program decides in these int16 samples, in order."""
    with TemporaryDirectory() as folder:
        found = load_configuration(write_settings(Path(folder) / "config.toml", settings)).settings
    pipeline = make_pipeline(found, EmotionModel.load(shipped_model()))
    decided: list[Decision] = []
    window_end: int | None = None
    for event in [*pipeline.push(AudioBlock(samples, 0)), *pipeline.flush()]:
        if isinstance(event, Estimate):
            window_end = event.end_sample
        elif isinstance(event, EmotionEvent):
            end_sample = None if event.type == "end" else window_end
            decided.append(Decision(event, event.decided_sample, end_sample))
    return decided


def latencies(
    wanted: Sequence[Decision], heard: Sequence[Heard], written_at: Callable[[int], float], started_s: float
) -> Latencies:
    """Match messages to decisions, one to one in order.

    Args:
        wanted: what was decided.
        heard: messages of the topic `event`.
        written_at: when the samples up to this one went into the pipe.
        started_s: when sample 0 was heard, on the same clock.

    Raises:
        ValueError: a message is missing, or another one came.
    """
    messages = [json.loads(one.payload) for one in heard]
    expected = [_told(one.event) for one in wanted]
    if [_told_by(message) for message in messages] != expected:
        raise ValueError(f"{len(heard)} messages came that are not the {len(wanted)} events of the same audio")
    pairs = list(zip(wanted, heard, strict=True))
    ends = [(one.window_end_sample, arrived.at_s) for one, arrived in pairs]
    return Latencies(
        [arrived.at_s - written_at(one.decided_sample) for one, arrived in pairs],
        [at_s - started_s - end / RATE_HZ for end, at_s in ends if end is not None],
    )


def _told(event: EmotionEvent) -> tuple[int, str, str, int]:
    return event.segment, event.type, event.emotion, event.windows


def _told_by(message: Mapping[str, Any]) -> tuple[int, str, str, int]:
    number = int(str(message["id"]).rpartition("-")[2])
    return number, message["type"], message["emotion"], message["windows"]


def _hear(talk: NDArray[np.int16], settings: Mapping[str, str], port: int, n_wanted: int) -> tuple[Feed, list[Heard]]:
    with Subscriber(port, TOPICS) as subscriber:
        with program(("--input", "-"), settings) as running:
            subscriber.wait_for("/status")
            feed = Feed(running.pipe)
            feed.play(talk)
        until_s = time.monotonic() + _ARRIVE_S
        while len(heard := subscriber.of("/event")) < n_wanted and time.monotonic() < until_s:
            time.sleep(_LOOK_S)
    return feed, heard


def _rows(name: str, found: list[float], target: Target | None = None) -> list[Measurement]:
    if not found:
        return [Measurement.missing(name, GROUP, "so little audio makes no event")]
    ms = tuple(_MS_PER_S * one for one in found)
    rows = [Measurement(name=f"{name}, p50", group=GROUP, unit="ms", values=ms, note=f"{len(ms)} messages")]
    for share in (95, 99):
        value = (float(np.percentile(ms, share)),)
        bound = target if share == 95 else None
        rows.append(Measurement(name=f"{name}, p{share}", group=GROUP, unit="ms", values=value, target=bound))
    return rows
