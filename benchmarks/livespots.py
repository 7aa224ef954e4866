"""Where the processor time of the running program goes: by thread, and by library, the kernel among them.

The whole program hears speech, and then a quiet room, in real time from a pipe, with its messages to a real broker;
each of them twice, so that it is seen what sampling costs. Python calls a handler of signals on the main thread alone,
whichever thread the time is of: so the kernel samples, and Python's own frames are not seen. Beside what the worker
takes stands what the pipeline takes in a hot loop, sampled alike.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks import profiler
from benchmarks.broker import Subscriber, broker
from benchmarks.listening import PERCENT, Feed
from benchmarks.live import TOPICS
from benchmarks.process import Counters, Modes, Usage, thread_names
from benchmarks.profiler import sampled, samples
from benchmarks.program import Program, broker_settings, program
from benchmarks.recording import RATE_HZ, Recording, quiet_room
from benchmarks.stageruns import run
from monitor.model import EmotionModel, shipped_model
from monitor.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

_LEAST_SHARE = 0.01
_SETTLE_S = 2.0
_HOT_S = 1.0
"""Processor time of the hot loop."""
_WORKER = "worker"
KERNEL = "kernel"
LIBRARIES = {
    "libpython": "Python",
    "python": "Python",
    "_pywrap_tensorflow": "the network's interpreter",
    "_pywrap_litert": "the network's interpreter",
    "_multiarray_umath": "numpy",
    "_pocketfft": "numpy's transform",
    "libopenblas": "numpy's matrix products",
    "_webrtcvad": "webrtcvad",
    "libc.": "C library: memory, copies, calls of the kernel",
    "libm.": "C library: functions",
}
"""What is meant, by the beginning of the file's name; others go by their file's."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One kind of audio."""

    name: str
    alone: Usage
    """Without being sampled."""
    watched: Usage
    """While sampled, over audio that is as long."""
    modes: dict[str, Modes]
    """By thread, over both."""
    counts: Counter[tuple[str, str]]
    """Samples by thread and library."""
    duration_s: float
    """Of the audio while sampled."""

    def percent(self, n_samples: int) -> float:
        """What they stand for, % of a core."""
        return 100 * n_samples / profiler.RATE_HZ / self.duration_s


def print_live(seconds: float) -> None:
    """Two tables for `seconds` of speech, two for as much of a quiet room; each is heard twice.

    Raises:
        NotAvailableError: there is no broker, or no perf.
    """
    profiler.perf()
    recording = Recording.compose(duration_s=2 * seconds, stretch_s=seconds)
    audios = {"Speech": recording.speech, "A quiet room": recording.room}
    hot = {name: hot_percent(audio) for name, audio in audios.items()}
    with _running() as running:
        for name, audio in audios.items():
            found = listen(name, running, audio)
            print(f"{name}: {found.alone.core_percent:.3f} {PERCENT}\n")
            print_threads(found)
            print_libraries(found, hot[name])


def listen(name: str, running: Program, audio: NDArray[np.int16]) -> Stretch:
    """What the program with named threads takes to hear `audio`, int16 (n,), twice."""
    pid = running.pid
    before = Modes.by_thread(pid)
    alone = Usage.between(*_counters(running, audio))
    with TemporaryDirectory() as folder:
        with sampled(pid, Path(folder)) as file:
            start, end = _counters(running, audio)
        taken = samples(file, start.at_s, end.at_s)
    modes = {thread: now.since(before.get(thread)) for thread, now in Modes.by_thread(pid).items()}
    names, counts = thread_names(pid), Counter[tuple[str, str]]()
    for sample, n_samples in taken.items():
        counts[names.get(sample.thread, "ended"), library(sample.library)] += n_samples
    return Stretch(name, alone, Usage.between(start, end), modes, counts, len(audio) / RATE_HZ)


def library(file: str) -> str:
    """What is meant by the file's name."""
    return next((words for start, words in LIBRARIES.items() if file.startswith(start)), file)


def print_threads(found: Stretch) -> None:
    """What the kernel counted beside what samples stand for, and either's opinion of how much was its own work."""
    columns = (f"{PERCENT}", "while sampled", "in samples", "of them the kernel's", "user + system, by clock ticks")
    print(f"| thread | {' | '.join(columns)} |\n| --- |{' ---: |' * len(columns)}")
    for thread, percent in sorted(found.alone.threads_percent.items(), key=lambda item: -item[1]):
        own = Counter({where: n for (name, where), n in found.counts.items() if name == thread})
        kernel = _share(own[KERNEL], own.total())
        cells = (f"{percent:.4f}", f"{found.watched.threads_percent.get(thread, 0):.4f}")
        modes = found.modes[thread]
        ticks = f"{modes.user_s:.2f} + {modes.system_s:.2f} s"
        print(f"| {thread} | {' | '.join(cells)} | {found.percent(own.total()):.4f} | {kernel} | {ticks} |")
    print()


def hot_percent(audio: NDArray[np.int16]) -> dict[str, float]:
    """% of a core by library that the pipeline alone takes for `audio`, int16 (n,), again and again without a pause."""
    model, thread = EmotionModel.load(shipped_model()), threading.get_native_id()
    run(Pipeline(model), audio)
    n_times = 0
    with TemporaryDirectory() as folder:
        with sampled(os.getpid(), Path(folder)) as file:
            start_s, used_s = time.monotonic(), time.thread_time()
            while time.thread_time() - used_s < _HOT_S:
                run(Pipeline(model), audio)
                n_times += 1
            end_s = time.monotonic()
        taken = samples(file, start_s, end_s)
    counts = Counter[str]()
    for sample, n_samples in taken.items():
        if sample.thread == thread:
            counts[library(sample.library)] += n_samples
    heard_s = n_times * len(audio) / RATE_HZ
    return {where: 100 * n_samples / profiler.RATE_HZ / heard_s for where, n_samples in counts.items()}


def print_libraries(found: Stretch, hot: dict[str, float]) -> None:
    """The dearest first; what is less than a hundredth is left out. `hot`: as `hot_percent`."""
    print(f"| {PERCENT} | share | pipeline in a hot loop | thread | at work |\n| ---: | ---: | ---: | --- | --- |")
    for (thread, where), n_samples in found.counts.most_common():
        if n_samples >= _LEAST_SHARE * found.counts.total():
            share = _share(n_samples, found.counts.total())
            beside = f"{hot.get(where, 0):.4f}" if thread == _WORKER else ""
            print(f"| {found.percent(n_samples):.4f} | {share} | {beside} | {thread} | {where} |")
    print()


def _counters(running: Program, audio: NDArray[np.int16]) -> tuple[Counters, Counters]:
    """Before and after `audio`, when what the pause before it has left behind is over."""
    feed = Feed(running.pipe)  # a new one: the old one would make up for the pause
    feed.play(quiet_room(round(_SETTLE_S * RATE_HZ)))
    start = Counters.of(running.pid)
    feed.play(audio)
    return start, Counters.of(running.pid)


@contextmanager
def _running() -> Iterator[Program]:
    arguments, module = ("--input", "-"), "benchmarks.named_threads"
    with (
        broker() as port,
        Subscriber(port, TOPICS) as subscriber,
        program(arguments, broker_settings(port), module=module) as running,
    ):
        subscriber.wait_for("/status")
        yield running


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"
