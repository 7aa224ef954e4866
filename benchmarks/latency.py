"""How long after its audio each message is at a subscriber: the whole program in real time, and a real broker.

Once it hears a pipe, once a microphone: a source of a private PulseAudio that takes what is written into a FIFO, in
fragments as sound servers deliver them, each when its last sample is heard. So it is known when that was. Within the
figures are the wait for the fragment (after the window's end), PulseAudio, ALSA's plug-in, PortAudio and all behind
them; without is what a sound card and its driver need.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.broker import Subscriber, broker
from benchmarks.decided import Decision, Latencies, decisions, latencies
from benchmarks.listening import Feed
from benchmarks.live import TOPICS
from benchmarks.measurement import Measurement, NotAvailableError, Target
from benchmarks.program import broker_settings, program
from benchmarks.recording import RATE_HZ, quiet_room, sentences
from benchmarks.soundserver import sound_server
from benchmarks.table import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.recording import Recording

GROUP = "latency of MQTT messages"
FRAGMENT_S = 0.05
"""A sound server's fragment: a microphone brings audio in such steps. PulseAudio sets this length for the program."""
PIPE_S, MICROPHONE_S = 160, 90
_CLOSING_S = 2.0
"""Of a quiet room: it ends what is under way, as the end of the stream would not end a microphone's."""
_ARRIVE_S = 10.0
_LOOK_S = 0.02
_MS_PER_S = 1000
_PARTS, _PART_MESSAGES = 5, 10
_WINDOW = Target(20)
"""Of the 95th percentile after the window's end, in ms, whatever the audio comes from."""
# Each window that says something else is told at once: many messages in a short time.
_RESTLESS = {
    "decision": "min_dwell_s = 0\nsmoothing_s = 0\nmin_confidence = 0\nchange_margin = 0\nmax_events_per_min = 0"
}


@dataclass(frozen=True, slots=True, eq=False)
class Talk:
    """Audio, int16 (n,), and what is to be told of it."""

    samples: NDArray[np.int16]
    settings: Mapping[str, str]
    """Of the program."""
    wanted: list[Decision]

    @staticmethod
    def compose(seconds: float, port: int) -> Talk:
        """So much talk, and a quiet room after it; events go to the broker on this port."""
        talk = sentences(round(seconds * RATE_HZ))
        samples = np.concatenate([talk, quiet_room(round(_CLOSING_S * RATE_HZ))])
        settings = {**broker_settings(port), **_RESTLESS}
        return Talk(samples, settings, decisions(samples, settings))


def measure(recording: Recording) -> list[Measurement]:
    """Latencies of more than a hundred messages of a pipe, and of some dozens of a microphone.

    Raises:
        NotAvailableError: there is no broker.
    """
    longest_s = recording.duration_s / 2
    with broker() as port:
        rows = latency_rows("", _through_pipe(port, min(PIPE_S, longest_s)))
        try:
            found = _through_microphone(port, min(MICROPHONE_S, longest_s))
        except NotAvailableError as error:
            return [*rows, Measurement.missing("microphone", GROUP, str(error))]
    note = f"PulseAudio's pipe source, fragments of {FRAGMENT_S * _MS_PER_S:.0f} ms"
    return [*rows, *latency_rows("microphone, ", found, note)]


def latency_rows(heard: str, found: Latencies, note: str = "") -> list[Measurement]:
    """Percentiles; `heard` stands before their names, the note beside the first of each kind."""
    return [
        *_percentiles(f"{heard}after the last sample needed", found.after_last_sample, note),
        *_percentiles(f"{heard}after the window's end", found.after_window, note, _WINDOW),
    ]


def _through_pipe(port: int, seconds: float) -> Latencies:
    talk = Talk.compose(seconds, port)
    with Subscriber(port, TOPICS) as subscriber, program(("--input", "-"), talk.settings) as running:
        subscriber.wait_for("/status")
        return _play(talk, Feed(running.pipe), subscriber)


def _through_microphone(port: int, seconds: float) -> Latencies:
    talk = Talk.compose(seconds, port)
    with (
        sound_server() as server,
        Subscriber(port, TOPICS) as subscriber,
        program((), talk.settings, environment=server.line_environment) as running,
        server.line() as line,
    ):
        found = _play(talk, Feed(line, FRAGMENT_S), subscriber)
        running.process.terminate()
    return found


def _play(talk: Talk, feed: Feed, subscriber: Subscriber) -> Latencies:
    feed.play(talk.samples)
    until_s = time.monotonic() + _ARRIVE_S
    while len(heard := subscriber.of("/event")) < len(talk.wanted) and time.monotonic() < until_s:
        time.sleep(_LOOK_S)
    assert feed.started_s is not None
    return latencies(talk.wanted, heard, feed.written_at, feed.started_s)


def _percentiles(name: str, found: Sequence[float], note: str, target: Target | None = None) -> list[Measurement]:
    if not found:
        return [Measurement.missing(name, GROUP, "so little audio makes no event")]
    ms = tuple(_MS_PER_S * one for one in found)
    by_part = percentile_by_part(ms, 95)
    of_all = f"in {len(by_part)} parts; of all messages {number(float(np.percentile(ms, 95)))}"
    told = f"{len(ms)} messages" + (f", {note}" if note else "")
    kinds = (
        (50, ms, None, told),
        (95, by_part, target, of_all if len(by_part) > 1 else ""),
        (99, (float(np.percentile(ms, 99)),), None, ""),
    )
    return [
        Measurement(name=f"{name}, p{share}", group=GROUP, unit="ms", values=values, target=bound, note=text)
        for share, values, bound, text in kinds
    ]


def percentile_by_part(values: Sequence[float], share: float) -> tuple[float, ...]:
    """The percentile of each part of `values`, five equal ones in their order; fewer where few values would be in one.

    Args:
        values: at least one.
        share: in percent.
    """
    n_parts = min(max(len(values) // _PART_MESSAGES, 1), _PARTS)
    return tuple(float(np.percentile(part, share)) for part in np.array_split(np.asarray(values), n_parts))
