"""`ser-monitor analyze`, as fast as it can: how fast, and what more audio costs."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import soundfile

from benchmarks.measurement import Measurement, Target
from benchmarks.recording import RATE_HZ

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.recording import Recording

GROUP = "analyze"
GROWTH = "analyze, by length"
TIMES = "times real time"
LENGTHS_S = {"1 min": 60, "10 min": 600, "1 h": 3_600, "10 h": 36_000}
_START_S = 1
"""So little audio costs nothing but the start."""
_S_PER_H = 3600
_LONG_S = 3600
"""Longer audio is analysed once only."""
_FEW_ROUNDS = 3
_LONGEST_TIMES = 60
"""The longest audio, against the recording that is measured on."""

# A small process in between: a child's peak of memory begins with that of the process that started it.
_LAUNCHER = """
import json, resource, subprocess, sys, time
start_s = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
wall_s = time.monotonic() - start_s
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"wall_s": wall_s, "cpu_s": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss * 1024 / 1e6}))
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One process from its start to its end."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    """Resident."""


def measure(recording: Recording) -> list[Measurement]:
    """Speed with one process and two, then processor time and memory over the length."""
    with TemporaryDirectory() as folder:
        return [*_speed(recording, Path(folder)), *_growth(recording, Path(folder))]


def _speed(recording: Recording, folder: Path) -> list[Measurement]:
    path, other = folder / "one.wav", folder / "other.wav"
    write(path, recording.samples, recording.duration_s)
    write(other, recording.samples, recording.duration_s)
    one, two = [], []
    with ThreadPoolExecutor(2) as pool:
        for _ in range(recording.n_rounds):
            one.append(recording.duration_s / analyze(path).wall_s)
            slowest_s = max(run.wall_s for run in pool.map(analyze, (path, other)))
            two.append(2 * recording.duration_s / slowest_s)
    note = f"{recording.duration_s:g} s of audio, start included"
    return [
        Measurement(name="1 process", group=GROUP, unit=TIMES, values=tuple(one), target=_fast(), note=note),
        Measurement(name="2 processes", group=GROUP, unit=TIMES, values=tuple(two), note="both together, each a file"),
    ]


def _fast() -> Target:
    return Target(1000, "at least")


def _growth(recording: Recording, folder: Path) -> list[Measurement]:
    start = _runs(recording, folder / "start.wav", _START_S, recording.n_rounds)
    start_s = median(run.cpu_s for run in start)
    rows = [_grown("start alone", "s", [run.cpu_s for run in start])]
    for name, length_s in LENGTHS_S.items():
        if length_s > recording.duration_s * _LONGEST_TIMES:
            rows.append(Measurement.missing(name, GROWTH, "left out of a quick run"))
            continue
        n_rounds = 1 if length_s > _LONG_S else min(recording.n_rounds, _FEW_ROUNDS)
        runs = _runs(recording, folder / "long.wav", length_s, n_rounds)
        per_hour_s = [(run.cpu_s - start_s) * _S_PER_H / length_s for run in runs]
        rows.append(_grown(f"{name}: CPU of an hour", "s", per_hour_s))
        rows.append(_grown(f"{name}: peak memory", "MB", [run.peak_mb for run in runs]))
        rows.append(_grown(f"{name}: speed", TIMES, [length_s / run.wall_s for run in runs]))
    return rows


def _grown(name: str, unit: str, values: list[float]) -> Measurement:
    return Measurement(name=name, group=GROWTH, unit=unit, values=tuple(values))


def _runs(recording: Recording, path: Path, length_s: float, n_rounds: int) -> list[Run]:
    write(path, recording.samples, length_s)
    try:
        return [analyze(path) for _ in range(n_rounds)]
    finally:
        path.unlink()


def write(path: Path, samples: NDArray[np.int16], length_s: float) -> None:
    """A WAV file of so much audio: the samples, int16 (n,), over and over."""
    left = round(length_s * RATE_HZ)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
        while left > 0:
            file.write(samples[:left])
            left -= min(left, len(samples))


def analyze(path: Path) -> Run:
    """One process that analyses one file."""
    command = [sys.executable, "-m", "monitor.cli", "analyze", "--json", str(path)]
    launcher = [sys.executable, "-S", "-c", _LAUNCHER, *command]
    return Run(**json.loads(subprocess.run(launcher, check=True, capture_output=True, text=True).stdout))
