"""The whole program: raw audio from a pipe in real time, events to a real broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.broker import Subscriber, broker
from benchmarks.listening import Feed, listening_rows, stretches, thread_rows, usages_by_stretch
from benchmarks.measurement import Measurement, Target
from benchmarks.process import Memory
from benchmarks.program import NODE, broker_settings, program

if TYPE_CHECKING:
    from benchmarks.recording import Recording

GROUP = "live: pipe to MQTT"
THREADS = "live, by thread"
TOPICS = f"ser-monitor/{NODE}/#"
_SHARE = 0.75
"""Of each of the three stretches: all that is heard in real time is to take a few minutes."""
_MEMORY = Target(70)
"""Of steady memory in MB, whatever the audio comes from."""
_INPUT = ("--input", "-")
_SAMPLE_BYTES = 2


def measure(recording: Recording) -> list[Measurement]:
    """Start, processor time, wake-ups and memory.

    Raises:
        NotAvailableError: there is no broker.
    """
    with broker() as port:
        return [*_start(port, recording.n_rounds), *_listening(port, recording)]


def _start(port: int, n_rounds: int) -> list[Measurement]:
    ready_s, status_s = [], []
    for _ in range(n_rounds):
        with Subscriber(port, TOPICS) as subscriber, program(_INPUT, broker_settings(port)) as started:
            heard = subscriber.wait_for("/status")
            started.pipe.write(bytes(_SAMPLE_BYTES))  # a pipe that brings nothing at all is an error
            ready_s.append(started.ready_s - started.started_s)
            status_s.append(heard.at_s - started.started_s)
    return [
        Measurement(
            name="start to READY", group=GROUP, unit="s", values=tuple(ready_s), target=Target(0.5), note="sd_notify"
        ),
        Measurement(name="start to its status over MQTT", group=GROUP, unit="s", values=tuple(status_s)),
    ]


def _listening(port: int, recording: Recording) -> list[Measurement]:
    heard_s = _SHARE * recording.stretch_s
    part_s = heard_s / recording.n_rounds
    note = f"{heard_s:g} s in real time, in parts of {part_s:.1f} s"
    with (
        Subscriber(port, TOPICS) as subscriber,
        program(_INPUT, broker_settings(port), module="benchmarks.named_threads") as running,
    ):
        subscriber.wait_for("/status")
        found = usages_by_stretch(running.pid, Feed(running.pipe), stretches(recording, _SHARE), recording.n_rounds)
        memory = Memory.of(running.pid)
    return [
        *listening_rows(GROUP, found, note),
        *memory_rows(GROUP, memory),
        *thread_rows(THREADS, found),
    ]


def memory_rows(group: str, memory: Memory) -> list[Measurement]:
    """After all that was heard; what stays resident is held against its target."""
    resident, shared, peak = ((mb,) for mb in (memory.resident_mb, memory.proportional_mb, memory.peak_mb))
    return [
        Measurement(name="memory, steady", group=group, unit="MB", values=resident, target=_MEMORY, note="resident"),
        Measurement(name="memory, its share", group=group, unit="MB", values=shared, note="proportional, Pss"),
        Measurement(name="memory, peak", group=group, unit="MB", values=peak, note="resident"),
    ]
