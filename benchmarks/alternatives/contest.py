"""All ways take turns on the same windows, ours among them, so that what is compared was measured within seconds."""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.alternatives import ALTERNATIVES, OUR_WAYS, Alternative
from benchmarks.alternatives.chosen import chosen_stretches, chosen_windows
from benchmarks.alternatives.excerpt import Excerpt
from benchmarks.alternatives.worker import Worker, run_prepare
from benchmarks.measurement import PER_WINDOW, WINDOWS, Measurement, NotAvailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.recording import Recording

GROUP = "ours and alternatives, as a program"


def measure(recording: Recording, alternatives: Mapping[str, Alternative] = ALTERNATIVES) -> list[Measurement]:
    """CPU time of a window, time from start to the first answer, and peak memory: ours, and of each that runs here."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        excerpt = Excerpt(Path(folder))
        excerpt.write(recording.samples, chosen_windows(recording), chosen_stretches(recording))
        contest = _Contest({**OUR_WAYS, **alternatives})
        contest.each(lambda name: contest.enter(name, stack.enter_context(contest.started(name, excerpt))))
        for _ in range(recording.n_rounds):
            contest.each(lambda name: contest.workers[name].run_round())
        return contest.measurements()


class _Contest:
    """Who is measured; who fails is out of it, with the reason."""

    def __init__(self, ways: Mapping[str, Alternative]) -> None:
        self._ways = ways
        self._failures: dict[str, str] = {}
        self.workers: dict[str, Worker] = {}

    def started(self, name: str, excerpt: Excerpt) -> Worker:
        return _started(name, self._ways[name], excerpt)

    def enter(self, name: str, worker: Worker) -> None:
        self.workers[name] = worker

    def each(self, turn: Callable[[str], None]) -> None:
        """Give everyone who has not failed a turn."""
        for name in self._ways:
            if name not in self._failures:
                try:
                    turn(name)
                except NotAvailableError as error:
                    self._failures[name] = str(error)

    def measurements(self) -> list[Measurement]:
        found = []
        for name, alternative in self._ways.items():
            if name in self._failures:
                found.append(Measurement.missing(alternative.title, WINDOWS, self._failures[name], PER_WINDOW))
            else:
                found += _measurements(alternative, self.workers[name])
        return found


def _started(name: str, alternative: Alternative, excerpt: Excerpt) -> Worker:
    absent = [package for package in alternative.packages if importlib.util.find_spec(package) is None]
    if absent:
        raise NotAvailableError(f"{', '.join(absent)} not installed; pip install 'ser-monitor[{alternative.extra}]'")
    folder = excerpt.folder / name
    folder.mkdir()
    if name not in OUR_WAYS:
        run_prepare(name, folder)
    return Worker(name, folder, excerpt.folder)


def _measurements(alternative: Alternative, worker: Worker) -> list[Measurement]:
    title, milliseconds = alternative.title, tuple(worker.ms_a_window)
    versions = ", ".join(f"{package} {version(package)}" for package in alternative.versions)
    cost = Measurement(
        name=title,
        group=WINDOWS,
        unit=PER_WINDOW,
        values=milliseconds,
        times_ours=alternative.times_ours,
        note=versions or alternative.note,
    )
    if not alternative.is_program:
        return [cost]
    start_s, peak_mb = (worker.start_s,), (worker.peak_mb,)
    return [
        cost,
        Measurement(name=f"{title}: start to an answer", group=GROUP, unit="s", values=start_s),
        Measurement(name=f"{title}: memory, peak", group=GROUP, unit="MB", values=peak_mb, note="resident"),
    ]
